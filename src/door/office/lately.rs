//! How long people wait, lately: the last minute, so that a slow one shows although a fast day lies before it.
//!
//! **Invariant:** whoever looks moves the window; nobody has to keep it while nobody looks.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::clock::MonoTime;
use crate::funnel::pace::{Pace, Reading, SAMPLED};

/// How far back it goes, where somebody has looked by then.
const WINDOW: Duration = Duration::from_secs(60);
/// Between two readings that are kept.
const STEP: Duration = Duration::from_secs(5);

struct Look {
    at: MonoTime,
    attempts: Reading,
    wins: Reading,
}

/// What has been read in the last minute.
#[derive(Default)]
pub struct Lately(Mutex<VecDeque<Look>>);

impl std::fmt::Debug for Lately {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lately").finish_non_exhaustive()
    }
}

impl Lately {
    /// The spans of the last minute; since the start, where nobody has looked before.
    pub(super) fn view(&self, pace: &Pace, now: MonoTime) -> Value {
        let (attempts, wins) = (pace.attempts.reading(), pace.wins.reading());
        let mut looks = self.0.lock();
        let age = |look: &Look| Duration::from_nanos(now.nanos().saturating_sub(look.at.nanos()));
        // The newest of those that are old enough is where the window begins.
        while looks.get(1).is_some_and(|second| age(second) >= WINDOW) {
            looks.pop_front();
        }
        let view = match looks.front() {
            Some(first) => json!({
                "seconds": age(first).as_secs(), "one_in": SAMPLED,
                "attempts": spans(&attempts.since(&first.attempts)), "wins": spans(&wins.since(&first.wins)),
            }),
            None => json!({ "seconds": null, "one_in": SAMPLED, "attempts": spans(&attempts), "wins": spans(&wins) }),
        };
        if looks.back().is_none_or(|last| age(last) >= STEP) {
            looks.push_back(Look { at: now, attempts, wins });
        }
        view
    }
}

/// In seconds, as everything that lasts is; null where nothing was measured.
fn spans(reading: &Reading) -> Value {
    let seconds = |of_a_thousand| reading.per_mille(of_a_thousand).map(|span| span.as_secs_f64());
    json!({ "measured": reading.count(), "p50": seconds(500), "p99": seconds(990), "p999": seconds(999) })
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_slow_minute_shows_behind_a_fast_day() {
        let (pace, lately) = (Pace::default(), Lately::default());
        let at = |seconds: u64| MonoTime::from_nanos(seconds * 1_000_000_000);
        for _ in 0..1000 {
            pace.won(at(0), MonoTime::from_nanos(1_000_000));
        }
        assert_eq!(lately.view(&pace, at(1))["wins"]["measured"], 1000);
        for second in (5..200).step_by(5) {
            lately.view(&pace, at(second));
        }
        pace.won(at(200), at(203));
        let view = lately.view(&pace, at(203));
        assert_eq!((&view["wins"]["measured"], &view["seconds"]), (&json!(1), &json!(63)));
        assert!(view["wins"]["p50"].as_f64().is_some_and(|seconds| (3.0..3.2).contains(&seconds)), "{view}");
    }
}
