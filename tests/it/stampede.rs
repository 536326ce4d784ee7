//! The crowd: many more attempts than units, all at once.
//!
//! `DOORBUSTER_TEST_STAMPEDE` says how many attempts a test makes, `DOORBUSTER_TEST_CONNECTIONS` over how many
//! connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::contract::{item_of, refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

/// A number that somebody may raise.
pub(crate) fn from_environment(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Connections of the crowd: enough to race, few enough for the machine that plays both sides.
fn connections() -> u32 {
    from_environment("DOORBUSTER_TEST_CONNECTIONS", 32)
}

/// Attempts of the crowd.
fn crowd() -> u32 {
    from_environment("DOORBUSTER_TEST_STAMPEDE", 20_000)
}

/// What a crowd was told: how often each code (or status) was said, and the orders with who won them.
#[derive(Default)]
struct Told {
    said: BTreeMap<String, u32>,
    orders: Vec<Value>,
}

impl Told {
    fn hear(&mut self, response: &Response) {
        assert!(response.status < 500, "{} {}", response.status, response.text());
        if response.status == 201 {
            won(response);
            self.orders.push(response.json());
        }
        let said = response.code().unwrap_or_else(|| response.status.to_string());
        *self.said.entry(said).or_default() += 1;
    }

    fn count(&self, said: &str) -> u32 {
        self.said.get(said).copied().unwrap_or_default()
    }

    fn ids(&self) -> Vec<String> {
        self.orders.iter().map(|order| order["order"].as_str().expect("an id").to_owned()).collect()
    }

    fn units_by_buyer(&self) -> BTreeMap<&str, u64> {
        let mut units = BTreeMap::new();
        for order in &self.orders {
            let buyer = order["buyer"].as_str().expect("a buyer");
            *units.entry(buyer).or_default() += order["quantity"].as_u64().expect("a quantity");
        }
        units
    }
}

/// Makes the attempts 0 to `count` over keep-alive connections, as fast as the answers come.
fn stampede(shop: &Shop, count: u32, attempt: impl Fn(u32) -> Request + Sync) -> Told {
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        let run = || {
            let mut wire = shop.wire();
            let mut told = Told::default();
            loop {
                // Relaxed: only the number's uniqueness counts.
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return told;
                }
                told.hear(&wire.ask(&attempt(number)));
            }
        };
        let runners: Vec<_> = (0..connections()).map(|_| scope.spawn(run)).collect();
        let mut all = Told::default();
        for runner in runners {
            let told = runner.join().expect("the runner came through");
            all.orders.extend(told.orders);
            for (said, count) in told.said {
                *all.said.entry(said).or_default() += count;
            }
        }
        all
    })
}

/// Attempt number n, of a buyer of their own at an address of their own.
fn stranger(number: u32) -> Request {
    let [_, a, b, c] = number.to_be_bytes();
    Request::attempt(SALE, SKU).buyer(&format!("b-{number}")).from(&format!("10.{a}.{b}.{c}"))
}

/// The crowd was told what the funnel counts, and the ledger has what the crowd was told.
fn reconcile(shop: &Shop, told: &Told, attempts: u32) {
    let mut funnel = Value::Null;
    eventually("nothing in flight", || {
        funnel = shop.funnel();
        funnel["attempts"] == attempts && funnel["stored"] == told.orders.len()
    });
    assert_eq!(funnel["won"], told.orders.len(), "{funnel}");
    let refused = funnel["refused"].as_object().expect("refused, by layer");
    let layers: BTreeSet<&str> = refused.keys().map(String::as_str).collect();
    assert_eq!(layers, BTreeSet::from(["door", "client", "access", "sale", "stock", "ledger"]));
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value} in {funnel}"));
    let refusals: u64 = refused.values().map(number).sum();
    assert_eq!(refusals + number(&funnel["won"]) + number(&funnel["replayed"]), u64::from(attempts), "{funnel}");
    let ratio = funnel["reached_ledger_ratio"].as_f64().expect("a ratio");
    let reached = number(&funnel["won"]) + number(&refused["ledger"]);
    assert!((ratio - reached as f64 / f64::from(attempts)).abs() < 1e-6, "{funnel}");

    let (code, report) = shop.home().audit_with_acks(&told.ids());
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    assert_eq!(report["orders"], told.orders.len(), "{report:#}");
    assert_eq!(BTreeSet::from_iter(told.ids()).len(), told.orders.len(), "an order was told twice");
}

