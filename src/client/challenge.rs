//! Challenges: has somebody spent a second of a processor on this sale?
//!
//! The wire format is ALTCHA's, proof of work version 2 with SHA-256, so that its official widget solves them too.
//! The signature is our own: only we verify it, and it must bind the sale, for which that format has no field.
//!
//! Deliberately absent: a list of the challenges that are out (asking for one costs us nothing but a signature), and
//! of the spent ones (next room).
//!
//! **Invariant:** everything that makes the work easier or longer-lived is signed, as is the sale: a challenge that
//! was changed in any character is not one of ours.

use std::borrow::Cow;
use std::fmt;

use hmac::Mac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::client::secret::{Keyed, Secret};
use crate::client::work::{KEY_BYTES, Puzzle, RANDOM_BYTES, begins_with, from_hex, to_hex};
use crate::client::{Difficulty, Unproven, random_bytes};
use crate::clock::WallTime;
use crate::ids::SaleId;

const ALGORITHM: &str = "SHA-256";

/// The longest prefix that a challenge of ours has: the most digits of a [`Difficulty`].
const ZEROS: &str = "000000";

const MICROS_PER_SECOND: i64 = 1_000_000;

/// What is to be solved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    /// The hash; always `SHA-256`.
    pub algorithm: Cow<'static, str>,
    /// Hashes a try.
    pub cost: u32,
    /// From here on it is expired: seconds since 1970.
    pub expires_at: i64,
    /// Bytes of the derived key; always 32.
    pub key_length: u32,
    /// How the derived key begins, in hex digits.
    pub key_prefix: Cow<'static, str>,
    /// 16 random bytes in hex: which challenge this is.
    pub nonce: String,
    /// 16 random bytes in hex.
    pub salt: String,
}

/// A challenge as it goes to the buyer and comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// What is to be solved.
    pub parameters: Parameters,
    /// 32 bytes in hex: that it is ours, and for which sale.
    pub signature: String,
}

impl Challenge {
    /// Whether it could be one that this house made: algorithm, key length and difficulty.
    pub(super) fn is_of_our_kind(&self) -> bool {
        let Parameters { algorithm, cost, key_length, key_prefix, .. } = &self.parameters;
        let difficulty = u8::try_from(key_prefix.len()).ok().and_then(|digits| Difficulty::new(digits, *cost).ok());
        algorithm == ALGORITHM && *key_length as usize == KEY_BYTES && difficulty.is_some()
    }
}

/// What the buyer has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Solution {
    /// The counter whose key begins with the prefix.
    pub counter: u32,
    /// That key, in hex.
    pub derived_key: String,
    /// How long it took in milliseconds, as ALTCHA's widget says; nobody reads it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
}

/// A challenge with its solution: what is redeemed for a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SolvedChallenge {
    /// The challenge, as it was received.
    pub challenge: Challenge,
    /// Its solution.
    pub solution: Solution,
}

/// Hands challenges out and knows them again.
pub(super) struct Issuer(Keyed);

impl Issuer {
    /// `start` is new at each start of the process, and with it the key: the table of spent challenges is lost with
    /// the process, so its challenges must be, or each could be spent once more after a restart.
    pub(super) fn new(secret: &Secret, start: &[u8; 32]) -> Self {
        Self(secret.key(b"doorbuster challenge 1", start))
    }

    pub(super) fn issue(&self, sale: &SaleId, difficulty: Difficulty, expires_at: WallTime) -> Challenge {
        let micros = expires_at.micros();
        let parameters = Parameters {
            algorithm: Cow::Borrowed(ALGORITHM),
            cost: difficulty.cost(),
            // Rounded up: nobody gets less time than the settings promise.
            expires_at: micros.div_euclid(MICROS_PER_SECOND) + i64::from(micros.rem_euclid(MICROS_PER_SECOND) != 0),
            key_length: KEY_BYTES as u32,
            key_prefix: Cow::Borrowed(ZEROS.get(..usize::from(difficulty.hex_digits())).unwrap_or(ZEROS)),
            nonce: to_hex(&random_bytes::<RANDOM_BYTES>()),
            salt: to_hex(&random_bytes::<RANDOM_BYTES>()),
        };
        let signature = to_hex(&self.sign(sale, &parameters));
        Challenge { parameters, signature }
    }

    /// The nonce of a challenge of ours that is solved: one signature and `cost` hashes. Whether it was spent before
    /// is not known here.
    pub(super) fn verify(
        &self,
        sale: &SaleId,
        solved: &SolvedChallenge,
        now: WallTime,
    ) -> Result<[u8; RANDOM_BYTES], Unproven> {
        let SolvedChallenge { challenge, solution } = solved;
        let signature: [u8; 32] = from_hex(&challenge.signature).ok_or(Unproven::ChallengeInvalid)?;
        if !bool::from(self.sign(sale, &challenge.parameters).ct_eq(&signature)) {
            return Err(Unproven::ChallengeInvalid);
        }
        if now.micros() >= challenge.parameters.expires_at.saturating_mul(MICROS_PER_SECOND) {
            return Err(Unproven::ChallengeExpired);
        }
        // It is ours, so it is well-formed, and its cost is one that we can afford.
        let puzzle = Puzzle::of(challenge).ok_or(Unproven::ChallengeInvalid)?;
        let key = puzzle.key(solution.counter);
        let solves = begins_with(&key, challenge.parameters.key_prefix.as_bytes())
            && from_hex(&solution.derived_key) == Some(key);
        if solves { Ok(puzzle.nonce) } else { Err(Unproven::ChallengeInvalid) }
    }

    /// Over each field with its length before it: without, `expiresAt` 12 before `keyLength` 3 would be signed like 1
    /// before 23. The texts are signed as they came, so another spelling of the same number is not ours.
    fn sign(&self, sale: &SaleId, parameters: &Parameters) -> [u8; 32] {
        let Parameters { algorithm, cost, expires_at, key_length, key_prefix, nonce, salt } = parameters;
        let fields: [&[u8]; 8] = [
            sale.as_str().as_bytes(),
            algorithm.as_bytes(),
            &cost.to_be_bytes(),
            &expires_at.to_be_bytes(),
            &key_length.to_be_bytes(),
            key_prefix.as_bytes(),
            nonce.as_bytes(),
            salt.as_bytes(),
        ];
        let mut mac = self.0.clone();
        for field in fields {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Issuer")
    }
}
