//! Messages about payments: who sent this, and what does it say in our words?
//!
//! One file for each provider that the house understands. Deliberately absent: memory of the messages that were seen,
//! what follows for an order, and calling a provider back: what is signed is believed.
//!
//! **Invariant:** a body is looked at only after its signature was found good.
//!
//! **Invariant:** money is never guessed: where a message says that some was paid or given back, a [`Notice`] carries
//! exactly that amount, or the message isn't accepted.

mod fields;
mod generic;
mod stripe;

use compact_str::CompactString;

use super::notice::Notice;
use super::signature::{Key, KeyError, Keys, Unsigned};
use crate::clock::WallTime;

/// Whose messages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The shop itself, or any provider that it has translated: our own body, signed as in Standard Webhooks.
    Generic,
    /// Stripe's Checkout: its own events and its own signature.
    Stripe,
}

impl Provider {
    /// Reads a secret as this provider uses it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key(self, text: &str) -> Result<Key, KeyError> {
        match self {
            Self::Generic => Key::parse(text),
            Self::Stripe => Key::of_text(text),
        }
    }
}

/// A message that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// It says something about an order's payment.
    Notice(Notice),
    /// It says nothing that concerns us: answered with 200, so that its sender doesn't try again, and nothing happens.
    Ignored(Ignored),
}

/// Why a message doesn't concern us: for the log, where a shop finds what it forgot to configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// An event that no order waits for.
    OtherKind,
    /// It names no order of ours: the provider's account sells other things too, or the shop forgot to pass the order's
    /// id on.
    NoOrder,
    /// Part of the money went back: an order is refunded when all of it has.
    PartialRefund,
}

/// Why a message isn't accepted. Only somebody who has the key is told more than that he hasn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unaccepted {
    /// Its signature isn't good: 401, or 400 for [`Unsigned::Stale`].
    Unsigned(Unsigned),
    /// Its body isn't an object of JSON, or its id is none: 400.
    Malformed,
    /// A field is missing, unknown, or has a value that it can't have: 422.
    InvalidField {
        /// Which: a JSON pointer (RFC 6901).
        pointer: CompactString,
    },
}

impl From<Unsigned> for Unaccepted {
    fn from(unsigned: Unsigned) -> Self {
        Self::Unsigned(unsigned)
    }
}

/// Reads a message. `header` finds a header's value by its name in lower case; `keys` are of the same provider.
///
/// # Refuses
/// [`Unaccepted`].
pub fn read<'a>(
    provider: Provider,
    header: impl Fn(&'static str) -> Option<&'a [u8]>,
    body: &[u8],
    now: WallTime,
    keys: &Keys,
) -> Result<Incoming, Unaccepted> {
    match provider {
        Provider::Generic => generic::read(header, body, now, keys).map(Incoming::Notice),
        Provider::Stripe => stripe::read(header, body, now, keys),
    }
}

/// Signs a body as Stripe does, for [`crate::fuzz`].
#[cfg(any(test, feature = "torture"))]
pub(crate) fn stripe_signature(body: &[u8], now: WallTime, keys: &Keys) -> String {
    let seconds = now.micros().div_euclid(1_000_000).to_string();
    let parts = [seconds.as_bytes(), body];
    let macs = keys.macs(&parts);
    let hex = |mac: [u8; 32]| mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    macs.fold(format!("t={seconds}"), |header, mac| format!("{header},v1={}", hex(mac)))
}

#[cfg(test)]
mod tests;
