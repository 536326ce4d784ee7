//! What an order costs from the queue to the disk: batches of `order.placed`, everything that a commit holds included; and
//! how long a start takes with a million of them.

use std::path::PathBuf;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use doorbuster::bench::ledger::{BATCHES, Desk};
use doorbuster::clock::Clock;
use doorbuster::ledger::{LedgerSettings, OpenLedger, StoreKind};
use doorbuster::order::Ack;

fn data(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("data")
}

fn batches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ledger/commit");
    for size in BATCHES {
        let dir = tempfile::tempdir().expect("a directory");
        let mut desk = Desk::open(data(&dir)).expect("a ledger");
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_custom(|rounds| {
                let commit = |_| desk.commit(Desk::orders(size).expect("fit names")).expect("room on the disk");
                (0..rounds).map(commit).sum()
            });
        });
        desk.close();
    }
}

fn start(criterion: &mut Criterion) {
    const ORDERS: u64 = 1_000_000;
    let fill = || {
        let dir = tempfile::tempdir().expect("a directory");
        let mut desk = Desk::open(data(&dir)).expect("a ledger");
        for _ in 0..ORDERS / 10_000 {
            desk.commit(Desk::orders(10_000).expect("fit names")).expect("room on the disk");
        }
        desk.close();
        dir
    };
    let filled = std::cell::LazyCell::new(fill);
    let mut group = criterion.benchmark_group("ledger/start");
    group.sample_size(10).throughput(Throughput::Elements(ORDERS));
    group.bench_function(BenchmarkId::from_parameter(ORDERS), |bencher| {
        // Filled only where this is asked for.
        let data_dir = data(&filled);
        bencher.iter(|| {
            let settings = LedgerSettings {
                data_dir: data_dir.clone(),
                store: StoreKind::Sqlite,
                ack: Ack::Disk,
                queue_orders: 65_536,
            };
            let (_, recovered) = OpenLedger::open(settings, Clock::system()).expect("a ledger");
            assert_eq!(recovered.orders.len() as u64, ORDERS, "an order is missing");
        });
    });
}

criterion_group!(benches, batches, start);
criterion_main!(benches);
