//! An end that nobody ordered: what a client was told is true afterwards.
//!
//! `DOORBUSTER_TEST_KILLS` says how often the shop is killed under load, `DOORBUSTER_TEST_SEED` when.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::contract::{item_of, won};
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

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
    let mut acks = Vec::new();
    let mut shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 10_000_000)));
    for round in 0..kills {
        // SplitMix64's step and output: any spread of the kills over the batches does.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let heard = buy_until_killed(&shop, round, Duration::from_micros((mixed >> 32) % 500_000));
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
}

#[track_caller]
fn assert_acks(home: &Home, acks: &[String]) -> Value {
    let (code, report) = home.audit_with_acks(acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    let distinct: BTreeSet<_> = acks.iter().collect();
    assert_eq!(distinct.len(), acks.len(), "an order was told to two buyers");
    report
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
