//! The arithmetic of one token bucket, apart from where its word is kept.
//!
//! GCRA, the generic cell rate algorithm (ITU-T I.371): a bucket is one number, the *theoretical arrival time* (TAT) at
//! which it will be full again. An attempt moves it on by one interval; it may run ahead of now by `burst` intervals.
//!
//! Times are ticks of 1/16 µs, kept modulo 2⁴⁶ (50 days): a word that lies in the impossible future is one that was full
//! long ago.
//!
//! **Invariant:** at most `burst + rate × time` attempts pass, because the interval is rounded up.

use std::time::Duration;

use crate::clock::MonoTime;

/// Width of a time: what a word has left beside its tag.
pub(super) const TIME_BITS: u32 = 46;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;
/// A tick is 62.5 ns, two are 125: short enough for an interval of a microsecond to be exact.
const NANOS_PER_2_TICKS: u64 = 125;
const TICKS_PER_SECOND: f64 = 16e6;

/// How far ahead of one thread's clock another's may have written: far more than two reads of a clock can lie apart.
const SKEW_TICKS: u64 = 16_000_000;

/// Longest time for an empty bucket to fill: a quarter of what a word can hold, so that the past and the future can't be
/// taken for each other. 12.7 days.
pub(super) const FILL_TICKS_MAX: u64 = 1 << (TIME_BITS - 2);

/// The interval of the lowest rate.
pub(super) const INTERVAL_TICKS_MAX: u64 = 160_000_000_000;

/// Highest and lowest rate, in attempts per second.
const RATES: std::ops::RangeInclusive<f64> = 0.0001..=1_000_000.0;

/// Why a quota can't be kept.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum QuotaError {
    /// The rate is out of range.
    #[error("rate must be 0 (no limit) or from 0.0001 to 1000000 per second, not {0}")]
    Rate(f64),
    /// The bucket would take too long to fill.
    #[error(
        "a burst of {burst} at {rate_per_s} per second takes more than 12 days to fill: lower the burst or raise the rate"
    )]
    Burst {
        /// Attempts at once.
        burst: u32,
        /// Attempts per second.
        rate_per_s: f64,
    },
}

/// How fast and how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Ticks from one attempt to the next, rounded up; at least 1.
    interval: u64,
    /// Attempts at once, at least 1.
    burst: u32,
}

impl Quota {
    /// A quota of `rate_per_s` attempts per second and `burst` at once; none, where either is 0: no limit.
    ///
    /// # Errors
    /// [`QuotaError`] where the rate is out of range or the bucket would take too long to fill.
    pub fn new(rate_per_s: f64, burst: u32) -> Result<Option<Self>, QuotaError> {
        if rate_per_s == 0.0 || burst == 0 {
            return Ok(None);
        }
        if !RATES.contains(&rate_per_s) {
            return Err(QuotaError::Rate(rate_per_s));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 16 to 1.6e11, by the range")]
        let interval = (TICKS_PER_SECOND / rate_per_s).ceil() as u64;
        let quota = Self { interval, burst };
        if quota.full_after() > FILL_TICKS_MAX {
            return Err(QuotaError::Burst { burst, rate_per_s });
        }
        Ok(Some(quota))
    }

    /// Attempts at once.
    #[must_use]
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Attempts per second in the long run.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "intervals are below 2³⁸")]
    pub fn rate_per_s(self) -> f64 {
        TICKS_PER_SECOND / self.interval as f64
    }

    /// The quota of these parts, which were a quota's before.
    pub(super) fn from_parts(interval: u64, burst: u32) -> Self {
        Self { interval, burst }
    }

    /// Ticks from one attempt to the next.
    pub(super) fn interval(self) -> u64 {
        self.interval
    }

    /// Ticks in which an empty bucket fills. At most 2³⁸ × 2³² before it is checked.
    fn full_after(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }

    /// How much a bucket may owe and still give: all of it but one attempt. It can't wrap, nor can any sum with it, because
    /// [`FILL_TICKS_MAX`] bounds it.
    fn owing_max(self) -> u64 {
        self.interval.wrapping_mul(u64::from(self.burst).wrapping_sub(1))
    }

    /// How much a bucket can owe, beyond which its time is long past.
    fn horizon(self) -> u64 {
        self.owing_max().wrapping_add(self.interval).wrapping_add(SKEW_TICKS)
    }

    /// How far a bucket is from being full at `now`: 0 where it is, however long ago.
    pub(super) fn owes(self, tat: Tat, now: Tat) -> u64 {
        let ahead = tat.ahead_of(now);
        if ahead > self.horizon() { 0 } else { ahead }
    }

    /// The bucket after one more attempt.
    ///
    /// # Refuses
    /// With the time until the next attempt would pass.
    pub(super) fn take(self, tat: Tat, now: Tat) -> Result<Tat, Duration> {
        let ahead = tat.ahead_of(now);
        if ahead <= self.owing_max() {
            Ok(tat.after(self.interval))
        } else if ahead > self.horizon() {
            Ok(self.first(now))
        } else {
            Err(span(ahead.wrapping_sub(self.owing_max())))
        }
    }

    /// A full bucket after an attempt: it always gives.
    pub(super) fn first(self, now: Tat) -> Tat {
        now.after(self.interval)
    }
}

/// Rounded up to whole nanoseconds.
fn span(ticks: u64) -> Duration {
    Duration::from_nanos((ticks * NANOS_PER_2_TICKS).div_ceil(2))
}

/// A point in time as a word keeps it: ticks modulo 2⁴⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tat(u64);

impl Tat {
    pub(super) fn at(now: MonoTime) -> Self {
        // Rounded down, as the wait is up. The shift drops a bit after 292 years: every bucket is full then, once.
        Self(((now.nanos() << 1) / NANOS_PER_2_TICKS) & TIME_MASK)
    }

    fn after(self, ticks: u64) -> Self {
        Self(self.0.wrapping_add(ticks) & TIME_MASK)
    }

    fn ahead_of(self, now: Self) -> u64 {
        self.0.wrapping_sub(now.0) & TIME_MASK
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits & TIME_MASK)
    }

    pub(super) fn bits(self) -> u64 {
        self.0
    }
}
