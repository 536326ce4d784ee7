//! Who comes: people who want one, and bots.
//!
//! People have solved their challenge, so each has a pass; they come when the bell rings, half of them at once, and ask
//! again with the same key whenever they hear nothing. Bots don't stop to ask: half of them have no pass, the others share
//! one for each address.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until};

use super::wire::Wire;
use super::{DemoTerms, SALE, SKU};
use crate::client::{Passes, Secret};
use crate::clock::Clock;
use crate::funnel::Layer;
use crate::ids::{BuyerRef, OrderId, SaleId};
use crate::rig::answer::Answer;
use crate::rig::child::Child;
use crate::rig::judge::Acknowledged;

/// Connections that the people share.
const CONNECTIONS: u32 = 64;
/// Bots, each with an address and a connection of its own.
const BOTS: u32 = 24;
/// Beyond the numbers of all people.
const BOT: u64 = 1 << 32;
/// How fast each of them knocks.
const BOT_INTERVAL: Duration = Duration::from_millis(8);
/// How long somebody who heard nothing waits before he asks again.
const AGAIN: Duration = Duration::from_millis(100);
/// People are told no by a limit at most so often before they go home.
const TRIES_MAX: u32 = 3;
/// Longer than any show.
const PASS_TTL: Duration = Duration::from_secs(24 * 3600);
/// So many people in a thousand don't wait for the bell.
const EARLY_PER_MILLE: u32 = 20;
/// What a refusal says where no unit is held or underway: this no is for good.
const NOTHING_RETURNS: &[u8] = br#""held_may_return":false"#;

/// What the crowd was told, so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) attempts: u64,
    /// By the floor that said no, in the funnel's order.
    pub(super) refused: Vec<(Layer, u64)>,
    pub(super) won: u64,
    /// Answers that never came.
    pub(super) unheard: u64,
}

/// Counts what the crowd is told.
#[derive(Debug, Default)]
pub(super) struct Told {
    attempts: AtomicU64,
    refused: [AtomicU64; Layer::ALL.len()],
    won: AtomicU64,
    unheard: AtomicU64,
    is_sold_out: AtomicBool,
    is_over: AtomicBool,
    news: Notify,
}

// Relaxed everywhere: counts for people to look at; who wins is in the list of acknowledged orders, under its lock.
impl Told {
    pub(super) fn counts(&self) -> Counts {
        let refused =
            Layer::ALL.into_iter().zip(&self.refused).map(|(layer, count)| (layer, count.load(Ordering::Relaxed)));
        Counts {
            attempts: self.attempts.load(Ordering::Relaxed),
            refused: refused.collect(),
            won: self.won.load(Ordering::Relaxed),
            unheard: self.unheard.load(Ordering::Relaxed),
        }
    }

    /// Whether somebody was told that nothing is left, and that nothing comes back. Who has won is no sign of that: a bot
    /// whose answer the crash swallowed has no key under which he could ask for it again.
    pub(super) fn is_sold_out(&self) -> bool {
        self.is_sold_out.load(Ordering::Relaxed)
    }

    /// Until so many have won, or all is sold, or nobody comes any more.
    pub(super) async fn reached(&self, won: u32) {
        let is_over = || self.is_sold_out() || self.is_over.load(Ordering::Relaxed);
        while self.won.load(Ordering::Relaxed) < u64::from(won) && !is_over() {
            // One that comes between the look and the wait is seen at the next one.
            let _ = tokio::time::timeout(AGAIN, self.news.notified()).await;
        }
    }

