//! How a page gets into the file: the rows of the log and their fold, in one transaction.
//!
//! **Invariant:** the fold changes in the transaction of the events that it folds, and nowhere else.
//!
//! **Invariant:** a failure is called harmless only where the rollback succeeded and the log's last number, read back,
//! is the one from before.

use rusqlite::{Connection, params};

use super::event::Event;
use super::fault::{Meaning, full_disk, meaning};
use super::inserter::Inserter;
use super::moves::{Move, MoveKind, Shift};
use super::notes;
use super::page::{BadEvent, Page, committed, placed_state};
use super::schema::SCHEMA_VERSION;
use super::sqlite::Sqlite;
use super::store::Failure;
use crate::clock::WallTime;
use crate::failpoint::{Point, fails};
use crate::ids::{ItemNo, SaleNo};
use crate::offer::{ItemTerms, Phase, SaleTerms};

/// Why a page cannot be written.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    BadEvent(#[from] BadEvent),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The fold lacks a row that the writer knows of.
    #[error("{0} has no row number {1}")]
    Missing(&'static str, u32),
    /// Rows have been bound and not inserted: a defect, found before it is committed.
    #[error("not every row has been inserted")]
    LeftOver,
}

/// What orders of the page at hand change in the totals of their items. A thousand orders of one item are one UPDATE.
///
/// While they are collected here, each of held, sold and free units only grows or only falls; whatever turns one of them
/// round is preceded by a [`Deltas::flush`]. So the CHECK at the end of such a stretch judges every point of it.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    /// By item number; nothing but for those that were touched.
    by_item: Vec<Shift>,
    touched: Vec<ItemNo>,
    /// Which way held, sold and free units go in this stretch: 1, -1, or 0 where they haven't moved.
    ways: [i64; 3],
}

impl Deltas {
    fn add(&mut self, connection: &Connection, item: ItemNo, shift: Shift) -> Result<(), WriteError> {
        if shift == Shift::default() {
            return Ok(());
        }
        let ways = [shift.held, shift.sold, shift.available()].map(i64::signum);
        if ways.iter().zip(&self.ways).any(|(way, other)| way * other < 0) {
            self.flush(connection)?;
        }
        for (way, new) in self.ways.iter_mut().zip(ways).filter(|(_, new)| *new != 0) {
            *way = new;
        }
        if self.by_item.len() <= item.index() {
            self.by_item.resize(item.index() + 1, Shift::default());
        }
        let sum = &mut self.by_item[item.index()];
        if *sum == Shift::default() {
            self.touched.push(item);
        }
        *sum = Shift { held: sum.held + shift.held, sold: sum.sold + shift.sold, stock: sum.stock + shift.stock };
        Ok(())
    }

    fn flush(&mut self, connection: &Connection) -> Result<(), WriteError> {
        self.ways = [0; 3];
        if self.touched.is_empty() {
            return Ok(());
        }
        let sql = "UPDATE items SET held = held + ?2, sold = sold + ?3, stock = stock + ?4 WHERE no = ?1";
        let mut update = connection.prepare_cached(sql)?;
        for item in self.touched.drain(..) {
            let Shift { held, sold, stock } = std::mem::take(&mut self.by_item[item.index()]);
            expect_row(update.execute(params![item.0, held, sold, stock])?, "items", item.0)?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.by_item.clear();
        self.touched.clear();
        self.ways = [0; 3];
    }
}

fn expect_row(changed: usize, table: &'static str, no: u32) -> Result<(), WriteError> {
    if changed == 1 { Ok(()) } else { Err(WriteError::Missing(table, no)) }
}

impl Sqlite {
    /// Writes a page in one transaction.
    pub(super) fn write_page(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        write(&self.connection, &mut self.deltas, page).map_err(|error| {
            self.deltas.clear();
            undo(&self.connection, &error, page.seq_before())
        })
    }

