//! What waits to be written. How many may, and who is woken, is `places.rs`.
//!
//! **Invariant:** entries leave in the order in which they came; nothing is ever dropped.

use std::time::Duration;

use crossbeam_queue::ArrayQueue;

use super::Unwritten;
use super::event::Event;
use super::places::{Places, QUEUE_ORDERS_MAX};
use super::receipt::Promise;
use crate::sync::{AtomicU64, Ordering};

/// A place in the ledger's queue. Dropped unused, it is free again.
#[must_use = "a place that nobody fills is given back"]
#[derive(Debug)]
pub struct Slot<'a> {
    places: &'a Places,
}

impl<'a> Slot<'a> {
    pub(super) fn reserve(places: &'a Places) -> Result<Self, Unwritten> {
        places.reserve().map(|()| Self { places })
    }

    /// The place will be filled: it isn't given back.
    pub(super) fn spend(self) {
        std::mem::forget(self);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.places.give_back();
    }
}

/// Something that waits to be written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Event,
    /// Whom to tell; nobody waits for an order that was acknowledged from memory.
    pub(super) promise: Option<Promise>,
    /// Whether its outcome has been told: a writer that fails half-way tells the others, and nobody twice.
    pub(super) told: bool,
}

/// The entries themselves, in the order in which they were decided.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) places: Places,
    entries: ArrayQueue<Entry>,
    /// So many make a lingering writer get up: set by the writer before it lingers.
    enough: AtomicU64,
}

/// Whether a lingering writer gets up for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// Only when enough have come together: it is one of a crowd.
    Crowd,
    /// At once: somebody waits for this very one.
    Urgent,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        let places = Places::new(capacity);
        let entries = ArrayQueue::new(usize::try_from(places.capacity()).unwrap_or(QUEUE_ORDERS_MAX));
        Self { places, entries, enough: AtomicU64::new(0) }
    }

    /// Fills a place.
    pub(super) fn push(&self, slot: Slot<'_>, event: Event, promise: Option<Promise>, haste: Haste) {
        let mut entry = Entry { event, promise, told: false };
        // There are as many cells as places, and a place is free only after its cell: the first try succeeds.
        while let Err(back) = self.entries.push(entry) {
            entry = back;
            std::hint::spin_loop();
        }
        slot.spend();
        // Relaxed: whoever reads an old number wakes the writer too soon, or leaves it to its time.
        self.places.filled(haste, self.enough.load(Ordering::Relaxed));
    }

    /// Takes up to `most` entries out, in their order, and says how many. Their places stay taken until
    /// [`Queue::decided`]: what is being written is still on its way.
    pub(super) fn take(&self, into: &mut Vec<Entry>, most: usize) -> usize {
        let before = into.len();
        let count = usize::try_from(self.places.queued()).unwrap_or(most).min(most);
        into.extend(std::iter::from_fn(|| self.entries.pop()).take(count));
        into.len() - before
    }

    /// Frees the places of so many entries that were taken out: memory and log agree about them.
    pub(super) fn decided(&self, count: usize) {
        self.places.took(count);
    }

    /// Lets entries come together: until `enough` are there, an urgent one comes or `span` is over.
    pub(super) fn linger(&self, span: Duration, enough: usize) {
        // Half the queue: the other half is for what comes while the writer gets up.
        let enough = (enough as u64).min(self.places.capacity().div_ceil(2));
        self.enough.store(enough, Ordering::Relaxed);
        self.places.linger(span, enough);
    }
}
