//! Spent challenges: has this one been redeemed before?
//!
//! One set of nonces for each second in which challenges expire. Expired sets are dropped whole, so making room is no
//! sweep over the table. One lock: it is held for some hundred nanoseconds, and each redemption in front of it has
//! cost its buyer a second of work, so a million buyers in a minute keep it busy for less than one part in a hundred.
//! (Shards would each fill up on their own, and a buyer could choose challenges that fall into one.)
//!
//! Deliberately absent: a clock, and a memory beyond the process (challenges don't outlive it either).
//!
//! **Invariant:** a nonce is spent once, whatever the wall clock does: what was forgotten as expired stays refused
//! also when the clock is set back.
//!
//! **Invariant:** never more keys than the capacity. When it is full of challenges that haven't expired, further ones
//! are refused, and not the oldest forgotten: a forgotten one could be spent again. Filling it takes `capacity` solved
//! challenges within their lifetime, and it is empty again one lifetime later.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::client::work::RANDOM_BYTES;
use crate::clock::WallTime;

type Nonce = [u8; RANDOM_BYTES];

/// What became of a challenge that somebody wants to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spend {
    /// It is spent now, and was not before.
    First,
    /// It was spent before.
    Again,
    /// It expired, as far as this table can remember.
    Past,
    /// There is no room.
    Full,
}

/// The table.
pub(super) struct Spent {
    /// In keys.
    capacity: usize,
    keys: Mutex<Keys>,
}

struct Keys {
    /// The nonces by the second in which their challenges expire. Nonces are random and ours; nobody chooses them.
    by_expiry: BTreeMap<i64, HashSet<Nonce, RandomState>>,
    /// In all sets together; never above the capacity.
    count: usize,
    /// The latest second whose nonces were forgotten. Only that, not the latest time seen: a clock that was ahead for
    /// a moment then refuses challenges for one lifetime at most, and not until the true time has caught up.
    forgotten_until: i64,
}

impl Spent {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, keys: Mutex::new(Keys { by_expiry: BTreeMap::new(), count: 0, forgotten_until: i64::MIN }) }
    }

    /// Spends a challenge that expires at `expires_at` (seconds since 1970). Of several calls with one nonce, one and
    /// only one is [`Spend::First`]: they follow each other under the lock.
    pub(super) fn spend(&self, nonce: Nonce, expires_at: i64, now: WallTime) -> Spend {
        let mut keys = self.keys.lock();
        keys.forget_expired(now);
        if expires_at <= keys.forgotten_until {
            return Spend::Past;
        }
        let full = keys.count >= self.capacity;
        let set = keys.by_expiry.entry(expires_at).or_default();
        if set.contains(&nonce) {
            return Spend::Again;
        }
        if full {
            return Spend::Full;
        }
        set.insert(nonce);
        keys.count += 1;
        Spend::First
    }

    pub(super) fn len(&self) -> usize {
        self.keys.lock().count
    }
}

impl Keys {
    fn forget_expired(&mut self, now: WallTime) {
        let now_seconds = now.micros().div_euclid(1_000_000);
        while let Some(earliest) = self.by_expiry.first_entry().filter(|earliest| *earliest.key() <= now_seconds) {
            self.forgotten_until = *earliest.key();
            self.count -= earliest.remove().len();
        }
    }
}
