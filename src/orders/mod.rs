//! Orders, after the win: every order by its id, when its hold ends, and what was said about its payment.
//!
//! Here is what is known and what it means. Who carries it out, between stock and ledger, is the cashier
//! ([`crate::cashier`]).
//!
//! **Invariant:** an order is in the book from the moment at which it can't fail any more, or is taken out again when the
//! ledger has said that it isn't stored.

pub mod backoff;
pub mod deadlines;
pub mod messages;
pub mod notice;
pub mod payment;
pub mod payment_link;
pub mod rules;
pub mod signature;
pub mod targets;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::sync::Arc;

use dashmap::DashMap;
use foldhash::quality::RandomState;

use self::deadlines::Deadlines;
use self::messages::Messages;
use crate::ids::{OrderId, PaymentId};
use crate::order::Order;

/// Every order of every sale.
#[derive(Debug, Default)]
pub struct Book {
    by_id: DashMap<OrderId, Arc<Order>, RandomState>,
    /// What has paid for an order, where somebody has said so.
    payments: DashMap<OrderId, PaymentId, RandomState>,
    /// When holds end.
    pub deadlines: Deadlines,
    /// What has been heard of payments.
    pub messages: Messages,
}

impl Book {
    /// A book with room for so many orders, so that a start doesn't move them about while it fills the map.
    pub(crate) fn of(orders: usize) -> Self {
        Self { by_id: DashMap::with_capacity_and_hasher(orders, RandomState::default()), ..Self::default() }
    }

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

    /// What has paid for an order, where somebody has said so.
    #[must_use]
    pub fn payment_of(&self, id: OrderId) -> Option<PaymentId> {
        self.payments.get(&id).map(|payment| payment.clone())
    }

    /// Notes what has paid for an order: the ledger has it.
    pub(crate) fn note_payment(&self, id: OrderId, payment: PaymentId) {
        self.payments.insert(id, payment);
    }

    /// Every order that is held.
    pub(crate) fn held(&self) -> impl Iterator<Item = Arc<Order>> {
        let is_held = |order: &Arc<Order>| order.state() == crate::order::OrderState::Held;
        self.by_id.iter().map(|entry| Arc::clone(entry.value())).filter(move |order| is_held(order))
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
