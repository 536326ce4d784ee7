//! The leave to move an order.
//!
//! **Invariant:** there is one at a time for each order, and it is used once, given back, or kept for ever.

use std::sync::Arc;

use super::{LATE, Order, OrderState, state_of};
use crate::sync::Ordering;

/// Why somebody else's question has to wait, or is answered already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDecided {
    /// It stands in another state.
    Is(OrderState),
    /// Somebody is deciding: what comes of it is known in a moment.
    Underway,
}

/// What a [`Deciding`] does when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    AsBefore,
    Done,
}

/// The leave to move an order: one at a time has it. Dropped, the order is as it was.
#[derive(Debug)]
#[must_use]
pub struct Deciding {
    order: Arc<Order>,
    /// The state's word from before.
    word: u8,
    end: End,
}

impl Deciding {
    /// The order's word has just got its bit; `word` is what it was.
    pub(super) fn of(order: Arc<Order>, word: u8) -> Self {
        Self { order, word, end: End::AsBefore }
    }

    /// Whose fate is decided.
    #[must_use]
    pub fn order(&self) -> &Arc<Order> {
        &self.order
    }

    /// Where it stands until then.
    #[must_use]
    pub fn was(&self) -> OrderState {
        state_of(self.word)
    }

    /// The ledger has it: the order stands there from now on.
    pub fn settle(mut self, to: OrderState) {
        let late = if (self.was(), to) == (OrderState::Expired, OrderState::Confirmed) { LATE } else { 0 };
        self.end_with(self.word & LATE | late | to as u8);
    }

    /// Nobody knows whether the ledger has it: nobody moves the order any more, until the restart tells.
    pub fn leave_undecided(mut self) {
        self.end = End::Done;
    }

    fn end_with(&mut self, word: u8) {
        self.end = End::Done;
        // Release: deadline and units, changed before, are seen by who reads the state. A store is enough: nobody
        // else writes the word while the bit is set.
        self.order.state.store(word, Ordering::Release);
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        if self.end == End::AsBefore {
            self.end_with(self.word);
        }
    }
}