    /// Counts an answer, and says what it means.
    pub(super) fn hear(&self, answer: &Answer<'_>) -> Heard {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if let Some(layer) = answer.text("layer") {
            self.refused(layer);
        }
        if answer.text("code") == Some("sold_out") && contains(answer.body, NOTHING_RETURNS) {
            self.is_sold_out.store(true, Ordering::Relaxed);
        }
        understood(answer)
    }

    fn refused(&self, layer: &str) {
        let at = Layer::ALL.iter().position(|known| known.word() == layer);
        if let Some(count) = at.and_then(|at| self.refused.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What an answer means to a buyer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Won(OrderId),
    /// That is that.
    No,
    /// Ask again in a while.
    NotNow,
}

/// Everybody who comes.
pub(super) struct Crowd {
    shop: SocketAddr,
    buyers: u32,
    passes: Passes,
    sale: SaleId,
    told: Told,
    acks: Mutex<Vec<Acknowledged>>,
}

impl Crowd {
    /// Calls them together; the shop has made its key.
    pub(super) fn gather(dir: &Path, terms: DemoTerms, shop: anyhow::Result<SocketAddr>) -> anyhow::Result<Self> {
        Ok(Self {
            shop: shop?,
            buyers: terms.buyers,
            passes: Passes::new(&Secret::load(&Child::data(dir))?),
            sale: SaleId::parse(SALE)?,
            told: Told::default(),
            acks: Mutex::default(),
        })
    }

    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// Who was told yes, and of which order.
    pub(super) fn acks(&self) -> Vec<Acknowledged> {
        self.acks.lock().clone()
    }

    /// A buyer who hears of his order once more has still only one.
    fn won(&self, buyer: u64, order: OrderId) {
        let ack = Acknowledged { buyer, order, units: 1 };
        let mut acks = self.acks.lock();
        if !acks.contains(&ack) {
            acks.push(ack);
            // Relaxed: see `Told`.
            self.told.won.fetch_add(1, Ordering::Relaxed);
            self.told.news.notify_one();
        }
    }

    /// They come: after `until_bell`, for as long as `last`.
    pub(super) async fn come(self: Arc<Self>, until_bell: Duration, last: Duration) {
        let bell = Instant::now() + until_bell;
        let bots = (0..BOTS).map(|bot| tokio::spawn(Arc::clone(&self).knock(bot))).collect::<Vec<_>>();
        let people =
            (0..CONNECTIONS.min(self.buyers)).map(|voice| tokio::spawn(Arc::clone(&self).queue(voice, bell, last)));
        for voice in people.collect::<Vec<_>>() {
            // One that has panicked is missed in the counts.
            let _ = voice.await;
        }
        // Relaxed: a flag that ends loops.
        self.told.is_over.store(true, Ordering::Relaxed);
        for bot in bots {
            let _ = bot.await;
        }
    }

    /// The people of one connection, each at his time.
    async fn queue(self: Arc<Self>, voice: u32, bell: Instant, last: Duration) {
        let mut wire = Wire::to(self.shop);
        let mut people: Vec<_> = (voice..self.buyers).step_by(CONNECTIONS as usize).collect();
        people.sort_by_key(|person| arrival(*person, last));
        for person in people {
            if person % 1000 < EARLY_PER_MILLE {
                // Who doesn't wait for the bell is told when it rings.
                let _ = self.attempt(&mut wire, person).await;
            }
            sleep_until((bell + arrival(person, last)).into()).await;
            self.buy(&mut wire, person).await;
        }
    }

    async fn buy(&self, wire: &mut Wire, person: u32) {
        let mut tries = 0;
        while tries < TRIES_MAX {
            match self.attempt(wire, person).await {
                Some(Heard::Won(order)) => return self.won(u64::from(person), order),
                Some(Heard::No) => return,
                Some(Heard::NotNow) => tries += 1,
                None => {}
            }
            sleep(AGAIN).await;
        }
    }

    /// Asks once. None where no answer came.
    async fn attempt(&self, wire: &mut Wire, person: u32) -> Option<Heard> {
        let buyer = buyer(person);
        let expires_at = Clock::system().now().wall.after(PASS_TTL);
        let pass = self.passes.mint(&self.sale, BuyerRef::parse(buyer.as_bytes()).ok()?, expires_at).token;
        let [_, a, b, c] = person.to_be_bytes();
        let headers =
            format!("Authorization: Bearer {pass}\r\nIdempotency-Key: {buyer}\r\nX-Forwarded-For: 10.{a}.{b}.{c}\r\n");
        self.ask(wire, &headers).await
    }

    async fn ask(&self, wire: &mut Wire, headers: &str) -> Option<Heard> {
        let request = format!(
            "POST /v1/sales/{SALE}/items/{SKU}/orders HTTP/1.1\r\nHost: demo\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        let heard = wire.ask(&request, |answer| self.told.hear(answer)).await.ok();
        if heard.is_none() {
            self.told.unheard.fetch_add(1, Ordering::Relaxed);
        }
        heard
    }

    /// A bot: knocks until all is over.
    async fn knock(self: Arc<Self>, bot: u32) {
        let mut wire = Wire::to(self.shop);
        let buyer = format!("bot-{bot}");
        let expires_at = Clock::system().now().wall.after(PASS_TTL);
        let Ok(name) = BuyerRef::parse(buyer.as_bytes()) else { return };
        let pass = self.passes.mint(&self.sale, name, expires_at).token;
        let proof = if bot.is_multiple_of(2) { format!("Authorization: Bearer {pass}\r\n") } else { String::new() };
        let headers = format!("{proof}X-Forwarded-For: 192.0.2.{bot}\r\n");
        // Relaxed: see above.
        while !self.told.is_over.load(Ordering::Relaxed) {
            match self.ask(&mut wire, &headers).await {
                // A bot buys as well as anybody, once for each pass.
                Some(Heard::Won(order)) => self.won(BOT | u64::from(bot), order),
                Some(_) => {}
                None => sleep(AGAIN).await,
            }
            sleep(BOT_INTERVAL).await;
        }
    }
}

fn buyer(person: u32) -> String {
    format!("person-{person}")
}

/// When somebody comes after the bell: half within an eighth of the time, as crowds do. Golden-ratio steps spread them
/// evenly without dice.
fn arrival(person: u32, last: Duration) -> Duration {
    let even = (f64::from(person) * 0.618_033_988_749_894_9).fract();
    last.mul_f64(even.powi(3))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn understood(answer: &Answer<'_>) -> Heard {
    let order = answer.text("order").and_then(|order| OrderId::parse(order).ok());
    match (answer.status, order, answer.text("code")) {
        (200..300, Some(order), _) => Heard::Won(order),
        (429 | 503, ..) | (_, _, Some("in_progress" | "sale_not_open")) => Heard::NotNow,
        _ => Heard::No,
    }
}
