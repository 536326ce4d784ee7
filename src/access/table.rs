//! Where buckets are kept: a table of a fixed size, without locks, without a sweeper, without an allocation after its
//! start.
//!
//! A key's hash names its *home*, a set of eight words (one cache line). A word is a tag of 18 hash bits beside a bucket's
//! time; a word whose bucket is full again says nothing and is free. Two keys of one set with the same tag share a bucket:
//! 8 in 2¹⁸ new keys, twice that in a crowded table.
//!
//! ```text
//! set   | gate |  1  |  2  |  3  |  4  |  5  |  6  |  7  |
//! ```
//! A new key always comes in by its home's first word, the *gate*: the former tenant is copied to another word first,
//! then one swap of the gate brings the new one in. So two threads that bring the same key at once can't both succeed:
//! the gate changes but once. A copy that was made in vain stays behind, never fuller than the original; hence a key's
//! bucket is the gate where that has its tag, else the *fullest* word that does.
//!
//! Where all eight owe something, the gate's tenant moves to the second set that his tag names, as a guest. So a few
//! crowded sets lean on their neighbours, and nobody looks for guests of a set that was never crowded. Where his second
//! set is crowded as well, the word of both that owes the least gives way: its key is forgotten, which lets it have some
//! more (fails open, counted). Keys that keep knocking owe the most, and stay.
//!
//! **Invariant:** as long as the keys that owe something fit their sets, no key gets more than its quota. (The race that
//! is left: a thread stands still in the middle of such a copy for as long as the bucket takes to fill, and two others hit
//! that bucket at the very moment of its wake-up. One attempt more may pass.)

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

/// Spreads tags over second sets (an odd number near 2⁶⁴ ÷ the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A bucket with its tag, as one word has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word(u64);

/// A word in which nobody has ever been: its tag is nobody's.
const NOBODY: Word = Word(0);

impl Word {
    fn new(tag: u64, tat: Tat) -> Self {
        Self(tag << TIME_BITS | tat.bits())
    }

    fn tag(self) -> u64 {
        self.0 >> TIME_BITS
    }

    fn tat(self) -> Tat {
        Tat::from_bits(self.0)
    }

    fn owes(self, quota: Quota, now: Tat) -> u64 {
        if self == NOBODY { 0 } else { quota.owes(self.tat(), now) }
    }
}

/// Where a word is kept.
#[derive(Debug)]
struct Place(AtomicU64);

impl Place {
    fn read(&self) -> Word {
        // Acquire: pairs with `swap`, so that the copy of a tenant who left the gate is seen by whoever sees him gone.
        Word(self.0.load(Ordering::Acquire))
    }

    /// False where the word isn't `from` any more.
    fn swap(&self, from: Word, to: Word) -> bool {
        // Release: the tenant's copy is in its place before he leaves the gate.
        self.0.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// A place, what was read there, and what that owes.
type Spare<'t> = (&'t Place, Word, u64);

/// A set begins at a cache line, so that one miss brings all of it.
#[derive(Debug)]
#[repr(align(64))]
struct Set {
    gate: Place,
    rooms: [Place; WAYS - 1],
}

impl Set {
    fn new() -> Self {
        let empty = || Place(AtomicU64::new(NOBODY.0));
        Self { gate: empty(), rooms: std::array::from_fn(|_| empty()) }
    }

    /// The fullest of the rooms with this tag.
    ///
    /// It looks at all of them without a branch: which one it is can't be guessed, and a wrong guess costs more than eight
    /// comparisons.
    fn fullest(&self, tag: u64, quota: Quota, now: Tat) -> Option<(&Place, Word)> {
        let mut found = 0_u32;
        for (way, room) in self.rooms.iter().enumerate() {
            found |= u32::from(room.read().tag() == tag) << way;
        }
        if found == 0 {
            return None;
        }
        let first = self.rooms.get(found.trailing_zeros() as usize)?;
        let word = first.read();
        if found.is_power_of_two() && word.tag() == tag {
            Some((first, word))
        } else {
            self.fullest_of(tag, quota, now)
        }
    }

    /// The same where there are copies of it, or it has just moved.
    #[cold]
    fn fullest_of(&self, tag: u64, quota: Quota, now: Tat) -> Option<(&Place, Word)> {
        let all = self.rooms.iter().map(|room| (room, room.read()));
        all.filter(|(_, word)| word.tag() == tag).max_by_key(|(_, word)| word.owes(quota, now))
    }

