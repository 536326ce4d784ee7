//! Floor 1, client: is there somebody at the door?
//!
//! Somebody is there who holds a pass that this server signed for this sale, or for whom a trusted gateway vouches. A
//! pass costs a solved challenge: some seconds of a processor for a bot farm's every identity, a second of a person's
//! phone. The floor doesn't know who anybody *is*: a buyer is whoever holds a pass.
//!
//! Deliberately absent: accounts, sessions, a table of passes (a pass is checked by its signature alone), a clock,
//! HTTP, and any judgement of how often somebody knocks (that is the floor below).
//!
//! **Invariant:** only this floor makes a [`Cleared`], and only from a pass of ours for the very sale that the request
//! names, whose time has not run out, or from a gateway's word.
//!
//! **Invariant:** one solved challenge makes one pass, however many requests bring it at the same time, and across a
//! restart: the key that signs challenges dies with the process that spent them.
//!
//! **Invariant:** refusing or clearing a pass allocates nothing, takes no lock and writes to no shared memory.

mod challenge;
mod difficulty;
mod pass;
mod secret;
mod spent;
#[cfg(test)]
mod tests;
mod work;

use std::fmt;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::WallTime;
use crate::ids::{BUYER_BYTES_MAX, BuyerId, BuyerRef, SaleId};

use challenge::Issuer;
pub use challenge::{Challenge, Parameters, Solution, SolvedChallenge};
pub use difficulty::{Difficulty, DifficultyError};
pub use pass::{Identified, PASS_CHARS_MAX, Pass, PassBuffer, Passes};
pub use secret::{SECRET_FILE, Secret, SecretError};
use spent::{Spend, Spent};
pub use work::solve;

/// What the request brings to say who it comes from.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// Nothing.
    Nothing,
    /// A pass, from the `Authorization` header or the cookie: base64url text as received.
    Pass(&'a [u8]),
    /// A trusted gateway's word (`identity.mode = "header"`).
    Vouched(BuyerRef<'a>),
}

/// Refusals of this floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// There is no pass, nor a trusted gateway's word.
    PassRequired,
    /// The pass isn't one of ours for this sale; one answer for every kind of bad pass.
    PassInvalid,
    /// It was ours, and its time has run out.
    PassExpired,
    /// The challenge isn't one of ours for this sale, or its solution is wrong, or it was spent before.
    ChallengeInvalid,
    /// The challenge was ours, and its time has run out.
    ChallengeExpired,
}

/// Why a solved challenge got no pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unredeemed {
    /// The challenge or its solution is at fault: a new challenge helps.
    Unproven(Unproven),
    /// The table of spent challenges is full of ones that haven't expired: busy. The solution is not spent; the same
    /// one may be brought again. Nobody gets here for free: each key in the table was a challenge solved.
    Full,
}

/// The pass of this floor: somebody is there, and this is who.
#[derive(Debug, Clone, Copy)]
pub struct Cleared<'a> {
    buyer: BuyerRef<'a>,
    sale: &'a str,
}

impl<'a> Cleared<'a> {
    /// Who it is.
    #[must_use]
    pub fn buyer(&self) -> BuyerRef<'a> {
        self.buyer
    }

    /// The sale that the request names; nobody has looked yet whether there is one.
    #[must_use]
    pub fn sale(&self) -> &'a str {
        self.sale
    }
}

/// What a pass costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeMode {
    /// Proof of work.
    Pow,
    /// Nothing: whoever asks gets one.
    Off,
}

/// What the configuration says about this floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSettings {
    /// What a pass costs.
    pub challenge: ChallengeMode,
    /// How much work a challenge is. It counts from the next challenge on: those already out keep theirs.
    pub difficulty: Difficulty,
    /// How long a challenge may be redeemed; it is rounded up to whole seconds, the unit of its wire format. One
    /// buyer in fifty needs four times the average, so it should be ten times what a slow phone takes.
    pub challenge_ttl: Duration,
    /// How long a pass is good.
    pub pass_ttl: Duration,
    /// How many spent challenges are remembered until they expire, at up to 64 bytes each. Read once at start.
    pub spent_keys: usize,
}

impl Default for ClientSettings {
    /// Two minutes are eighty times what a cheap phone needs for the default difficulty. A day outlives a sale. A
    /// million spent keys are 8,700 passes a second, for ever, in 64 MiB at most.
    fn default() -> Self {
        Self {
            challenge: ChallengeMode::Pow,
            difficulty: Difficulty::default(),
            challenge_ttl: Duration::from_secs(2 * 60),
            pass_ttl: Duration::from_secs(24 * 60 * 60),
            spent_keys: 1 << 20,
        }
    }
}

/// The first floor.
pub struct Client {
    passes: Passes,
    issuer: Issuer,
    spent: Spent,
    settings: ArcSwap<ClientSettings>,
}

impl Client {
    /// The floor, under this secret. Challenges that another process handed out, or this one before a restart, are
    /// invalid here; passes are good wherever the secret is.
    ///
    /// # Panics
    /// Where the operating system has no randomness.
    #[must_use]
    pub fn new(secret: &Secret, settings: ClientSettings) -> Self {
        Self {
            passes: Passes::new(secret),
            issuer: Issuer::new(secret, &random_bytes()),
            spent: Spent::new(settings.spent_keys),
            settings: ArcSwap::from_pointee(settings),
        }
    }

