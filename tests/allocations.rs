//! Saying no allocates nothing: a refused attempt's whole way down the floors, counted by an allocator that counts.

use std::net::{IpAddr, Ipv4Addr};

use allocation_counter::measure;
use doorbuster::access::Quota;
use doorbuster::bench::house::{self, SALE, SKU, Shelf};
use doorbuster::client::{PassBuffer, Proof};
use doorbuster::clock::Clock;
use doorbuster::funnel::{Attempt, Descent, Funnel, Layer};
use doorbuster::ids::{BuyerRef, Quantity, SaleId};
use doorbuster::ledger::DeskId;
use doorbuster::offer::Phase;
use doorbuster::order::Ack;
use doorbuster::stock::Wanted;

/// A house with one sale of this phase and stock; its ledger forgets.
fn house(phase: Phase, stock: u32, buyer_quota: Option<Quota>) -> Funnel {
    house::open(Shelf { stock, limit_per_buyer: 1, buyer_quota, phase }).expect("a thread")
}

/// Asks as the door asks, many times; the layer that refuses, and how often memory was asked for.
fn asked(funnel: &Funnel, sale: &str, proof: Proof<'_>) -> (Layer, u64) {
    let clock = Clock::system();
    let mut layer = Layer::Ledger;
    let mut ask = || {
        let mut buffer = PassBuffer::default();
        let aim = funnel.sales.aim(sale, SKU);
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
    let sale = SaleId::parse(SALE).expect("a name");
    let holder = BuyerRef::parse(b"b-18").expect("a buyer");
    let pass = sold_out.client.mint(&sale, holder, Clock::system().now().wall, None);
    assert_eq!(asked(&sold_out, SALE, buyer), (Layer::Stock, 0));
    assert_eq!(asked(&sold_out, SALE, Proof::Pass(pass.token.as_bytes())), (Layer::Stock, 0));
    assert_eq!(asked(&sold_out, SALE, Proof::Pass(b"no pass at all")), (Layer::Client, 0));
    assert_eq!(asked(&sold_out, SALE, Proof::Nothing), (Layer::Client, 0));
    assert_eq!(asked(&sold_out, "nowhere", buyer), (Layer::Sale, 0));
    assert_eq!(asked(&house(Phase::Paused, 1, None), SALE, buyer), (Layer::Sale, 0));
    assert_eq!(asked(&house(Phase::Ended, 1, None), SALE, buyer), (Layer::Sale, 0));
    let slow = Quota::new(0.001, 1).expect("in range");
    assert_eq!(asked(&house(Phase::Live, 0, slow), SALE, buyer), (Layer::Access, 0));
}
