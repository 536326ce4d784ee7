//! What a payment provider, or the shop itself, says about an order's money: in the house's own words, whoever said it.
//!
//! Deliberately absent: what follows from it. A notice is a claim that was signed; what becomes of the order is decided
//! elsewhere.
//!
//! **Invariant:** a notice was signed by somebody who has the key, and its texts are short visible ASCII: they may be
//! written into the log as they are.

use std::fmt;

use compact_str::CompactString;

use crate::ids::OrderId;
use crate::money::Money;

/// Longest id that another house gives to a message or to a payment, in bytes: several times the longest that Stripe,
/// Adyen or a UUID need, and short enough to be kept for every order.
pub const REFERENCE_BYTES_MAX: usize = 255;

/// Whether a text may be another house's id: 1–255 visible ASCII characters.
pub(super) fn is_reference(text: &str) -> bool {
    (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The id that its sender gave to a message, the same one at each delivery of it: what makes a second delivery a no-op.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(CompactString);

impl MessageId {
    /// Takes an id over; none where it isn't 1–255 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_reference(text).then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What has happened to the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// The buyer has begun to pay, and it takes a while.
    Started,
    /// The money is there.
    Succeeded,
    /// It won't come.
    Failed,
    /// All of it went back.
    Refunded,
}

/// One message about the payment of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its sender's id for this message.
    pub message: MessageId,
    /// What it says.
    pub kind: NoticeKind,
    /// About which order.
    pub order: OrderId,
    /// The provider's id for the payment, 1–255 visible ASCII characters, where it has one.
    pub payment: Option<CompactString>,
    /// How much was paid or given back: always there for [`NoticeKind::Succeeded`] and [`NoticeKind::Refunded`].
    pub amount: Option<Money>,
}
