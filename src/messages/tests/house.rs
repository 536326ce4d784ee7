//! A shop with a courier: a real ledger in a directory of its own, receivers on this machine, and a clock that stands
//! still until a test moves it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::receiver::{FORMER, Receiver, SECRET};
use crate::access::{Access, AccessSettings};
use crate::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use crate::clock::{Clock, WallTime};
use crate::funnel::{Attempt, Descent, Funnel};
use crate::ids::{BuyerRef, ItemNo, OrderId, Quantity, SaleId, SaleNo, Sku};
use crate::keeper::Keeper;
use crate::ledger::post::Fate;
use crate::ledger::read::LedgerReader;
use crate::ledger::{Delivery, DeskId, EndpointNo, LedgerSettings, OpenLedger, StoreKind};
use crate::messages::{Courier, Endpoint, EndpointStatus, EndpointTerms, Kind};
use crate::money::Money;
use crate::offer::{ItemTerms, Offer, SaleTerms};
use crate::order::{Ack, Order, OrderTerms};
use crate::orders::signature::{Key, Keys};
use crate::orders::targets::{Reach, Target};
use crate::stock::Wanted;

pub(super) const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
pub(super) const FIRST: EndpointNo = EndpointNo(1);
/// No test gets near it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn price() -> Money {
    Money::from_minor(12_900, "USD").expect("a price")
}

pub(super) fn terms(buyer: &str, expires_at: Option<WallTime>) -> OrderTerms {
    OrderTerms {
        id: OrderId::fresh(NOON),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(buyer.as_bytes()).expect("a buyer").into(),
        key: None,
        quantity: Quantity::new(2).expect("units"),
        unit_price: price(),
        placed_at: NOON,
        expires_at,
        ack: Ack::Disk,
    }
}

/// What a test says of an endpoint.
pub(super) fn endpoint_terms(url: &str, timeout: Duration, kinds: &[Kind]) -> EndpointTerms {
    let key = |secret| Key::parse(secret).expect("a secret");
    EndpointTerms {
        url: url.into(),
        target: Target::parse(url, Reach::Anywhere).expect("a target"),
        keys: Keys::new(key(SECRET), Some(key(FORMER))),
        kinds: kinds.into(),
        timeout,
    }
}

/// A receiver as an endpoint that is waited for.
pub(super) fn endpoint(receiver: &Receiver) -> Endpoint {
    Endpoint::new(endpoint_terms(&receiver.url(), PATIENCE, &[])).expect("an endpoint")
}

/// Waits for a future as a thread would.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

/// Waits until something has become true.
pub(super) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..PATIENCE.as_millis() / 5 {
        if is_true() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("{what}: not within {PATIENCE:?}");
}

pub(super) struct House {
    pub(super) clock: Clock,
    pub(super) funnel: Arc<Funnel>,
    pub(super) keeper: Keeper,
    pub(super) courier: Courier,
    dir: TempDir,
}

fn build(dir: &TempDir, clock: &Clock) -> (Arc<Funnel>, Keeper, Courier) {
    let data_dir = dir.path().join("data");
    let settings =
        LedgerSettings { data_dir: data_dir.clone(), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 10_000 };
    let ledger = OpenLedger::open(settings, clock.clone()).expect("a good ledger");
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings { spent_keys: 64, ..Default::default() });
    let access = Access::new(&AccessSettings { ip: None, buyer: None, sale: None, table_keys: 64 });
    let on_broken = Box::new(|why: &str| panic!("the ledger is broken: {why}"));
    let funnel = Arc::new(Funnel::build(ledger, (client, access), Ack::Disk, on_broken).expect("a writer"));
    let courier = Courier::start(Arc::clone(&funnel), clock.clone(), Some(data_dir)).expect("a courier");
    (Arc::clone(&funnel), Keeper::new(funnel, clock.clone()), courier)
}

impl House {
    /// An empty shop at noon, whose courier serves these.
    pub(super) fn serving(endpoints: Vec<Endpoint>) -> Self {
        let (dir, clock) = (TempDir::new().expect("a temporary directory"), Clock::manual(NOON));
        let (funnel, keeper, courier) = build(&dir, &clock);
        let house = Self { clock, funnel, keeper, courier, dir };
        house.serve(endpoints);
        house
    }

