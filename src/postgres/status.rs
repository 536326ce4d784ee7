//! How the shipping is: for metrics, the dashboard and the log.

use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use crate::clock::WallTime;

/// What the shipper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShippingState {
    /// It has not reached PostgreSQL yet.
    Connecting,
    /// It ships.
    Shipping,
    /// PostgreSQL can't be reached or refuses. It goes on by itself.
    Away,
    /// Something must be done: another log is there, or an event can't be shipped. It looks again now and then.
    Stopped,
}

impl ShippingState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connecting, Self::Shipping, Self::Away, Self::Stopped];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Shipping => "shipping",
            Self::Away => "away",
            Self::Stopped => "stopped",
        }
    }
}

/// How the shipping is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShippingStatus {
    /// What the shipper does.
    pub state: ShippingState,
    /// The last event that PostgreSQL has; 0 where nobody knows.
    pub shipped: i64,
    /// How many events it lacks.
    pub lag_events: u64,
    /// For how long the first of them has been in the ledger.
    pub lag_seconds: f64,
    /// How often the connection was lost or refused since the start.
    pub faults: u64,
    /// Why nothing is shipped; none while it is.
    pub why: Option<String>,
}

/// What the shipper notes for others.
#[derive(Debug, Clone)]
pub(super) struct Notes {
    pub(super) state: ShippingState,
    /// When the first event that PostgreSQL lacks was written; none where it lacks nothing, or nobody has looked.
    pub(super) behind_since: Option<WallTime>,
    pub(super) faults: u64,
    pub(super) why: Option<String>,
}

/// Where the shipper says how it is.
#[derive(Debug)]
pub(super) struct Board(Mutex<Notes>);

impl Default for Board {
    fn default() -> Self {
        let state = ShippingState::Connecting;
        Self(Mutex::new(Notes { state, behind_since: None, faults: 0, why: None }))
    }
}

impl Board {
    /// Changes what is said.
    pub(super) fn note<T>(&self, change: impl FnOnce(&mut Notes) -> T) -> T {
        change(&mut self.0.lock())
    }

    /// What is said, of a log that ends with `events` and is shipped up to `shipped`.
    pub(super) fn status(&self, (events, shipped): (u64, i64), now: WallTime) -> ShippingStatus {
        let Notes { state, behind_since, faults, why } = self.0.lock().clone();
        let lag_events = events.saturating_sub(shipped.unsigned_abs());
        let lag = behind_since.filter(|_| lag_events > 0).map_or(Duration::ZERO, |since| since.until(now));
        ShippingStatus { state, shipped, lag_events, lag_seconds: lag.as_secs_f64(), faults, why }
    }
}
