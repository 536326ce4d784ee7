//! What a payment provider says of an order, once it is known who has said it.
//!
//! Absent: signatures and JSON (`payment/` makes a [`Notice`] of them), and what follows from it (`rules.rs`).
//!
//! **Invariant:** a notice says one thing about one order; its message id is the provider's, so the same message told
//! twice has the same one.

pub use crate::ids::{MessageId, PaymentId};

use crate::ids::OrderId;
use crate::money::Money;

/// What happened to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// The buyer is paying: the hold may last longer.
    Started,
    /// The money is there.
    Succeeded,
    /// The buyer tried and has not paid.
    Failed,
    /// The money has gone back.
    Refunded,
}

/// What the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// This message.
    pub message: MessageId,
    /// What happened.
    pub kind: NoticeKind,
    /// To which order's payment.
    pub order: OrderId,
    /// To which payment, where the provider says.
    pub payment: Option<PaymentId>,
    /// How much, where the provider says: must be the order's total.
    pub amount: Option<Money>,
}
