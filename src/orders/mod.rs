//! Orders, after the win: every order by its id.
//!
//! What becomes of a held order (payment, cancellation, expiry) is decided in this room. For now it answers questions.
//!
//! **Invariant:** an order is in the book from the moment at which it can't fail any more, or is taken out again when the
//! ledger has said that it isn't stored.

pub mod backoff;
pub mod notice;
pub mod payment;
pub mod signature;
pub mod targets;

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::quality::RandomState;

use crate::ids::OrderId;
use crate::order::Order;

/// Every order of every sale.
#[derive(Debug, Default)]
pub struct Book {
    by_id: DashMap<OrderId, Arc<Order>, RandomState>,
}

impl Book {
    /// Writes an order in.
    pub fn enter(&self, order: Arc<Order>) {
        self.by_id.insert(order.terms.id, order);
    }

    /// The order of an id.
    #[must_use]
    pub fn find(&self, id: OrderId) -> Option<Arc<Order>> {
        self.by_id.get(&id).map(|order| Arc::clone(&order))
    }

    /// Takes an order out that the ledger hasn't stored.
    pub(crate) fn forget(&self, id: OrderId) {
        self.by_id.remove(&id);
    }

    /// How many orders there are, whatever their state.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
