//! Every row of the contract's refusal table, through a real socket; the client's rows are in `passes`.
//!
//! Not here: `in_progress` (it exists only while a twin is underway; `orders` meets it where it occurs) and
//! `outcome_unknown` (it needs a disk that fails to sync).

use std::process::Command;
use std::thread;

use jiff::Timestamp;
use serde_json::json;

use crate::contract::{instant_of, item_of, refused, retry_after_s, won};
use crate::plan::{ONCE, Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

fn shop_of(sale: Sale) -> Shop {
    Shop::open(&Plan::gateway().sale(sale))
}

#[test]
fn the_door_refuses_what_is_not_a_request_it_knows() {
    let shop = shop_of(Sale::of(SALE, 5));
    let mut wire = shop.wire();
    wire.say(format!("POST /v1/sales/{SALE}/items/{SKU}/orders HTTP/1.1\r\nbuyer-id: b\r\n\r\n").as_bytes());
    refused(&wire.hear().expect("a request without Host is answered"), "malformed");

    refused(&shop.ask(&Request::get("/nothing/here")), "not_found");
    let response = shop.ask(&Request::new("DELETE", "/v1/sales"));
    refused(&response, "method_not_allowed");
    assert!(response.header("allow").is_some_and(|allow| allow.contains("GET")), "405 says what is allowed");
    let response = shop.ask(&Request::new("PUT", &format!("/v1/sales/{SALE}/items/{SKU}/orders")));
    refused(&response, "method_not_allowed");
    assert!(response.header("allow").is_some_and(|allow| allow.contains("POST")), "405 says what is allowed");
    assert_untouched(&shop, 5);
}

#[test]
fn the_door_refuses_a_body_that_is_no_order() {
    let shop = shop_of(Sale::of(SALE, 5));
    for text in ["{", "{\"quantity\":1} x", "[1]", "nonsense", "{\"quantity\":1,\"quantity\":2}", "\u{feff}{}"] {
        let response = shop.ask(&attempt("b").body("application/json", text.as_bytes()));
        assert!(matches!(response.status, 400 | 422), "{text}: {} {}", response.status, response.text());
        refused(&response, if response.status == 400 { "malformed" } else { "invalid_field" });
    }
    refused(&shop.ask(&attempt("b").body("application/json", b"{\"quantity\":")), "malformed");

    for text in ["0", "-1", "1.5", "4294967296", "18446744073709551616", "1e999", "\"1\"", "true", "[1]", "{}"] {
        let body = format!("{{\"quantity\":{text}}}");
        let response = shop.ask(&attempt("b").body("application/json", body.as_bytes()));
        if response.status == 400 {
            // Not even a number of JSON's for some readers: the syntax is refused, not the field.
            assert_eq!(text, "1e999", "{}", response.text());
            refused(&response, "malformed");
            continue;
        }
        assert_eq!(refused(&response, "invalid_field")["pointer"], "/quantity", "{text}");
    }
    let response = shop.ask(&attempt("b").json(&json!({ "quantity": 1, "price": 0 })));
    match response.status {
        400 => drop(refused(&response, "malformed")),
        _ => assert_eq!(refused(&response, "invalid_field")["pointer"], "/price", "an unknown field is named"),
    }
    assert_untouched(&shop, 5);
}

#[test]
fn the_door_refuses_a_body_it_will_not_read() {
    let shop = shop_of(Sale::of(SALE, 5));
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json-seq"] {
        let response = shop.ask(&attempt("b").body(content_type, b"{\"quantity\":1}"));
        refused(&response, "unsupported_media_type");
    }
    let packed = attempt("b").header("content-encoding", "gzip").body("application/json", b"\x1f\x8b");
    refused(&shop.ask(&packed), "unsupported_media_type");

    // Refused for what it announces: not one byte of the body is sent.
    let mut wire = shop.wire();
    let head = "content-type: application/json\r\ncontent-length: 1048576\r\n";
    wire.say(raw_attempt(head).as_bytes());
    refused(&wire.hear().expect("an answer before the body"), "too_large");

    // Refused for what it turns out to be.
    let mut wire = shop.wire();
    wire.say(raw_attempt("content-type: application/json\r\ntransfer-encoding: chunked\r\n").as_bytes());
    let chunk = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
    for _ in 0..64 {
        wire.say(&chunk);
    }
    // The connection may be reset under the bytes that nobody reads, and take the answer with it.
    if let Some(response) = wire.hear() {
        refused(&response, "too_large");
    }
    assert_untouched(&shop, 5);
}

