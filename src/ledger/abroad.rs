//! Whoever is told yes only when PostgreSQL has his order, too: `ack = "postgres"`.
//!
//! The writer leaves the promises of such orders here once they are on disk; the shipper says how far PostgreSQL has got,
//! and whoever stands before that is told. Who has waited too long hears *unknown*: his order is on disk, and may or may
//! not be abroad.
//!
//! **Invariant:** who stands here is told, once: by the shipper, by the end of his patience, or by the ledger's end.
//!
//! **Invariant:** no lost news: how far PostgreSQL has got changes under the lock under which somebody begins to wait.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::Unwritten;
use super::receipt::{Bell, Mutex, Outbox, Promise, lock};
use crate::clock::MonoTime;
use crate::order::Stored;
use crate::sync::{AtomicU64, Ordering};

/// An order that is on disk, and whose buyer waits for PostgreSQL.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its number in the log.
    pub(super) seq: i64,
    /// Since when he waits here.
    pub(super) since: MonoTime,
    pub(super) promise: Promise,
}

/// Who waits, by the number in the log and, of one order, in the order of coming.
#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<(i64, u64), Waiting>,
    came: u64,
}

/// Nobody who needs PostgreSQL is let in.
const AWAY: u64 = 1;

/// Where orders wait for PostgreSQL.
#[derive(Default)]
pub(super) struct Abroad {
    /// PostgreSQL has the log up to here; 0: nothing, or nobody knows. Written under the line's lock, by the shipper. It
    /// falls where PostgreSQL has been set back.
    shipped: AtomicU64,
    /// [`AWAY`] or 0; written by the shipper.
    state: AtomicU64,
    /// How many wait; written under the line's lock.
    count: AtomicU64,
    line: Mutex<Line>,
    bell: OnceLock<std::sync::Arc<dyn Bell>>,
}

impl Abroad {
    /// Whom to ring when somebody begins to wait; the first one stays.
    pub(super) fn attend(&self, bell: std::sync::Arc<dyn Bell>) {
        let _ = self.bell.set(bell);
    }

    /// Whether anybody ships for those who wait, and ends their waiting.
    pub(super) fn is_attended(&self) -> bool {
        self.bell.get().is_some()
    }

    /// PostgreSQL has the log up to here.
    pub(super) fn shipped(&self) -> i64 {
        // Acquire: pairs with `arrived`; who reads it may tell a buyer.
        self.shipped.load(Ordering::Acquire).cast_signed()
    }

    /// Whether who needs PostgreSQL is let in: it isn't away, and no more than `most` wait for it.
    pub(super) fn takes(&self, most: u64) -> bool {
        // Relaxed: whoever reads an old word waits for his answer instead of being refused, or the other way round.
        self.state.load(Ordering::Relaxed) & AWAY == 0 && self.count.load(Ordering::Relaxed) < most
    }

    /// Whether PostgreSQL is away.
    pub(super) fn is_away(&self) -> bool {
        // Relaxed: as in `takes`.
        self.state.load(Ordering::Relaxed) & AWAY != 0
    }

    /// Says whether PostgreSQL is away, and whether that is news.
    pub(super) fn set_away(&self, is_away: bool) -> bool {
        let state = if is_away { AWAY } else { 0 };
        // Relaxed: as in `takes`.
        self.state.swap(state, Ordering::Relaxed) != state
    }

    /// These begin to wait, or are told at once where PostgreSQL was faster.
    pub(super) fn wait(&self, coming: &mut Vec<Waiting>, outbox: &mut Outbox) {
        if coming.is_empty() {
            return;
        }
        {
            let mut line = lock(&self.line);
            let shipped = self.shipped();
            for waiting in coming.drain(..) {
                if waiting.seq <= shipped {
                    outbox.tell(waiting.promise, Ok(Stored::Postgres));
                } else {
                    line.came += 1;
                    let place = (waiting.seq, line.came);
                    line.waiting.insert(place, waiting);
                }
            }
            self.counted(&line);
        }
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// PostgreSQL has the log up to `seq`: whoever stands before it is told.
    pub(super) fn arrived(&self, seq: i64, outbox: &mut Outbox) {
        let mut line = lock(&self.line);
        // Release: PostgreSQL has said so before anybody reads it.
        self.shipped.store(seq.cast_unsigned(), Ordering::Release);
        let still = line.waiting.split_off(&(seq.saturating_add(1), 0));
        for waiting in std::mem::replace(&mut line.waiting, still).into_values() {
            outbox.tell(waiting.promise, Ok(Stored::Postgres));
        }
        self.counted(&line);
    }

    /// Whoever has begun to wait at `before` or earlier is told that nobody knows. Says how many they were.
    pub(super) fn give_up(&self, before: MonoTime, outbox: &mut Outbox) -> usize {
        let mut line = lock(&self.line);
        let is_late = |(place, waiting): (&(i64, u64), &Waiting)| (waiting.since <= before).then_some(*place);
        let late: Vec<_> = line.waiting.iter().filter_map(is_late).collect();
        for place in &late {
            if let Some(waiting) = line.waiting.remove(place) {
                outbox.tell(waiting.promise, Err(Unwritten::OutcomeUnknown));
            }
        }
        self.counted(&line);
        late.len()
    }

    fn counted(&self, line: &Line) {
        // Relaxed: a bound that may be read a moment late.
        self.count.store(line.waiting.len() as u64, Ordering::Relaxed);
    }
}
