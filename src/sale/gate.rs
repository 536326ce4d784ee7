//! A sale's gate: its phase, and how many are on their way through.
//!
//! Whoever is about to take a unit keeps a foot in the gate from before the stock moves until the order stands in the
//! ledger's queue. Closing the gate refuses newcomers at once and waits for the feet: after that, everything that got
//! through stands in the queue *before* the event that says "paused" or "ended". So the log's order is the truth.
//!
//! **Invariant:** once [`Gate::close`] has returned, no order of this sale enters the queue until the gate is opened.

use crossbeam_utils::CachePadded;

use crate::offer::Phase;
use crate::sync::{AtomicU64, Ordering, yield_now};

/// Phase in the two lowest bits, feet above them.
#[derive(Debug)]
pub(super) struct Gate {
    word: CachePadded<AtomicU64>,
}

/// One foot, in units of the word.
const FOOT: u64 = 1 << 2;
const PHASE_MASK: u64 = FOOT - 1;

const fn bits(phase: Phase) -> u64 {
    match phase {
        Phase::Scheduled => 0,
        Phase::Live => 1,
        Phase::Paused => 2,
        Phase::Ended => 3,
    }
}

const fn phase_of(word: u64) -> Phase {
    match word & PHASE_MASK {
        0 => Phase::Scheduled,
        1 => Phase::Live,
        2 => Phase::Paused,
        _ => Phase::Ended,
    }
}

impl Gate {
    pub(super) fn new(phase: Phase) -> Self {
        Self { word: CachePadded::new(AtomicU64::new(bits(phase))) }
    }

    /// Where the sale stands.
    pub(super) fn phase(&self) -> Phase {
        // Acquire: who sees `Live` sees the opening that was committed before it.
        phase_of(self.word.load(Ordering::Acquire))
    }

    /// Puts a foot in the gate.
    ///
    /// # Refuses
    /// With the phase, where the sale isn't live.
    pub(super) fn step_in(&self) -> Result<Underway<'_>, Phase> {
        // Acquire on success: pairs with `set`. The check and the count are one swap, so `close` either sees this foot
        // or refuses it.
        self.word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                (phase_of(word) == Phase::Live).then_some(word + FOOT)
            })
            .map(|_| Underway { gate: self })
            .map_err(phase_of)
    }

    /// Puts a foot in the gate whatever the phase is: for what the gate doesn't stop, but waits for.
    pub(super) fn step_past(&self) -> Underway<'_> {
        // Acquire: who steps in after `settle` has begun sees what was changed before it.
        self.word.fetch_add(FOOT, Ordering::AcqRel);
        Underway { gate: self }
    }

    /// Sets the phase; feet stay where they are.
    pub(super) fn set(&self, phase: Phase) {
        // Release: what was committed before an opening is seen by who gets in. The closure never says no.
        let _ =
            self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(word & !PHASE_MASK | bits(phase)));
    }

    /// Sets a phase that isn't live, and waits until nobody has a foot in the gate.
    pub(super) fn close(&self, phase: Phase) {
        self.set(phase);
        self.settle();
    }

    /// Waits for a moment at which nobody has a foot in the gate: who got in before this call has left then. That takes
    /// microseconds, because a foot is never kept across a wait.
    pub(super) fn settle(&self) {
        // A swap that changes nothing, not a load: who steps in after it acquires what was changed before this call, such
        // as newer terms; who stepped in before it is seen here. A load could miss a foot that misses the change.
        let mut word = self.word.fetch_or(0, Ordering::AcqRel);
        while word >= FOOT {
            yield_now();
            // Acquire: pairs with the release of the last foot, so its order is in the queue before we go on.
            word = self.word.load(Ordering::Acquire);
        }
    }
}

/// A foot in the gate of a live sale: as long as it is there, the sale can't finish pausing or ending.
#[derive(Debug)]
#[must_use]
pub struct Underway<'a> {
    gate: &'a Gate,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        // Release: the order that went into the queue happened before the gate counts as empty.
        self.gate.word.fetch_sub(FOOT, Ordering::Release);
    }
}
