//! Saying no allocates nothing: a refused attempt's whole way down the floors, counted by an allocator that counts.

use std::net::{IpAddr, Ipv4Addr};

use allocation_counter::measure;
use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use doorbuster::clock::Clock;
use doorbuster::funnel::{Attempt, Descent, Funnel, Layer};
use doorbuster::ids::{BuyerRef, Quantity, SaleId, Sku};
use doorbuster::ledger::{DeskId, LedgerSettings, OpenLedger, StoreKind};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Phase, SaleTerms};
use doorbuster::order::Ack;
use doorbuster::stock::Wanted;

/// A house with one sale of this phase and stock; its ledger forgets.
fn house(phase: Phase, stock: u32, quota: Option<Quota>) -> Funnel {
    let settings = LedgerSettings {
        data_dir: std::env::temp_dir(),
        store: StoreKind::None,
        ack: Ack::Memory,
        queue_orders: 1 << 10,
    };
    let ledger = OpenLedger::open(settings, Clock::system()).expect("no file is needed");
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default());
    let access = Access::new(&AccessSettings { ip: None, buyer: quota, sale: None, table_keys: 1 << 10 });
    let funnel = Funnel::build(ledger, (client, access), Ack::Memory, Box::new(|_| {})).expect("a thread");
    let id = SaleId::parse("launch").expect("a name");
    let terms =
        SaleTerms { id, title: "launch".into(), opens_at: None, closes_at: None, limit_per_buyer: 1, hold: None };
    let price = Money::from_minor(100, "USD").expect("a price");
    let item = ItemTerms { sku: Sku::parse("unit").expect("a name"), title: "unit".into(), price, stock };
    funnel.stock.add_sale(funnel.sales.next_sale());
    funnel.tallies.add_sale();
    funnel.stock.add_item(funnel.sales.next_item(), stock, 0);
    funnel.sales.add(terms, phase, [item]);
    funnel
}

/// Asks as the door asks, many times; the layer that refuses, and how often memory was asked for.
fn asked(funnel: &Funnel, sale: &str, proof: Proof<'_>) -> (Layer, u64) {
    let clock = Clock::system();
    let mut layer = Layer::Ledger;
    let mut ask = || {
        let mut buffer = PassBuffer::default();
        let aim = funnel.sales.aim(sale, "unit");
        let attempt = Attempt { address: IpAddr::V4(Ipv4Addr::LOCALHOST), aim, proof, key: None };
        match funnel.descend(attempt, &mut buffer, clock.now()) {
            Err(refusal) => layer = refusal.layer(),
            // The first one finds that nothing is left; the others are told by the sign that he leaves.
            Ok(Descent::Open(entered)) => {
                let wanted = Wanted { key: None, quantity: Quantity::ONE, ack: Ack::Memory };
                let refusal =
                    funnel.take(&entered, wanted, DeskId::NONE, clock.now()).expect_err("it was to be refused");
                layer = refusal.layer();
            }
            Ok(Descent::Again(..)) => panic!("nobody has won"),
        }
    };
    ask();
    let counted = measure(|| (0..100).for_each(|_| ask()));
    (layer, counted.count_total)
}

#[test]
fn a_refusal_allocates_nothing_on_any_floor() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1, "what is counted");
    let buyer = Proof::Vouched(BuyerRef::parse(b"b-17").expect("a buyer"));
    let sold_out = house(Phase::Live, 0, None);
    let sale = SaleId::parse("launch").expect("a name");
    let holder = BuyerRef::parse(b"b-18").expect("a buyer");
    let pass = sold_out.client.mint(&sale, holder, Clock::system().now().wall, None);
    assert_eq!(asked(&sold_out, "launch", buyer), (Layer::Stock, 0));
    assert_eq!(asked(&sold_out, "launch", Proof::Pass(pass.token.as_bytes())), (Layer::Stock, 0));
    assert_eq!(asked(&sold_out, "launch", Proof::Pass(b"no pass at all")), (Layer::Client, 0));
    assert_eq!(asked(&sold_out, "launch", Proof::Nothing), (Layer::Client, 0));
    assert_eq!(asked(&sold_out, "nowhere", buyer), (Layer::Sale, 0));
    assert_eq!(asked(&house(Phase::Paused, 1, None), "launch", buyer), (Layer::Sale, 0));
    assert_eq!(asked(&house(Phase::Ended, 1, None), "launch", buyer), (Layer::Sale, 0));
    let slow = Quota::new(0.001, 1).expect("in range");
    assert_eq!(asked(&house(Phase::Live, 0, slow), "launch", buyer), (Layer::Access, 0));
}
