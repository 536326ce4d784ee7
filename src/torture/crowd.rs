//! Buyers, and what they do: try, try again under the same key, pay, give back, look, hang up.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::asking::Asking;
use super::client::{Client, HangUp, Reply};
use super::dice::Dice;
use super::history::{Heard, Operation, Stopwatch};
use super::{SECRET, asking};
use crate::clock::Clock;
use crate::ids::OrderId;
use crate::orders::signature::{Key, Keys};

/// Buyers of whom several clients believe that they are they: their limit is fought for.
const SHARED_BUYERS: u32 = 8;
/// Of a hundred steps so many are attempts; the others pay, give back and look.
const ATTEMPTS_PERCENT: u32 = 60;
/// Of a hundred orders that somebody has, so many are remembered to be paid, given back or looked at.
const MEMORY_ORDERS: usize = 64;
/// Of a hundred payments so many are followed by a refund of something that was paid.
const REFUNDS_PERCENT: u32 = 25;
/// The shop's number among the clients.
const SHOP: u32 = u32::MAX - 1;
/// Who finds nobody at home knocks again after so long.
const KNOCK_AGAIN: Duration = Duration::from_millis(5);

/// Of all clients.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) shop: SocketAddr,
    pub(super) office: SocketAddr,
    pub(super) watch: Stopwatch,
    /// Operations that are still to be made, at least.
    pub(super) budget: AtomicU64,
    /// Whether everything has gone wrong that was to go wrong.
    pub(super) has_peace: AtomicBool,
    /// Connections that somebody has reset who didn't want to wait.
    pub(super) resets: AtomicU64,
}

impl Shared {
    fn goes_on(&self) -> bool {
        // Relaxed: a count and a flag that end a loop.
        let is_within =
            self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        is_within || !self.has_peace.load(Ordering::Relaxed)
    }
}

/// One of the crowd.
pub(super) struct Person<'a> {
    shared: &'a Shared,
    number: u32,
    /// How many others it has been: whoever hears nothing is somebody else afterwards.
    lives: u32,
    client: Client,
    dice: Dice,
    keys: Keys,
    clock: Clock,
    count: u32,
    /// The last attempts, to be made once more.
    tried: Vec<(String, String, u32)>,
    orders: Vec<(OrderId, String, u32)>,
    /// Paid orders, some of which are refunded.
    paid: Vec<OrderId>,
    operations: Vec<Operation>,
}

impl<'a> Person<'a> {
    pub(super) fn new(shared: &'a Shared, number: u32, dice: Dice) -> anyhow::Result<Self> {
        Ok(Self {
            shared,
            number,
            lives: 0,
            client: Client::new(shared.shop),
            dice,
            keys: Keys::new(Key::parse(SECRET)?, None),
            clock: Clock::system(),
            count: 0,
            tried: Vec::new(),
            orders: Vec::new(),
            paid: Vec::new(),
            operations: Vec::new(),
        })
    }

    /// Lives until the budget is spent; what it has seen is the outcome.
    pub(super) fn live(mut self) -> Vec<Operation> {
        while self.shared.goes_on() {
            self.step();
        }
        self.operations
    }

    fn step(&mut self) {
        if self.dice.is_lucky(ATTEMPTS_PERCENT) || self.orders.is_empty() {
            return self.attempt();
        }
        let nth = self.dice.roll(self.orders.len() as u32) as usize;
        let (order, buyer, units) = self.orders[nth].clone();
        match self.dice.roll(10) {
            0..3 => {
                let heard = self.ask(asking::pay((order, units), self.clock.now().wall, &self.keys), false);
                self.orders.swap_remove(nth);
                if matches!(heard, Heard::Yes { .. }) {
                    self.paid.push(order);
                }
                if self.dice.is_lucky(REFUNDS_PERCENT) && !self.paid.is_empty() {
                    let nth = self.dice.roll(self.paid.len() as u32) as usize;
                    let order = self.paid.swap_remove(nth);
                    self.refund(order);
                }
            }
            3..5 => _ = self.ask(asking::cancel(order, &buyer), false),
            _ => _ = self.ask(asking::look(order, &buyer), false),
        }
    }

    fn attempt(&mut self) {
        let again = !self.tried.is_empty() && self.dice.is_lucky(25);
        let (buyer, key, units) = if again {
            self.tried[self.dice.roll(self.tried.len() as u32) as usize].clone()
        } else {
            self.count += 1;
            let shared = self.dice.is_lucky(15).then(|| self.dice.roll(SHARED_BUYERS));
            let buyer =
                shared.map_or_else(|| format!("b-{}-{}", self.number, self.count / 3), |of| format!("all-{of}"));
            (buyer, format!("k-{}-{}", self.number, self.count), 1 + self.dice.roll(2))
        };
        let heard = self.ask(asking::buy((&buyer, &key), units), again);
        if let Heard::Yes { order: Some(order), is_replay: false, .. } = heard {
            self.orders.push((order, buyer.clone(), units));
            if self.orders.len() > MEMORY_ORDERS {
                self.orders.swap_remove(0);
            }
        }
        // What was refused is asked anew under a new key; what is unknown is asked again under the same.
        if !again && !matches!(heard, Heard::No { .. }) {
            self.tried.push((buyer, key, units));
            if self.tried.len() > MEMORY_ORDERS {
                self.tried.swap_remove(0);
            }
        }
    }

    /// The shop does it, on a connection of its own: it isn't this buyer's.
    fn refund(&mut self, order: OrderId) {
        let (want, request) = asking::refund(order);
        let begun = self.shared.watch.now();
        let reply = Client::new(self.shared.office).ask(&request, None);
        if reply != Reply::Unasked {
            let (client, heard) = (SHOP, reply.heard(false));
            self.operations.push(Operation { client, want, begun, ended: self.shared.watch.now(), heard });
        }
    }

    fn ask(&mut self, (want, request): Asking, is_replay: bool) -> Heard {
        // Who is in a hurry hangs up in the middle of it, every other one by a reset.
        let hang_up = self.dice.is_lucky(3).then(|| HangUp {
            after: Duration::from_micros(u64::from(self.dice.roll(600))),
            is_reset: self.dice.is_lucky(50),
        });
        let begun = self.shared.watch.now();
        let reply = self.client.ask(&request, hang_up);
        let ended = self.shared.watch.now();
        let heard = reply.heard(is_replay);
        let client = self.number + self.lives * 1_000;
        match &reply {
            // Nothing was asked: it is no operation.
            Reply::Unasked => {
                std::thread::sleep(KNOCK_AGAIN);
                return heard;
            }
            Reply::Lost => {
                self.lives += 1;
                if hang_up.is_some_and(|of| of.is_reset) {
                    // Relaxed: a count.
                    self.shared.resets.fetch_add(1, Ordering::Relaxed);
                }
            }
            Reply::Answer { .. } => {}
        }
        self.operations.push(Operation { client, want, begun, ended, heard: heard.clone() });
        heard
    }
}
