//! What a unit costs: shards beside one plain counter, alone and inside all that a winner's request does in memory.
//!
//! Times are per call and thread: a counter that scales shows the same figure with two threads as with one. On a busy
//! machine the threads take turns instead, and the figures for two mean nothing.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime};
use dashmap::DashMap;
use doorbuster::clock;
use doorbuster::ids::{BuyerId, BuyerRef, ItemNo, OrderId, Quantity, SaleNo};
use doorbuster::money::Money;
use doorbuster::offer::STOCK_MAX;
use doorbuster::order::{Ack, Order, OrderState, OrderTerms};
use doorbuster::stock::Shelf;

const THREADS: [usize; 2] = [1, 2];
const SHARDS: [usize; 3] = [1, 2, 8];
/// Buyers per thread in the wins: enough that their accounts don't stay in the first cache.
const BUYERS: usize = 1024;

/// Runs `body(thread, call)` so many times on each thread, and returns how long the slowest took.
fn on_threads(threads: usize, calls: u64, body: impl Fn(usize, usize) + Sync) -> Duration {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let body = &body;
                scope.spawn(move || {
                    let start = Instant::now();
                    (0..usize::try_from(calls).unwrap_or(usize::MAX)).for_each(|call| body(number, call));
                    start.elapsed()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).max().unwrap_or_default()
    })
}

fn each(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    parameter: impl std::fmt::Display,
    body: impl Fn(usize, usize) + Sync,
) {
    for threads in THREADS {
        let id = BenchmarkId::new(format!("{name}/{parameter}"), format!("{threads}-threads"));
        group.bench_function(id, |bencher| bencher.iter_custom(|calls| on_threads(threads, calls, &body)));
    }
}

fn take_plain(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1)).is_ok()
}

fn refill_plain(counter: &AtomicU32) {
    counter.store(STOCK_MAX, Ordering::Relaxed);
}

fn order_of(buyer: BuyerId, price: Money) -> Arc<Order> {
    Arc::new(Order::place(OrderTerms {
        // Given: what a fresh id costs is another question.
        id: OrderId::from_bytes([0; 16]),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer,
        key: None,
        quantity: Quantity::ONE,
        unit_price: price,
        placed_at: clock::WallTime::from_micros(0),
        expires_at: None,
        ack: Ack::Disk,
    }))
}

fn bench_units(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unit");
    let counter = AtomicU32::new(STOCK_MAX);
    each(&mut group, "plain", "take", |_, _| {
        if !black_box(take_plain(&counter)) {
            refill_plain(&counter);
        }
    });
    for shards in SHARDS {
        let shelf = Shelf::new(shards, STOCK_MAX, 0);
        each(&mut group, "take", shards, |home, _| {
            if black_box(shelf.take(home, Quantity::ONE, OrderState::Confirmed)).is_err() {
                shelf.add(STOCK_MAX);
            }
        });
        let shelf = Shelf::new(shards, STOCK_MAX, 0);
        each(&mut group, "take-held", shards, |home, _| {
            if black_box(shelf.take(home, Quantity::ONE, OrderState::Held)).is_err() {
                shelf.add(STOCK_MAX);
            }
        });
    }
    group.finish();
}

fn bench_wins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("win");
    let price = Money::from_minor(100, "EUR").expect("a price");
    let names: Vec<BuyerId> = (0..2 * BUYERS)
        .map(|number| BuyerId::from(BuyerRef::parse(format!("b-{number}").as_bytes()).expect("a buyer id")))
        .collect();
    let accounts: DashMap<BuyerId, Arc<Order>, foldhash::quality::RandomState> = DashMap::default();
    let enter = |thread: usize, call: usize| {
        let buyer = &names[thread * BUYERS + call % BUYERS];
        drop(accounts.insert(buyer.clone(), order_of(buyer.clone(), price)));
    };
    each(&mut group, "no", "counter", enter);
    let counter = AtomicU32::new(STOCK_MAX);
    each(&mut group, "plain", "counter", |thread, call| {
        enter(thread, call);
        if !black_box(take_plain(&counter)) {
            refill_plain(&counter);
        }
    });
    for shards in SHARDS {
        let shelf = Shelf::new(shards, STOCK_MAX, 0);
        each(&mut group, "shards", shards, |thread, call| {
            enter(thread, call);
            if black_box(shelf.take(thread, Quantity::ONE, OrderState::Confirmed)).is_err() {
                shelf.add(STOCK_MAX);
            }
        });
    }
    group.finish();
}

fn bench_refusals(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refusal");
    for shards in SHARDS {
        let empty = Shelf::new(shards, 0, 0);
        each(&mut group, "scan-that-finds-nothing", shards, |home, _| {
            let _ = black_box(empty.take(home, Quantity::ONE, OrderState::Confirmed));
        });
        each(&mut group, "sign", shards, |_, _| {
            let _ = black_box(empty.peek());
        });
        let one_left = Shelf::new(shards, 1, 0);
        let two = Quantity::new(2).expect("two units");
        each(&mut group, "insufficient", shards, |home, _| {
            let _ = black_box(one_left.take(home, two, OrderState::Confirmed));
        });
    }
    group.finish();
}

criterion_group!(benches, bench_units, bench_wins, bench_refusals);
criterion_main!(benches);
