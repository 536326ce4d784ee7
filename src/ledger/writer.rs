//! The writer: takes all that is waiting, commits once, tells everybody.
//!
//! There is no timer on the way of an order: while one batch is being synced the next one comes together by itself, so
//! batches grow with the load and a single buyer waits for nobody.
//!
//! **Invariant:** whoever was let into the queue is told exactly one outcome, also by a writer that fails or dies.
//!
//! **Invariant:** memory hears of an order's outcome before its buyer does.
//!
//! **Invariant:** after an outcome that isn't known nothing is written any more.

mod noting;
mod telling;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use telling::Nobody;

use super::abroad::Waiting;
use super::health::{Breakage, Figures};
use super::lock::DirLock;
use super::notes::Tray;
use super::page::{Page, Tally};
use super::places::Rest;
use super::queue::Entry;
use super::receipt::Outbox;
use super::store::{Failure, Store};
use super::{Commons, Outcome, Settle};
use crate::clock::Clock;
use crate::failpoint::{Point, fails};
use crate::order::Ack;

/// Most events of one commit: at two microseconds each, the last waits 8 ms. Measured: 100 per commit 180,000 orders/s,
/// 1,000 per commit 340,000, so many 410,000; beyond, only the wait grows.
pub(super) const BATCH_MAX: usize = 4096;
/// How long orders that nobody waits for come together. A commit costs the same 0.2 ms of CPU for one order as for ten,
/// so 200 commits a second cost 4 % of a core, whatever the load; and a crash loses 5 ms more.
const LINGER: Duration = Duration::from_millis(5);
/// From so many buyers in one commit on it pays to let the next ones come together; below, nobody is made to wait.
const CROWD: usize = 8;
/// Longest that buyers who wait for the commit are left to come together.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// How often a disk that takes nothing is asked again: soon enough for people, and no load.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// Writes what is queued. Started by [`super::OpenLedger::start`] on its own thread; whoever has it by hand
/// ([`super::OpenLedger::by_hand`]: benchmarks, simulations) takes the turns himself.
pub struct Writer {
    pub(super) commons: Arc<Commons>,
    pub(super) store: Box<dyn Store>,
    pub(super) settle: Box<dyn Settle>,
    pub(super) clock: Clock,
    pub(super) tally: Tally,
    pub(super) figures: Figures,
    /// Whether buyers wait for the commit.
    pub(super) ack: Ack,
    /// The last commit: what the next one is likely to be.
    pub(super) last: Turn,
    /// What is being written; kept here so that a panic doesn't lose it.
    pub(super) batch: Vec<Entry>,
    /// How many of the batch still have their places.
    pub(super) undecided: usize,
    pub(super) outbox: Outbox,
    /// Orders of the last batch whose buyers go on to wait for PostgreSQL.
    pub(super) departing: Vec<Waiting>,
    /// What is written beside the log with the next events.
    pub(super) tray: Tray,
    /// Whether it has failed, and why, until the house has been told.
    pub(super) failed: Option<Option<String>>,
    /// Given back last, after the store is closed.
    pub(super) _lock: Option<DirLock>,
}

/// What a commit was like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Turn {
    /// How many events it had.
    events: usize,
    /// How long it took.
    span: Duration,
}

impl Writer {
    /// Lets a batch come together before it is written, where that costs less than it saves.
    ///
    /// Orders that nobody waits for have all the time. In a crowd of buyers who do wait, those whom the last commit has let
    /// go make the next batch: the writer gives them as long as a commit takes, or until they are twice as many.
    fn gather(&self) {
        let Turn { events, span } = self.last;
        match self.ack {
            Ack::Memory => self.commons.queue.linger(LINGER, BATCH_MAX),
            Ack::Disk | Ack::Postgres if events >= CROWD => self.commons.queue.linger(span.min(GATHER_MAX), 2 * events),
            Ack::Disk | Ack::Postgres => {}
        }
    }

    /// Writes one batch of what is queued. Says how many events it decided; 0 where none were waiting.
    pub fn turn(&mut self) -> usize {
        self.turn_of(BATCH_MAX)
    }

    /// The same, of so many events at most.
    pub(crate) fn turn_of(&mut self, most: usize) -> usize {
        self.batch.clear();
        let count = self.take(most);
        if count > 0 {
            self.write(0..count);
            self.publish();
            self.decided();
            self.tidy();
            self.publish();
        } else if self.failed.is_none() && !self.commons.queue.places.is_refusing() {
            self.note_alone();
        }
        count
    }

    fn take(&mut self, most: usize) -> usize {
        let count = self.commons.queue.take(&mut self.batch, most);
        self.undecided += count;
        count
    }

    /// After the figures are published: who sees nothing on its way sees what became of it.
    fn decided(&mut self) {
        self.commons.queue.decided(std::mem::take(&mut self.undecided));
    }

