//! Two reasons to refuse at once: the contract's first one answers.

use serde_json::json;

use crate::contract::{refused, won};
use crate::plan::{ONCE, Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response};

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

/// The first attempt is told `first`, and every one after it its rate.
#[track_caller]
fn rate_is_met(shop: &Shop, request: &Request, limit: &str, first: &str) {
    let mut wire = shop.wire();
    assert_eq!(name_of(&wire.ask(request)), first);
    for _ in 0..3 {
        assert_eq!(refused(&wire.ask(request), "rate_limited")["limit"], limit);
    }
}

fn name_of(response: &Response) -> String {
    if response.header("idempotent-replayed").is_some() { "replay".into() } else { response.code().unwrap_or_default() }
}

#[test]
fn a_malformed_head_answers_before_a_missing_pass() {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 1)));
    let mut wire = shop.wire();
    wire.say(format!("POST /v1/sales/{SALE}/items/{SKU}/orders HTTP/1.1\r\n\r\n").as_bytes());
    refused(&wire.hear().expect("an answer"), "malformed");
}

#[test]
fn the_address_answers_before_the_pass() {
    let shop = Shop::open(&Plan::passes().set("access.ip", ONCE).sale(Sale::of(SALE, 1)));
    rate_is_met(&shop, &Request::attempt(SALE, SKU).from("192.0.2.1"), "ip", "pass_required");
    rate_is_met(&shop, &Request::attempt(SALE, SKU).bearer("bad").from("192.0.2.2"), "ip", "pass_invalid");
}

#[test]
fn the_pass_answers_before_everything_that_is_about_the_sale() {
    let shop = Shop::open(&Plan::passes().set("access.sale", ONCE).sale(Sale::of(SALE, 1)));
    refused(&shop.ask(&Request::attempt("nowhere", SKU)), "pass_required");
    refused(&shop.ask(&Request::attempt(SALE, "nothing").bearer("bad")), "pass_invalid");
    // A bad pass spends nobody's budget and meets none.
    for _ in 0..20 {
        refused(&shop.ask(&Request::attempt(SALE, SKU).bearer("bad")), "pass_invalid");
    }
    shop.turn(SALE, "pause");
    refused(&shop.ask(&Request::attempt(SALE, SKU)), "pass_required");
    let oversized = Request::attempt(SALE, SKU).body("text/plain", &[b'x'; 100]);
    refused(&shop.ask(&oversized), "pass_required");
}

#[test]
fn the_buyers_and_the_sales_rates_answer_before_the_replay_and_the_phase() {
    for (limit, key) in [("buyer", "access.buyer"), ("sale", "access.sale")] {
        let shop = Shop::open(&Plan::gateway().set(key, ONCE).sale(Sale::of(SALE, 5)));
        let keyed = attempt("b").key("k");
        won(&shop.ask(&keyed));
        assert_eq!(refused(&shop.ask(&keyed), "rate_limited")["limit"], limit, "before the replay");
        shop.turn(SALE, "pause");
        assert_eq!(refused(&shop.ask(&attempt("b")), "rate_limited")["limit"], limit, "before the phase");
    }
    // With a bucket for each sale, the phase answers the first attempt and the rate the second.
    let shop = Shop::open(&Plan::gateway().set("access.sale", ONCE).sale(Sale::of(SALE, 5)));
    shop.turn(SALE, "pause");
    rate_is_met(&shop, &attempt("b"), "sale", "sale_paused");
}

#[test]
fn the_replay_answers_before_the_phase_and_the_latch() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1)));
    let keyed = attempt("b").key("k");
    let order = won(&shop.ask(&keyed));
    let check = |when: &str| {
        let response = shop.ask(&keyed);
        assert_eq!(name_of(&response), "replay", "{when}: {}", response.text());
        assert_eq!(response.json()["order"], order.as_str(), "{when}");
        refused(&shop.ask(&keyed.clone().quantity(2)), "idempotency_mismatch");
    };
    check("sold out");
    shop.turn(SALE, "pause");
    check("paused");
    shop.turn(SALE, "end");
    check("ended");
}