    /// The room for a tenant with this tag: where a copy of his is, or else the first that owes the least.
    fn spare(&self, tag: u64, quota: Quota, now: Tat) -> Option<Spare<'_>> {
        let all = || self.rooms.iter().map(|room| (room, room.read()));
        let own = self.fullest(tag, quota, now);
        let spare = own.or_else(|| all().min_by_key(|(_, word)| word.owes(quota, now)));
        spare.map(|(room, word)| (room, word, word.owes(quota, now)))
    }

    /// Whether all its words were ever needed at the same time: [`Set::spare`] takes the first room that is free, so the
    /// last is taken last.
    fn was_crowded(&self) -> bool {
        self.rooms.last().is_some_and(|room| room.read() != NOBODY)
    }
}

/// What is left of a key.
#[derive(Debug, Clone, Copy)]
struct Key {
    home: usize,
    tag: u64,
}

/// A table of buckets.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[Set]>,
    /// Buckets that gave way although they owed something.
    evicted: AtomicU64,
}

impl Table {
    /// A table with room for at least this many keys that owe something at the same time.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Set::new()).collect(), evicted: AtomicU64::new(0) }
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
        // The tag is made of the upper bits, the home of the lower ones; tag 0 is nobody's.
        let key = Key { home: self.home(hash), tag: (hash >> TIME_BITS).max(1) };
        let gate = &self.sets[key.home].gate;
        let tenant = gate.read();
        if tenant.tag() == key.tag {
            let taken = quota.take(tenant.tat(), now)?;
            if gate.swap(tenant, Word::new(key.tag, taken)) {
                return Ok(());
            }
        }
        self.take_anywhere(key, quota, now)
    }

    /// [`Table::take`], wherever the key is: apart, so that what a key in the gate costs stays small.
    #[inline(never)]
    fn take_anywhere(&self, key: Key, quota: Quota, now: Tat) -> Result<(), Duration> {
        let gate = &self.sets[key.home].gate;
        loop {
            // The gate first: if it is unchanged when a new key comes in, the key was nowhere else either, because words
            // only ever move away from the gate.
            let tenant = gate.read();
            let done = if tenant.tag() == key.tag {
                let taken = quota.take(tenant.tat(), now)?;
                gate.swap(tenant, Word::new(key.tag, taken))
            } else if let Some((room, word)) = self.seek(key, quota, now) {
                let taken = quota.take(word.tat(), now)?;
                // The gate again: if the key came in by it meanwhile, the room may hold no more than a copy.
                gate.read() == tenant && room.swap(word, Word::new(key.tag, taken))
            } else {
                self.make_room(key.home, tenant, quota, now) && gate.swap(tenant, Word::new(key.tag, quota.first(now)))
            };
            // Somebody else changed the word: he got his, so the table as a whole goes on.
            if done {
                return Ok(());
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to the number of sets")]
    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.sets.len() - 1)
    }

    /// A key's second set. Its distance is odd: it is another one, if there is another one.
    fn second(&self, key: Key) -> &Set {
        &self.sets[key.home ^ self.home(key.tag.wrapping_mul(SPREAD) >> 32 | 1)]
    }

    /// A key's word outside of the gate.
    fn seek(&self, key: Key, quota: Quota, now: Tat) -> Option<(&Place, Word)> {
        let set = &self.sets[key.home];
        set.fullest(key.tag, quota, now)
            .or_else(|| if set.was_crowded() { self.second(key).fullest(key.tag, quota, now) } else { None })
    }

    /// Copies the gate's tenant to where he will be found. False where that changed meanwhile.
    fn make_room(&self, home: usize, tenant: Word, quota: Quota, now: Tat) -> bool {
        let owing = tenant.owes(quota, now);
        if owing == 0 {
            return true;
        }
        let key = Key { home, tag: tenant.tag() };
        let is_crowded = |(_, word, owed): &Spare<'_>| word.tag() != key.tag && *owed > 0;
        let near = self.sets[home].spare(key.tag, quota, now);
        let spare = match near {
            Some(near) if is_crowded(&near) => {
                let far = self.second(key).spare(key.tag, quota, now);
                far.filter(|far| !is_crowded(far) || far.2 < near.2).or(Some(near))
            }
            near => near,
        };
        // A set has more than one word.
        let Some(spare) = spare else { return true };
        let (room, word, owed) = spare;
        if word.tag() == key.tag && owed >= owing {
            return true;
        }
        if !room.swap(word, tenant) {
            return false;
        }
        if is_crowded(&spare) {
            // Relaxed: a figure for people.
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        true
    }
}
