//! The ledger by hand: tests take the writer's turns themselves, on a real file in a directory of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abroad;
mod disks;
mod failing;
mod moving;
mod noting;
mod opening;
mod queueing;
mod storing;

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use super::lock::DirLock;
use super::row::{EventRow, GENESIS};
use super::sqlite::Sqlite;
use super::store::Store;
use super::*;
use crate::clock::{Clock, WallTime};
use crate::ids::{BuyerRef, ItemNo, KeyRef, OrderId, Quantity, SaleId, SaleNo, Sku};
use crate::money::Money;
use crate::offer::{ItemTerms, Offer, SaleTerms};
use crate::order::OrderTerms;

const NINE: WallTime = WallTime::from_micros(1_795_770_000_000_000);
const SALE: SaleNo = SaleNo(0);
const ITEM: ItemNo = ItemNo(0);

/// What the house has heard, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    Settled(OrderId, Outcome),
    Broken(String),
    Rung,
    Woken,
}

type Ears = Arc<Mutex<Vec<Heard>>>;

struct Listener(Ears);

impl Settle for Listener {
    fn settled(&self, order: &Arc<Order>, outcome: Outcome) {
        self.0.lock().push(Heard::Settled(order.terms.id, outcome));
    }

    fn broken(&self, why: &str) {
        self.0.lock().push(Heard::Broken(why.into()));
    }
}

struct Sleeper(Ears);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.lock().push(Heard::Woken);
    }
}

impl Bell for Sleeper {
    fn ring(&self) {
        self.0.lock().push(Heard::Rung);
    }
}

fn poll(receipt: &mut Receipt, ears: &Ears) -> Poll<Result<Stored, Unwritten>> {
    let waker = Waker::from(Arc::new(Sleeper(Arc::clone(ears))));
    std::pin::Pin::new(receipt).poll(&mut Context::from_waker(&waker))
}

