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

/// Phase in the two lowest bits, above them which side of the gate newcomers take, above that the feet on either side.
///
/// Two sides, so that whoever waits for those who are inside doesn't wait for those who come after them: he sends newcomers
/// to the other side first.
#[derive(Debug)]
pub(super) struct Gate {
    word: CachePadded<AtomicU64>,
}

const PHASE_MASK: u64 = 0b11;
/// Newcomers take the right side.
const RIGHT: u64 = 1 << 2;
/// One foot on the left side: up to 2³⁰ of them, far more than threads.
const LEFT_FOOT: u64 = 1 << 3;
/// One foot on the right side.
const RIGHT_FOOT: u64 = 1 << 33;

/// The newcomers' foot.
const fn foot(word: u64) -> u64 {
    if word & RIGHT == 0 { LEFT_FOOT } else { RIGHT_FOOT }
}

/// Whether there is a foot of that side.
const fn has_feet(word: u64, foot: u64) -> bool {
    let above = if foot == LEFT_FOOT { word % RIGHT_FOOT } else { word };
    above >= foot
}

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
                (phase_of(word) == Phase::Live).then_some(word + foot(word))
            })
            .map(|word| Underway { gate: self, foot: foot(word) })
            .map_err(phase_of)
    }

    /// Puts a foot in the gate whatever the phase is: for what the gate doesn't stop, but waits for.
    pub(super) fn step_past(&self) -> Underway<'_> {
        // Acquire: who steps in after `settle` has begun sees what was changed before it.
        let step = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(word + foot(word)));
        // The closure never says no.
        let (Ok(word) | Err(word)) = step;
        Underway { gate: self, foot: foot(word) }
    }

    /// Sets the phase; feet stay where they are.
    pub(super) fn set(&self, phase: Phase) {
        // Release: what was committed before an opening is seen by who gets in. The closure never says no.
        let _ =
            self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| Some(word & !PHASE_MASK | bits(phase)));
    }

    /// Sets a phase that isn't live, and waits until nobody has a foot in the gate: the other side is empty since the last
    /// time somebody settled.
    pub(super) fn close(&self, phase: Phase) {
        self.set(phase);
        self.settle();
    }

    /// Waits until everybody who got in before this call has left. That takes microseconds, because a foot is never kept
    /// across a wait, and newcomers don't prolong it. One caller at a time: the keeper.
    pub(super) fn settle(&self) {
        // A swap, not a load: who steps in after it acquires what was changed before this call, such as newer terms; who
        // stepped in before it is seen here. A load could miss a foot that misses the change.
        let mut word = self.word.fetch_xor(RIGHT, Ordering::AcqRel);
        let left_behind = foot(word);
        while has_feet(word, left_behind) {
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
    /// On which side it stands.
    foot: u64,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        // Release: the order that went into the queue happened before the gate counts as empty.
        self.gate.word.fetch_sub(self.foot, Ordering::Release);
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    #[test]
    fn settling_waits_for_those_inside_and_not_for_who_comes_after_them() {
        let gate = Gate::new(Phase::Live);
        let early = gate.step_in().expect("the gate is open");
        std::thread::scope(|scope| {
            let settling = scope.spawn(|| gate.settle());
            // Newcomers are sent to the other side as soon as the keeper has begun to wait.
            let late = loop {
                let late = gate.step_in().expect("the gate is open");
                if late.foot != early.foot {
                    break late;
                }
            };
            assert!(!settling.is_finished(), "somebody is inside who came before");
            drop(early);
            settling.join().expect("settled although somebody who came later is inside");
            drop(late);
        });
        gate.close(Phase::Ended);
        assert_eq!(gate.word.load(Ordering::Relaxed) & !(RIGHT | PHASE_MASK), 0, "every foot has left");
    }
}
