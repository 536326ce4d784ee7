//! An end that nobody ordered: what a client was told is true afterwards.
//!
//! `DOORBUSTER_TEST_KILLS` says how often the shop is killed under load, `DOORBUSTER_TEST_SEED` when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::contract::{item_of, won};
use crate::home::Home;
use crate::payments::message;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

/// So often one shop is killed: after each kill all that it ever sold is proved again, and that takes longer and longer.
const LIVES: u64 = 50;

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// What the clients of a shop that is killed have heard.
#[derive(Default)]
struct Heard {
    /// Orders that they were told are theirs and on disk.
    acks: Vec<String>,
    /// Buyers who asked and never heard.
    unanswered: Vec<String>,
}

/// Strangers buy in several voices until the shop is killed: `delay` after the first win.
fn buy_until_killed(shop: &Shop, round: u64, delay: Duration) -> Heard {
    let heard = Mutex::new(Heard::default());
    let wins = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let voice = |voice: usize| {
        let Ok(mut wire) = Wire::try_connect(shop.public()) else { return };
        // Relaxed, here and below: flags that end a loop or count; what was heard travels under the lock.
        for n in 0.. {
            let buyer = format!("r{round}-v{voice}-{n}");
            let response = wire.try_ask(&attempt(&buyer).key("k"));
            let mut heard = heard.lock().expect("no panic there");
            match response {
                Some(response) => {
                    heard.acks.push(won(&response));
                    wins.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    assert!(is_over.load(Ordering::Relaxed), "hung up on before the kill");
                    heard.unanswered.push(buyer);
                    return;
                }
            }
        }
    };
    thread::scope(|scope| {
        let voices: Vec<_> = (0..16).map(|number| scope.spawn(move || voice(number))).collect();
        eventually("a first win", || {
            wins.load(Ordering::Relaxed) > 0 || voices.iter().all(|voice| voice.is_finished())
        });
        thread::sleep(delay);
        is_over.store(true, Ordering::Relaxed);
        shop.signal("KILL");
    });
    heard.into_inner().expect("no panic there")
}

#[test]
fn every_order_that_a_client_was_told_is_in_the_ledger_once_whenever_the_shop_is_killed() {
    let kills = from_environment("DOORBUSTER_TEST_KILLS", 5);
    let now_ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let mut seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_KILLS={kills}");
    let mut orders = 0;
    for first in (0..kills).step_by(LIVES as usize) {
        let delays = (first..kills).take(LIVES as usize).map(|_| {
            // SplitMix64's step and output: any spread of the kills over the batches does.
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            Duration::from_micros((mixed >> 32) % 500_000)
        });
        orders += die_after_each(delays);
        eprintln!("{} kills, {orders} orders", kills.min(first + LIVES));
    }
}

/// One ledger, and a kill after each delay. How many orders there are in the end.
fn die_after_each(delays: impl Iterator<Item = Duration>) -> usize {
    let mut acks = Vec::new();
    let mut shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 10_000_000)));
    for (round, delay) in (0..).zip(delays) {
        let heard = buy_until_killed(&shop, round, delay);
        acks.extend(heard.acks);
        assert_eq!(shop.exit_code(), None);
        let home = shop.leave();
        assert_acks(&home, &acks);
        shop = Shop::open_at(home);
        // Who never heard asks again, and whatever it was, it is one order now.
        for buyer in heard.unanswered {
            acks.push(won(&shop.ask(&attempt(&buyer).key("k"))));
        }
        assert_acks(shop.home(), &acks);
    }
    let home = shop.close();
    let report = assert_acks(&home, &acks);
    // Each buyer asked under one key, and each has heard by now: not one order more.
    assert_eq!(report["orders"], acks.len(), "{report:#}");
    assert_eq!(item_of(&report["sales"], SKU)["confirmed"], acks.len(), "{report:#}");
    acks.len()
}

#[track_caller]
fn assert_acks(home: &Home, acks: &[String]) -> Value {
    let (code, report) = home.audit_with_acks(acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    let distinct: BTreeSet<_> = acks.iter().collect();
    assert_eq!(distinct.len(), acks.len(), "an order was told to two buyers");
    report
}

/// What a client last heard of an order, and what it may be after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Won,
    /// Paid, and no answer came.
    Paying,
    Paid,
    /// Given back, and no answer came.
    Cancelling,
    Cancelled,
    Refunded,
}

