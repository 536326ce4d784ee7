//! An order: what a buyer has won. The noun that stock, ledger and `orders/` share.
//!
//! Everything but a few words is fixed when the order is made. `state` is where it stands in the contract's state machine;
//! `stored` is how safe it is by now; `seq` is its line in the log, once it has one; `deadline` is until when it is held.
//!
//! Payment, expiry and cancellation may come at the same moment. Whoever wants to move an order first has to be the one
//! who decides ([`Order::decide`]): one compare-and-swap, and nobody else moves the order until the ledger has said what
//! became of it.
//!
//! **Invariant:** `stored` only rises. `state` moves along the arrows of the contract only, by whoever has the order's
//! [`Deciding`], of which there is one at a time.

mod deciding;
#[cfg(all(test, doorbuster_loom))]
mod loom_models;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use deciding::{Deciding, NotDecided};

use crate::clock::WallTime;
use crate::ids::{BuyerId, IdempotencyKey, ItemNo, OrderId, Quantity, SaleNo};
use crate::money::Money;
use crate::sync::{AtomicU8, AtomicU64, Ordering};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrderState {
    /// Won, waiting to be paid.
    Held = 0,
    /// Sold.
    Confirmed = 1,
    /// Given back before it was paid.
    Cancelled = 2,
    /// Not paid in time.
    Expired = 3,
    /// Paid and given back.
    Refunded = 4,
}

impl OrderState {
    /// All states, in the order in which the ledger's words were made.
    pub const ALL: [Self; 5] = [Self::Held, Self::Confirmed, Self::Cancelled, Self::Expired, Self::Refunded];

    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    /// The state of a contract's word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether its units are the buyer's: they count against the limit and are off the shelf.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed)
    }
}

/// How safe an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stored {
    /// On its way: nothing has been promised yet.
    Underway = 0,
    /// In this process.
    Memory = 1,
    /// In the ledger, synced.
    Disk = 2,
    /// In the ledger and in PostgreSQL.
    Postgres = 3,
}

impl Stored {
    /// From unsafe to safe.
    pub const ALL: [Self; 4] = [Self::Underway, Self::Memory, Self::Disk, Self::Postgres];

    /// The contract's word; an order that is underway is nowhere yet but in memory.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Underway | Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Postgres => "postgres",
        }
    }
}

/// What has happened before a buyer is told yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ack {
    /// The order is in this process's memory and in the ledger's queue.
    Memory,
    /// The order is in the ledger, synced to disk.
    Disk,
    /// The same, and in PostgreSQL.
    Postgres,
}

impl Ack {
    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Postgres => "postgres",
        }
    }

    /// Whether a buyer waits for the ledger's commit.
    #[must_use]
    pub fn waits(self) -> bool {
        self != Self::Memory
    }

    /// The ack of a contract's word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Memory, Self::Disk, Self::Postgres].into_iter().find(|ack| ack.word() == word)
    }
}

/// What is fixed about an order when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerms {
    /// Its public id.
    pub id: OrderId,
    /// The sale it was won in.
    pub sale: SaleNo,
    /// The item that was won.
    pub item: ItemNo,
    /// Whose it is.
    pub buyer: BuyerId,
    /// The key it was asked for under.
    pub key: Option<IdempotencyKey>,
    /// How many units.
    pub quantity: Quantity,
    /// Price of one unit when it was won.
    pub unit_price: Money,
    /// When the attempt was made.
    pub placed_at: WallTime,
    /// Until when it is held; none: it was confirmed at once.
    pub expires_at: Option<WallTime>,
    /// What was promised of its safety: decides the first answer's status.
    pub ack: Ack,
}

/// Somebody decides about the order: its state is as before until the ledger has spoken.
const DECIDING: u8 = 1 << 7;
/// It was paid after its hold was over.
const LATE: u8 = 1 << 6;
const STATE_MASK: u8 = LATE - 1;
/// A deadline that never comes: the order was never held.
const NO_DEADLINE_US: i64 = i64::MAX;

/// An order in memory.
#[derive(Debug)]
pub struct Order {
    /// What is fixed.
    pub terms: OrderTerms,
    /// The state, with [`DECIDING`] and [`LATE`] beside it.
    state: AtomicU8,
    stored: AtomicU8,
    /// The `seq` of its `order.placed` event; written by the ledger's writer, means nothing before `stored` is `Disk`.
    seq: AtomicU64,
    /// Until when it is held, in microseconds since 1970: an [`i64`] in a word that the models know.
    deadline_us: AtomicU64,
}

impl Order {
    /// An order that is being won: held where it has a deadline, else confirmed, and not yet stored.
    #[must_use]
    pub fn place(terms: OrderTerms) -> Self {
        let state = if terms.expires_at.is_some() { OrderState::Held } else { OrderState::Confirmed };
        Self::recovered(terms, state, Stored::Underway)
    }

