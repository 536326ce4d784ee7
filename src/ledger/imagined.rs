//! A disk that is only imagined: the real tables in a memory that outlives the process that a simulation lets die, and
//! whatever luck the simulation wants.
//!
//! Absent: syncs and files. What a real disk leaves after a power cut is another harness's question.
//!
//! **Invariant:** a page is there whole or not at all, whatever the writer is told of it.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::audit::{AuditReport, audit};
use super::fault::LedgerFault;
use super::page::{BadEvent, Page};
use super::read::LedgerReader;
use super::sqlite::Sqlite;
use super::store::{Failure, Store};
use super::{LedgerSettings, OpenLedger, Recovered, StoreKind, recovery};
use crate::clock::Clock;
use crate::order::{Ack, Stored};

/// What happens to the next pages and probes, until it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// They are stored.
    Good,
    /// They are certainly not stored.
    Refused,
    /// They are not stored, and nobody can tell.
    Lost,
    /// They are stored, and nobody can tell.
    Kept,
}

/// The imagined disk. Its clones are the same disk.
#[derive(Clone)]
pub(crate) struct ImaginedDisk(Arc<Mutex<Inside>>);

struct Inside {
    sqlite: Sqlite,
    luck: Luck,
}

/// An event as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DurableEvent {
    pub(crate) kind: String,
    pub(crate) order: Option<[u8; 16]>,
    pub(crate) quantity: Option<i64>,
}

/// An order as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DurableOrder {
    pub(crate) id: [u8; 16],
    pub(crate) buyer: String,
    pub(crate) key: Option<String>,
    pub(crate) item: u32,
    pub(crate) units: u32,
    pub(crate) state: String,
    pub(crate) expires_at_us: Option<i64>,
}

/// A sale as it is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DurableSale {
    pub(crate) phase: String,
    pub(crate) limit_per_buyer: u32,
    pub(crate) opens_at_us: Option<i64>,
    pub(crate) closes_at_us: Option<i64>,
}

/// What a process that dies now leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Durable {
    pub(crate) sales: Vec<DurableSale>,
    /// Stock, held and sold units of each item.
    pub(crate) items: Vec<(u32, u32, u32)>,
    pub(crate) orders: Vec<DurableOrder>,
}

impl ImaginedDisk {
    pub(crate) fn new() -> Self {
        let sqlite = Sqlite::in_memory().expect("tables in memory");
        Self(Arc::new(Mutex::new(Inside { sqlite, luck: Luck::Good })))
    }

    pub(crate) fn set_luck(&self, luck: Luck) {
        self.0.lock().luck = luck;
    }

    /// Opens the ledger as a new process does.
    pub(crate) fn open(&self, clock: Clock, queue_orders: usize) -> Result<(OpenLedger, Recovered), LedgerFault> {
        self.set_luck(Luck::Good);
        let (recovered, tally) = recovery::recover(&self.0.lock().sqlite.connection)?;
        let settings =
            LedgerSettings { data_dir: PathBuf::new(), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders };
        let orders = recovered.orders.len() as u64;
        let open = OpenLedger::with_store(settings, clock, Box::new(self.clone()), tally);
        Ok((OpenLedger { orders, ..open }, recovered))
    }

    /// The events behind `seq`.
    pub(crate) fn events_after(&self, seq: i64) -> Vec<DurableEvent> {
        let inside = self.0.lock();
        let sql = "SELECT kind, order_id, quantity FROM events WHERE seq > ?1 ORDER BY seq";
        let mut statement = inside.sqlite.connection.prepare_cached(sql).expect(sql);
        let event =
            |row: &rusqlite::Row<'_>| Ok(DurableEvent { kind: row.get(0)?, order: row.get(1)?, quantity: row.get(2)? });
        statement.query_map([seq], event).and_then(Iterator::collect).expect("readable events")
    }

    /// Whether it has an event of that kind about an order, or a buyer.
    pub(crate) fn has(&self, kind: &str, order: Option<&[u8; 16]>, buyer: Option<&str>) -> bool {
        let sql =
            "SELECT 1 FROM events WHERE (?2 IS NULL OR order_id = ?2) AND (?3 IS NULL OR buyer = ?3) AND kind = ?1";
        let inside = self.0.lock();
        let mut statement = inside.sqlite.connection.prepare_cached(sql).expect(sql);
        statement.exists((kind, order.map(|id| id.as_slice()), buyer)).expect("readable events")
    }

    /// Everything that it has by now.
    pub(crate) fn durable(&self) -> Durable {
        let inside = self.0.lock();
        let connection = &inside.sqlite.connection;
        let sql = "SELECT phase, limit_per_buyer, opens_at_us, closes_at_us FROM sales ORDER BY no";
        let mut sales = connection.prepare_cached(sql).expect(sql);
        let mut items = connection.prepare_cached("SELECT stock, held, sold FROM items ORDER BY no").expect("SQL");
        let sql = "SELECT order_id, buyer, idempotency_key, item_no, quantity, state, expires_at_us FROM orders \
                   ORDER BY seq";
        let mut orders = connection.prepare_cached(sql).expect(sql);
        let order = |row: &rusqlite::Row<'_>| {
            Ok(DurableOrder {
                id: row.get(0)?,
                buyer: row.get(1)?,
                key: row.get(2)?,
                item: row.get(3)?,
                units: row.get(4)?,
                state: row.get(5)?,
                expires_at_us: row.get(6)?,
            })
        };
        let sale = |row: &rusqlite::Row<'_>| {
            Ok(DurableSale {
                phase: row.get(0)?,
                limit_per_buyer: row.get(1)?,
                opens_at_us: row.get(2)?,
                closes_at_us: row.get(3)?,
            })
        };
        let item = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        Durable {
            sales: sales.query_map((), sale).and_then(Iterator::collect).expect("readable sales"),
            items: items.query_map((), item).and_then(Iterator::collect).expect("readable items"),
            orders: orders.query_map((), order).and_then(Iterator::collect).expect("readable orders"),
        }
    }

    /// The audit's verdict on all of it, when every process has let go of it. `acks` has an order's id on each line.
    pub(crate) fn prove(self, acks: String) -> AuditReport {
        let inside = Arc::into_inner(self.0).expect("no process has the disk").into_inner();
        let reader = LedgerReader { connection: inside.sqlite.connection };
        audit(&reader, Some(Cursor::new(acks))).expect("a verdict")
    }
}

impl Store for ImaginedDisk {
    fn safety(&self) -> Stored {
        Stored::Disk
    }

    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        let mut inside = self.0.lock();
        let unknown = || Failure::Unknown("imagined".into());
        let luck = inside.luck;
        match luck {
            Luck::Good => inside.sqlite.append(page),
            Luck::Kept => inside.sqlite.append(page).and(Err(unknown())),
            Luck::Refused | Luck::Lost => {
                // Rows are made, as far as a disk that fails would let them be.
                match page.each(|_| Ok::<_, BadEvent>(())) {
                    Err(bad) => Err(Failure::BadEvent(bad.to_string())),
                    Ok(()) if luck == Luck::Lost => Err(unknown()),
                    Ok(()) => Err(Failure::Refused("imagined".into())),
                }
            }
        }
    }

    fn probe(&mut self) -> Result<(), Failure> {
        match self.0.lock().luck {
            Luck::Good => Ok(()),
            Luck::Refused => Err(Failure::Refused("imagined".into())),
            Luck::Lost | Luck::Kept => Err(Failure::Unknown("imagined".into())),
        }
    }

    fn tidy(&mut self, _: u64) -> Result<u64, Failure> {
        Ok(0)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
