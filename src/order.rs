//! An order: what a buyer has won. The noun that stock, ledger and `orders/` share.
//!
//! Everything but three atomic words is fixed when the order is made. `state` is where it stands in the contract's state
//! machine; `stored` is how safe it is by now; `seq` is its line in the log, once it has one.
//!
//! **Invariant:** `stored` only rises. `state` moves along the arrows of the contract only, by one compare-and-swap.

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
    const ALL: [Self; 5] = [Self::Held, Self::Confirmed, Self::Cancelled, Self::Expired, Self::Refunded];

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
    const ALL: [Self; 4] = [Self::Underway, Self::Memory, Self::Disk, Self::Postgres];

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
}

impl Ack {
    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }

    /// The ack of a contract's word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Memory, Self::Disk].into_iter().find(|ack| ack.word() == word)
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

/// An order in memory.
#[derive(Debug)]
pub struct Order {
    /// What is fixed.
    pub terms: OrderTerms,
    state: AtomicU8,
    stored: AtomicU8,
    /// The `seq` of its `order.placed` event; written by the ledger's writer, means nothing before `stored` is `Disk`.
    seq: AtomicU64,
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
        Self { terms, state: AtomicU8::new(state as u8), stored: AtomicU8::new(stored as u8), seq: AtomicU64::new(0) }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> OrderState {
        // Acquire: pairs with the release of whoever moved it, so that what was decided before is seen.
        OrderState::ALL[usize::from(self.state.load(Ordering::Acquire))]
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
        // Relaxed: `stored` was read with acquire, and its release came after the seq.
        (self.stored() >= Stored::Disk).then(|| self.seq.load(Ordering::Relaxed).cast_signed())
    }

    /// Notes where in the log it is about to stand. The ledger's writer alone calls this, before `mark_stored`.
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
