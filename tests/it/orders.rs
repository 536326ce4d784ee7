//! What a win looks like, and that it is won once.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::contract::{instant_of, item_of, listed, refused, retry_after_s, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::stampede::from_environment;
use crate::wire::{Request, Response, eventually};

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

fn shop_of(sale: Sale) -> Shop {
    Shop::open(&Plan::gateway().sale(sale))
}

fn replayed(response: &Response) -> bool {
    response.header("idempotent-replayed") == Some("true")
}

/// The members that an order has, apart from one that is null.
fn members(order: &Value) -> BTreeSet<&str> {
    let order = order.as_object().expect("an order is an object");
    order.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.as_str()).collect()
}

const MEMBERS: [&str; 10] =
    ["order", "sale", "sku", "quantity", "buyer", "state", "price", "total", "placed_at", "stored"];

#[test]
fn a_win_without_a_hold_is_confirmed_at_once_and_says_everything_about_itself() {
    let shop = shop_of(Sale::of(SALE, 5));
    let before = Timestamp::now() - 1.second();
    let response = shop.ask(&attempt("b-17").quantity(2));
    let order = won(&response);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert!(!replayed(&response));
    let body = response.json();
    assert_eq!(members(&body), BTreeSet::from(MEMBERS));
    let said: Value = json!({
        "order": order, "sale": SALE, "sku": SKU, "quantity": 2, "buyer": "b-17", "state": "confirmed",
        "price": { "amount": "129.00", "currency": "USD" }, "total": { "amount": "258.00", "currency": "USD" },
    });
    for (name, value) in said.as_object().expect("an object") {
        assert_eq!(&body[name], value, "{name} of {body}");
    }
    let placed_at = instant_of(&body["placed_at"]);
    assert!(before <= placed_at && placed_at <= Timestamp::now() + 1.second(), "{placed_at}");
}

#[test]
fn a_win_with_a_hold_is_held_until_it_expires() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let body = {
        let response = shop.ask(&attempt("b"));
        won(&response);
        response.json()
    };
    assert_eq!(members(&body), MEMBERS.into_iter().chain(["expires_at"]).collect());
    assert_eq!(body["state"], "held");
    assert_eq!(instant_of(&body["expires_at"]), instant_of(&body["placed_at"]) + 10.minutes());
}

#[test]
fn a_hold_that_runs_out_is_for_sale_again_also_when_the_shop_was_killed_meanwhile() {
    let config = Plan::gateway().set("orders.restart_grace", "\"1s\"").sale(Sale::of(SALE, 2).hold("1s"));
    let mut shop = Shop::open(&config);
    for (round, held) in [["b-0", "b-1"], ["b-2", "b-3"]].iter().enumerate() {
        let orders = held.map(|buyer| (buyer, won(&shop.ask(&attempt(buyer)))));
        assert_eq!(refused(&shop.ask(&attempt("late")), "sold_out")["held_may_return"], true);
        if round == 0 {
            shop = Shop::open_at(shop.kill());
        }
        eventually("the units' return", || item_of(&shop.sale(SALE)["items"], SKU)["remaining"] == 2);
        for (buyer, order) in &orders {
            let shown = shop.ask(&Request::get(&format!("/v1/orders/{order}")).buyer(buyer)).json();
            assert_eq!(shown["state"], "expired", "{shown}");
        }
    }
    let report = shop.close().audit();
    assert_eq!((&report["orders"], &report["sales"][0]["available"]), (&json!(4), &json!(2)));
}

#[test]
fn a_shop_that_promises_memory_says_accepted_and_so_does_the_replay() {
    let shop = Shop::open(&Plan::gateway().set("ledger.ack", "\"memory\"").sale(Sale::of(SALE, 5)));
    let response = shop.ask(&attempt("b").key("k"));
    assert_eq!(response.status, 202, "{}", response.text());
    let body = response.json();
    assert_eq!(body["stored"], "memory", "the status is what is true of it now");
    let replay = shop.ask(&attempt("b").key("k"));
    assert_eq!((replay.status, replayed(&replay)), (202, true), "the first status");
    assert_eq!(replay.json()["order"], body["order"]);
    let home = shop.close();
    assert_eq!(home.audit()["orders"], 1, "an orderly end loses nothing");
}

