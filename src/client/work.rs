//! The work of a challenge: which counter makes a key that begins as it should?
//!
//! As in ALTCHA's proof of work, version 2: `key(counter)` is SHA-256, `cost` times over, of
//! `salt ‖ nonce ‖ counter` (the counter as four bytes, big-endian).
//!
//! Deliberately absent: threads. A browser solves challenges; this solver is for tests, the demo and the bench.

use sha2::{Digest, Sha256};

use crate::client::challenge::{Challenge, Solution, SolvedChallenge};

pub(super) const KEY_BYTES: usize = 32;
pub(super) const RANDOM_BYTES: usize = 16;

/// What a try needs of a challenge, decoded.
pub(super) struct Puzzle {
    pub(super) nonce: [u8; RANDOM_BYTES],
    pub(super) salt: [u8; RANDOM_BYTES],
    pub(super) cost: u32,
}

impl Puzzle {
    /// Nothing, where nonce or salt aren't sixteen bytes in lower-case hex.
    pub(super) fn of(challenge: &Challenge) -> Option<Self> {
        let parameters = &challenge.parameters;
        Some(Self { nonce: from_hex(&parameters.nonce)?, salt: from_hex(&parameters.salt)?, cost: parameters.cost })
    }

    pub(super) fn key(&self, counter: u32) -> [u8; KEY_BYTES] {
        let first = Sha256::new()
            .chain_update(self.salt)
            .chain_update(self.nonce)
            .chain_update(counter.to_be_bytes())
            .finalize();
        (1..self.cost).fold(first, |key, _| Sha256::digest(key)).into()
    }
}

/// Whether the key, in hex, begins with these digits.
pub(super) fn begins_with(key: &[u8; KEY_BYTES], prefix: &[u8]) -> bool {
    let mut digits = key.iter().flat_map(|byte| [byte >> 4, byte & 0xF]);
    prefix.iter().all(|wanted| digits.next().map(hex_digit) == Some(*wanted))
}

/// Solves a challenge, at [`crate::client::Difficulty::expected_hashes`] on average.
///
/// Nothing, where it isn't a challenge of this kind (SHA-256, keys of 32 bytes, nonce and salt of 16, work within the
/// range of a difficulty), or, once in e²⁵⁶ challenges of the most digits, has no solution.
#[must_use]
pub fn solve(challenge: &Challenge) -> Option<SolvedChallenge> {
    if !challenge.is_of_our_kind() {
        return None;
    }
    let puzzle = Puzzle::of(challenge)?;
    let prefix = challenge.parameters.key_prefix.as_bytes();
    let counter = (0..=u32::MAX).find(|counter| begins_with(&puzzle.key(*counter), prefix))?;
    let solution = Solution { counter, derived_key: to_hex(&puzzle.key(counter)), time: None };
    Some(SolvedChallenge { challenge: challenge.clone(), solution })
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).map(|nibble| char::from(hex_digit(nibble))).collect()
}

/// Lower case only: what we wrote ourselves has one spelling.
pub(super) fn from_hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != BYTES || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; BYTES];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' - 10 + nibble,
    }
}