#[test]
fn a_crowd_with_ordinary_limits_buys_each_of_a_hundred_units_once() {
    let crowd = crowd();
    // Each buyer asks five times, from one address: the limits of the contract's example allow that.
    let buyers = (crowd / 5).max(1);
    let plan =
        Plan::gateway().set("access.ip", "{ rate = 20, burst = 40 }").set("access.buyer", "{ rate = 2, burst = 5 }");
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 100).limit(1)));
    let told = stampede(&shop, crowd, |number| stranger(number % buyers));
    assert_eq!(told.count("201"), 100.min(crowd), "{:?}", told.said);
    // Two buyers may share a bucket, and be told so by its size: one pair in a few thousand runs of this size
    // (`access::table` has the odds), and never more than one answer in a thousand.
    let limited = told.count("rate_limited");
    assert!(limited * 1_000 <= crowd, "{:?}", told.said);
    // A winner who asks again before the last unit has gone is told of his limit.
    let refused = told.count("sold_out") + told.count("limit_reached") + limited;
    assert_eq!(refused, crowd.saturating_sub(100), "{:?}", told.said);
    assert!(told.units_by_buyer().values().all(|units| *units == 1), "{:?}", told.units_by_buyer());
    reconcile(&shop, &told, crowd);
    let report = shop.home().audit();
    let item = item_of(&report["sales"], SKU);
    assert_eq!((&item["available"], &item["confirmed"]), (&json!(100 - 100.min(crowd)), &json!(100.min(crowd))));
}

#[test]
fn a_crowd_buys_one_unit_in_twenty_attempts_until_all_are_gone() {
    let crowd = crowd();
    let stock = (crowd / 20).max(1);
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, stock).limit(1)));
    let told = stampede(&shop, crowd, stranger);
    assert_eq!(told.count("201"), stock, "{:?}", told.said);
    assert_eq!(told.count("sold_out"), crowd - stock, "{:?}", told.said);
    reconcile(&shop, &told, crowd);
}

#[test]
fn a_crowd_buys_the_only_unit_once() {
    let crowd = (crowd() / 4).max(1);
    for _ in 0..3 {
        let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1).limit(1)));
        let told = stampede(&shop, crowd / 3 + 1, stranger);
        assert_eq!(told.count("201"), 1, "{:?}", told.said);
        assert_eq!(told.count("sold_out"), crowd / 3, "{:?}", told.said);
        reconcile(&shop, &told, crowd / 3 + 1);
    }
}

#[test]
fn a_crowd_that_wants_three_each_leaves_one_of_a_hundred_and_that_one_is_still_sold() {
    let crowd = (crowd() / 4).max(200);
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 100).limit(3)));
    let told = stampede(&shop, crowd, |number| stranger(number).quantity(3));
    assert_eq!(told.count("201"), 33, "{:?}", told.said);
    assert_eq!(told.count("insufficient_stock"), crowd - 33, "one is left, so it is not sold out: {:?}", told.said);
    reconcile(&shop, &told, crowd);
    won(&shop.ask(&stranger(crowd).quantity(1)));
    refused(&shop.ask(&stranger(crowd + 1).quantity(1)), "sold_out");
    let report = shop.home().audit();
    assert_eq!(item_of(&report["sales"], SKU)["available"], 0);
}

#[test]
fn hammering_gets_nobody_more_than_their_limit() {
    const BUYERS: u32 = 200;
    let crowd = (crowd() / 2).max(BUYERS * 4);
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1000).limit(2)));
    // More stock than all of them may have: only the limit stops them.
    let told = stampede(&shop, crowd, |number| stranger(number % BUYERS));
    assert_eq!(told.units_by_buyer().len(), BUYERS as usize, "each of them was served");
    assert!(told.units_by_buyer().values().all(|units| *units == 2), "{:?}", told.units_by_buyer());
    assert_eq!(told.count("limit_reached"), crowd - 2 * BUYERS, "{:?}", told.said);
    reconcile(&shop, &told, crowd);
}

#[test]
fn a_crowd_that_hammers_a_scarce_item_keeps_both_promises() {
    const BUYERS: u32 = 200;
    let crowd = (crowd() / 4).max(BUYERS * 4);
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 100).limit(2)));
    let told = stampede(&shop, crowd, |number| stranger(number % BUYERS));
    assert_eq!(told.count("201"), 100, "{:?}", told.said);
    assert!(told.units_by_buyer().values().all(|units| *units <= 2), "{:?}", told.units_by_buyer());
    reconcile(&shop, &told, crowd);
}

#[test]
fn memory_agrees_with_the_log_whenever_it_is_asked_while_a_crowd_buys_and_stock_changes() {
    let crowd = crowd();
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, crowd).limit(1)));
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let path = format!("/v1/admin/sales/{SALE}/items/{SKU}/stock");
            // Relaxed: a flag that ends a loop.
            while !is_over.load(Ordering::Relaxed) {
                shop.change(&path, Some(&json!({ "add": 3 })));
                shop.change(&path, Some(&json!({ "add": -1 })));
            }
        });
        let asker = scope.spawn(|| {
            let mut asked = 0;
            while !is_over.load(Ordering::Relaxed) {
                let report = shop.office(Request::get("/v1/admin/audit")).json();
                assert_eq!(report["violations"], json!([]), "{report:#}");
                asked += 1;
            }
            asked
        });
        stampede(&shop, crowd, stranger);
        is_over.store(true, Ordering::Relaxed);
        assert!(asker.join().expect("memory agreed") > 0);
    });
}
