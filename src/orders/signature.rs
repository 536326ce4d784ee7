//! Who wrote this message? Signatures of messages that come in and go out, as Standard Webhooks 1.0 describes them.
//!
//! The signed text is `id.timestamp.body`, the signature HMAC-SHA256 under a secret that both sides have. Deliberately
//! absent: asymmetric signatures (`v1a`), and memory of the ids that were seen: a message that is delivered twice inside
//! the tolerance is genuine both times.
//!
//! **Invariant:** what is compared is compared in constant time, whole, and as text: a signature that is shortened, or
//! spelt differently, is none.
//!
//! **Invariant:** whether a message is too old is said only to somebody who has signed it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::WallTime;

/// The header with the message's id: the same one at each delivery.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of this delivery, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures, apart by spaces, each `v1,` and Base64.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// How far a message's time may lie from ours, in both directions: what the reference libraries and Stripe allow. It
/// bounds how long a recorded message can be played back, and how far two clocks may be apart.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What both kinds of secret begin with.
const PREFIX: &str = "whsec_";
/// Shortest and longest secret, in bytes once decoded (Standard Webhooks, "Signature scheme": 192 to 512 bits).
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Shortest secret of Stripe's, in characters behind the prefix. Theirs have 32 or 64; with fewer than 24 it was cut.
const TEXT_CHARS_MIN: usize = 24;

/// Why a text is no secret. It never shows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It begins with something else.
    #[error("must begin with \"whsec_\"")]
    Prefix,
    /// What follows isn't Base64.
    #[error("must be Base64 after \"whsec_\"")]
    Base64,
    /// It is too short to be safe, or longer than the scheme allows.
    #[error("must be 24 to 64 bytes long, as Base64 after \"whsec_\"")]
    Length,
    /// A secret of Stripe's that isn't whole.
    #[error("must be the endpoint's whole signing secret: \"whsec_\" and at least 24 letters and digits")]
    Text,
}

/// A secret, with its first block already hashed.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// Reads a secret as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64.
    ///
    /// # Errors
    /// [`KeyError::Prefix`], [`KeyError::Base64`] and [`KeyError::Length`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(KeyError::Prefix)?);
        let bytes = bytes.map_err(|_| KeyError::Base64)?;
        if !SECRET_BYTES.contains(&bytes.len()) {
            return Err(KeyError::Length);
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| KeyError::Length)
    }

    /// Reads a secret as Stripe uses it: `whsec_…`, all of it, its letters being the key's bytes.
    ///
    /// # Errors
    /// [`KeyError::Prefix`] and [`KeyError::Text`].
    pub fn of_text(text: &str) -> Result<Self, KeyError> {
        let behind = text.strip_prefix(PREFIX).ok_or(KeyError::Prefix)?;
        if behind.len() < TEXT_CHARS_MIN || !behind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(KeyError::Text);
        }
        Hmac::new_from_slice(text.as_bytes()).map(Self).map_err(|_| KeyError::Text)
    }

    /// The MAC of these parts with a full stop between any two.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for (nth, part) in parts.iter().enumerate() {
            if nth > 0 {
                mac.update(b".");
            }
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(not shown)")
    }
}

/// The key that is in use, and for a while after it was changed the one before it. What comes in may be signed with
/// either; what goes out is signed with both, so that the other side may change over whenever it likes.
#[derive(Debug, Clone)]
pub struct Keys {
    current: Key,
    former: Option<Key>,
}

impl Keys {
    /// The key in use, and the one that it has replaced.
    #[must_use]
    pub fn new(current: Key, former: Option<Key>) -> Self {
        Self { current, former }
    }

    /// The MACs of these parts, a full stop between any two, under each key; the key in use comes first.
    pub(super) fn macs(&self, parts: &[&[u8]]) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(&self.current).chain(&self.former).map(|key| key.mac(parts))
    }
}

/// Why a message isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// A header of the signature is missing: 401.
    MissingHeader,
    /// No signature fits: 401.
    BadSignature,
    /// The signature fits, but it was made more than [`TOLERANCE`] before or after now: 400.
    Stale,
}

/// The three headers of a message that has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The message's id, as it came.
    pub id: &'a [u8],
    /// The delivery's time, as it came.
    pub timestamp: &'a [u8],
    /// The signatures, as they came.
    pub signature: &'a [u8],
}

impl<'a> Headers<'a> {
    /// Looks the headers up; `header` finds a header's value by its name in lower case.
    ///
    /// # Refuses
    /// [`Unsigned::MissingHeader`].
    pub fn read(header: impl Fn(&'static str) -> Option<&'a [u8]>) -> Result<Self, Unsigned> {
        let find = |name| header(name).ok_or(Unsigned::MissingHeader);
        Ok(Self { id: find(ID_HEADER)?, timestamp: find(TIMESTAMP_HEADER)?, signature: find(SIGNATURE_HEADER)? })
    }

    /// Whether one of these keys has signed this body under these headers, and lately.
    ///
    /// A full stop inside an id could move the border between the three parts of what is signed. It is let through,
    /// because then the body would begin with digits and wouldn't be an object of JSON, which all of ours are.
    ///
    /// # Refuses
    /// [`Unsigned::BadSignature`] and [`Unsigned::Stale`].
    pub fn verify(&self, body: &[u8], now: WallTime, keys: &Keys) -> Result<(), Unsigned> {
        let is_signed = keys.macs(&[self.id, self.timestamp, body]).any(|mac| {
            let expected = STANDARD.encode(mac);
            let mut given = self.signature.split(|byte| *byte == b' ');
            given.any(|given| given.strip_prefix(b"v1,").is_some_and(|given| is_same(given, expected.as_bytes())))
        });
        if is_signed { timely(self.timestamp, now) } else { Err(Unsigned::BadSignature) }
    }
}

/// Equal, found out in a time that says nothing about where two texts of one length differ.
pub(super) fn is_same(given: &[u8], expected: &[u8]) -> bool {
    given.ct_eq(expected).into()
}

/// Whether a signed time, in seconds since 1970, lies near enough.
///
/// # Refuses
/// [`Unsigned::Stale`]; [`Unsigned::BadSignature`] where it is no number.
pub(super) fn timely(timestamp: &[u8], now: WallTime) -> Result<(), Unsigned> {
    let digits = std::str::from_utf8(timestamp).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let Some(seconds) = digits.and_then(|digits| digits.parse::<i64>().ok()) else {
        return Err(Unsigned::BadSignature);
    };
    let apart_us = seconds.saturating_mul(1_000_000).abs_diff(now.micros());
    if Duration::from_micros(apart_us) <= TOLERANCE { Ok(()) } else { Err(Unsigned::Stale) }
}

/// What goes out beside a message's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// For [`TIMESTAMP_HEADER`].
    pub timestamp: String,
    /// For [`SIGNATURE_HEADER`].
    pub signature: String,
}

/// Signs a message that goes out now, with each key that there is. `id` is ours and has no full stop.
#[must_use]
pub fn sign(id: &str, body: &[u8], now: WallTime, keys: &Keys) -> Signed {
    let timestamp = now.micros().div_euclid(1_000_000).to_string();
    let parts = [id.as_bytes(), timestamp.as_bytes(), body];
    let signature = keys.macs(&parts).map(|mac| format!("v1,{}", STANDARD.encode(mac))).collect::<Vec<_>>().join(" ");
    Signed { timestamp, signature }
}

#[cfg(test)]
mod tests;
