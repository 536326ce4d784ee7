//! A ledger made anew from its log, which somebody else has kept.
//!
//! **Invariant:** a directory has the whole ledger or none: it is made beside its place, proven, and moved there last.
//!
//! **Invariant:** the rows are the very rows that were written, byte for byte: each is checked against the chain.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::audit::{AuditFault, AuditReport, audit};
use super::beside;
use super::event::SaleDetail;
use super::fault::LedgerFault;
use super::lock::{DirLock, sync_dir};
use super::moves::{MoveDetail, MoveKind, Shift};
use super::payload;
use super::read::{LedgerReader, ReadFault};
use super::row::{EventKind, EventRow, GENESIS, Hash};
use super::schema::FILE_NAME;
use super::sqlite::Sqlite;
use super::store::Store as _;
use crate::money::Money;

/// Where it is made; removed afterwards.
const WORKSHOP: &str = "restoring";

/// Why no ledger was made.
#[derive(Debug, thiserror::Error)]
pub enum RebuildFault {
    /// There is one already.
    #[error("there is a ledger at {} already, or a part of one: it is left alone", .0.display())]
    Exists(PathBuf),
    /// Its place can't be used.
    #[error(transparent)]
    Place(#[from] LedgerFault),
    /// It can't be written.
    #[error("the ledger can't be written")]
    Sqlite(#[from] rusqlite::Error),
    /// A row isn't what the one before it is followed by.
    #[error("event {seq} can't be restored: {why}")]
    Row {
        /// Which.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
    /// What was made can't be read.
    #[error("the restored ledger can't be read")]
    Read(#[from] ReadFault),
    /// What was made isn't what it must be.
    #[error("the restored log is not proven: {0}")]
    Unproven(String),
}

/// A ledger in the making.
pub struct Rebuild {
    dir: PathBuf,
    workshop: PathBuf,
    sqlite: Sqlite,
    head: (i64, Hash),
    /// Where each order stands in the log.
    orders: HashMap<[u8; 16], i64>,
    _lock: DirLock,
}

impl Rebuild {
    /// Begins a ledger for a directory that has none.
    ///
    /// # Errors
    /// [`RebuildFault`].
    pub fn begin(dir: &Path) -> Result<Self, RebuildFault> {
        let lock = DirLock::take(dir)?;
        let file = dir.join(FILE_NAME);
        if file.exists() {
            return Err(RebuildFault::Exists(file));
        }
        // It would be replayed over what is restored.
        if let Some(leftover) = beside::leftover(&file) {
            return Err(RebuildFault::Exists(leftover));
        }
        let workshop = dir.join(WORKSHOP);
        clear(&workshop)?;
        std::fs::create_dir(&workshop).map_err(LedgerFault::about(&workshop))?;
        let sqlite = Sqlite::open(&workshop)?;
        sqlite.connection.execute_batch("BEGIN IMMEDIATE")?;
        let head = (0, GENESIS);
        Ok(Self { dir: dir.into(), workshop, sqlite, head, orders: HashMap::new(), _lock: lock })
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// [`RebuildFault`], where it isn't the next one, or contradicts those before it.
    pub fn add(&mut self, payload: &[u8], hash: &[u8]) -> Result<(), RebuildFault> {
        let seq = self.head.0 + 1;
        let wrong = |why: String| RebuildFault::Row { seq, why };
        let row = EventRow::of_payload(payload).ok_or_else(|| wrong("its bytes are no row's".into()))?;
        if row.seq != seq {
            return Err(wrong(format!("event {} stands in its place", row.seq)));
        }
        let link = payload::link(&self.head.1, payload);
        if link[..] != *hash {
            return Err(wrong("the chain is broken".into()));
        }
        insert(&self.sqlite.connection, &row, &link)?;
        fold(&self.sqlite.connection, &mut self.orders, &row).map_err(|flaw| match flaw {
            Flaw::Sqlite(error) => wrong(error.to_string()),
            Flaw::Wrong(why) => wrong(why),
        })?;
        self.head = (seq, link);
        Ok(())
    }

    /// Proves it, and puts it into its place.
    ///
    /// # Errors
    /// [`RebuildFault`]; then the directory has no ledger.
    pub fn finish(mut self) -> Result<AuditReport, RebuildFault> {
        self.sqlite.connection.execute_batch("COMMIT")?;
        self.sqlite.finish().map_err(|failure| RebuildFault::Unproven(format!("{failure:?}")))?;
        let report = {
            let reader = LedgerReader::open(&self.workshop)?;
            audit(&reader, None::<std::io::Empty>).map_err(|fault| match fault {
                AuditFault::Read(fault) => RebuildFault::Read(fault),
                AuditFault::Acks(error) => RebuildFault::Unproven(error.to_string()),
            })?
        };
        if let Some(violation) = report.violations().first() {
            let (of, what) = (violation.invariant, &violation.what);
            return Err(RebuildFault::Unproven(format!("{of:?}: {what}")));
        }
        let Self { dir, workshop, sqlite, .. } = self;
        // The last connection takes the write-ahead log along.
        sqlite.connection.close().map_err(|(_, error)| error)?;
        let place = dir.join(FILE_NAME);
        std::fs::rename(workshop.join(FILE_NAME), &place).map_err(LedgerFault::about(&place))?;
        clear(&workshop)?;
        sync_dir(&dir)?;
        Ok(report)
    }
}

/// Puts a row into the tables; `orders` are those before it, by their numbers.
fn fold(connection: &Connection, orders: &mut HashMap<[u8; 16], i64>, row: &EventRow<'_>) -> Result<(), Flaw> {
    let kind = EventKind::of_word(row.kind).ok_or_else(|| Flaw::Wrong("no kind of event".into()))?;
    let phase = |phase: &str| {
        let sql = "UPDATE sales SET phase = ?2 WHERE no = ?1";
        expect_row(connection.prepare_cached(sql)?.execute(params![row.sale, phase])?)
    };
    let units = row.quantity.unwrap_or(0);
    match kind {
        EventKind::SaleCreated | EventKind::SaleChanged => terms(connection, row, kind),
        EventKind::SaleOpened | EventKind::SaleResumed => phase("live"),
        EventKind::SalePaused => phase("paused"),
        EventKind::SaleEnded => phase("ended"),
        EventKind::StockAdded => shift(connection, row, Shift { stock: units, ..Shift::default() }),
        EventKind::StockTaken => {
            let stock = units.checked_neg().ok_or_else(|| Flaw::Wrong("no number of units".into()))?;
            shift(connection, row, Shift { stock, ..Shift::default() })
        }
        EventKind::StockSoldOut => Ok(()),
        EventKind::OrderPlaced => {
            orders.insert(id(row)?, row.seq);
            let (held, sold) = if row.expires_at_us.is_some() { (units, 0) } else { (0, units) };
            shift(connection, row, Shift { held, sold, stock: 0 })
        }
        _ => move_order(connection, orders, row, kind),
    }
}

fn move_order(
    connection: &Connection,
    orders: &HashMap<[u8; 16], i64>,
    row: &EventRow<'_>,
    kind: EventKind,
) -> Result<(), Flaw> {
    let detail: MoveDetail = parsed(row)?;
    let kind = detail.kind(kind).ok_or_else(|| Flaw::Wrong("it doesn't say where the units are".into()))?;
    let units = row.quantity.and_then(|units| u32::try_from(units).ok());
    shift(connection, row, kind.shift(units.ok_or_else(|| Flaw::Wrong("no number of units".into()))?))?;
    let Some(to) = kind.to() else { return Ok(()) };
    let placed = orders.get(&id(row)?).ok_or_else(|| Flaw::Wrong("its order was never placed".into()))?;
    let sql = "INSERT INTO order_states (seq, state, expires_at_us, late, payment) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (seq) DO UPDATE SET state = ?2, expires_at_us = coalesce(?3, expires_at_us), \
               late = max(late, ?4), payment = coalesce(?5, payment)";
    let payment = detail.payment.filter(|_| kind.is_paid());
    let is_late = kind == MoveKind::Confirmed { late: true };
    let cells = params![placed, to.word(), row.expires_at_us, is_late, payment];
    connection.prepare_cached(sql)?.execute(cells)?;
    Ok(())
}

/// For [`crate::fuzz`]: each item's stock, and how many of that are held and sold; none where no ledger is made.
#[cfg(any(test, feature = "torture"))]
pub(crate) fn fuzzed(rows: &[EventRow<'_>]) -> Option<Vec<[i64; 3]>> {
    // One for each thread, which forgets what it has been told each time: to make the tables takes a hundred times as long.
    thread_local! { static LEDGER: Sqlite = Sqlite::in_memory().expect("tables in memory"); }
    LEDGER.with(|Sqlite { connection, .. }| {
        connection.execute_batch("BEGIN").expect("nothing is underway");
        let mut orders = HashMap::new();
        let mut is_put = |row| insert(connection, row, &GENESIS).is_ok() && fold(connection, &mut orders, row).is_ok();
        let is_made = rows.iter().all(&mut is_put);
        let totals = || {
            let mut items = connection.prepare_cached("SELECT stock, held, sold FROM items ORDER BY no")?;
            let totals = items.query_map([], |item| Ok([item.get(0)?, item.get(1)?, item.get(2)?]))?;
            totals.collect::<rusqlite::Result<_>>()
        };
        let totals = is_made.then(|| totals().expect("three numbers of each item"));
        connection.execute_batch("ROLLBACK").expect("it was begun");
        totals
    })
}

/// What is wrong with a row, before anybody says which it is.
enum Flaw {
    Sqlite(rusqlite::Error),
    Wrong(String),
}

impl From<rusqlite::Error> for Flaw {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn parsed<'a, T: serde::Deserialize<'a>>(row: &EventRow<'a>) -> Result<T, Flaw> {
    let detail = row.detail.ok_or_else(|| Flaw::Wrong("it has no detail".into()))?;
    serde_json::from_str(detail).map_err(|error| Flaw::Wrong(format!("its detail can't be read: {error}")))
}

fn id(row: &EventRow<'_>) -> Result<[u8; 16], Flaw> {
    row.order_id.and_then(|id| id.try_into().ok()).ok_or_else(|| Flaw::Wrong("it has no order's id".into()))
}

fn expect_row(changed: usize) -> Result<(), Flaw> {
    if changed == 1 { Ok(()) } else { Err(Flaw::Wrong("what it changes isn't there".into())) }
}

fn shift(connection: &Connection, row: &EventRow<'_>, by: Shift) -> Result<(), Flaw> {
    let sql = "UPDATE items SET held = held + ?2, sold = sold + ?3, stock = stock + ?4 WHERE no = ?1";
    expect_row(connection.prepare_cached(sql)?.execute(params![row.item, by.held, by.sold, by.stock])?)
}

fn terms(connection: &Connection, row: &EventRow<'_>, kind: EventKind) -> Result<(), Flaw> {
    let detail: SaleDetail = parsed(row)?;
    let SaleDetail { id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us, first_item, items } = detail;
    let sql = if kind == EventKind::SaleCreated {
        "INSERT INTO sales (no, id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us, phase) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'scheduled')"
    } else {
        "UPDATE sales SET title = ?3, opens_at_us = ?4, closes_at_us = ?5, limit_per_buyer = ?6, hold_us = ?7 \
         WHERE no = ?1 AND id = ?2"
    };
    let cells = params![row.sale, id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us];
    expect_row(connection.prepare_cached(sql)?.execute(cells)?)?;
    let sql =
        "INSERT INTO items (no, sale, sku, title, price_minor, currency, stock) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for (no, item) in (i64::from(first_item)..).zip(&items) {
        let price = Money::parse(&item.price).map_err(|error| Flaw::Wrong(format!("a price: {error}")))?;
        let cells = params![no, row.sale, item.sku, item.title, price.minor(), price.currency(), item.stock];
        connection.prepare_cached(sql)?.execute(cells)?;
    }
    Ok(())
}

fn insert(connection: &Connection, row: &EventRow<'_>, hash: &Hash) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events (seq, at_us, kind, sale, item, order_id, buyer, idempotency_key, quantity, \
               price_minor, placed_at_us, expires_at_us, ack, detail, hash) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    let cells = params![
        row.seq,
        row.at_us,
        row.kind,
        row.sale,
        row.item,
        row.order_id,
        row.buyer,
        row.idempotency_key,
        row.quantity,
        row.price_minor,
        row.placed_at_us,
        row.expires_at_us,
        row.ack,
        row.detail,
        hash,
    ];
    connection.prepare_cached(sql)?.execute(cells).map(drop)
}

/// Removes what an earlier attempt has left, or this one.
fn clear(workshop: &Path) -> Result<(), LedgerFault> {
    match std::fs::remove_dir_all(workshop) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LedgerFault::about(workshop)(error)),
        _ => Ok(()),
    }
}
