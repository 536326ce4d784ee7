//! What was armed, and what happens at a passing.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Point, VARIABLE};

/// Longest delay: a mistyped hour would look like a hang.
const DELAY_MAX_MS: u64 = 60_000;

const NOTHING: u64 = 0;
const KILL: u64 = 1;
const PANIC: u64 = 2;
const ERROR: u64 = 3;
/// A delay is this and its milliseconds.
const DELAY: u64 = 4;

/// One point's setting. Relaxed everywhere: it is armed before the house starts a thread, which makes it visible to all of
/// them, and the passings are only counted.
struct Setting {
    action: AtomicU64,
    /// At which passing; 0: at each.
    at: AtomicU64,
    passed: AtomicU64,
}

static SETTINGS: [Setting; Point::ALL.len()] =
    [const { Setting { action: AtomicU64::new(NOTHING), at: AtomicU64::new(0), passed: AtomicU64::new(0) } };
        Point::ALL.len()];

/// Why failpoints can't be armed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is no `=`.
    #[error("{VARIABLE}: \"{0}\" is not NAME=ACTION[@N]")]
    Shape(String),
    /// No such point.
    #[error("{VARIABLE}: there is no failpoint \"{0}\"; there are: {all}", all = names())]
    Name(String),
    /// No such action.
    #[error("{VARIABLE}: \"{0}\" is no action; there are kill, panic, error, delay(MILLISECONDS ≤ {DELAY_MAX_MS})")]
    Action(String),
    /// The place has no fault of its own.
    #[error("{VARIABLE}: \"{0}\" has no fault of its own: it takes kill, panic and delay(MILLISECONDS)")]
    NoError(&'static str),
    /// Not a count.
    #[error("{VARIABLE}: \"@{0}\" is not the number of a passing, from @1 on")]
    Passing(String),
    /// A test build that fails at will is nobody's shop.
    #[error("{0} is not a loopback address: a test build (feature torture) serves this machine only")]
    NotLoopback(IpAddr),
    /// The variable isn't text.
    #[error("{VARIABLE} is not UTF-8")]
    NotText,
}

fn names() -> String {
    Point::ALL.iter().map(|point| point.name()).collect::<Vec<_>>().join(", ")
}

/// What one part of the specification says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) point: Point,
    pub(super) action: u64,
    pub(super) at: u64,
}

/// Arms what the environment names, once, before the house opens at these addresses.
///
/// # Errors
/// [`SpecError`]
pub fn arm_from_environment(addresses: &[IpAddr]) -> Result<(), SpecError> {
    tracing::warn!("THIS IS A TEST BUILD (feature torture): it can be made to fail. Not for a real sale.");
    if let Some(address) = addresses.iter().find(|address| !address.is_loopback()) {
        return Err(SpecError::NotLoopback(*address));
    }
    let Some(spec) = std::env::var_os(VARIABLE) else { return Ok(()) };
    let spec = spec.into_string().map_err(|_| SpecError::NotText)?;
    arm(&spec)?;
    tracing::warn!(spec, "failpoints are armed");
    Ok(())
}

/// Arms what a specification says; all of it, or nothing.
///
/// # Errors
/// [`SpecError`]
pub fn arm(spec: &str) -> Result<(), SpecError> {
    for Order { point, action, at } in parse(spec)? {
        let setting = &SETTINGS[point as usize];
        setting.at.store(at, Ordering::Relaxed);
        setting.passed.store(0, Ordering::Relaxed);
        setting.action.store(action, Ordering::Relaxed);
    }
    Ok(())
}

pub(super) fn parse(spec: &str) -> Result<Vec<Order>, SpecError> {
    spec.split(';').map(str::trim).filter(|part| !part.is_empty()).map(parse_one).collect()
}

fn parse_one(part: &str) -> Result<Order, SpecError> {
    let (name, rest) = part.split_once('=').ok_or_else(|| SpecError::Shape(part.into()))?;
    let point = Point::ALL.iter().find(|point| point.name() == name.trim());
    let point = *point.ok_or_else(|| SpecError::Name(name.trim().into()))?;
    let (word, at) = match rest.split_once('@') {
        None => (rest, None),
        Some((word, at)) => match at.parse() {
            Ok(at @ 1..) => (word, Some(at)),
            _ => return Err(SpecError::Passing(at.into())),
        },
    };
    let action = match word.trim() {
        "kill" => KILL,
        "panic" => PANIC,
        "error" if point.takes_error() => ERROR,
        "error" => return Err(SpecError::NoError(point.name())),
        word => DELAY + delay_ms(word).ok_or_else(|| SpecError::Action(word.into()))?,
    };
    // A house in which everything panics for ever shows nothing more than one in which something did.
    let once = if action == PANIC { 1 } else { 0 };
    Ok(Order { point, action, at: at.unwrap_or(once) })
}

fn delay_ms(word: &str) -> Option<u64> {
    let ms = word.strip_prefix("delay(")?.strip_suffix(')')?.parse().ok()?;
    (ms <= DELAY_MAX_MS).then_some(ms)
}

/// Whether the place must fail with its own fault.
pub(super) fn pass(point: Point) -> bool {
    let setting = &SETTINGS[point as usize];
    let action = setting.action.load(Ordering::Relaxed);
    if action == NOTHING {
        return false;
    }
    let passing = setting.passed.fetch_add(1, Ordering::Relaxed) + 1;
    let at = setting.at.load(Ordering::Relaxed);
    if at != 0 && at != passing {
        return false;
    }
    match action {
        KILL => die(),
        PANIC => panic!("failpoint {}", point.name()),
        ERROR => true,
        delay => {
            // The thread, not the task: what is passed holds no await.
            std::thread::sleep(Duration::from_millis(delay - DELAY));
            false
        }
    }
}

/// Not `abort`: that runs handlers, and leaves a core.
fn die() -> ! {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal may meet another thread first.
        loop {
            std::thread::park();
        }
    }
    #[cfg(not(target_os = "linux"))]
    std::process::abort()
}
