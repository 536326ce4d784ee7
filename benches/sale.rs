//! What floor 3 costs: looking names up among few and many sales, and asking whether a sale is on, when mostly it is and
//! when mostly it isn't.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use doorbuster::access::{Access, AccessSettings};
use doorbuster::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use doorbuster::clock::{MonoTime, WallTime};
use doorbuster::ids::{BuyerRef, SaleId, Sku};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Phase, SaleTerms};
use doorbuster::sale::Catalog;

const SKU: &str = "sneaker-42";
const NOW: WallTime = WallTime::from_micros(1_800_000_000_000_000);

/// So many sales, all in that phase.
fn catalog(sales: u32, phase: Phase) -> Catalog {
    let catalog = Catalog::default();
    for number in 0..sales {
        let id = SaleId::parse(&format!("sale-{number}")).expect("a name");
        let title = id.to_string();
        let terms = SaleTerms { id, title, opens_at: None, closes_at: None, limit_per_buyer: 1, hold: None };
        let price = Money::from_minor(12_900, "USD").expect("a price");
        let item = ItemTerms { sku: Sku::parse(SKU).expect("a name"), title: SKU.into(), price, stock: 1 };
        catalog.add(terms, phase, [item]);
    }
    catalog
}

fn floor(criterion: &mut Criterion) {
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default());
    let access = Access::new(&AccessSettings { ip: None, buyer: None, sale: None, table_keys: 8 });
    let proof = Proof::Vouched(BuyerRef::parse(b"b-17").expect("a buyer"));
    let mut group = criterion.benchmark_group("sale");
    for sales in [1_u32, 1_000] {
        for (mix, phase) in [("mostly-yes", Phase::Live), ("mostly-no", Phase::Paused)] {
            let catalog = catalog(sales, phase);
            let names: Vec<String> = (0..sales).map(|number| format!("sale-{number}")).collect();
            let mut next = 0;
            group.bench_function(format!("aim-and-enter/{mix}/{sales}-sales"), |bencher| {
                bencher.iter(|| {
                    // A stride that visits all, in an order that no prefetcher guesses.
                    next = (next + 619) % names.len();
                    let aim = catalog.aim(&names[next], SKU);
                    let mut buffer = PassBuffer::default();
                    let cleared = client.clear(aim.sale_id(), proof, &mut buffer, NOW).expect("vouched for");
                    let knocked = access.knock([127, 0, 0, 1].into(), MonoTime::from_nanos(0)).expect("no limit");
                    let admitted = access.admit(knocked, cleared, MonoTime::from_nanos(0)).expect("no limit");
                    let found = catalog.seek(&admitted, aim).expect("it is there");
                    black_box(catalog.enter(found, NOW).is_ok())
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    targets = floor
}
criterion_main!(benches);
