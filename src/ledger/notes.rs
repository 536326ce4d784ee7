//! What is written beside the log: how far the messages to the shop have got.
//!
//! Notes are no events: they have no `seq`, no hash, and the audit doesn't look at them. Whoever loses one delivers a
//! message a second time, under the same id.
//!
//! **Invariant:** notes keep nobody waiting: they travel in the transaction of events that are written anyway, at most
//! one batch in [`PACE`]; alone only where nothing else is queued.
//!
//! **Invariant:** a note that can't be written takes no event down with it, and whoever has sent it is told.

use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, params};

use super::Unwritten;
use super::fault::{Meaning, meaning};
use super::receipt::{DeskId, Outbox, Promise, Receipt, Told};
use crate::clock::{MonoTime, WallTime};

/// Between two batches of notes. A batch of 256 rows takes the writer a millisecond: one part in a hundred.
const PACE: Duration = Duration::from_millis(100);

/// The number of an endpoint: of somebody whom messages go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointNo(pub i64);

/// What is remembered of a message that wasn't delivered at the first try, or waits behind such a one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number.
    pub seq: i64,
    /// How often it was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Option<WallTime>,
    /// Since when nobody tries any more; none: it is still tried.
    pub dead_at: Option<WallTime>,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// Something to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// This URL wants the messages of all events from now on. Says nothing new where it is known.
    Enrolled {
        /// Where messages go.
        url: String,
    },
    /// All events up to here are delivered, or are remembered one by one.
    Through {
        /// Whose messages.
        endpoint: EndpointNo,
        /// The last of these events.
        seq: i64,
    },
    /// A message to be remembered, in place of what was remembered of it.
    Kept(EndpointNo, Delivery),
    /// A message that needn't be remembered any more.
    Done(EndpointNo, i64),
    /// The endpoint wants no messages.
    Disabled {
        /// Which.
        endpoint: EndpointNo,
        /// Since when.
        at: WallTime,
        /// What it said.
        why: String,
    },
    /// The endpoint wants messages again.
    Enabled(EndpointNo),
}

#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<(Vec<Note>, Promise)>,
    /// Nobody takes anything out any more.
    is_over: bool,
}

/// Where notes wait for the writer. Whoever sends some waits for their receipt before he sends the next, so there are few.
#[derive(Debug, Default)]
pub(super) struct NoteBox(Mutex<Waiting>);

impl NoteBox {
    pub(super) fn put(&self, notes: Vec<Note>) -> Receipt {
        let mut waiting = self.0.lock();
        if waiting.is_over {
            return Receipt::known(Err(Unwritten::Busy));
        }
        let (promise, receipt) = Promise::new(DeskId::NONE);
        waiting.batches.push((notes, promise));
        receipt
    }
}

/// The writer's side: notes on their way into the next transaction.
#[derive(Debug, Default)]
pub(super) struct Tray {
    notes: Vec<Note>,
    promises: Vec<Promise>,
    last: Option<MonoTime>,
}

impl Tray {
    pub(super) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How long until waiting notes may be written; none where none are waiting.
    pub(super) fn due_in(&self, from: &NoteBox, now: MonoTime) -> Option<Duration> {
        let is_empty = self.notes.is_empty() && from.0.lock().batches.is_empty();
        (!is_empty).then(|| self.pause(now))
    }

    fn pause(&self, now: MonoTime) -> Duration {
        let since = |last: MonoTime| Duration::from_nanos(now.nanos().saturating_sub(last.nanos()));
        self.last.map_or(Duration::ZERO, |last| PACE.saturating_sub(since(last)))
    }

    /// Takes waiting notes out, if it is time. Those of a transaction that failed are still here.
    pub(super) fn fill(&mut self, from: &NoteBox, now: MonoTime) {
        if self.pause(now).is_zero() {
            self.fill_now(from);
        }
    }

    pub(super) fn fill_now(&mut self, from: &NoteBox) {
        for (notes, promise) in from.0.lock().batches.drain(..) {
            self.notes.extend(notes);
            self.promises.push(promise);
        }
    }

    /// Tells what became of the notes; the tray is empty afterwards.
    pub(super) fn tell(&mut self, told: Told, now: MonoTime, outbox: &mut Outbox) {
        if !self.notes.is_empty() {
            self.last = Some(now);
        }
        self.notes.clear();
        for (desk, waker) in self.promises.drain(..).filter_map(|promise| promise.keep(told)) {
            outbox.put(desk, waker);
        }
    }

    /// After the last transaction: whoever comes now is told at once.
    pub(super) fn close(&mut self, from: &NoteBox) {
        let mut waiting = from.0.lock();
        waiting.is_over = true;
        // A promise that is dropped says that nobody knows.
        waiting.batches.clear();
        drop(waiting);
        self.promises.clear();
    }
}

/// Writes notes inside the transaction that is open. A note that may not be is a defect of ours, and costs a second
/// delivery: it is logged, and the events of the transaction don't suffer for it.
pub(super) fn write(connection: &Connection, notes: &[Note]) -> rusqlite::Result<()> {
    if notes.is_empty() {
        return Ok(());
    }
    connection.prepare_cached("SAVEPOINT notes")?.execute([])?;
    match notes.iter().try_for_each(|note| write_one(connection, note)) {
        Err(error) if meaning(&error) == Meaning::BadEvent => {
            tracing::error!(%error, "the progress of messages could not be written: some will be delivered again");
            connection.prepare_cached("ROLLBACK TO notes")?.execute([])?;
        }
        written => written?,
    }
    connection.prepare_cached("RELEASE notes")?.execute([]).map(drop)
}

fn write_one(connection: &Connection, note: &Note) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map(drop)
    };
    match note {
        // The log's end as of this very transaction: nothing between seeing and starting can be missed.
        Note::Enrolled { url } => execute(
            "INSERT INTO endpoints (url, cursor_seq) VALUES (?1, (SELECT coalesce(max(seq), 0) FROM events)) \
             ON CONFLICT (url) DO NOTHING",
            params![url],
        ),
        Note::Through { endpoint, seq } => {
            execute("UPDATE endpoints SET cursor_seq = ?2 WHERE no = ?1", params![endpoint.0, seq])
        }
        Note::Kept(endpoint, delivery) => execute(
            "INSERT OR REPLACE INTO deliveries (endpoint, seq, attempts, next_at_us, dead_at_us, last_error) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                endpoint.0,
                delivery.seq,
                delivery.attempts,
                delivery.next_at.map(WallTime::micros),
                delivery.dead_at.map(WallTime::micros),
                delivery.last_error
            ],
        ),
        Note::Done(endpoint, seq) => {
            execute("DELETE FROM deliveries WHERE endpoint = ?1 AND seq = ?2", params![endpoint.0, seq])
        }
        Note::Disabled { endpoint, at, why } => execute(
            "UPDATE endpoints SET disabled_at_us = ?2, why = ?3 WHERE no = ?1",
            params![endpoint.0, at.micros(), why],
        ),
        Note::Enabled(endpoint) => {
            execute("UPDATE endpoints SET disabled_at_us = NULL, why = NULL WHERE no = ?1", params![endpoint.0])
        }
    }
}
