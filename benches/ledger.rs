//! What an order costs from the queue to the disk: batches of `order.placed`, everything that a commit holds included.

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use doorbuster::clock::{Clock, WallTime};
use doorbuster::ids::{BuyerRef, ItemNo, OrderId, Quantity, SaleId, SaleNo, Sku};
use doorbuster::ledger::{DeskId, Event, Ledger, LedgerSettings, OpenLedger, Outcome, Settle, StoreKind, Writer};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Offer, STOCK_MAX, SaleTerms};
use doorbuster::order::{Ack, Order, OrderTerms};

struct Deaf;

impl Settle for Deaf {
    fn settled(&self, _: &Arc<Order>, _: Outcome) {}

    fn broken(&self, why: &str) {
        panic!("{why}");
    }
}

fn price() -> Money {
    Money::from_minor(12_900, "USD").expect("a price")
}

fn settings(dir: &tempfile::TempDir) -> LedgerSettings {
    LedgerSettings { data_dir: dir.path().join("data"), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 65_536 }
}

fn open(dir: &tempfile::TempDir) -> (Ledger, Writer) {
    let (ledger, recovered) = OpenLedger::open(settings(dir), Clock::system()).expect("a ledger");
    let (ledger, mut writer) = ledger.by_hand(Box::new(Deaf));
    if recovered.sales.is_empty() {
        let sale = SaleTerms {
            id: SaleId::parse("launch").expect("an id"),
            title: "Launch".into(),
            opens_at: None,
            closes_at: None,
            limit_per_buyer: 1,
            hold: None,
        };
        let sku = Sku::parse("sneaker-42").expect("a sku");
        let items = vec![ItemTerms { sku, title: "Sneaker".into(), price: price(), stock: STOCK_MAX }];
        let offer = Arc::new(Offer { sale, items });
        let created = Event::SaleCreated { sale: SaleNo(0), first_item: ItemNo(0), offer };
        drop(ledger.record(created).expect("a place"));
        drop(ledger.record(Event::SaleOpened(SaleNo(0), WallTime::from_micros(0))).expect("a place"));
        writer.turn();
    }
    (ledger, writer)
}

const PLACED_AT: WallTime = WallTime::from_micros(1_800_000_000_000_000);

fn order(buyer: u64) -> Arc<Order> {
    let buyer = format!("b-{buyer:020}");
    Arc::new(Order::place(OrderTerms {
        id: OrderId::fresh(PLACED_AT),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(buyer.as_bytes()).expect("a buyer").into(),
        key: None,
        quantity: Quantity::ONE,
        unit_price: price(),
        placed_at: PLACED_AT,
        expires_at: Some(WallTime::from_micros(1_800_000_600_000_000)),
        ack: Ack::Disk,
    }))
}

/// From the first place to the last receipt.
fn commit(ledger: &Ledger, writer: &mut Writer, orders: Vec<Arc<Order>>) -> Duration {
    let begun = Instant::now();
    let accept = |order| ledger.accept(ledger.slot().expect("a place"), order, DeskId::NONE);
    let receipts: Vec<_> = orders.into_iter().map(accept).collect();
    while writer.turn() > 0 {}
    let taken = begun.elapsed();
    assert!(receipts.iter().all(|receipt| matches!(receipt.peek(), Some(Ok(_)))), "an order isn't stored");
    taken
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ledger/commit");
    for size in [1_u64, 10, 100, 1_000, 10_000] {
        let dir = tempfile::tempdir().expect("a directory");
        let (ledger, mut writer) = open(&dir);
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_custom(|rounds| {
                (0..rounds).map(|_| commit(&ledger, &mut writer, (0..size).map(order).collect())).sum()
            });
        });
        let micros = ledger.commit_micros();
        eprintln!(
            "commit of {size}: p50 {} µs, p99 {} µs",
            micros.value_at_quantile(0.5),
            micros.value_at_quantile(0.99)
        );
        writer.finish();
    }
}

fn start(criterion: &mut Criterion) {
    const ORDERS: u64 = 1_000_000;
    let fill = || {
        let dir = tempfile::tempdir().expect("a directory");
        let (ledger, mut writer) = open(&dir);
        for batch in 0..ORDERS / 10_000 {
            commit(&ledger, &mut writer, (0..10_000).map(|buyer| order(batch * 10_000 + buyer)).collect());
        }
        writer.finish();
        dir
    };
    let filled = std::cell::LazyCell::new(fill);
    let mut group = criterion.benchmark_group("ledger/start");
    group.sample_size(10).throughput(Throughput::Elements(ORDERS));
    group.bench_function(BenchmarkId::from_parameter(ORDERS), |bencher| {
        // Filled only where this is asked for.
        let dir = &*filled;
        bencher.iter(|| {
            let (_, recovered) = OpenLedger::open(settings(dir), Clock::system()).expect("a ledger");
            assert_eq!(recovered.orders.len() as u64, ORDERS, "an order is missing");
        });
    });
}

criterion_group!(benches, batches, start);
criterion_main!(benches);
