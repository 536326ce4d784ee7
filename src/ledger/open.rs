//! Opening: locked, checked, read back; then it writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::abroad::Abroad;
use super::fault::LedgerFault;
use super::health::{Board, Figures};
use super::lock::DirLock;
use super::notes::{NoteBox, Tray};
use super::page::{Head, Tally};
use super::proof;
use super::queue::Queue;
use super::receipt::{Desks, Outbox};
use super::recovery::{self, Recovered};
use super::sqlite::Sqlite;
use super::store::{NoStore, Store};
use super::writer::{Turn, Writer};
use super::{Commons, Ledger, Settle};
use crate::clock::Clock;
use crate::order::Ack;

/// The writer's thread.
const THREAD_NAME: &str = "ledger-writer";

/// What keeps the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A file.
    Sqlite,
    /// Nothing: for measuring everything else. Orders are in memory, and gone with it.
    None,
}

/// How the ledger is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// Where its files are.
    pub data_dir: PathBuf,
    /// What keeps it.
    pub store: StoreKind,
    /// What the shop promises. An order's own `ack` decides when its receipt is told; this one, whether batches are
    /// left to grow because nobody waits for them.
    pub ack: Ack,
    /// Most events that may wait, 1 to [`super::QUEUE_ORDERS_MAX`] (the nearest of these where it is neither).
    pub queue_orders: usize,
}

/// A ledger that is locked, opened and checked, and doesn't write yet.
pub struct OpenLedger {
    pub(super) settings: LedgerSettings,
    pub(super) clock: Clock,
    pub(super) store: Box<dyn Store>,
    pub(super) tally: Tally,
    pub(super) orders: u64,
    pub(super) lock: Option<DirLock>,
}

impl OpenLedger {
    /// Locks, opens and checks the ledger, and reads back what it remembers. Makes one where there is none.
    ///
    /// # Errors
    /// [`LedgerFault`], each kind with its exit code.
    pub fn open(settings: LedgerSettings, clock: Clock) -> Result<(Self, Recovered), LedgerFault> {
        match settings.store {
            StoreKind::None => {
                let tally = Tally { head: Head::START, sales: 0, items: Vec::new() };
                Ok((Self::with_store(settings, clock, Box::new(NoStore), tally), Recovered::default()))
            }
            StoreKind::Sqlite => {
                let lock = DirLock::take(&settings.data_dir)?;
                let sqlite = Sqlite::open(&settings.data_dir)?;
                let (recovered, tally) = recovery::recover(&sqlite.connection)?;
                proof::prove(&settings.data_dir, &sqlite.connection, recovered.events)?;
                sqlite.keep_what_was_found()?;
                let orders = recovered.orders.len() as u64;
                let open = Self::with_store(settings, clock, Box::new(sqlite), tally);
                Ok((Self { orders, lock: Some(lock), ..open }, recovered))
            }
        }
    }

    pub(super) fn with_store(settings: LedgerSettings, clock: Clock, store: Box<dyn Store>, tally: Tally) -> Self {
        Self { settings, clock, store, tally, orders: 0, lock: None }
    }

    /// Starts writing, on a thread of its own.
    ///
    /// # Errors
    /// [`LedgerFault::Thread`] where the thread cannot be started.
    pub fn start(self, settle: Box<dyn Settle>) -> Result<Ledger, LedgerFault> {
        let (mut ledger, writer) = self.by_hand(settle);
        let thread = thread::Builder::new().name(THREAD_NAME.into()).spawn(|| writer.run());
        ledger.thread = Mutex::new(Some(thread.map_err(LedgerFault::Thread)?));
        Ok(ledger)
    }

    /// A ledger without a thread: whoever holds the [`Writer`] takes its turns. For benchmarks and simulations, which
    /// decide themselves what makes a batch.
    #[must_use]
    pub fn by_hand(self, settle: Box<dyn Settle>) -> (Ledger, Writer) {
        let events = self.tally.head.seq.unsigned_abs();
        let figures = Figures { events, orders: self.orders, ..Figures::default() };
        let commons = Arc::new(Commons {
            queue: Queue::new(self.settings.queue_orders),
            desks: Desks::default(),
            board: Board::new(figures),
            notes: NoteBox::default(),
            abroad: Abroad::default(),
        });
        let writer = Writer {
            commons: Arc::clone(&commons),
            store: self.store,
            settle,
            clock: self.clock,
            tally: self.tally,
            figures,
            ack: self.settings.ack,
            last: Turn::default(),
            batch: Vec::new(),
            undecided: 0,
            outbox: Outbox::default(),
            departing: Vec::new(),
            tray: Tray::default(),
            failed: None,
            _lock: self.lock,
        };
        (Ledger { commons, thread: Mutex::new(None) }, writer)
    }
}
