//! How long answers take: from when an attempt's head has been read until its answer stands, before it goes to the wire.
//!
//! Deliberately absent: the network, and the kernel's queue before a connection is read. What a buyer waits for is longer.
//!
//! **Invariant:** measuring costs the attempts that are told no next to nothing: one in [`SAMPLED`] is measured, chosen by
//! the time at which it began, so that nobody counts. Of those who win every one is measured: there are few.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::MonoTime;

/// One attempt of so many is measured: a second look at the clock costs a hundredth of a refusal, and this a sixty-fourth
/// of that.
pub const SAMPLED: u64 = 1 << SAMPLED_BITS;
const SAMPLED_BITS: u32 = 6;
/// 2⁶⁴ divided by the golden ratio: spreads times over all residues, also those of a clock that counts in steps.
const SPREADING: u64 = 0x9E37_79B9_7F4A_7C15;

/// Steps in each doubling: a reading is at most a sixteenth too long.
const STEPS: usize = 1 << STEP_BITS;
const STEP_BITS: u32 = 4;
/// Doublings above the first: up to 2⁴⁰ nanoseconds, which is 18 minutes. What takes longer counts as that.
const DOUBLINGS: usize = 36;
const CELLS: usize = STEPS * (DOUBLINGS + 1);

/// The cell of a span: exact below [`STEPS`] nanoseconds, then in equal steps within each doubling.
fn cell_of(nanos: u64) -> usize {
    if nanos < STEPS as u64 {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let doubling = nanos.ilog2() - STEP_BITS;
    let step = usize::try_from(nanos >> doubling).unwrap_or(0) - STEPS;
    (STEPS * (doubling as usize + 1) + step).min(CELLS - 1)
}

/// The longest span that a cell stands for.
fn end_of(cell: usize) -> u64 {
    let (doubling, step) = (cell / STEPS, (cell % STEPS) as u64);
    match doubling.checked_sub(1) {
        None => step,
        Some(doubling) => ((STEPS as u64 + step + 1) << doubling) - 1,
    }
}

/// Spans, counted by any thread.
#[derive(Debug)]
pub struct Spans {
    /// Away from what every attempt reads, so that counting takes no cache line from it.
    cells: Box<[AtomicU64]>,
}

impl Default for Spans {
    fn default() -> Self {
        Self { cells: (0..CELLS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Spans {
    // Relaxed everywhere: a count orders nothing.
    fn add(&self, began: MonoTime, ended: MonoTime) {
        let nanos = ended.nanos().saturating_sub(began.nanos());
        self.cells[cell_of(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// All of them so far.
    #[must_use]
    pub fn reading(&self) -> Reading {
        Reading(self.cells.iter().map(|count| count.load(Ordering::Relaxed)).collect())
    }
}

/// What [`Spans`] had counted at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading(Vec<u64>);

impl Reading {
    /// What has come since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self(self.0.iter().zip(&earlier.0).map(|(now, then)| now.saturating_sub(*then)).collect())
    }

    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// How long so many of a thousand took at most; none where none was measured.
    #[must_use]
    pub fn per_mille(&self, of_a_thousand: u64) -> Option<Duration> {
        let wanted = (self.count() * of_a_thousand).div_ceil(1000).max(1);
        let mut sum = 0;
        let cell = self.0.iter().position(|count| {
            sum += count;
            sum >= wanted
        })?;
        Some(Duration::from_nanos(end_of(cell)))
    }
}

/// How long attempts take.
#[derive(Debug, Default)]
pub struct Pace {
    /// Of all attempts, one in [`SAMPLED`].
    pub attempts: Spans,
    /// Of those that won, all.
    pub wins: Spans,
}

impl Pace {
    /// An attempt that began then has its answer now: `look` says when that is, and isn't asked where it isn't measured.
    pub fn answered(&self, began: MonoTime, look: impl FnOnce() -> MonoTime) {
        if began.nanos().wrapping_mul(SPREADING) >> (u64::BITS - SAMPLED_BITS) == 0 {
            self.attempts.add(began, look());
        }
    }

    /// An attempt that began then has won, and its answer stands.
    pub fn won(&self, began: MonoTime, ended: MonoTime) {
        self.wins.add(began, ended);
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    const START: MonoTime = MonoTime::from_nanos(0);

    #[test]
    fn every_span_is_in_a_cell_that_ends_at_most_a_sixteenth_later() {
        for shift in 0..40 {
            for nanos in [1_u64 << shift, (1 << shift) + 1, (1 << shift) * 2 - 1] {
                let end = end_of(cell_of(nanos));
                assert!(end >= nanos && end - nanos <= nanos / STEPS as u64, "{nanos} ends at {end}");
            }
        }
        assert_eq!((cell_of(u64::MAX), cell_of(0)), (CELLS - 1, 0));
        assert!((1..CELLS).all(|cell| cell_of(end_of(cell)) == cell && end_of(cell - 1) < end_of(cell)));
    }

    #[test]
    fn a_thousandth_is_found_where_it_lies() {
        let pace = Pace::default();
        assert_eq!(pace.wins.reading().per_mille(500), None);
        for micros in 1..=1000 {
            pace.won(START, MonoTime::from_nanos(micros * 1000));
        }
        let reading = pace.wins.reading();
        assert_eq!(reading.count(), 1000);
        for (of_a_thousand, micros) in [(1, 1), (500, 500), (990, 990), (999, 999), (1000, 1000)] {
            let found = reading.per_mille(of_a_thousand).expect("some were measured").as_nanos();
            let real = micros * 1000;
            assert!((real..=real + real / 16).contains(&found), "{of_a_thousand} of 1000: {found} ns");
        }
    }

    #[test]
    fn what_came_since_an_earlier_reading_stands_alone() {
        let pace = Pace::default();
        pace.won(START, MonoTime::from_nanos(5));
        let earlier = pace.wins.reading();
        pace.won(START, MonoTime::from_nanos(9));
        let lately = pace.wins.reading().since(&earlier);
        assert_eq!((lately.count(), lately.per_mille(500)), (1, Some(Duration::from_nanos(9))));
    }

    #[test]
    fn about_one_in_so_many_is_measured_whatever_the_clocks_steps() {
        for step in [1, 10, 64, 100, 1000, 1024] {
            let pace = Pace::default();
            for turn in 0..64_000 {
                pace.answered(MonoTime::from_nanos(turn * step), || MonoTime::from_nanos(turn * step + 1));
            }
            let measured = pace.attempts.reading().count();
            assert!((900..=1100).contains(&measured), "{measured} of 1000 with steps of {step} ns");
        }
    }
}
