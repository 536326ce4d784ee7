//! The ledger alone: how many orders a second this disk takes, by the size of a commit, beside the disk itself.
//!
//! **Invariant:** everything that a commit holds in the shop is in it here (event, hash chain, totals, sync); batches are
//! made up before the clock starts.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::house::{SALE, SKU, price};
use crate::clock::{Clock, WallTime};
use crate::ids::{BuyerRef, ItemNo, OrderId, Quantity, SaleId, SaleNo, Sku};
use crate::ledger::{DeskId, Event, Ledger, LedgerSettings, OpenLedger, Outcome, Settle, StoreKind, Unwritten, Writer};
use crate::offer::{ItemTerms, Offer, STOCK_MAX, SaleTerms};
use crate::order::{Ack, Order, OrderTerms};

/// Orders in a commit: from a quiet shop's to more than a stampede ever brings.
pub const BATCHES: [u64; 5] = [1, 10, 100, 1_000, 10_000];
/// Bytes of the raw disk's writes: about what an order takes in the log.
const RAW_BYTES: usize = 512;
/// Orders wait in a queue for their commit: more than the largest batch.
const QUEUE_ORDERS: usize = 65_536;
/// A commit that takes a minute is a broken disk.
const LONGEST_US: u64 = 60_000_000;
/// Any moment will do, and always the same.
const PLACED_AT: WallTime = WallTime::from_micros(1_800_000_000_000_000);
const EXPIRES_AT: WallTime = WallTime::from_micros(1_800_000_600_000_000);

/// Nobody waits for these orders.
struct Deaf;

impl Settle for Deaf {
    fn settled(&self, _: &Arc<Order>, _: Outcome) {}

    fn broken(&self, why: &str) {
        tracing::error!(why, "the ledger is broken");
    }
}

/// How long something took, many times.
#[derive(Debug, Clone, Serialize)]
pub struct Spans {
    /// Half of them took no longer.
    pub p50_us: u64,
    /// Of a hundred, 99 took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Spans {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self { p50_us: at(0.5), p99_us: at(0.99), max_us: histogram.max() }
    }
}

/// What came of one size.
#[derive(Debug, Clone, Serialize)]
pub struct BatchFigures {
    /// Orders in a commit.
    pub orders_per_commit: u64,
    /// Orders on disk, a second.
    pub orders_per_s: f64,
    /// How long a commit took.
    pub commit: Spans,
    /// All of them, in microseconds.
    #[serde(skip)]
    pub histogram: Histogram<u64>,
}

/// What the disk does by itself.
#[derive(Debug, Clone, Serialize)]
pub struct DiskFigures {
    /// Appends of some hundred bytes, each synced, a second.
    pub syncs_per_s: f64,
    /// How long each took.
    pub sync: Spans,
}

/// A ledger whose batches are made by hand.
pub struct Desk {
    ledger: Ledger,
    writer: Writer,
}

impl Desk {
    /// Opens a ledger in this directory, with one sale, live.
    ///
    /// # Errors
    /// Where the ledger can't be opened.
    pub fn open(data_dir: PathBuf) -> anyhow::Result<Self> {
        let settings =
            LedgerSettings { data_dir, store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: QUEUE_ORDERS };
        let (ledger, recovered) = OpenLedger::open(settings, Clock::system())?;
        let (ledger, writer) = ledger.by_hand(Box::new(Deaf));
        let mut desk = Self { ledger, writer };
        if recovered.sales.is_empty() {
            desk.open_sale()?;
        }
        Ok(desk)
    }

