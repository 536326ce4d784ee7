//! Three hundred ways to hide a request in another one, to be no request at all, or one that is not taken: said to the
//! shop, and to it through real nginx and HAProxy.
//!
//! What hides is an attempt that would win, in a sale of its own that the proxies forbid. So there is one question, which no
//! reading of HTTP can blur: does that sale ever sell anything?

mod list;
mod unfit;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;

use crate::contract::{item_of, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::proxies::Proxy;
use crate::shop::Shop;
use crate::wire::{Request, Wire};

use self::list::{Class, HIDDEN, Vector, vectors};

/// So many are said at once, each on a connection of its own.
const VOICES: usize = 8;
/// Fewer would be a promise broken.
const AT_LEAST: usize = 180;

fn open() -> Shop {
    let plan = ["first_byte", "head", "body", "idle"]
        .iter()
        .fold(Plan::gateway(), |plan, deadline| plan.set(&format!("server.{deadline}_timeout"), "\"500ms\""));
    let plan = plan.set("server.connections_per_ip", "0");
    Shop::open(&plan.sale(Sale::of(SALE, 100_000).limit(100_000)).sale(Sale::of(HIDDEN, 100_000).limit(100_000)))
}

/// Says the bytes, hangs up half-way, and hears all that comes back: the statuses.
fn said(address: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut wire = Wire::connect(address);
    wire.say(bytes);
    wire.fall_silent();
    wire.hear_all()
}

/// Every vector, by several voices at once; `each` is told what came back.
fn assail(address: SocketAddr, all: &[Vector], each: impl Fn(usize, &Vector, &[u16]) + Sync) {
    assert!(all.len() >= AT_LEAST, "{} vectors", all.len());
    let next = Mutex::new(all.iter().enumerate());
    let draw = || next.lock().expect("no panic there").next();
    thread::scope(|scope| {
        for _ in 0..VOICES {
            scope.spawn(|| {
                while let Some((number, vector)) = draw() {
                    each(number, vector, &said(address, &vector.bytes));
                }
            });
        }
    });
    eprintln!("{} vectors", all.len());
}

/// Nothing was sold that was hidden, nothing is broken, and every attempt was counted.
fn unharmed(shop: &Shop) {
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("honest")));
    let report = shop.home().audit();
    let hidden: Vec<_> =
        report["sales"].as_array().expect("sales").iter().filter(|item| item["sale"] == HIDDEN).collect();
    assert_eq!(hidden[0]["available"], hidden[0]["stock"], "a hidden request was sold something: {report:#}");
    assert!(item_of(&report["sales"], SKU).is_object());
    let funnel = shop.funnel();
    let refused: u64 =
        funnel["refused"].as_object().expect("floors").values().filter_map(serde_json::Value::as_u64).sum();
    let counted = refused + funnel["won"].as_u64().expect("won") + funnel["replayed"].as_u64().expect("replayed");
    assert_eq!(funnel["attempts"].as_u64(), Some(counted), "{funnel:#}");
}

#[test]
fn nothing_that_is_hidden_in_a_request_is_sold_anything_and_nothing_that_is_none_is_taken_for_one() {
    let shop = open();
    let mut all = vectors();
    all.retain(|vector| vector.class != Class::Two);
    assail(shop.public(), &all, |_, vector, statuses| {
        for status in statuses {
            assert!(*status < 500 || [501, 505].contains(status), "{}: {statuses:?}", vector.name);
        }
        if vector.class == Class::Malformed {
            assert!(statuses.iter().all(|status| *status >= 400), "{}: {statuses:?}", vector.name);
            assert!(statuses.len() <= 1, "{}: the connection goes on: {statuses:?}", vector.name);
        }
        if vector.class == Class::Unfit {
            assert!(matches!(statuses, [400..=u16::MAX]), "{}: {statuses:?}", vector.name);
        }
    });
    unharmed(&shop);
}

/// Through a proxy nobody gets another one's answer: after each vector an innocent buyer has his own.
fn stays_clean_behind(proxy: Proxy, shop: &Shop) {
    assail(proxy.address, &vectors(), |number, vector, statuses| {
        assert!(statuses.iter().all(|status| ![500, 503, 504].contains(status)), "{}: {statuses:?}", vector.name);
        let buyer = format!("innocent-{number}");
        let response = Wire::connect(proxy.address).ask(&Request::attempt(SALE, SKU).buyer(&buyer).key("k"));
        won(&response);
        assert_eq!(response.json()["buyer"], buyer, "after {}", vector.name);
    });
    unharmed(shop);
}

#[test]
#[ignore = "needs nginx: tests/run"]
fn nothing_is_smuggled_past_nginx() {
    let shop = open();
    stays_clean_behind(Proxy::nginx_without(shop.public(), HIDDEN), &shop);
}

#[test]
#[ignore = "needs HAProxy: tests/run"]
fn nothing_is_smuggled_past_haproxy() {
    let shop = open();
    stays_clean_behind(Proxy::haproxy_without(shop.public(), HIDDEN), &shop);
}