#[test]
fn the_door_refuses_who_is_too_slow_and_who_says_too_much() {
    let shop = Shop::open(&Plan::gateway().set("server.body_timeout", "\"300ms\"").sale(Sale::of(SALE, 5)));
    let mut wire = shop.wire();
    wire.say(raw_attempt("content-type: application/json\r\ncontent-length: 14\r\n").as_bytes());
    wire.say(b"{\"quan");
    refused(&wire.hear().expect("an answer to half a body"), "timeout");
    assert!(wire.hear().is_none(), "after a time-out the connection is closed");

    let response = shop.ask(&attempt("b").header("x-long", &"x".repeat(9 * 1024)));
    refused(&response, "headers_too_large");
    assert_untouched(&shop, 5);
}

fn raw_attempt(headers: &str) -> String {
    format!("POST /v1/sales/{SALE}/items/{SKU}/orders HTTP/1.1\r\nhost: shop.test\r\nbuyer-id: b\r\n{headers}\r\n")
}

#[track_caller]
fn assert_untouched(shop: &Shop, stock: u32) {
    let report = shop.home().audit();
    assert_eq!(report["orders"], 0, "a refusal made an order: {report:#}");
    assert_eq!(item_of(&report["sales"], SKU)["available"], stock, "{report:#}");
}

#[test]
fn access_says_which_limit_was_met_and_when_to_come_back() {
    for (limit, key) in [("ip", "access.ip"), ("buyer", "access.buyer"), ("sale", "access.sale")] {
        let shop = Shop::open(&Plan::gateway().set(key, ONCE).sale(Sale::of(SALE, 1_000)));
        let mut wire = shop.wire();
        let asked = attempt("b").from("198.51.100.7");
        won(&wire.ask(&asked));
        let response = wire.ask(&asked);
        assert_eq!(refused(&response, "rate_limited")["limit"], limit);
        retry_after_s(&response);
        assert!(response.header("ratelimit").is_some(), "RateLimit");
        assert!(response.header("ratelimit-policy").is_some(), "RateLimit-Policy");
        let others = [attempt("b").from("198.51.100.8"), attempt("c").from("198.51.100.7")];
        let [other_address, other_buyer] = others.map(|request| wire.ask(&request).status == 201);
        // Each pays for themselves, except where the whole sale has one purse.
        assert_eq!((other_address, other_buyer), (limit == "ip", limit == "buyer"), "{limit}");
    }
}

#[test]
fn a_network_of_ipv6_is_one_address() {
    let shop = Shop::open(&Plan::gateway().set("access.ip", ONCE).sale(Sale::of(SALE, 1_000)));
    won(&shop.ask(&attempt("a").from("2001:db8:0:1::1")));
    refused(&shop.ask(&attempt("b").from("2001:db8:0:1:ffff::2")), "rate_limited");
    won(&shop.ask(&attempt("b").from("2001:db8:0:2::1")));
    // An IPv4 address is the same one in IPv6's clothes.
    won(&shop.ask(&attempt("c").from("203.0.113.9")));
    refused(&shop.ask(&attempt("d").from("::ffff:203.0.113.9")), "rate_limited");
}

#[test]
fn the_sale_floor_refuses_what_is_not_on_sale() {
    let opens_at = "2099-11-27T09:00:00+00:00[UTC]";
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)).sale(Sale::of("later", 5).opens_at(opens_at)));
    refused(&shop.ask(&Request::attempt("nowhere", SKU).buyer("b")), "sale_not_found");
    refused(&shop.ask(&Request::attempt(SALE, "nothing").buyer("b")), "item_not_found");

    let response = shop.ask(&Request::attempt("later", SKU).buyer("b"));
    let body = refused(&response, "sale_not_open");
    assert_eq!(instant_of(&body["opens_at"]), "2099-11-27T09:00:00Z".parse::<Timestamp>().expect("a time"));
    retry_after_s(&response);

    shop.turn(SALE, "pause");
    refused(&shop.ask(&attempt("b")), "sale_paused");
    shop.turn(SALE, "end");
    refused(&shop.ask(&attempt("b")), "sale_ended");
    assert_untouched(&shop, 5);
}

#[test]
fn stock_says_whether_what_is_gone_may_return() {
    for (sale, held_may_return) in [(Sale::of(SALE, 1), false), (Sale::of(SALE, 1).hold("10m"), true)] {
        let shop = shop_of(sale);
        won(&shop.ask(&attempt("first")));
        let body = refused(&shop.ask(&attempt("second")), "sold_out");
        assert_eq!(body["held_may_return"], held_may_return, "{body}");
    }
}

