//! When attempts are meant to be made.
//!
//! **Invariant:** in an open loop the intended moments know nothing of the server: whoever comes while nobody is free waits,
//! and his wait counts. Latency that starts at the sending would leave out exactly those who suffer most (Gil Tene's
//! "coordinated omission").

use std::time::{Duration, Instant};

/// How attempts follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// Each connection asks again as soon as it has its answer.
    Closed,
    /// So many a second, whatever the answers do.
    Open { per_s: f64 },
    /// So many, evenly within a span, and then no more.
    Burst { attempts: u64, within: Duration },
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// This attempt, meant for this moment.
    Now { number: u64, intended: Instant },
    /// Nothing before this moment.
    At(Instant),
    /// Nothing ever.
    Over,
}

/// One thread's share of the attempts.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pace: Pace,
    begin: Instant,
    last: Duration,
    /// The first attempt's number of all, the next one's of this thread, and how far it is to the one after it.
    first: u64,
    number: u64,
    step: u64,
}

impl Schedule {
    /// The share of one of `threads` threads, from `begin` on, for as long as `last`. Numbers start at `first`.
    pub(super) fn new(
        pace: Pace,
        (begin, last): (Instant, Duration),
        first: u64,
        (thread, threads): (u64, u64),
    ) -> Self {
        Self { pace, begin, last, first, number: first + thread, step: threads }
    }

    /// What is due.
    pub(super) fn due(&self, now: Instant) -> Due {
        let count = self.number - self.first;
        let after = match self.pace {
            Pace::Closed => now.saturating_duration_since(self.begin),
            // Beyond 2⁵³ attempts this would lose some: years.
            Pace::Open { per_s } => Duration::try_from_secs_f64(count as f64 / per_s).unwrap_or(Duration::MAX),
            Pace::Burst { attempts, .. } if count >= attempts => return Due::Over,
            Pace::Burst { attempts, within } => within.mul_f64(count as f64 / attempts as f64),
        };
        if after >= self.last {
            return Due::Over;
        }
        let intended = self.begin + after;
        if intended > now { Due::At(intended) } else { Due::Now { number: self.number, intended } }
    }

    /// How many attempts will never be made, where nobody waits for them any longer.
    pub(super) fn rest(&self) -> u64 {
        let all = match self.pace {
            Pace::Closed => return 0,
            Pace::Open { per_s } => (per_s * self.last.as_secs_f64()).ceil() as u64,
            Pace::Burst { attempts, .. } => attempts,
        };
        all.saturating_sub(self.number - self.first).div_ceil(self.step)
    }

    /// Nobody comes any more.
    pub(super) fn end(&mut self) {
        self.last = Duration::ZERO;
    }

    /// The attempt that was due is made.
    pub(super) fn made(&mut self) {
        self.number += self.step;
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Due, Pace, Schedule};

    const SECOND: Duration = Duration::from_secs(1);

    /// All attempts that are due when so much has passed.
    fn made(schedule: &mut Schedule, begin: Instant, after: Duration) -> Vec<(u64, Duration)> {
        let mut made = Vec::new();
        while let Due::Now { number, intended } = schedule.due(begin + after) {
            made.push((number, intended - begin));
            schedule.made();
        }
        made
    }

    #[test]
    fn an_open_loop_keeps_its_moments_however_late_it_is_asked() {
        let begin = Instant::now();
        let mut schedule = Schedule::new(Pace::Open { per_s: 10.0 }, (begin, SECOND), 0, (1, 2));
        assert_eq!(schedule.due(begin), Due::At(begin + Duration::from_millis(100)));
        let expected: Vec<_> = [1, 3, 5, 7].map(|number| (number, Duration::from_millis(number * 100))).into();
        assert_eq!(made(&mut schedule, begin, Duration::from_millis(750)), expected);
        assert_eq!(schedule.rest(), 1);
        assert_eq!(made(&mut schedule, begin, 9 * SECOND), [(9, Duration::from_millis(900))]);
        assert_eq!(schedule.due(begin + SECOND), Due::Over);
    }

    #[test]
    fn two_threads_share_the_numbers_without_a_gap() {
        let begin = Instant::now();
        let shares = [0, 1].map(|thread| Schedule::new(Pace::Open { per_s: 100.0 }, (begin, SECOND), 0, (thread, 2)));
        let mut all: Vec<_> = shares.into_iter().flat_map(|mut share| made(&mut share, begin, SECOND)).collect();
        all.sort_unstable();
        assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_closed_loop_asks_until_the_time_is_over() {
        let begin = Instant::now();
        let schedule = Schedule::new(Pace::Closed, (begin, SECOND), 0, (0, 1));
        let now = begin + Duration::from_millis(999);
        assert_eq!(schedule.due(now), Due::Now { number: 0, intended: now });
        assert_eq!(schedule.due(begin + SECOND), Due::Over);
    }

    #[test]
    fn a_burst_is_over_when_everybody_has_come() {
        let begin = Instant::now();
        let within = Duration::from_millis(100);
        let mut schedule = Schedule::new(Pace::Burst { attempts: 50, within }, (begin, 9 * SECOND), 0, (0, 1));
        let all = made(&mut schedule, begin, SECOND);
        assert_eq!((all.len(), all[49].1), (50, Duration::from_millis(98)));
        assert_eq!(schedule.due(begin + SECOND), Due::Over);
    }
}
