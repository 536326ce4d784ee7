//! Time, read once at the top of the house and handed down as a value.
//!
//! Two clocks: the monotonic one decides (limits, deadlines of connections), the wall clock tells (schedules, what is
//! written down). A test moves both by hand.
//!
//! **Invariant:** no floor reads a clock: below the door, time is a parameter.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
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
    System(MachineClock),
    /// A clock that stands still until a test moves it.
    Manual(Arc<Mutex<Now>>),
}

impl Clock {
    /// The machine's clocks; monotonic time begins now.
    #[must_use]
    pub fn system() -> Self {
        Self::System(MachineClock::start())
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
            Self::System(machine) => machine.now(),
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

/// How long a reading of the wall clock serves: a look at either clock takes a fifth of what a refusal takes in all, and a
/// sale that opens or a clock that is set is known a millisecond later at most.
const WALL_SERVES_NS: u64 = 1_000_000;

/// The machine's clocks: the monotonic one read each time, the wall clock now and then, and what has passed since is added.
#[derive(Debug, Clone)]
pub struct MachineClock {
    start: Instant,
    wall: Arc<WallReading>,
}

/// Who was taken off the processor for longer between a look at the one clock and a look at the other keeps it to himself.
const READ_TOGETHER_NS: u64 = 50_000;

/// The last look at the wall clock. Relaxed throughout: each number is whole, and either one from another look is as good.
#[derive(Debug, Default)]
struct WallReading {
    /// What the wall clock showed when monotonic time began, in microseconds since 1970.
    at_start_us: AtomicI64,
    /// Until when it serves, in monotonic time.
    until_ns: AtomicU64,
}

impl MachineClock {
    fn start() -> Self {
        Self { start: Instant::now(), wall: Arc::default() }
    }

    fn mono_ns(&self) -> u64 {
        // 584 years of nanoseconds fit.
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> Now {
        let mono_ns = self.mono_ns();
        let mono_us = (mono_ns / 1_000).cast_signed();
        let at_start_us = if mono_ns < self.wall.until_ns.load(Ordering::Relaxed) {
            self.wall.at_start_us.load(Ordering::Relaxed)
        } else {
            let at_start_us = wall_of_the_machine_us().saturating_sub(mono_us);
            if self.mono_ns() - mono_ns < READ_TOGETHER_NS {
                self.wall.at_start_us.store(at_start_us, Ordering::Relaxed);
                self.wall.until_ns.store(mono_ns.saturating_add(WALL_SERVES_NS), Ordering::Relaxed);
            }
            at_start_us
        };
        Now { mono: MonoTime(mono_ns), wall: WallTime(at_start_us.saturating_add(mono_us)) }
    }
}

fn wall_of_the_machine_us() -> i64 {
    // A machine whose clock stands before 1970 sells nothing that has an opening time; it is no reason to stop.
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX).saturating_add(wrong_by_us())
}

/// By how much the machine's clock is wrong: it is as right as the machine.
#[cfg(not(feature = "torture"))]
const fn wrong_by_us() -> i64 {
    0
}

#[cfg(feature = "torture")]
pub use self::wrong::{VARIABLE as CLOCK_VARIABLE, set_machine_clock};

#[cfg(feature = "torture")]
use self::wrong::wrong_by_us;

/// A test build's clock can be set: a file says by how many milliseconds it is wrong.
#[cfg(feature = "torture")]
mod wrong {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;
    use std::{fs, io};

    /// Names the directory where the file may lie.
    pub const VARIABLE: &str = "DOORBUSTER_CLOCK_DIR";
    const FILE: &str = "clock-ahead-ms";

    static PATH: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os(VARIABLE).map(|dir| Path::new(&dir).join(FILE)));

    /// What the file says; nothing where there is none.
    pub(super) fn wrong_by_us() -> i64 {
        let said = PATH.as_ref().and_then(|path| fs::read_to_string(path).ok());
        said.and_then(|text| text.parse::<i64>().ok()).map_or(0, |ms| ms.saturating_mul(1_000))
    }

    /// Sets the clock of whoever was started with [`VARIABLE`] naming this directory. Nobody sees half of it.
    ///
    /// # Errors
    /// Where the file can't be written.
    pub fn set_machine_clock(dir: &Path, ahead_ms: i64) -> io::Result<()> {
        let new = dir.join("clock-new");
        fs::write(&new, ahead_ms.to_string())?;
        fs::rename(new, dir.join(FILE))
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::{Clock, MachineClock, Ordering, wall_of_the_machine_us};

    #[test]
    fn the_machines_wall_clock_is_shown_whether_it_was_just_read_or_is_added_up() {
        let clock = Clock::system();
        for _ in 0..10_000 {
            let (before, shown, after) =
                (wall_of_the_machine_us(), clock.now().wall.micros(), wall_of_the_machine_us());
            // What two looks may be apart, and what a time server may slew the one clock against the other meanwhile.
            assert!((before - 60..=after + 60).contains(&shown), "{before} {shown} {after}");
        }
    }

    #[test]
    fn a_wall_clock_that_was_set_is_looked_at_again_once_the_last_look_has_served() {
        let clock = MachineClock::start();
        let hour_us = 3_600_000_000;
        let shown = || wall_of_the_machine_us() - clock.now().wall.micros();
        // As if it had been an hour earlier at the last look.
        clock.wall.at_start_us.store(wall_of_the_machine_us() - hour_us, Ordering::Relaxed);
        clock.wall.until_ns.store(u64::MAX, Ordering::Relaxed);
        assert!(shown() > hour_us / 2);
        clock.wall.until_ns.store(clock.mono_ns(), Ordering::Relaxed);
        assert!(shown() < hour_us / 2);
    }
}
