//! Passes: did this server say that this buyer is at this sale?
//!
//! A pass is the base64url text (no padding) of
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version, 1 |
//! | 8 | `expires_at`, microseconds since 1970, big-endian |
//! | 1 + n | length of the sale's id, the id |
//! | 1 + n | length of the buyer's id, the id |
//! | 16 | the signature over everything before it: HMAC-SHA256, its first 16 bytes |
//!
//! Deliberately absent: a list of passes, and with it taking one back; what is inside is not hidden from its holder.
//!
//! **Invariant:** every byte before the signature is signed, and each field has a fixed length or carries it, so no
//! two passes have the same signed bytes and no field can be cut from one pass and pasted into another.
//!
//! **Invariant:** a pass has one text: another spelling of the same bytes is refused.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;
use subtle::ConstantTimeEq;

use crate::client::Unproven;
use crate::client::secret::{Keyed, Secret};
use crate::clock::WallTime;
use crate::ids::{BUYER_BYTES_MAX, BuyerId, BuyerRef, NAME_BYTES_MAX, SaleId};

const VERSION: u8 = 1;

/// 128 bits: a forger guesses one in 2¹²⁸ passes, at the price of one request each. The whole 32 bytes would make each
/// request longer by 22 characters and nobody safer.
const SIGNATURE_BYTES: usize = 16;

const PASS_BYTES_MAX: usize = 1 + 8 + 1 + NAME_BYTES_MAX + 1 + BUYER_BYTES_MAX + SIGNATURE_BYTES;

// The lengths inside a pass are single bytes.
const _: () = assert!(NAME_BYTES_MAX <= 255 && BUYER_BYTES_MAX <= 255);

/// Longest text that can be a pass: anything longer is refused before it is decoded.
pub const PASS_CHARS_MAX: usize = (PASS_BYTES_MAX * 4).div_ceil(3);

/// Where a pass is decoded: room on the caller's stack, from which the buyer's id is borrowed.
#[derive(Clone)]
pub struct PassBuffer([u8; PASS_CHARS_MAX.div_ceil(4) * 3]);

impl PassBuffer {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self([0; PASS_CHARS_MAX.div_ceil(4) * 3])
    }
}

impl Default for PassBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PassBuffer {
    /// Without the bytes: they are somebody's pass.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PassBuffer")
    }
}

/// A signed pass, on its way to its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct Pass {
    /// The text that the holder brings with each request. Whoever has it is the buyer.
    pub token: String,
    /// Whom it names.
    pub buyer: BuyerId,
    /// From here on it is expired.
    pub expires_at: WallTime,
}

impl fmt::Debug for Pass {
    /// Without the token: a log is no place for it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Pass");
        shown.field("buyer", &self.buyer).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What a pass says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identified<'a> {
    /// The sale it is for.
    pub sale: &'a str,
    /// Whom it names.
    pub buyer: BuyerRef<'a>,
}

/// A pass of ours, whose time may have run out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened<'a> {
    pub(super) identified: Identified<'a>,
    expires_at: WallTime,
}

impl<'a> Opened<'a> {
    /// # Refuses
    /// [`Unproven::PassExpired`] from `expires_at` on.
    pub(super) fn unless_expired(self, now: WallTime) -> Result<Identified<'a>, Unproven> {
        if now < self.expires_at { Ok(self.identified) } else { Err(Unproven::PassExpired) }
    }
}

/// Signs passes and opens them: all that `pass issue` needs of this floor.
pub struct Passes(Keyed);

impl Passes {
    /// Passes under this secret.
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(secret.key(b"doorbuster pass 1", b""))
    }

    /// Signs a pass.
    #[must_use]
    pub fn mint(&self, sale: &SaleId, buyer: BuyerRef<'_>, expires_at: WallTime) -> Pass {
        let mut bytes = Vec::with_capacity(PASS_BYTES_MAX);
        bytes.push(VERSION);
        bytes.extend_from_slice(&expires_at.micros().to_be_bytes());
        for field in [sale.as_str(), buyer.as_str()] {
            // An id's length fits a byte: see the assertion at its constant.
            bytes.push(field.len() as u8);
            bytes.extend_from_slice(field.as_bytes());
        }
        let signature = self.sign(&bytes);
        bytes.extend_from_slice(&signature);
        Pass { token: URL_SAFE_NO_PAD.encode(&bytes), buyer: buyer.into(), expires_at }
    }

    /// Opens a pass, where it is one of ours. One answer for every way in which it may not be: what differs between
    /// them is what a forger would like to know.
    pub(super) fn open<'a>(&self, token: &[u8], buffer: &'a mut PassBuffer) -> Option<Opened<'a>> {
        if token.len() > PASS_CHARS_MAX {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut buffer.0).ok()?;
        let bytes: &'a [u8] = &buffer.0;
        // Signature first: nothing below has ever seen a byte that this server didn't write.
        let (signed, signature) = bytes.get(..length)?.split_last_chunk::<SIGNATURE_BYTES>()?;
        if !bool::from(self.sign(signed).ct_eq(signature)) {
            return None;
        }
        let (version, rest) = signed.split_first()?;
        let (expires_at, rest) = rest.split_first_chunk()?;
        let (sale, rest) = split_field(rest)?;
        let (buyer, rest) = split_field(rest)?;
        if *version != VERSION || !rest.is_empty() {
            return None;
        }
        Some(Opened {
            identified: Identified { sale: std::str::from_utf8(sale).ok()?, buyer: BuyerRef::parse(buyer).ok()? },
            expires_at: WallTime::from_micros(i64::from_be_bytes(*expires_at)),
        })
    }

    fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let whole: [u8; 32] = self.0.clone().chain_update(bytes).finalize().into_bytes().into();
        let mut signature = [0; SIGNATURE_BYTES];
        signature.copy_from_slice(whole.split_at(SIGNATURE_BYTES).0);
        signature
    }
}

impl fmt::Debug for Passes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Passes")
    }
}

fn split_field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}
