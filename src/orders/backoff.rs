//! When is a message that couldn't be delivered tried again?
//!
//! The gap doubles from five seconds up to six hours, and the moment is drawn at random from a quarter before its end to a
//! quarter behind it, so that thousands of messages to a shop that comes back don't arrive in one second. Deliberately
//! absent: clocks, dice and the messages themselves.
//!
//! **Invariant:** a message is tried a fixed number of times, the last one 72 hours after the first on average, and never
//! later than 90.

use std::time::Duration;

/// The longest first gap: a shop that restarts is back by then.
const FIRST: Duration = Duration::from_secs(5);
/// The longest gap: a shop that is back gets its messages within a quarter of a day or so.
const LAST_GAP: Duration = Duration::from_secs(6 * 60 * 60);
/// The longest wait of all.
pub const LONGEST: Duration = Duration::from_secs(5 * LAST_GAP.as_secs() / 4);
/// After so long nobody is going to fix it: a weekend is over.
const GIVE_UP: Duration = Duration::from_secs(72 * 60 * 60);

/// How often a message is tried again at most: as many of the longest gaps as fit into 72 hours.
pub const RETRIES_MAX: u32 = retries_max();

/// The gap after this many failures, from 1.
const fn gap_s(failures: u32) -> u64 {
    // 2¹³ × 5 s is beyond the cap already, so more doublings than that never count.
    let doublings = if failures > 14 { 13 } else { failures.saturating_sub(1) };
    let gap_s = FIRST.as_secs() << doublings;
    if gap_s < LAST_GAP.as_secs() { gap_s } else { LAST_GAP.as_secs() }
}

const fn retries_max() -> u32 {
    let mut retries = 0;
    let mut total_s = 0;
    loop {
        total_s += gap_s(retries + 1);
        if total_s > GIVE_UP.as_secs() {
            return retries;
        }
        retries += 1;
    }
}

/// How long to wait after a message has failed for the `failures`th time (from 1), with `random` drawn evenly from all
/// 2⁶⁴; none where it isn't tried again.
#[must_use]
pub fn next(failures: u32, random: u64) -> Option<Duration> {
    if failures > RETRIES_MAX {
        return None;
    }
    let gap_us = gap_s(failures) * 1_000_000;
    let drawn_us = (u128::from(gap_us / 2) * u128::from(random)) >> u64::BITS;
    // Below half the gap, so it fits.
    Some(Duration::from_micros(gap_us / 4 * 3 + u64::try_from(drawn_us).unwrap_or(0)))
}

#[cfg(test)]
mod tests;
