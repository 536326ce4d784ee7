//! When the shipper goes on: how much at once, how soon again.
//!
//! Deliberately absent: clocks and dice.

use std::time::Duration;

/// Most events of one transaction: measured, 1,000 take 15 % longer for each, and more gain nothing.
pub(super) const ROWS_MAX: usize = 10_000;
/// Shortest pause after a fault: a backend that was ended is replaced at once.
const FIRST: Duration = Duration::from_millis(100);
/// Longest: nobody waits much longer for a PostgreSQL that is back than it took to start.
const LONGEST: Duration = Duration::from_secs(2);
/// Pause after something that somebody has to look into: soon enough to see that he has.
const ALARM: Duration = Duration::from_secs(30);
/// From so many attempts a second on the sale needs the cores: a shop at peace has hundreds.
const STAMPEDE_PER_S: u64 = 2_000;
/// In a stampede the shipper rests so many times as long as it has worked: it takes a twentieth of one core, and as much of
/// PostgreSQL's, where that is on the same machine.
const STAMPEDE_REST: u32 = 19;
/// Longest rest in a stampede: lag is bounded by work, not by one slow commit.
const STAMPEDE_REST_MAX: Duration = Duration::from_secs(5);

/// How much at once, and how soon after a fault.
#[derive(Debug)]
pub(super) struct Pace {
    rows: usize,
    failures: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rows: ROWS_MAX, failures: 0 }
    }
}

impl Pace {
    /// So many events may be shipped at once.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// It went well.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.rows = (self.rows * 2).min(ROWS_MAX);
    }

    /// So many were too many; says whether fewer can be tried.
    pub(super) fn fewer(&mut self, shipped: usize) -> bool {
        let is_many = self.rows.min(shipped) > 1;
        self.rows = (self.rows.min(shipped) / 2).max(1);
        is_many
    }

    /// How long to wait after a fault: doubled each time, and drawn from the upper half of that with `random`, so that many
    /// shops don't come back in one moment.
    pub(super) fn failed(&mut self, random: u64) -> Duration {
        let gap = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let share = u128::from(random) * (gap.as_nanos() / 2);
        // Below half the gap, so it fits.
        gap / 2 + Duration::from_nanos(u64::try_from(share >> u64::BITS).unwrap_or(0))
    }

    /// How long to wait before looking again at what somebody has to mend.
    pub(super) fn alarmed() -> Duration {
        ALARM
    }
}

/// How long to rest after working for `work`, if `attempts` came in `span`.
pub(super) fn rest_after(work: Duration, attempts: u64, span: Duration) -> Duration {
    let per_s = u128::from(attempts) * 1_000 / span.as_millis().max(1);
    if per_s < u128::from(STAMPEDE_PER_S) { Duration::ZERO } else { (work * STAMPEDE_REST).min(STAMPEDE_REST_MAX) }
}
