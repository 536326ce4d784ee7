//! What the ledger says of itself: for readiness, metrics and the dashboard.

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use super::places::Places;
use crate::clock::WallTime;

/// Longest commit that is told from longer ones: a minute, in microseconds.
const COMMIT_MICROS_MAX: u64 = 60_000_000;

/// What failed when a ledger broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// The disk: what it holds is not known.
    Disk,
    /// The writer: it died of a defect.
    Writer,
}

impl Breakage {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Disk => 74,
            Self::Writer => 1,
        }
    }
}

/// What the ledger does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerState {
    /// It writes.
    Writing,
    /// The disk takes nothing for now. It goes on by itself.
    Refusing {
        /// Since when.
        since: WallTime,
    },
    /// It will never write again; the process must end.
    Broken(Breakage),
}

/// How the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHealth {
    /// What it does.
    pub state: LedgerState,
    /// Events that wait or are being written.
    pub queued: u64,
    /// The same, and those that have a place and are still to come: 0 means that memory and log agree.
    pub underway: u64,
    /// Events that may wait.
    pub capacity: u64,
    /// Events in the log, earlier runs included.
    pub events: u64,
    /// Orders in the log, earlier runs included.
    pub orders: u64,
    /// Commits since the start.
    pub commits: u64,
    /// When the last commit was; none since the start.
    pub last_commit: Option<WallTime>,
    /// Bytes of the write-ahead log that aren't in the file yet.
    pub wal_bytes: u64,
}

/// What the writer publishes, once per batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    pub(super) events: u64,
    pub(super) orders: u64,
    pub(super) commits: u64,
    pub(super) last_commit: Option<WallTime>,
    pub(super) wal_bytes: u64,
    pub(super) refusing_since: Option<WallTime>,
    pub(super) breakage: Option<Breakage>,
}

/// The ledger's figures, written by the writer and read by anybody.
#[derive(Debug)]
pub(super) struct Board {
    figures: Mutex<Figures>,
    commit_micros: Mutex<Histogram<u64>>,
}

impl Board {
    pub(super) fn new(figures: Figures) -> Self {
        // Three digits from one microsecond up to a minute are within the bounds that the histogram can have.
        let micros = Histogram::new_with_max(COMMIT_MICROS_MAX, 3).unwrap_or_else(|_| unreachable!("constant bounds"));
        Self { figures: Mutex::new(figures), commit_micros: Mutex::new(micros) }
    }

    pub(super) fn publish(&self, figures: Figures) {
        *self.figures.lock() = figures;
    }

    pub(super) fn committed_in(&self, micros: u64) {
        self.commit_micros.lock().saturating_record(micros);
    }

    pub(super) fn commit_micros(&self) -> Histogram<u64> {
        self.commit_micros.lock().clone()
    }

    pub(super) fn health(&self, places: &Places) -> LedgerHealth {
        let figures = *self.figures.lock();
        let state = match (figures.breakage, figures.refusing_since) {
            (Some(breakage), _) => LedgerState::Broken(breakage),
            (None, Some(since)) => LedgerState::Refusing { since },
            (None, None) => LedgerState::Writing,
        };
        LedgerHealth {
            state,
            queued: places.queued(),
            underway: places.underway(),
            capacity: places.capacity(),
            events: figures.events,
            orders: figures.orders,
            commits: figures.commits,
            last_commit: figures.last_commit,
            wal_bytes: figures.wal_bytes,
        }
    }
}
