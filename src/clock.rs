//! Time, read once at the top of the house and handed down as a value.
//!
//! Two clocks: the monotonic one decides (limits, deadlines of connections), the wall clock tells (schedules, what is
//! written down). A test moves both by hand.
//!
//! **Invariant:** no floor reads a clock: below the door, time is a parameter.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// A point on the wall clock: microseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(i64);

impl WallTime {
    /// The point that lies this many microseconds after 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This point, later by `span` (at the end of time: the end of time).
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long from this point until `later`; nothing where that has passed.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_micros(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// RFC 3339 in UTC with microseconds, as every answer writes it.
    #[must_use]
    pub fn rfc3339(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(formatter, "{stamp:.6}"),
            Err(_) => formatter.write_str("9999-12-31T23:59:59.999999Z"),
        }
    }
}

/// A point on the monotonic clock: nanoseconds since this clock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonoTime(u64);

impl MonoTime {
    /// The point that lies this many nanoseconds after the clock was made.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock was made: it wraps after 584 years.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }
}

/// The time of one request: both clocks, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For limits and deadlines.
    pub mono: MonoTime,
    /// For schedules and for what is written down.
    pub wall: WallTime,
}

/// Where time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clocks.
    System(Instant),
    /// A clock that stands still until a test moves it.
    Manual(Arc<Mutex<Now>>),
}

impl Clock {
    /// The machine's clocks; monotonic time begins now.
    #[must_use]
    pub fn system() -> Self {
        Self::System(Instant::now())
    }

    /// A clock that stands at `wall`, until it is moved.
    #[must_use]
    pub fn manual(wall: WallTime) -> Self {
        Self::Manual(Arc::new(Mutex::new(Now { mono: MonoTime(0), wall })))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Now {
        match self {
            Self::System(start) => Now {
                // 584 years of nanoseconds fit.
                mono: MonoTime(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)),
                wall: wall_of_the_machine(),
            },
            Self::Manual(now) => *now.lock(),
        }
    }

    /// Moves both clocks on. A machine's clock moves by itself.
    pub fn advance(&self, span: Duration) {
        if let Self::Manual(now) = self {
            let mut now = now.lock();
            now.mono.0 = now.mono.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
            now.wall = now.wall.after(span);
        }
    }

    /// Sets the wall clock, as an administrator or a bad time server would: monotonic time stays.
    pub fn set_wall(&self, wall: WallTime) {
        if let Self::Manual(now) = self {
            now.lock().wall = wall;
        }
    }
}

fn wall_of_the_machine() -> WallTime {
    // A machine whose clock stands before 1970 sells nothing that has an opening time; it is no reason to stop.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