    /// Writes a transaction that changes nothing, through to the disk.
    pub(super) fn write_nothing(&mut self) -> Result<(), Failure> {
        let connection = &self.connection;
        let seq = last_seq(connection).map_err(|error| Failure::Unknown(format!("reading back: {error}")))?;
        let write = || {
            begin(connection)?;
            // The same number again: the header's page becomes a frame of the WAL all the same, and is synced.
            connection.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            commit(connection)
        };
        write().map_err(|error| undo(connection, &WriteError::Sqlite(error), seq))
    }
}

/// Rolls back, and finds out what can be said of the transaction that failed.
fn undo(connection: &Connection, error: &WriteError, seq_before: i64) -> Failure {
    let meaning = match error {
        WriteError::BadEvent(_) => Meaning::BadEvent,
        WriteError::Sqlite(error) => meaning(error),
        WriteError::Missing(..) | WriteError::LeftOver => Meaning::Unknown,
    };
    // SQLite has rolled back by itself after the graver errors.
    let rolled_back = if connection.is_autocommit() { Ok(()) } else { connection.execute_batch("ROLLBACK") };
    if let Err(second) = rolled_back {
        return Failure::Unknown(format!("{error}; rolling back: {second}"));
    }
    match (meaning, last_seq(connection)) {
        (Meaning::Unknown, _) => Failure::Unknown(error.to_string()),
        (_, Err(second)) => Failure::Unknown(format!("{error}; reading back: {second}")),
        (_, Ok(seq)) if seq != seq_before || !connection.is_autocommit() => {
            Failure::Unknown(format!("{error}; the log ends with {seq} and not with {seq_before}"))
        }
        (Meaning::BadEvent, Ok(_)) => Failure::BadEvent(error.to_string()),
        (Meaning::Refused, Ok(_)) => Failure::Refused(error.to_string()),
    }
}

fn fail_at(point: Point) -> Result<(), WriteError> {
    if fails(point) { Err(full_disk().into()) } else { Ok(()) }
}

fn begin(connection: &Connection) -> rusqlite::Result<()> {
    // The lock is taken now: a transaction that has begun can be committed.
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
}

fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

fn last_seq(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM events")?.query_row([], |row| row.get(0))
}

fn write(connection: &Connection, deltas: &mut Deltas, page: &mut Page<'_>) -> Result<(), WriteError> {
    begin(connection)?;
    fail_at(Point::WriterAfterBegin)?;
    let mut inserter = Inserter::new(connection)?;
    page.each(|line| {
        inserter.insert(&line)?;
        fail_at(Point::WriterMidBatch)?;
        line.event.map_or(Ok(()), |event| fold(connection, deltas, event))
    })?;
    deltas.flush(connection)?;
    if !inserter.is_done() {
        return Err(WriteError::LeftOver);
    }
    if !page.notes.is_empty() {
        fail_at(Point::NoteBeforeWrite)?;
    }
    notes::write(connection, page.notes)?;
    fail_at(Point::WriterBeforeCommit)?;
    commit(connection)?;
    Ok(())
}

fn fold(connection: &Connection, deltas: &mut Deltas, event: &Event) -> Result<(), WriteError> {
    match event {
        Event::OrderPlaced(order) => {
            let (held, sold) = committed(placed_state(order), order.terms.quantity.units());
            return deltas.add(connection, order.terms.item, Shift { held, sold, stock: 0 });
        }
        Event::OrderMoved(moved) => {
            let terms = &moved.order().terms;
            deltas.add(connection, terms.item, moved.kind().shift(terms.quantity.units()))?;
            return move_order(connection, moved);
        }
        _ => deltas.flush(connection)?,
    }
    match event {
        Event::OrderPlaced(_) | Event::OrderMoved(_) => Ok(()),
        Event::SaleCreated { sale, first_item, offer } => {
            insert_sale(connection, *sale, &offer.sale)?;
            insert_items(connection, *sale, *first_item, &offer.items)
        }
        Event::SaleChanged { sale, terms, first_item, added } => {
            update_sale(connection, *sale, terms)?;
            insert_items(connection, *sale, *first_item, added)
        }
        Event::SaleOpened(sale, _) | Event::SaleResumed(sale) => set_phase(connection, *sale, Phase::Live),
        Event::SalePaused(sale) => set_phase(connection, *sale, Phase::Paused),
        Event::SaleEnded(sale) => set_phase(connection, *sale, Phase::Ended),
        Event::StockAdded { item, units, .. } => change_stock(connection, *item, i64::from(*units)),
        Event::StockTaken { item, units, .. } => change_stock(connection, *item, -i64::from(*units)),
    }
}

fn move_order(connection: &Connection, moved: &Move) -> Result<(), WriteError> {
    let Some(to) = moved.kind().to() else { return Ok(()) };
    let sql = "INSERT INTO order_states (seq, state, expires_at_us, late, payment) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (seq) DO UPDATE SET state = ?2, expires_at_us = coalesce(?3, expires_at_us), \
               late = max(late, ?4), payment = coalesce(?5, payment)";
    let is_late = moved.kind() == MoveKind::Confirmed { late: true };
    // What has paid, not what has been tried.
    let payment = moved.payment().filter(|_| moved.kind().is_paid());
    connection.prepare_cached(sql)?.execute(params![
        moved.order().noted_seq(),
        to.word(),
        moved.deadline().map(WallTime::micros),
        is_late,
        payment.map(|payment| payment.as_str()),
    ])?;
    Ok(())
}

fn insert_sale(connection: &Connection, no: SaleNo, terms: &SaleTerms) -> Result<(), WriteError> {
    let sql = "INSERT INTO sales (no, id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us, phase) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (opens, closes, hold) = times(terms);
    let phase = Phase::Scheduled.word();
    connection.prepare_cached(sql)?.execute(params![
        no.0,
        terms.id.as_str(),
        terms.title,
        opens,
        closes,
        terms.limit_per_buyer,
        hold,
        phase
    ])?;
    Ok(())
}

fn update_sale(connection: &Connection, no: SaleNo, terms: &SaleTerms) -> Result<(), WriteError> {
    let sql = "UPDATE sales SET title = ?2, opens_at_us = ?3, closes_at_us = ?4, limit_per_buyer = ?5, hold_us = ?6 \
               WHERE no = ?1";
    let (opens, closes, hold) = times(terms);
    let changed = connection.prepare_cached(sql)?.execute(params![
        no.0,
        terms.title,
        opens,
        closes,
        terms.limit_per_buyer,
        hold
    ])?;
    expect_row(changed, "sales", no.0)
}

fn times(terms: &SaleTerms) -> (Option<i64>, Option<i64>, Option<i64>) {
    let hold = terms.hold.map(|hold| i64::try_from(hold.as_micros()).unwrap_or(i64::MAX));
    (terms.opens_at.map(WallTime::micros), terms.closes_at.map(WallTime::micros), hold)
}

fn insert_items(connection: &Connection, sale: SaleNo, first: ItemNo, items: &[ItemTerms]) -> Result<(), WriteError> {
    let sql = "INSERT INTO items (no, sale, sku, title, price_minor, currency, stock) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = connection.prepare_cached(sql)?;
    for (no, item) in (first.0..).zip(items) {
        let price = item.price;
        insert.execute(params![
            no,
            sale.0,
            item.sku.as_str(),
            item.title,
            price.minor(),
            price.currency(),
            item.stock
        ])?;
    }
    Ok(())
}

fn set_phase(connection: &Connection, no: SaleNo, phase: Phase) -> Result<(), WriteError> {
    let changed =
        connection.prepare_cached("UPDATE sales SET phase = ?2 WHERE no = ?1")?.execute(params![no.0, phase.word()])?;
    expect_row(changed, "sales", no.0)
}

fn change_stock(connection: &Connection, no: ItemNo, units: i64) -> Result<(), WriteError> {
    let changed = connection
        .prepare_cached("UPDATE items SET stock = stock + ?2 WHERE no = ?1")?
        .execute(params![no.0, units])?;
    expect_row(changed, "items", no.0)
}