struct Unparker(std::thread::Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a receipt as a thread would.
fn wait(mut receipt: Receipt) -> Result<Stored, Unwritten> {
    let waker = Waker::from(Arc::new(Unparker(std::thread::current())));
    loop {
        match std::pin::Pin::new(&mut receipt).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(told) => return told,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn settings(dir: &TempDir) -> LedgerSettings {
    LedgerSettings { data_dir: dir.path().join("data"), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 10_000 }
}

fn price() -> Money {
    Money::from_minor(12_900, "USD").unwrap()
}

fn item(sku: &str, stock: u32) -> ItemTerms {
    ItemTerms { sku: Sku::parse(sku).unwrap(), title: format!("Item {sku}"), price: price(), stock }
}

fn sale_terms(id: &str) -> SaleTerms {
    SaleTerms {
        id: SaleId::parse(id).unwrap(),
        title: "A \"launch\"".into(),
        opens_at: Some(NINE),
        closes_at: None,
        limit_per_buyer: 2,
        hold: Some(Duration::from_secs(600)),
    }
}

fn created(no: u32, first_item: u32, stocks: &[u32]) -> Event {
    let items = stocks.iter().enumerate().map(|(index, stock)| item(&format!("sku-{index}"), *stock)).collect();
    let offer = Offer { sale: sale_terms(&format!("sale-{no}")), items };
    Event::SaleCreated { sale: SaleNo(no), first_item: ItemNo(first_item), offer: Arc::new(offer) }
}

fn order_of(sale: SaleNo, item: ItemNo, buyer: &str, units: u32, ack: Ack) -> Arc<Order> {
    Arc::new(Order::place(OrderTerms {
        id: OrderId::fresh(NINE),
        sale,
        item,
        buyer: BuyerRef::parse(buyer.as_bytes()).unwrap().into(),
        key: Some(KeyRef::parse(format!("key-{buyer}").as_bytes()).unwrap().into()),
        quantity: Quantity::new(units).unwrap(),
        unit_price: price(),
        placed_at: NINE,
        expires_at: (units == 1).then(|| NINE.after(Duration::from_secs(600))),
        ack,
    }))
}

/// An order of one unit, which is held, or of more, which is confirmed at once.
fn order(buyer: &str, units: u32) -> Arc<Order> {
    order_of(SALE, ITEM, buyer, units, Ack::Disk)
}

/// A ledger whose turns the test takes.
struct House {
    dir: TempDir,
    clock: Clock,
    ears: Ears,
    ledger: Ledger,
    writer: Writer,
}

impl House {
    /// A ledger with one live sale of one item.
    fn with_stock(stock: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (open, _) = OpenLedger::open(settings(&dir), Clock::manual(NINE)).unwrap();
        Self::furnish(dir, open, stock)
    }

    /// The same, with a store that a test can reach into.
    fn with_store(stock: u32, wrap: impl FnOnce(Arc<Mutex<Sqlite>>) -> Box<dyn Store>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir);
        let lock = DirLock::take(&settings.data_dir).unwrap();
        let sqlite = Sqlite::open(&settings.data_dir).unwrap();
        let (_, tally) = recovery::recover(&sqlite.connection).unwrap();
        let store = wrap(Arc::new(Mutex::new(sqlite)));
        let open = OpenLedger::with_store(settings, Clock::manual(NINE), store, tally);
        Self::furnish(dir, OpenLedger { lock: Some(lock), ..open }, stock)
    }

    fn furnish(dir: TempDir, open: OpenLedger, stock: u32) -> Self {
        let (ears, clock) = (Ears::default(), open.clock.clone());
        let (ledger, writer) = open.by_hand(Box::new(Listener(Arc::clone(&ears))));
        let mut house = Self { dir, clock, ears, ledger, writer };
        let created = house.record(created(0, 0, &[stock]));
        let opened = house.record(Event::SaleOpened(SALE, WallTime::from_micros(0)));
        house.writer.turn();
        assert_eq!((created.peek(), opened.peek()), (Some(Ok(Stored::Disk)), Some(Ok(Stored::Disk))));
        house
    }

    fn record(&self, event: Event) -> Receipt {
        self.ledger.record(event).unwrap()
    }

    fn place(&self, order: &Arc<Order>) -> Receipt {
        self.ledger.accept(self.ledger.slot().unwrap(), Arc::clone(order), DeskId::NONE)
    }

    fn outcomes(&self) -> Vec<Outcome> {
        let settled = |heard: &Heard| if let Heard::Settled(_, outcome) = heard { Some(*outcome) } else { None };
        self.ears.lock().iter().filter_map(settled).collect()
    }

    /// Closes the ledger and reads it back.
    fn reopened(self) -> (TempDir, Recovered) {
        self.writer.finish();
        let (_, recovered) = OpenLedger::open(settings(&self.dir), self.clock).unwrap();
        (self.dir, recovered)
    }

    /// A second look at the file, beside the writer.
    fn look(&self) -> Connection {
        let file = self.dir.path().join("data").join(FILE_NAME);
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    fn kinds(&self) -> Vec<String> {
        let look = self.look();
        let mut statement = look.prepare("SELECT kind FROM events ORDER BY seq").unwrap();
        let kinds = statement.query_map([], |row| row.get(0)).unwrap();
        kinds.map(Result::unwrap).collect()
    }
}

/// Walks the whole log: dense, chained, and never back in time.
fn assert_chained(connection: &Connection) {
    let mut statement = connection.prepare("SELECT * FROM events ORDER BY seq").unwrap();
    let mut rows = statement.query([]).unwrap();
    let (mut last_seq, mut last_at, mut hash) = (0, i64::MIN, GENESIS);
    while let Some(row) = rows.next().unwrap() {
        let strings: Vec<Option<String>> = [2, 6, 7, 12, 13].map(|column| row.get(column).unwrap()).into();
        let order_id: Option<Vec<u8>> = row.get(5).unwrap();
        let event = EventRow {
            seq: row.get(0).unwrap(),
            at_us: row.get(1).unwrap(),
            kind: strings[0].as_deref().unwrap(),
            sale: row.get(3).unwrap(),
            item: row.get(4).unwrap(),
            order_id: order_id.as_deref(),
            buyer: strings[1].as_deref(),
            idempotency_key: strings[2].as_deref(),
            quantity: row.get(8).unwrap(),
            price_minor: row.get(9).unwrap(),
            placed_at_us: row.get(10).unwrap(),
            expires_at_us: row.get(11).unwrap(),
            ack: strings[3].as_deref(),
            detail: strings[4].as_deref(),
        };
        hash = event.link(&hash);
        assert_eq!((event.seq, row.get::<_, Vec<u8>>(14).unwrap()), (last_seq + 1, hash.to_vec()));
        assert!(event.at_us >= last_at, "time went back at {}", event.seq);
        (last_seq, last_at) = (event.seq, event.at_us);
    }
}
