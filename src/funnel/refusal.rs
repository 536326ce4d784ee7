//! Every way to be told no, in the order of the floors.

use crate::access::{Limit, Quota, Throttled};
use crate::client::Unproven;
use crate::ledger::Unwritten;
use crate::sale::NotOnSale;
use crate::stock::{Cooling, Unavailable};

/// A floor, as refusals are counted and shown: the contract's layers, from the top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// HTTP itself.
    Door,
    /// Floor 1.
    Client,
    /// Floor 2.
    Access,
    /// Floor 3.
    Sale,
    /// Floor 4.
    Stock,
    /// Floor 5.
    Ledger,
}

impl Layer {
    /// All floors, from the top down.
    pub const ALL: [Self; 6] = [Self::Door, Self::Client, Self::Access, Self::Sale, Self::Stock, Self::Ledger];

    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Client => "client",
            Self::Access => "access",
            Self::Sale => "sale",
            Self::Stock => "stock",
            Self::Ledger => "ledger",
        }
    }
}

/// Refusals of the door: the request isn't one that the house can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// Its head or body doesn't say what it should.
    Malformed,
    /// A field of its body is unknown or has a value that it can't have.
    InvalidField {
        /// Which: a JSON pointer.
        pointer: Pointer,
    },
    /// There is nothing under that path.
    NotFound,
    /// The path exists, the method isn't for it.
    MethodNotAllowed {
        /// Which methods are, as the `Allow` header lists them.
        allow: &'static str,
    },
    /// Its body is larger than this path takes.
    TooLarge,
    /// Its body isn't JSON.
    UnsupportedMediaType,
    /// It came too slowly.
    Timeout,
}

/// Which field of an attempt's body is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pointer {
    /// `quantity`.
    Quantity,
    /// One that isn't known.
    Unknown(FieldName),
}

/// The beginning of an unknown field's name, as a JSON pointer says it (RFC 6901), kept in place: a refusal allocates
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldName {
    bytes: [u8; Self::BYTES_MAX],
    length: u8,
}

impl FieldName {
    /// A name that is longer was no slip of the pen.
    const BYTES_MAX: usize = 31;

    /// As much of a name as is kept: plain letters, digits and signs, others as `?`.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let said = name.chars().flat_map(|letter| match letter {
            '~' => [Some(b'~'), Some(b'0')],
            '/' => [Some(b'~'), Some(b'1')],
            // Neither quotes nor what else JSON or a terminal would want escaped.
            letter if letter.is_ascii_graphic() && !matches!(letter, '"' | '\\') => [u8::try_from(letter).ok(), None],
            _ => [Some(b'?'), None],
        });
        let mut kept = Self { bytes: [0; Self::BYTES_MAX], length: 0 };
        for (byte, letter) in kept.bytes.iter_mut().zip(said.flatten()) {
            *byte = letter;
            kept.length += 1;
        }
        kept
    }

    /// What is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.length)).and_then(|kept| std::str::from_utf8(kept).ok()).unwrap_or_default()
    }
}

/// A refusal: numbers only, so that saying no allocates nothing; the door patches a template with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// By the door.
    Door(Unfit),
    /// By floor 1.
    Client(Unproven),
    /// By floor 2.
    Access(Throttled),
    /// By floor 3.
    Sale(NotOnSale),
    /// By floor 4.
    Stock(Unavailable),
    /// By floor 5.
    Ledger(Unwritten),
}

impl Refusal {
    /// The floor that said no.
    #[must_use]
    pub fn layer(&self) -> Layer {
        match self {
            Self::Door(_) => Layer::Door,
            Self::Client(_) => Layer::Client,
            Self::Access(_) => Layer::Access,
            Self::Sale(_) => Layer::Sale,
            Self::Stock(_) => Layer::Stock,
            Self::Ledger(_) => Layer::Ledger,
        }
    }
}

macro_rules! refused_by {
    ($($floor:ident($type:ty)),*) => {$(
        impl From<$type> for Refusal {
            fn from(refusal: $type) -> Self {
                Self::$floor(refusal)
            }
        }
    )*};
}

refused_by!(Door(Unfit), Client(Unproven), Access(Throttled), Sale(NotOnSale), Stock(Unavailable), Ledger(Unwritten));

impl From<Cooling> for Refusal {
    /// To the buyer it is one more limit of their rate: one attempt in the time that they have to wait.
    fn from(cooling: Cooling) -> Self {
        /// The lowest rate that a quota can say: what is longer is told by `Retry-After` alone.
        const RATE_MIN: f64 = 0.0001;
        /// A cool-down below a second is told as one.
        const RATE_MAX: f64 = 1.0;
        let quota = Quota::new(cooling.span.as_secs_f64().recip().clamp(RATE_MIN, RATE_MAX), 1).ok().flatten();
        match quota {
            Some(quota) => Self::Access(Throttled { limit: Limit::Buyer, quota, retry_after: cooling.retry_after }),
            None => unreachable!("a rate from 0.0001 to 1 is a quota"),
        }
    }
}