#[test]
fn the_same_key_gets_the_same_order_whatever_has_happened_since() {
    let shop = shop_of(Sale::of(SALE, 2));
    let keyed = attempt("b").key("k-1");
    let first = shop.ask(&keyed);
    let order = won(&first);
    let again = |shop: &Shop, when: &str| {
        let response = shop.ask(&keyed);
        assert_eq!(won(&response), order, "{when}");
        assert!(replayed(&response), "{when}: Idempotent-Replayed");
        assert_eq!(response.json(), first.json(), "{when}");
        // A missing body, and the body that says the same, are the same.
        assert!(replayed(&shop.ask(&keyed.clone().quantity(1))), "{when}");
    };
    again(&shop, "at once");
    won(&shop.ask(&attempt("c")));
    refused(&shop.ask(&attempt("d")), "sold_out");
    again(&shop, "sold out");
    shop.turn(SALE, "pause");
    again(&shop, "paused");
    shop.turn(SALE, "end");
    again(&shop, "ended");
    let shop = Shop::open_at(shop.close());
    again(&shop, "after a restart");
    assert_eq!(shop.home().audit()["orders"], 2);
}

#[test]
fn a_key_belongs_to_one_buyer_in_one_sale_and_a_refusal_is_not_remembered() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)).sale(Sale::of("other", 5)));
    let orders = [
        won(&shop.ask(&attempt("a").key("k"))),
        won(&shop.ask(&attempt("b").key("k"))),
        won(&shop.ask(&Request::attempt("other", SKU).buyer("a").key("k"))),
        won(&shop.ask(&attempt("a").key("K"))),
    ];
    assert_eq!(BTreeSet::from(orders).len(), 4);
    shop.turn(SALE, "pause");
    refused(&shop.ask(&attempt("c").key("k")), "sale_paused");
    shop.turn(SALE, "resume");
    let response = shop.ask(&attempt("c").key("k"));
    won(&response);
    assert!(!replayed(&response), "a refusal is asked anew");
}

#[test]
fn a_key_that_is_none_is_refused_and_the_longest_one_is_kept() {
    let shop = shop_of(Sale::of(SALE, 5));
    for key in ["", "has space", &"k".repeat(256), "not-ascii-\u{e9}"] {
        let response = shop.ask(&attempt("b").key(key));
        refused(&response, if response.status == 422 { "invalid_field" } else { "malformed" });
    }
    let twice = shop.ask(&attempt("b").key("one").key("two"));
    refused(&twice, if twice.status == 422 { "invalid_field" } else { "malformed" });
    let longest = "k".repeat(255);
    won(&shop.ask(&attempt("b").key(&longest)));
    let shop = Shop::open_at(shop.close());
    assert!(replayed(&shop.ask(&attempt("b").key(&longest))));
}

/// `DOORBUSTER_TEST_TWINS` says how many ask at once, `DOORBUSTER_TEST_ROUNDS` how often.
fn twins_and_rounds(twins: u32, rounds: u32) -> (usize, u32) {
    let twins = from_environment("DOORBUSTER_TEST_TWINS", twins);
    (twins as usize, from_environment("DOORBUSTER_TEST_ROUNDS", rounds))
}

/// A shop that waits for a thousand connections to be there, however long this machine takes to make them.
fn patient_shop_of(sale: Sale) -> Shop {
    let plan = Plan::gateway().set("server.first_byte_timeout", "\"60s\"").set("server.head_timeout", "\"60s\"");
    Shop::open(&plan.set("server.body_timeout", "\"60s\"").sale(sale))
}

#[test]
fn twins_under_one_key_are_one_order() {
    let (twins, rounds) = twins_and_rounds(16, 10);
    let shop = patient_shop_of(Sale::of(SALE, rounds + 1));
    for round in 0..rounds {
        let keyed = attempt("b").key(&format!("round-{round}"));
        let start = Barrier::new(twins);
        let answers: Vec<Response> = thread::scope(|scope| {
            let twin = || {
                let mut wire = shop.wire();
                start.wait();
                wire.ask(&keyed)
            };
            let twins: Vec<_> = (0..twins).map(|_| scope.spawn(twin)).collect();
            twins.into_iter().map(|twin| twin.join().expect("an answer")).collect()
        });
        let mut orders = BTreeSet::new();
        for response in &answers {
            // Both sold: forbidden. One sold, the others its replay or told to wait: required.
            if response.status == 409 {
                refused(response, "in_progress");
                retry_after_s(response);
            } else {
                orders.insert(won(response));
            }
        }
        assert_eq!(orders.len(), 1, "one order, whatever its twins saw");
        assert!(answers.iter().filter(|response| response.status == 201 && !replayed(response)).count() <= 1);
    }
    assert_eq!(shop.home().audit()["orders"], rounds);
}