#[test]
fn the_phase_answers_before_the_latch_and_the_body() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1)).sale(Sale::of("full", 1)));
    won(&shop.ask(&attempt("a")));
    for (verb, code) in [("pause", "sale_paused"), ("end", "sale_ended")] {
        shop.turn(SALE, verb);
        shop.turn("full", verb);
        refused(&shop.ask(&attempt("b")), code);
        refused(&shop.ask(&Request::attempt("full", SKU).buyer("b").body("application/json", b"{")), code);
    }
    refused(&shop.ask(&Request::attempt("nowhere", SKU).buyer("b").body("application/json", b"{")), "sale_not_found");
}

#[test]
fn the_latch_answers_before_the_body_is_even_read() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1).limit(1)));
    won(&shop.ask(&attempt("a")));
    refused(&shop.ask(&attempt("b")), "sold_out");
    refused(&shop.ask(&attempt("b").body("application/json", b"{")), "sold_out");
    refused(&shop.ask(&attempt("b").body("application/json", b"{\"quantity\":0}")), "sold_out");
    refused(&shop.ask(&attempt("b").body("text/plain", b"1")), "sold_out");
    // The latch also answers before the buyer's limit.
    refused(&shop.ask(&attempt("a")), "sold_out");
    // The body is announced and never comes: there is an answer all the same.
    for length in ["14", "1048576"] {
        let mut wire = shop.wire();
        let path = format!("/v1/sales/{SALE}/items/{SKU}/orders");
        let head = format!("POST {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\ncontent-type: application/json\r\n");
        wire.say(format!("{head}content-length: {length}\r\n\r\n").as_bytes());
        refused(&wire.hear().expect("an answer before the body"), "sold_out");
    }
}

#[test]
fn the_latch_is_closed_as_soon_as_the_last_unit_is_gone_whoever_took_it() {
    let unreadable = |sale: &str| Request::attempt(sale, SKU).buyer("b").body("application/json", b"{");
    let sold = Sale::of(SALE, 8).limit(8);
    let shop = Shop::open(&Plan::gateway().sale(sold).sale(Sale::of("never", 0)).sale(Sale::of("withdrawn", 3)));
    refused(&shop.ask(&unreadable("never")), "sold_out");
    refused(&shop.ask(&unreadable("withdrawn")), "malformed");
    shop.change(&format!("/v1/admin/sales/withdrawn/items/{SKU}/stock"), Some(&json!({ "add": -3 })));
    refused(&shop.ask(&unreadable("withdrawn")), "sold_out");
    for buyer in ["a", "c", "d"] {
        refused(&shop.ask(&unreadable(SALE)), "malformed");
        won(&shop.ask(&attempt(buyer)));
    }
    won(&shop.ask(&attempt("e").quantity(5)));
    refused(&shop.ask(&unreadable(SALE)), "sold_out");
    refused(&shop.ask(&attempt("e")), "sold_out");
    let shop = Shop::open_at(shop.close());
    for sale in [SALE, "never", "withdrawn"] {
        refused(&shop.ask(&unreadable(sale)), "sold_out");
    }
    shop.change(&format!("/v1/admin/sales/never/items/{SKU}/stock"), Some(&json!({ "add": 1 })));
    refused(&shop.ask(&unreadable("never")), "malformed");
}

#[test]
fn the_body_answers_before_the_buyers_limit_and_that_before_the_stock() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3).limit(2)));
    won(&shop.ask(&attempt("a").quantity(2)));
    refused(&shop.ask(&attempt("a").body("application/json", b"{")), "malformed");
    refused(&shop.ask(&attempt("a").quantity(0)), "invalid_field");
    refused(&shop.ask(&attempt("a").body("text/plain", b"1")), "unsupported_media_type");
    // One is left: a second unit is refused to everybody, but who has had theirs is told that.
    refused(&shop.ask(&attempt("a").quantity(2)), "limit_reached");
    refused(&shop.ask(&attempt("b").quantity(3)), "limit_reached");
    refused(&shop.ask(&attempt("b").quantity(2)), "insufficient_stock");
}