impl Last {
    fn allows(self, state: &str) -> bool {
        match self {
            Self::Won => matches!(state, "held" | "expired"),
            Self::Paying => matches!(state, "held" | "expired" | "confirmed"),
            Self::Paid => matches!(state, "confirmed"),
            Self::Cancelling => matches!(state, "held" | "expired" | "cancelled"),
            Self::Cancelled => state == "cancelled",
            Self::Refunded => state == "refunded",
        }
    }
}

/// One buyer's whole life: he wins, and then pays, gives back, pays and is refunded, or goes away. What he heard last; none
/// where he was hung up on before he had won.
fn live(wire: &mut Wire, buyer: &str, n: usize) -> Option<(String, Last, bool)> {
    let order = won(&wire.try_ask(&attempt(buyer).key("k"))?);
    let mut last = Last::Won;
    let steps: &[&str] = [&["pay"] as &[&str], &["cancel"], &["pay", "refund"], &[]][n % 4];
    for step in steps {
        let about = (order.as_str(), buyer);
        let (request, asked, done) = match *step {
            "pay" => (message(&format!("{buyer}-pay"), "succeeded", about), Last::Paying, Last::Paid),
            "refund" => (message(&format!("{buyer}-refund"), "refunded", about), Last::Paid, Last::Refunded),
            _ => {
                let cancel = Request::post(&format!("/v1/orders/{order}/cancel")).buyer(buyer);
                (cancel, Last::Cancelling, Last::Cancelled)
            }
        };
        let Some(response) = wire.try_ask(&request) else {
            // A refund that nobody answered may be there or not: nothing is known of such an order.
            return (*step != "refund").then_some((order, asked, false));
        };
        match response.status {
            200 => last = done,
            // The hold ran out while he was on his way.
            _ => assert_eq!(response.code().as_deref(), Some("order_expired"), "{step}: {}", response.text()),
        }
    }
    Some((order, last, true))
}

/// Where every order stands, page by page.
fn states(shop: &Shop) -> BTreeMap<String, String> {
    let mut states = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = shop.office(Request::get(&format!("/v1/admin/orders?limit=500&after={after}"))).json();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let orders = page["orders"].as_array().expect("orders");
        states.extend(orders.iter().map(|order| (text(&order["order"]), text(&order["state"]))));
        match page["next"].as_str() {
            Some(next) => after = next.into(),
            None => return states,
        }
    }
}

#[test]
fn what_became_of_an_order_is_what_its_buyer_was_told_whenever_the_shop_is_killed() {
    let kills = from_environment("DOORBUSTER_TEST_KILLS", 5);
    for first in (0..kills).step_by(LIVES as usize) {
        let lives = live_through(LIVES.min(kills - first));
        eprintln!("{} kills, {lives} lives", kills.min(first + LIVES));
    }
}

/// One ledger and so many kills. How many buyers' lives were looked at.
fn live_through(kills: u64) -> usize {
    let mut lives: Vec<(String, Last)> = Vec::new();
    let mut shop = Shop::open(&crate::payments::plan(Sale::of(SALE, 10_000_000).hold("1s")));
    for round in 0..kills {
        let heard = Mutex::new(Vec::new());
        let voice = |voice: usize| {
            let Ok(mut wire) = Wire::try_connect(shop.public()) else { return };
            for n in 0.. {
                let Some((order, last, goes_on)) = live(&mut wire, &format!("r{round}-v{voice}-{n}"), n) else {
                    return;
                };
                heard.lock().expect("no panic there").push((order, last));
                if !goes_on {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            (0..8).for_each(|number| drop(scope.spawn(move || voice(number))));
            // Long enough for holds to run out meanwhile, in every other round.
            eventually("a first life", || !heard.lock().expect("no panic there").is_empty());
            thread::sleep(Duration::from_millis(300 + 900 * (round % 2)));
            shop.signal("KILL");
        });
        lives.extend(heard.into_inner().expect("no panic there"));
        shop = Shop::open_at(shop.killed());
        let report = shop.home().audit();
        assert_eq!(report["ok"], true, "{report:#}");
        let states = states(&shop);
        for (order, last) in &lives {
            let state = states.get(order).expect("no order is lost");
            assert!(last.allows(state), "round {round}: {order} is {state}, its buyer heard {last:?}");
        }
    }
    let memory = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(memory["ok"], true, "{memory:#}");
    lives.len()
}

#[test]
fn an_audit_that_misses_an_acknowledged_order_says_so() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let order = won(&shop.ask(&attempt("b")));
    let home = shop.close();
    assert_acks(&home, std::slice::from_ref(&order));
    let (code, report) = home.audit_with_acks(&[order, "01930000-0000-7000-8000-000000000000".into()]);
    assert_eq!((code, &report["ok"]), (Some(3), &Value::Bool(false)), "{report:#}");
}