    /// Asks a disk that has refused whether it has room again; does nothing where it hasn't refused.
    pub fn probe(&mut self) {
        if self.failed.is_some() || !self.commons.queue.places.is_refusing() {
            return;
        }
        match self.store.probe() {
            Ok(()) => self.resume(),
            Err(Failure::Refused(_) | Failure::BadEvent(_)) => {}
            Err(Failure::Unknown(why)) => self.fail(Breakage::Disk, why),
        }
        self.publish();
    }

    /// Closes the ledger, writes what is queued and closes the file; for whoever has the writer by hand. Waits until
    /// every [`super::Slot`] is filled or dropped.
    pub fn finish(mut self) {
        self.commons.queue.places.attend();
        self.commons.queue.places.close();
        self.work();
    }

    /// The thread's life.
    pub(super) fn run(mut self) {
        self.commons.queue.places.attend();
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_ok() {
            return;
        }
        self.fail(Breakage::Writer, "the writer panicked".into());
        if catch_unwind(AssertUnwindSafe(|| self.give_up())).is_err() {
            // Whoever listens panics: the buyers must hear of it all the same, and the house that it must end.
            let settle = std::mem::replace(&mut self.settle, Box::new(Nobody));
            if let Some(why) = self.untold() {
                let _ = catch_unwind(AssertUnwindSafe(|| settle.broken(&why)));
            }
            self.give_up();
        }
    }

    fn work(&mut self) {
        loop {
            self.gather();
            let written = self.turn();
            if self.failed.is_some() {
                break;
            }
            if written > 0 {
                continue;
            }
            if self.commons.queue.places.rest(self.patience()) == Rest::Over {
                break;
            }
            // Where something is queued, writing it is the better probe.
            if self.commons.queue.places.queued() == 0 {
                self.probe();
            }
        }
        self.end();
    }

    fn end(&mut self) {
        if self.failed.is_none() {
            self.tray.fill_now(&self.commons.notes);
            self.note_alone();
        }
        if self.failed.is_none()
            && let Err(Failure::Unknown(why)) = self.store.finish()
        {
            self.fail(Breakage::Disk, why);
        }
        self.tray.close(&self.commons.notes);
        if self.failed.is_some() {
            self.give_up();
        }
    }

    /// Writes a part of the batch. Where one event may not be written, the halves are tried, until it is alone.
    fn write(&mut self, range: Range<usize>) {
        if self.failed.is_some() {
            return self.tell(range, Outcome::Unknown);
        }
        match self.commit(range.clone()) {
            Ok(()) => {
                self.resume();
                self.tell(range, Outcome::Stored(self.store.safety()));
            }
            Err(Failure::BadEvent(why)) if range.len() == 1 => {
                let event = &self.batch[range.start].event;
                tracing::error!(why, ?event, "the ledger has refused an event that should have been possible");
                self.tell(range, Outcome::NotStored);
            }
            Err(Failure::BadEvent(_)) => {
                let middle = range.start + range.len() / 2;
                self.write(range.start..middle);
                self.write(middle..range.end);
            }
            Err(Failure::Refused(why)) => {
                // First the gate, then the units: nobody takes them again in vain.
                if self.commons.queue.places.refuse() {
                    tracing::error!(why, "the disk takes no orders: selling stops until it does");
                    self.figures.refusing_since = Some(self.clock.now().wall);
                }
                self.publish();
                self.tell(range, Outcome::NotStored);
            }
            Err(Failure::Unknown(why)) => {
                self.fail(Breakage::Disk, why);
                self.tell(range, Outcome::Unknown);
            }
        }
    }

    fn commit(&mut self, range: Range<usize>) -> Result<(), Failure> {
        let begun = self.clock.now();
        let events = range.len();
        self.tray.fill(&self.commons.notes, begun.mono);
        let mut page = Page::new(&self.batch[range], &mut self.tally, begun.wall, self.tray.notes());
        self.store.append(&mut page)?;
        if fails(Point::WriterAfterCommit) {
            return Err(Failure::Unknown("failpoint".into()));
        }
        page.keep();
        let done = self.clock.now();
        let span = Duration::from_nanos(done.mono.nanos().saturating_sub(begun.mono.nanos()));
        if events > 0 {
            self.last = Turn { events, span };
        }
        self.tell_notes(Ok(self.store.safety()));
        self.commons.board.committed_in(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
        self.figures.commits += 1;
        self.figures.last_commit = Some(done.wall);
        self.figures.events = self.tally.head.seq.unsigned_abs();
        Ok(())
    }

    fn resume(&mut self) {
        if self.commons.queue.places.resume() {
            tracing::info!("the disk takes orders again");
            self.figures.refusing_since = None;
        }
    }

    fn tidy(&mut self) {
        self.deliver();
        if self.failed.is_some() {
            return;
        }
        match self.store.tidy(self.commons.queue.places.queued()) {
            Ok(wal_bytes) => self.figures.wal_bytes = wal_bytes,
            Err(Failure::Unknown(why)) => self.fail(Breakage::Disk, why),
            Err(Failure::BadEvent(_) | Failure::Refused(_)) => {}
        }
    }

    fn publish(&self) {
        self.commons.board.publish(self.figures);
    }
}
