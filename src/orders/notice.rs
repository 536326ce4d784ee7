//! What a payment provider says of an order, once it is known who has said it.
//!
//! Absent: signatures and JSON (`payment/` makes a [`Notice`] of them), and what follows from it (`life.rs`).
//!
//! **Invariant:** a notice says one thing about one order; its message id is the provider's, so the same message told
//! twice has the same one.

use crate::ids::{IdError, KeyRef, OrderId};
use crate::money::Money;

macro_rules! provider_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text over.
            ///
            /// # Errors
            /// [`IdError::Key`] where it isn't 1–255 visible ASCII characters.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                KeyRef::parse(text.as_bytes()).map(|id| Self(id.as_str().into()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

provider_id! {
    /// A message's id, chosen by its sender (`webhook-id`): the same message, told again, has the same one.
    MessageId
}
provider_id! {
    /// The provider's own id of a payment: two of them are two payments.
    PaymentId
}

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