    fn open_sale(&mut self) -> anyhow::Result<()> {
        let sale = SaleTerms {
            id: SaleId::parse(SALE)?,
            title: SALE.into(),
            opens_at: None,
            closes_at: None,
            limit_per_buyer: 1,
            hold: None,
        };
        let item = ItemTerms { sku: Sku::parse(SKU)?, title: SKU.into(), price: price()?, stock: STOCK_MAX };
        let offer = Arc::new(Offer { sale, items: vec![item] });
        let created = Event::SaleCreated { sale: SaleNo(0), first_item: ItemNo(0), offer };
        // The writer's next turn is the answer.
        drop(self.ledger.record(created).map_err(refused)?);
        drop(self.ledger.record(Event::SaleOpened(SaleNo(0), WallTime::from_micros(0))).map_err(refused)?);
        self.writer.turn();
        Ok(())
    }

    /// Orders of different buyers, not yet in the queue.
    ///
    /// # Errors
    /// Never: the names are fit.
    pub fn orders(count: u64) -> anyhow::Result<Vec<Arc<Order>>> {
        (0..count).map(order).collect()
    }

    /// From the first place in the queue to the last receipt.
    ///
    /// # Errors
    /// Where an order isn't stored.
    pub fn commit(&mut self, orders: Vec<Arc<Order>>) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let accept = |order| {
            Ok::<_, anyhow::Error>(self.ledger.accept(self.ledger.slot().map_err(refused)?, order, DeskId::NONE))
        };
        let receipts = orders.into_iter().map(accept).collect::<Result<Vec<_>, _>>()?;
        while self.writer.turn() > 0 {}
        let taken = begun.elapsed();
        let is_stored = receipts.iter().all(|receipt| matches!(receipt.peek(), Some(Ok(_))));
        anyhow::ensure!(is_stored, "an order isn't stored: is there room on the disk?");
        Ok(taken)
    }

    /// Writes down what is left, and closes.
    pub fn close(self) {
        self.writer.finish();
    }
}

fn refused(why: Unwritten) -> anyhow::Error {
    anyhow::anyhow!("the ledger takes nothing: {why:?}")
}

fn order(number: u64) -> anyhow::Result<Arc<Order>> {
    let buyer = format!("b-{number:020}");
    Ok(Arc::new(Order::place(OrderTerms {
        id: OrderId::fresh(PLACED_AT),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(buyer.as_bytes())?.into(),
        key: None,
        quantity: Quantity::ONE,
        unit_price: price()?,
        placed_at: PLACED_AT,
        expires_at: Some(EXPIRES_AT),
        ack: Ack::Disk,
    })))
}

/// Commits of one size, for so long, in a new ledger in this directory.
///
/// # Errors
/// Where the ledger can't be opened or written.
pub fn measure(dir: &Path, orders_per_commit: u64, seconds: Duration) -> anyhow::Result<BatchFigures> {
    let mut desk = Desk::open(dir.join(format!("ledger-{orders_per_commit}")))?;
    let mut histogram = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    let mut sum = Duration::ZERO;
    while sum < seconds {
        let took = desk.commit(Desk::orders(orders_per_commit)?)?;
        sum += took;
        histogram.saturating_record(micros(took));
    }
    desk.close();
    let orders = histogram.len() * orders_per_commit;
    Ok(BatchFigures {
        orders_per_commit,
        orders_per_s: orders as f64 / sum.as_secs_f64(),
        commit: Spans::of(&histogram),
        histogram,
    })
}

/// The disk under this directory by itself: a file that is appended to and synced, again and again.
///
/// # Errors
/// Where the file can't be written.
pub fn measure_disk(dir: &Path, seconds: Duration) -> anyhow::Result<DiskFigures> {
    let mut file = File::create(dir.join("raw"))?;
    let mut histogram = Histogram::<u64>::new_with_max(LONGEST_US, 3)?;
    let begun = Instant::now();
    while begun.elapsed() < seconds {
        let before = Instant::now();
        file.write_all(&[0x5a; RAW_BYTES])?;
        file.sync_data()?;
        histogram.saturating_record(micros(before.elapsed()));
    }
    let syncs_per_s = histogram.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(DiskFigures { syncs_per_s, sync: Spans::of(&histogram) })
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