    /// Takes over new settings (all but `spent_keys`): the requests that come after see all of them, or none.
    pub fn retune(&self, settings: ClientSettings) {
        self.settings.store(settings.into());
    }

    /// What a pass costs at this moment.
    #[must_use]
    pub fn challenge_mode(&self) -> ChallengeMode {
        self.settings.load().challenge
    }

    /// How many spent challenges the table remembers, of [`ClientSettings::spent_keys`].
    #[must_use]
    pub fn spent(&self) -> usize {
        self.spent.len()
    }

    /// Asks whether somebody is there: the first question of each attempt. `sale` is what the request names. A pass
    /// is decoded into `buffer`.
    ///
    /// # Refuses
    /// [`Unproven::PassRequired`], [`Unproven::PassInvalid`] (also for another sale, expired or not) and
    /// [`Unproven::PassExpired`], from its `expires_at` on.
    pub fn clear<'a>(
        &self,
        sale: &'a str,
        proof: Proof<'a>,
        buffer: &'a mut PassBuffer,
        now: WallTime,
    ) -> Result<Cleared<'a>, Unproven> {
        let buyer = match proof {
            Proof::Nothing => return Err(Unproven::PassRequired),
            Proof::Vouched(buyer) => buyer,
            Proof::Pass(token) => {
                let opened = self.passes.open(token, buffer).ok_or(Unproven::PassInvalid)?;
                if opened.identified.sale != sale {
                    return Err(Unproven::PassInvalid);
                }
                opened.unless_expired(now)?.buyer
            }
        };
        Ok(Cleared { buyer, sale })
    }

    /// Reads any good pass: for questions that name no sale, such as a buyer's own orders.
    ///
    /// # Refuses
    /// [`Unproven::PassInvalid`] and [`Unproven::PassExpired`].
    pub fn identify<'a>(
        &self,
        token: &[u8],
        buffer: &'a mut PassBuffer,
        now: WallTime,
    ) -> Result<Identified<'a>, Unproven> {
        self.passes.open(token, buffer).ok_or(Unproven::PassInvalid)?.unless_expired(now)
    }

    /// Signs a pass for a buyer whom the caller answers for. `ttl`: how long it is good, or as the settings say.
    #[must_use]
    pub fn mint(&self, sale: &SaleId, buyer: BuyerRef<'_>, now: WallTime, ttl: Option<Duration>) -> Pass {
        let ttl = ttl.unwrap_or_else(|| self.settings.load().pass_ttl);
        self.passes.mint(sale, buyer, now.after(ttl))
    }

    /// A pass for nothing, to a new buyer.
    ///
    /// # Refuses
    /// [`Unproven::ChallengeInvalid`] while a pass costs a solved challenge.
    ///
    /// # Panics
    /// Where the operating system has no randomness.
    pub fn grant(&self, sale: &SaleId, now: WallTime) -> Result<Pass, Unproven> {
        match self.challenge_mode() {
            ChallengeMode::Pow => Err(Unproven::ChallengeInvalid),
            ChallengeMode::Off => Ok(self.mint(sale, new_buyer().as_ref(), now, None)),
        }
    }

    /// A fresh challenge for this sale. Nothing is kept of it.
    ///
    /// # Panics
    /// Where the operating system has no randomness.
    #[must_use]
    pub fn challenge(&self, sale: &SaleId, now: WallTime) -> Challenge {
        let settings = self.settings.load();
        self.issuer.issue(sale, settings.difficulty, now.after(settings.challenge_ttl))
    }

    /// Spends a solved challenge for a pass to a new buyer.
    ///
    /// # Refuses
    /// [`Unproven::ChallengeInvalid`] where it isn't ours, is for another sale, isn't solved or was spent before;
    /// [`Unproven::ChallengeExpired`] from its `expiresAt` on; [`Unredeemed::Full`].
    ///
    /// # Panics
    /// Where the operating system has no randomness.
    pub fn redeem(&self, sale: &SaleId, solved: &SolvedChallenge, now: WallTime) -> Result<Pass, Unredeemed> {
        let nonce = self.issuer.verify(sale, solved, now).map_err(Unredeemed::Unproven)?;
        match self.spent.spend(nonce, solved.challenge.parameters.expires_at, now) {
            Spend::First => Ok(self.mint(sale, new_buyer().as_ref(), now, None)),
            Spend::Again => Err(Unredeemed::Unproven(Unproven::ChallengeInvalid)),
            Spend::Past => Err(Unredeemed::Unproven(Unproven::ChallengeExpired)),
            Spend::Full => Err(Unredeemed::Full),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("settings", &self.settings.load()).finish_non_exhaustive()
    }
}

/// 128 random bits behind `b-`: nobody guesses another's, no two are ever the same, and at 24 bytes it is the longest
/// text that a [`BuyerId`] holds without an allocation.
const NEW_BUYER_BYTES: usize = 24;
const _: () = assert!(NEW_BUYER_BYTES <= BUYER_BYTES_MAX);

fn new_buyer() -> BuyerId {
    let mut text = String::with_capacity(NEW_BUYER_BYTES);
    text.push_str("b-");
    URL_SAFE_NO_PAD.encode_string(random_bytes::<16>(), &mut text);
    BuyerRef::parse(text.as_bytes()).expect("base64url is visible ASCII").into()
}

/// Linux answers with randomness or waits, once its pool has been filled at boot; a system that cannot must not mint
/// guessable buyers, so it stops the request (and, at start, the program).
fn random_bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
