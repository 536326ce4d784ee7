//! The whole descent in process, with the ledger's queue and a writer that stores nowhere: what is left is what the house
//! itself costs. Mostly no (sold out, limited) and all yes, for a thousand and a million buyers, on one thread and two.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::access::Quota;
use doorbuster::bench::engine::attempt;
use doorbuster::bench::house::{self, SKU, Shelf};
use doorbuster::clock::Clock;
use doorbuster::funnel::Funnel;
use doorbuster::ids::BuyerRef;
use doorbuster::offer::{Phase, STOCK_MAX};

/// How long the slowest of these threads takes for so many attempts each.
fn on_threads(threads: usize, calls: u64, names: &[String], funnel: &Funnel) -> Duration {
    let clock = Clock::system();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let clock = &clock;
                scope.spawn(move || {
                    let own = names.len() / threads;
                    let names = &names[worker * own..][..own];
                    let start = Instant::now();
                    let mut next = 0;
                    for _ in 0..calls {
                        // A stride that visits all, in an order that no prefetcher guesses.
                        next = (next + 7_919) % names.len();
                        let buyer = BuyerRef::parse(names[next].as_bytes()).expect("a buyer");
                        black_box(attempt(funnel, clock, SKU, buyer));
                    }
                    start.elapsed()
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).max().unwrap_or_default()
    })
}

fn descent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("funnel");
    for buyers in [1_000_u32, 1_000_000] {
        let names: Vec<String> = (0..buyers).map(|number| format!("b-{number}")).collect();
        let slow = Quota::new(0.001, 1).expect("in range");
        for threads in [1, 2] {
            for (mix, stock, limit_per_buyer, buyer_quota) in
                [("sold-out", 0, 1, None), ("limited", 0, 1, slow), ("win", STOCK_MAX, u32::MAX, None)]
            {
                let shelf = Shelf { stock, limit_per_buyer, buyer_quota, phase: Phase::Live };
                let funnel = house::open(shelf).expect("a thread");
                group.bench_function(format!("{mix}/{buyers}-buyers/{threads}-threads"), |bencher| {
                    bencher.iter_custom(|calls| on_threads(threads, calls, &names, &funnel));
                });
                funnel.ledger.close();
            }
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    targets = descent
}
criterion_main!(benches);
