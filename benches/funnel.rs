//! The whole descent in process, with the ledger's queue and a writer that stores nowhere: what is left is what the house
//! itself costs. Mostly no (sold out, limited) and all yes, for a thousand and a million buyers, on one thread and two.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use doorbuster::clock::Clock;
use doorbuster::funnel::{Attempt, Descent, Funnel};
use doorbuster::ids::{BuyerRef, Quantity, SaleId, Sku};
use doorbuster::ledger::{DeskId, LedgerSettings, OpenLedger, StoreKind};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Phase, SaleTerms};
use doorbuster::order::Ack;
use doorbuster::stock::Wanted;

const SALE: &str = "launch";
const SKU: &str = "sneaker-42";

/// A live sale with so many units; its ledger forgets.
fn shop(stock: u32, limit_per_buyer: u32, buyer: Option<Quota>) -> Funnel {
    let settings = LedgerSettings {
        data_dir: std::env::temp_dir(),
        store: StoreKind::None,
        ack: Ack::Memory,
        queue_orders: 1 << 20,
    };
    let ledger = OpenLedger::open(settings, Clock::system()).expect("no file is needed");
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default());
    let access = Access::new(&AccessSettings { ip: None, buyer, sale: None, table_keys: 1 << 21 });
    let funnel = Funnel::build(ledger, (client, access), Ack::Memory, Box::new(|_| {})).expect("a thread");
    let terms = SaleTerms {
        id: SaleId::parse(SALE).expect("a name"),
        title: SALE.into(),
        opens_at: None,
        closes_at: None,
        limit_per_buyer,
        hold: None,
    };
    let price = Money::from_minor(12_900, "USD").expect("a price");
    let item = ItemTerms { sku: Sku::parse(SKU).expect("a name"), title: SKU.into(), price, stock };
    funnel.stock.add_sale(funnel.sales.next_sale());
    funnel.tallies.add_sale();
    funnel.stock.add_item(funnel.sales.next_item(), stock, 0);
    funnel.sales.add(terms, Phase::Live, [item]);
    funnel
}

/// One attempt, as the door makes it. True where it won.
fn attempt(funnel: &Funnel, clock: &Clock, buyer: &str) -> bool {
    let now = clock.now();
    let aim = funnel.sales.aim(SALE, SKU);
    let tally = funnel.tallies.of(aim.sale_no());
    let mut buffer = PassBuffer::default();
    let proof = Proof::Vouched(BuyerRef::parse(buyer.as_bytes()).expect("a buyer"));
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let attempt = Attempt { address, aim, proof, key: None };
    match funnel.descend(attempt, &mut buffer, now) {
        Ok(Descent::Open(entered)) => {
            let wanted = Wanted { key: None, quantity: Quantity::ONE, ack: Ack::Memory };
            let mut visit = tally.attempt();
            let taken = funnel.take(&entered, wanted, DeskId::NONE, now);
            match taken {
                Ok(_) => visit.handed_over(),
                Err(refusal) => visit.refused(refusal.layer()),
            }
            taken.is_ok()
        }
        Ok(Descent::Again(..)) => false,
        Err(refusal) => {
            tally.refused_at_once(refusal.layer());
            false
        }
    }
}

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
                        black_box(attempt(funnel, clock, &names[next]));
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
            for (mix, stock, limit, quota) in
                [("sold-out", 0, 1, None), ("limited", 0, 1, slow), ("win", i32::MAX as u32, u32::MAX, None)]
            {
                let funnel = shop(stock, limit, quota);
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