    /// An order as the ledger remembers it.
    #[must_use]
    pub fn recovered(terms: OrderTerms, state: OrderState, stored: Stored) -> Self {
        let deadline_us = terms.expires_at.map_or(NO_DEADLINE_US, WallTime::micros);
        Self {
            terms,
            state: AtomicU8::new(state as u8),
            stored: AtomicU8::new(stored as u8),
            seq: AtomicU64::new(0),
            deadline_us: AtomicU64::new(deadline_us.cast_unsigned()),
        }
    }

    /// Where it stands; while somebody decides, where it stood before.
    #[must_use]
    pub fn state(&self) -> OrderState {
        // Acquire: pairs with the release of whoever moved it, so that what was decided before is seen.
        state_of(self.state.load(Ordering::Acquire))
    }

    /// Whether it was paid after its hold was over.
    #[must_use]
    pub fn is_late(&self) -> bool {
        // Relaxed: a word for people, written with the state.
        self.state.load(Ordering::Relaxed) & LATE != 0
    }

    /// Until when it is or was held, extensions included; none: it was confirmed at once.
    #[must_use]
    pub fn deadline(&self) -> Option<WallTime> {
        // Relaxed: whoever ends the hold looks again while he decides, and has the last decision's release in his past.
        let deadline_us = self.deadline_us.load(Ordering::Relaxed).cast_signed();
        (deadline_us != NO_DEADLINE_US).then(|| WallTime::from_micros(deadline_us))
    }

    /// Holds it until then. To be called by whoever decides, or before anybody else knows the order.
    pub(crate) fn hold_until(&self, deadline: WallTime) {
        // Relaxed: see `deadline`.
        self.deadline_us.store(deadline.micros().cast_unsigned(), Ordering::Relaxed);
    }

    /// At start: it was paid after its hold was over.
    pub(crate) fn note_late(&self) {
        // Relaxed: nobody else knows the order yet.
        self.state.fetch_or(LATE, Ordering::Relaxed);
    }

    /// Asks to be the one who decides what becomes of it.
    ///
    /// # Refuses
    /// [`NotDecided::Is`] where it stands in none of these states, [`NotDecided::Underway`] while somebody else decides,
    /// or while it is on its way into the ledger for the first time.
    pub fn decide(self: &Arc<Self>, from: &[OrderState]) -> Result<Deciding, NotDecided> {
        if self.stored() == Stored::Underway {
            return Err(NotDecided::Underway);
        }
        // Acquire: after the release of whoever decided last. The state and the leave to move it are one word: of those
        // who come at the same moment one gets it.
        let decided = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (word & DECIDING == 0 && from.contains(&state_of(word))).then_some(word | DECIDING)
        });
        match decided {
            Ok(word) => Ok(Deciding::of(Arc::clone(self), word)),
            Err(word) if word & DECIDING != 0 => Err(NotDecided::Underway),
            Err(word) => Err(NotDecided::Is(state_of(word))),
        }
    }

    /// How safe it is.
    #[must_use]
    pub fn stored(&self) -> Stored {
        // Acquire: pairs with `mark_stored`; who reads `Disk` may tell the buyer.
        Stored::ALL[usize::from(self.stored.load(Ordering::Acquire))]
    }

    /// Says that it is at least this safe now.
    pub fn mark_stored(&self, stored: Stored) {
        // Release: the commit happened before anybody reads the word.
        self.stored.fetch_max(stored as u8, Ordering::AcqRel);
    }

    /// The `seq` of its event in the log; none while it isn't on disk.
    #[must_use]
    pub fn seq(&self) -> Option<i64> {
        (self.stored() >= Stored::Disk).then(|| self.noted_seq())
    }

    /// Where in the log it stands or is about to; 0: nowhere. For the ledger's writer.
    pub(crate) fn noted_seq(&self) -> i64 {
        // Relaxed: the writer wrote it itself, and for others `stored` was read with acquire, whose release came after.
        self.seq.load(Ordering::Relaxed).cast_signed()
    }

    /// Notes where in the log it is about to stand; 0 where it isn't after all. The ledger's writer alone calls this,
    /// before `mark_stored`.
    pub(crate) fn note_seq(&self, seq: i64) {
        // Relaxed: published by `mark_stored`.
        self.seq.store(seq.cast_unsigned(), Ordering::Relaxed);
    }

    /// What all its units cost together.
    #[must_use]
    pub fn total(&self) -> Money {
        self.terms.unit_price.times(self.terms.quantity.units())
    }
}

fn state_of(word: u8) -> OrderState {
    OrderState::ALL[usize::from(word & STATE_MASK)]
}