#[test]
fn stock_refuses_more_than_there_is_and_more_than_is_allowed() {
    let shop = shop_of(Sale::of(SALE, 3).limit(2));
    let order = won(&shop.ask(&attempt("a").quantity(2)));
    refused(&shop.ask(&attempt("b").quantity(2)), "insufficient_stock");
    let body = refused(&shop.ask(&attempt("a")), "limit_reached");
    assert_eq!(body["orders"], json!([order]), "the buyer's own live orders");
    // Who has none is told so.
    let body = refused(&shop.ask(&attempt("c").quantity(3)), "limit_reached");
    assert_eq!(body["orders"], json!([]));
    won(&shop.ask(&attempt("b")));
    assert_eq!(item_of(&shop.home().audit()["sales"], SKU)["available"], 0);
}

#[test]
fn the_same_key_for_something_else_is_refused() {
    let shop = shop_of(Sale::new(SALE).item(SKU, 5).item("second", 5));
    won(&shop.ask(&attempt("b").key("k").quantity(1)));
    refused(&shop.ask(&attempt("b").key("k").quantity(2)), "idempotency_mismatch");
    refused(&shop.ask(&Request::attempt(SALE, "second").buyer("b").key("k")), "idempotency_mismatch");
    // None means one: that is the same thing.
    assert_eq!(shop.ask(&attempt("b").key("k")).status, 201);
}

#[test]
#[ignore = "needs strace: tests/run"]
fn an_order_that_a_disk_fails_to_sync_is_unknown_ends_the_shop_and_has_one_answer_after_the_restart() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let mut shop = Shop::open_on_a_disk_that_fails_to_sync(shop.close());
    let attempt = Request::attempt(SALE, SKU).buyer("ann").key("k");
    let problem = shop.ask(&attempt);
    refused(&problem, "outcome_unknown");
    retry_after_s(&problem);
    assert_eq!(shop.exit_code(), Some(74), "a disk that can't be trusted: {}", shop.said());
    let shop = Shop::open_at(shop.leave());
    let order = won(&shop.ask(&attempt));
    assert_eq!(won(&shop.ask(&attempt)), order, "one order, whatever became of the first try");
    let report = shop.close().audit();
    assert_eq!((&report["ok"], &report["orders"]), (&json!(true), &json!(1)), "{report:#}");
}

#[test]
fn the_ledger_refuses_when_its_queue_is_full_and_no_unit_is_lost() {
    const STOCK: u32 = 1_000_000;
    let shop = Shop::open(&Plan::gateway().set("ledger.queue_orders", "1").sale(Sale::of(SALE, STOCK)));
    let public = shop.public();
    let tellers: Vec<_> = (0..32)
        .map(|teller| {
            thread::spawn(move || {
                let mut wire = Wire::connect(public);
                let ask = |n| wire.ask(&attempt(&format!("b-{teller}-{n}")));
                (0..200).map(ask).collect::<Vec<_>>()
            })
        })
        .collect();
    let answers: Vec<_> = tellers.into_iter().flat_map(|teller| teller.join().expect("it asks to its end")).collect();
    let (wins, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|response| response.status == 201);
    assert!(!refusals.is_empty(), "a queue of one order was never full");
    for response in refusals {
        refused(response, "busy");
        retry_after_s(response);
    }
    let report = shop.home().audit();
    assert_eq!(report["orders"], wins.len());
    assert_eq!(item_of(&report["sales"], SKU)["available"], STOCK as usize - wins.len());
}

#[test]
fn an_order_that_cannot_be_written_is_refused_for_certain_and_its_unit_returns() {
    let shop = shop_of(Sale::of(SALE, 2));
    let limit_file_size = |limit: &str| {
        let pid = shop.pid().to_string();
        let status = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}")]).status();
        assert!(status.expect("util-linux is installed").success());
    };
    won(&shop.ask(&attempt("a")));
    // From here on no file takes another byte: what a full disk looks like to the ledger.
    limit_file_size("0:");
    let response = shop.ask(&attempt("b").key("k"));
    refused(&response, "not_stored");
    retry_after_s(&response);
    limit_file_size("unlimited:");
    eventually("selling resumes by itself", || shop.ask(&attempt("b").key("k")).status == 201);
    refused(&shop.ask(&attempt("c")), "sold_out");
    let report = shop.home().audit();
    assert_eq!((&report["orders"], &item_of(&report["sales"], SKU)["confirmed"]), (&json!(2), &json!(2)));
}

#[test]
fn there_is_no_order_but_ones_own() {
    let shop = shop_of(Sale::of(SALE, 5));
    let order = won(&shop.ask(&attempt("a")));
    let ask = |order: &str, buyer: &str| shop.ask(&Request::get(&format!("/v1/orders/{order}")).buyer(buyer));
    let others = ask(&order, "b");
    refused(&others, "order_not_found");
    let nobodys = ask("01930000-0000-7000-8000-000000000000", "b");
    refused(&nobodys, "order_not_found");
    assert_eq!(others.body, nobodys.body, "the answer tells whether there is such an order");
    refused(&ask("not-an-order", "b"), "order_not_found");
}