#[test]
fn of_attempts_whose_last_bytes_come_together_one_gets_what_one_may_have() {
    // As many as fit one packet of HTTP/2, which is how this was first done.
    let (connections, rounds) = twins_and_rounds(30, 10);
    let shop = patient_shop_of(Sale::of(SALE, 2 * rounds + 1).limit(1));
    for round in 0..2 * rounds {
        // The last byte is the head's, or the body's.
        let attempt = attempt(&format!("b-{round}"));
        let bytes = if round % 2 == 0 { attempt.bytes() } else { attempt.quantity(1).bytes() };
        let (most, last) = bytes.split_at(bytes.len() - 1);
        let mut wires: Vec<_> = (0..connections).map(|_| shop.wire().saying(most)).collect();
        wires.iter_mut().for_each(|wire| wire.say(last));
        let answers = wires.iter_mut().map(|wire| wire.hear().expect("an answer"));
        let (wins, refusals): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.status == 201);
        // Two sold, or none: forbidden. One sold, and the others told of the limit: required.
        assert_eq!(wins.len(), 1, "round {round}");
        won(&wins[0]);
        for refusal in &refusals {
            let orders = refused(refusal, "limit_reached")["orders"].clone();
            assert_eq!(orders[0], wins[0].json()["order"], "{orders}");
        }
    }
    assert_eq!(item_of(&shop.home().audit()["sales"], SKU)["confirmed"], 2 * rounds);
}

#[test]
fn a_double_click_without_a_key_never_takes_more_than_the_limit() {
    const CLICKS: usize = 16;
    let shop = shop_of(Sale::of(SALE, 1000).limit(1));
    for buyer in 0..10 {
        let start = Barrier::new(CLICKS);
        let wins = thread::scope(|scope| {
            let click = || {
                let mut wire = shop.wire();
                start.wait();
                wire.ask(&attempt(&format!("b-{buyer}"))).status == 201
            };
            let clicks: Vec<_> = (0..CLICKS).map(|_| scope.spawn(click)).collect();
            clicks.into_iter().map(|click| click.join().expect("an answer")).filter(|won| *won).count()
        });
        assert_eq!(wins, 1);
    }
    assert_eq!(item_of(&shop.home().audit()["sales"], SKU)["confirmed"], 10);
}

#[test]
fn a_buyer_sees_their_own_orders_and_nobody_elses() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)).sale(Sale::of("other", 5)));
    let first = shop.ask(&attempt("a"));
    let mine = BTreeSet::from([won(&first), won(&shop.ask(&attempt("a").quantity(2)))]);
    let other = won(&shop.ask(&attempt("b")));

    let orders_of = |buyer: &str| -> BTreeSet<String> {
        let response = shop.ask(&Request::get("/v1/orders").buyer(buyer));
        assert_eq!(response.status, 200, "{}", response.text());
        assert!(response.header("cache-control").is_some_and(|value| value.contains("no-store")), "orders are private");
        listed(&response.json()).iter().map(|order| order["order"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(orders_of("a"), mine);
    assert_eq!(orders_of("b"), BTreeSet::from([other.clone()]));
    assert_eq!(orders_of("c"), BTreeSet::new());

    let path = first.header("location").expect("a win has a place").to_owned();
    let response = shop.ask(&Request::get(&path).buyer("a"));
    assert_eq!((response.status, response.json()), (200, first.json()));
    refused(&shop.ask(&Request::get(&path).buyer("b")), "order_not_found");
    refused(&shop.ask(&Request::get(&format!("/v1/orders/{other}")).buyer("a")), "order_not_found");
    refused(&shop.ask(&Request::get(&path)), "pass_required");
    refused(&shop.ask(&Request::get("/v1/orders")), "pass_required");
}

#[test]
fn a_pass_says_who_the_buyer_is_as_a_header_or_a_cookie() {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 5)));
    let pass = shop.pass(SALE, "b-17");
    // Without a gateway the gateway's header is noise.
    let response = shop.ask(&attempt("somebody-else").bearer(&pass));
    let order = won(&response);
    assert_eq!(response.json()["buyer"], "b-17");
    let response = shop.ask(&Request::get(&format!("/v1/orders/{order}")).bearer(&pass));
    assert_eq!(response.status, 200, "{}", response.text());
}

#[test]
fn a_gateways_word_counts_only_from_a_gateway() {
    let plan = Plan::gateway().set("server.trusted_proxies", r#"["192.0.2.1/32"]"#);
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 5)));
    refused(&shop.ask(&attempt("b")), "pass_required");
    assert_eq!(shop.home().audit()["orders"], 0);
}
