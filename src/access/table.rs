//! Where buckets are kept: a table of a fixed size, without locks, without a sweeper, without an allocation after its
//! start.
//!
//! A key's hash names a set of eight words (one cache line). A word is a tag of 18 hash bits beside a bucket's time; a
//! word whose bucket is full again says nothing and is free. Two keys of one set with the same tag share a bucket: 8 in
//! 2¹⁸ new keys at worst.
//!
//! ```text
//! set   | gate |  1  |  2  |  3  |  4  |  5  |  6  |  7  |
//! ```
//! A new key always comes in by the set's first word, its *gate*: its former tenant is copied to another word first, then
//! one swap of the gate brings the new one in. So two threads that bring the same key at once can't both succeed: the
//! gate changes but once. A copy that was made in vain stays behind, never fuller than the original; hence a key's bucket
//! is the *fullest* word with its tag.
//!
//! Where all eight owe something, the one that owes the least gives way: it is forgotten, which lets its key have some
//! more (fails open, counted). Keys that keep knocking owe the most, and stay.
//!
//! **Invariant:** as long as the keys that owe something fit their sets, no key gets more than its quota.

use super::bucket::{Quota, TIME_BITS, Tat};
use crate::clock::MonoTime;
use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;

/// Words of a set: one cache line of 64 bytes.
#[cfg(not(doorbuster_loom))]
const WAYS: usize = 8;
/// The smallest set that can move a tenant: models have to stay small.
#[cfg(doorbuster_loom)]
const WAYS: usize = 2;

/// A set begins at a cache line, so that one miss brings all of it.
#[derive(Debug)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// A bucket with its tag, as one word has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word(u64);

/// A word in which nobody has ever been: its tag is nobody's.
const NOBODY: u64 = 0;

impl Word {
    fn new(tag: u64, tat: Tat) -> Self {
        Self(tag << TIME_BITS | tat.bits())
    }

    fn tag(self) -> u64 {
        self.0 >> TIME_BITS
    }

    fn owes(self, quota: Quota, now: Tat) -> u64 {
        if self.0 == NOBODY { 0 } else { quota.owes(Tat::from_bits(self.0), now) }
    }
}

/// A table of buckets.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[Set]>,
    /// Buckets that gave way although they owed something.
    evicted: AtomicU64,
}

/// What one look at a set found.
struct Look {
    gate: Word,
    /// The fullest word of the key: where, what, and what it owes.
    own: Option<(usize, Word, u64)>,
    /// Where the gate's tenant moves: a copy of his own, or whoever owes the least.
    spare: (usize, Word, u64),
}

impl Table {
    /// A table with room for at least this many keys that owe something at the same time.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        let empty = || Set(std::array::from_fn(|_| AtomicU64::new(NOBODY)));
        Self { sets: (0..sets).map(|_| empty()).collect(), evicted: AtomicU64::new(0) }
    }

    /// Buckets that were forgotten although they owed something.
    pub(super) fn evicted(&self) -> u64 {
        // Relaxed: a figure for people.
        self.evicted.load(Ordering::Relaxed)
    }

    /// Takes from the bucket of a key, named by a keyed hash.
    ///
    /// # Refuses
    /// With the time until the next attempt would pass.
    pub(super) fn take(&self, hash: u64, quota: Quota, now: MonoTime) -> Result<(), Duration> {
        let now = Tat::at(now);
        // The tag is made of the upper bits, the set of the lower ones; tag 0 is nobody's.
        let tag = (hash >> TIME_BITS).max(1);
        #[expect(clippy::cast_possible_truncation, reason = "masked to the number of sets")]
        let set = &self.sets[hash as usize & (self.sets.len() - 1)];
        loop {
            let look = set.look(tag, quota, now);
            let done = match look.own {
                Some((way, word, owed)) => set.swap(way, word, Word::new(tag, quota.take(owed, now)?)),
                None => self.come_in(set, &look, Word::new(tag, quota.take(0, now)?), quota, now),
            };
            // Somebody else changed the word: he got his, so the table as a whole goes on.
            if done {
                return Ok(());
            }
        }
    }

    /// Brings a new key in by the gate. False where the set changed meanwhile.
    fn come_in(&self, set: &Set, look: &Look, word: Word, quota: Quota, now: Tat) -> bool {
        if look.gate.owes(quota, now) > 0 {
            let (way, spare, owed) = look.spare;
            if spare != look.gate && !set.swap(way, spare, look.gate) {
                return false;
            }
            if owed > 0 && spare.tag() != look.gate.tag() {
                self.evicted.fetch_add(1, Ordering::Relaxed);
            }
        }
        set.swap(0, look.gate, word)
    }
}

impl Set {
    /// Reads the gate first: if it is unchanged when the new key comes in, the key was nowhere else either, because words
    /// only ever move away from the gate.
    fn look(&self, tag: u64, quota: Quota, now: Tat) -> Look {
        // Acquire: pairs with `swap`, so that the copy of a tenant who left the gate is seen by whoever sees him gone.
        let read = |way: usize| Word(self.0[way].load(Ordering::Acquire));
        let gate = read(0);
        let mut own = (gate.tag() == tag).then(|| (0, gate, gate.owes(quota, now)));
        let mut spare: Option<(usize, Word, u64)> = None;
        for way in 1..WAYS {
            let word = read(way);
            let owed = word.owes(quota, now);
            if word.tag() == tag && own.is_none_or(|(_, _, most)| owed > most) {
                own = Some((way, word, owed));
            }
            let is_better = spare
                .is_none_or(|(_, best, least)| best.tag() != gate.tag() && (word.tag() == gate.tag() || owed < least));
            if is_better {
                spare = Some((way, word, owed));
            }
        }
        // A set has more than one way.
        Look { gate, own, spare: spare.unwrap_or((0, gate, 0)) }
    }

    fn swap(&self, way: usize, from: Word, to: Word) -> bool {
        // Release: the tenant's copy is in its place before he leaves the gate.
        self.0[way].compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}