    /// The same, with a live sale: two messages' worth of events, of which one is told.
    pub(super) fn selling(endpoints: Vec<Endpoint>) -> Self {
        let house = Self::serving(endpoints);
        house.open("launch", 10_000);
        house
    }

    /// Time passes for as long as something takes: the ledger paces notes by this clock.
    fn while_time_passes<T>(&self, doing: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Relaxed: a flag that ends a loop.
                while !is_over.load(Ordering::Relaxed) {
                    self.clock.advance(Duration::from_millis(10));
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let done = doing();
            is_over.store(true, Ordering::Relaxed);
            done
        })
    }

    pub(super) fn serve(&self, endpoints: Vec<Endpoint>) {
        self.while_time_passes(|| wait(self.courier.serve(endpoints)).expect("they are served"));
    }

    pub(super) fn leave(&self) {
        self.while_time_passes(|| self.courier.leave());
    }

    /// Moves the clock on, until something has become true.
    pub(super) fn pass_until(&self, what: &str, step: Duration, mut is_true: impl FnMut() -> bool) {
        eventually(what, || {
            self.clock.advance(step);
            thread::sleep(Duration::from_millis(60));
            is_true()
        });
    }

    /// The courier and the process go as they should; the next one serves these.
    pub(super) fn restart(self, endpoints: Vec<Endpoint>) -> Self {
        self.leave();
        self.begin_again(endpoints)
    }

    /// The process is gone, whatever the courier was about to write down.
    pub(super) fn begin_again(self, endpoints: Vec<Endpoint>) -> Self {
        self.funnel.ledger.close();
        let Self { clock, dir, .. } = self;
        let (funnel, keeper, courier) = build(&dir, &clock);
        let house = Self { clock, funnel, keeper, courier, dir };
        house.serve(endpoints);
        house
    }

    pub(super) fn open(&self, id: &str, stock: u32) {
        let id = SaleId::parse(id).expect("a name");
        let title = id.to_string();
        let sale = SaleTerms { id, title, opens_at: None, closes_at: None, limit_per_buyer: 1_000_000, hold: None };
        let item = ItemTerms { sku: Sku::parse("shoe").expect("a name"), title: "shoe".into(), price: price(), stock };
        wait(self.keeper.create(Offer { sale, items: vec![item] })).expect("a new sale");
    }

    /// Buys a shoe.
    pub(super) fn buy(&self, buyer: &str) -> Arc<Order> {
        let proof = Proof::Vouched(BuyerRef::parse(buyer.as_bytes()).expect("a buyer id"));
        let aim = self.funnel.sales.aim("launch", "shoe");
        let attempt = Attempt { address: IpAddr::V4(Ipv4Addr::LOCALHOST), aim, proof, key: None };
        let mut buffer = PassBuffer::default();
        let now = self.clock.now();
        let Ok(Descent::Open(entered)) = self.funnel.descend(attempt, &mut buffer, now) else { panic!("not let in") };
        let wanted = Wanted { key: None, quantity: Quantity::new(1).expect("one"), ack: Ack::Disk };
        let (order, receipt) = self.funnel.take(&entered, wanted, DeskId::NONE, now).expect("a yes");
        wait(receipt).expect("it is stored");
        order
    }

    pub(super) fn status(&self, no: EndpointNo) -> EndpointStatus {
        self.courier.statuses().into_iter().find(|status| status.no == no).expect("it is served")
    }

    /// How the first endpoint is as soon as its round has begun.
    pub(super) fn status_after_start(&self) -> EndpointStatus {
        eventually("the round begins", || !self.courier.statuses().is_empty());
        self.status(FIRST)
    }

    pub(super) fn reader(&self) -> LedgerReader {
        LedgerReader::open(&self.dir.path().join("data")).expect("a ledger")
    }

    pub(super) fn remembered(&self, fate: Fate) -> Vec<Delivery> {
        self.reader().deliveries(FIRST, fate, 0, usize::MAX).expect("rows")
    }

    /// The log's end.
    pub(super) fn head(&self) -> i64 {
        self.reader().head().expect("a head").seq
    }
}
