//! How many may wait to be written, and who must be woken for it.
//!
//! All that producers and the writer have to agree on is one atomic word: how many entries are queued, how many places
//! are reserved for entries still to come, and what state the ledger is in. One word has one order of changes, so
//! there is nothing between two of its fields that could be seen half-done.
//!
//! **Invariant:** queued + reserved ≤ capacity: who has a place can always fill it.
//!
//! **Invariant:** an entry that is queued is never slept on: the writer falls asleep by a change of the same word, and
//! only while nothing is queued.
//!
//! **Invariant:** once the ledger is closed or broken no place is handed out, so an empty word stays empty.

use std::sync::OnceLock;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::Unwritten;
use super::queue::Haste;
use crate::sync::{AtomicU64, Ordering};

#[cfg(doorbuster_loom)]
use loom::thread::{Thread, current, park};
#[cfg(not(doorbuster_loom))]
use std::thread::{Thread, current, park, park_timeout};

/// loom has no time: a nap with a deadline is modelled as one without.
#[cfg(doorbuster_loom)]
fn park_timeout(_: Duration) {
    park();
}

/// Most places that a queue may have: what the word has room for, and 256 MiB of entries.
pub const QUEUE_ORDERS_MAX: usize = 1 << 22;

const QUEUED_ONE: u64 = 1;
const RESERVED_ONE: u64 = 1 << 24;
const COUNT_MASK: u64 = (1 << 24) - 1;
/// The writer sleeps until there is something to write.
const ASLEEP: u64 = 1 << 48;
/// The writer naps while more comes together.
const LINGERING: u64 = 1 << 49;
/// No more places: what is queued is still written.
const CLOSED: u64 = 1 << 50;
/// The disk has no room for the moment.
const REFUSING: u64 = 1 << 51;
/// The writer writes no more.
const BROKEN: u64 = 1 << 52;

fn queued(word: u64) -> u64 {
    word & COUNT_MASK
}

fn reserved(word: u64) -> u64 {
    (word / RESERVED_ONE) & COUNT_MASK
}

/// The places of the queue, and the state of the ledger.
#[derive(Debug)]
pub(super) struct Places {
    /// Bits 0–23 queued, 24–47 reserved, from 48 the flags. Written by producers and the writer. Every change is a
    /// read-modify-write with acquire and release: it sees, and hands on, everything that any earlier change brought.
    word: CachePadded<AtomicU64>,
    capacity: u64,
    /// Who waits for the bell; set by the writer before it sleeps for the first time.
    writer: OnceLock<Thread>,
}

/// What the writer's rest ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Something may be queued, or the time is up.
    Again,
    /// Closed or broken, nothing is queued, and nothing can be queued any more.
    Over,
}

impl Places {
    pub(super) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, QUEUE_ORDERS_MAX) as u64;
        Self { word: CachePadded::new(AtomicU64::new(0)), capacity, writer: OnceLock::new() }
    }

    fn load(&self) -> u64 {
        // Acquire: whoever reads a state also sees what was written before it came about.
        self.word.load(Ordering::Acquire)
    }

    /// Reserves a place.
    pub(super) fn reserve(&self) -> Result<(), Unwritten> {
        let mut word = self.load();
        loop {
            if word & BROKEN != 0 {
                return Err(Unwritten::OutcomeUnknown);
            }
            if word & REFUSING != 0 {
                return Err(Unwritten::NotStored);
            }
            if word & CLOSED != 0 || queued(word) + reserved(word) >= self.capacity {
                return Err(Unwritten::Busy);
            }
            // Acquire: pairs with `took`, so that the queue's cell is free before it is filled again.
            match self.word.compare_exchange_weak(word, word + RESERVED_ONE, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Gives a reserved place back.
    pub(super) fn give_back(&self) {
        let before = self.word.fetch_sub(RESERVED_ONE, Ordering::AcqRel);
        // Only a writer that is about to end waits for places to come back.
        if before & (CLOSED | BROKEN) != 0 {
            self.rouse(ASLEEP);
        }
    }

    /// Says that a reserved place has been filled. The writer is woken if it sleeps; if it lingers, only where
    /// this entry is urgent or `enough` are queued.
    pub(super) fn filled(&self, haste: Haste, enough: u64) {
        // Release: pairs with the writer's acquire, so that it finds in the queue what the count promises.
        let before = self.word.fetch_sub(RESERVED_ONE - QUEUED_ONE, Ordering::AcqRel);
        if before & ASLEEP != 0 || (before & LINGERING != 0 && (haste == Haste::Urgent || queued(before) + 1 >= enough))
        {
            self.rouse(ASLEEP | LINGERING);
        }
    }

    /// Says that `count` entries that the writer has taken out of the queue are decided.
    pub(super) fn took(&self, count: usize) {
        self.word.fetch_sub(QUEUED_ONE * count as u64, Ordering::AcqRel);
    }

    fn rouse(&self, naps: u64) {
        // Whoever clears the flag rings: one wake-up, however many come at once.
        if self.word.fetch_and(!naps, Ordering::AcqRel) & naps != 0
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }

    /// Wakes the writer although nothing is queued. A writer that is awake finds the call before it sleeps again.
    pub(super) fn nudge(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Makes the calling thread the one that is woken.
    pub(super) fn attend(&self) {
        // One writer, named once: a second name would be nobody's.
        let _ = self.writer.set(current());
    }

    /// The writer's rest: until something is queued, `patience` is over or all is over.
    pub(super) fn rest(&self, patience: Option<Duration>) -> Rest {
        let mut word = self.load();
        loop {
            if queued(word) > 0 {
                return Rest::Again;
            }
            if word & (CLOSED | BROKEN) != 0 && reserved(word) == 0 {
                return Rest::Over;
            }
            match self.word.compare_exchange_weak(word, word | ASLEEP, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        match patience {
            None => park(),
            Some(patience) => park_timeout(patience),
        }
        self.word.fetch_and(!ASLEEP, Ordering::AcqRel);
        Rest::Again
    }

    /// The writer's nap while entries come together: until `enough` are there or `span` is over.
    pub(super) fn linger(&self, span: Duration, enough: u64) {
        let mut word = self.load();
        loop {
            if queued(word) == 0 || queued(word) >= enough || word & (CLOSED | BROKEN) != 0 {
                return;
            }
            match self.word.compare_exchange_weak(word, word | LINGERING, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        park_timeout(span);
        self.word.fetch_and(!LINGERING, Ordering::AcqRel);
    }

    /// No more places.
    pub(super) fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
        self.rouse(ASLEEP | LINGERING);
    }

    /// The disk has no room: says whether that is news.
    pub(super) fn refuse(&self) -> bool {
        self.word.fetch_or(REFUSING, Ordering::AcqRel) & REFUSING == 0
    }

    /// The disk has room again: says whether that is news.
    pub(super) fn resume(&self) -> bool {
        self.word.fetch_and(!REFUSING, Ordering::AcqRel) & REFUSING != 0
    }

    /// Nothing will be written any more.
    pub(super) fn break_down(&self) {
        self.word.fetch_or(BROKEN, Ordering::AcqRel);
    }

    pub(super) fn is_refusing(&self) -> bool {
        self.load() & REFUSING != 0
    }

    /// Entries that wait or are being written.
    pub(super) fn queued(&self) -> u64 {
        queued(self.load())
    }

    /// The same, and those whose places are reserved: everything that memory has and the log may not have yet.
    pub(super) fn underway(&self) -> u64 {
        let word = self.load();
        queued(word) + reserved(word)
    }

    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }
}
