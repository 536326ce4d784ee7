//! Who and what is meant: ids as types, checked once where they come in.
//!
//! Each id comes in two forms: an owned one, which lives in memory and on disk, and (where the hot path needs it) a
//! borrowed one, which points into the request's head, so that a refusal allocates nothing.
//!
//! **Invariant:** a value of these types is well-formed: nobody below the door checks an id again.

use std::fmt;
use std::num::NonZeroU32;

use compact_str::CompactString;
use uuid::Uuid;

use crate::clock::WallTime;

/// Longest sale id or sku, in bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Longest buyer id, in bytes.
pub const BUYER_BYTES_MAX: usize = 128;
/// Longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;

/// Why a text is not an id, said as what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A sale id or sku that is empty, too long or has other characters.
    #[error("must be 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    Name,
    /// A buyer id that is empty, too long or not visible ASCII.
    #[error("must be 1 to 128 visible ASCII characters")]
    Buyer,
    /// An idempotency key that is empty, too long or not visible ASCII.
    #[error("must be 1 to 255 visible ASCII characters")]
    Key,
    /// An order id that is not a UUID.
    #[error("must be a UUID")]
    Order,
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_visible(text: &[u8], bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(CompactString);

        impl $name {
            /// Takes a text over.
            ///
            /// # Errors
            /// [`IdError::Name`] where it isn't `[A-Za-z0-9._-]{1,64}`.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(IdError::Name) }
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

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A sale's public id, chosen by the shop.
    SaleId
}
name! {
    /// An item's public id, unique within its sale, chosen by the shop.
    Sku
}

/// A buyer's id as the request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BuyerRef<'a>(&'a str);

impl<'a> BuyerRef<'a> {
    /// Reads a buyer id.
    ///
    /// # Errors
    /// [`IdError::Buyer`] where it isn't 1–128 visible ASCII characters.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IdError> {
        if !is_visible(bytes, BUYER_BYTES_MAX) {
            return Err(IdError::Buyer);
        }
        std::str::from_utf8(bytes).map(Self).map_err(|_| IdError::Buyer)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A buyer: whoever holds a pass, or whoever the gateway says. A pseudonym, never personal data.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BuyerId(CompactString);

impl BuyerId {
    /// The id in its borrowed form.
    #[must_use]
    pub fn as_ref(&self) -> BuyerRef<'_> {
        BuyerRef(&self.0)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<BuyerRef<'_>> for BuyerId {
    fn from(buyer: BuyerRef<'_>) -> Self {
        Self(buyer.0.into())
    }
}

impl std::borrow::Borrow<str> for BuyerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// An `Idempotency-Key` as the request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyRef<'a>(&'a str);

impl<'a> KeyRef<'a> {
    /// Reads an idempotency key.
    ///
    /// # Errors
    /// [`IdError::Key`] where it isn't 1–255 visible ASCII characters.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, IdError> {
        if !is_visible(bytes, KEY_BYTES_MAX) {
            return Err(IdError::Key);
        }
        std::str::from_utf8(bytes).map(Self).map_err(|_| IdError::Key)
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// An `Idempotency-Key` that is remembered with the order that it made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IdempotencyKey {
    /// The key in its borrowed form.
    #[must_use]
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef(&self.0)
    }
}

impl From<KeyRef<'_>> for IdempotencyKey {
    fn from(key: KeyRef<'_>) -> Self {
        Self(key.0.into())
    }
}

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

/// An order's id: a version 7 UUID (RFC 9562), ordered by time so that the ledger's pages fill from left to right,
/// with 74 random bits, so that nobody guesses a neighbour's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(Uuid);

impl OrderId {
    /// A fresh id for an order that is placed at this time. The counter that would order ids of one millisecond is left
    /// out: it is one word for all threads, and a win costs three times as much with it.
    #[must_use]
    pub fn fresh(placed_at: WallTime) -> Self {
        let micros = u64::try_from(placed_at.micros()).unwrap_or(0);
        // Below a thousand millions: fits.
        let nanos = u32::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, micros / 1_000_000, nanos)))
    }

    /// Reads an id as the contract writes it.
    ///
    /// # Errors
    /// [`IdError::Order`] where it isn't a UUID in its hyphenated form.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() != 36 {
            return Err(IdError::Order);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| IdError::Order)
    }

    /// The id's sixteen bytes, as the ledger keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id from the ledger's sixteen bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(formatter)
    }
}

/// A sale's number inside this process and its ledger: dense from 0 in the order of creation, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SaleNo(pub u32);

/// An item's number inside this process and its ledger: dense from 0 over all sales, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemNo(pub u32);

impl SaleNo {
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ItemNo {
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How many units an attempt wants or an order has: 1 to 2³²−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantity(NonZeroU32);

impl Quantity {
    /// One unit: what an attempt without a body asks for.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// A quantity, where it isn't none at all.
    #[must_use]
    pub fn new(units: u32) -> Option<Self> {
        NonZeroU32::new(units).map(Self)
    }

    /// The number of units.
    #[must_use]
    pub fn units(self) -> u32 {
        self.0.get()
    }
}
