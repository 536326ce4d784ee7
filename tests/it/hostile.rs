//! Requests that no honest client sends. Whatever they are answered, they cost no unit, break nothing, and the next
//! buyer is served.
//!
//! Where the parser below the door answers by itself there is no body to check; the status, and what did not happen, is
//! what counts.

use crate::contract::{item_of, refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

/// Units of the shop under attack.
pub(crate) const STOCK: u32 = 50;

/// What hostile bytes may be answered: one of these statuses, or nothing but the end of the connection.
pub(crate) type Allowed = &'static [u16];

/// What no reading of HTTP makes sense of.
pub(crate) const BAD: Allowed = &[400];
const TOO_LONG: Allowed = &[400, 404, 413, 414, 431];

/// A shop that does not wait long for what will never come.
pub(crate) fn open() -> Shop {
    let impatient = ["first_byte", "head", "body", "idle"]
        .iter()
        .fold(Plan::gateway(), |plan, deadline| plan.set(&format!("server.{deadline}_timeout"), "\"500ms\""));
    Shop::open(&impatient.sale(Sale::of(SALE, STOCK)))
}

/// An attempt that would win, but for what is put between its head's lines and behind them.
pub(crate) fn attempt_with(headers: &str, body: &str) -> String {
    format!("POST {} HTTP/1.1\r\nhost: shop.test\r\nbuyer-id: b\r\n{headers}\r\n{body}", path())
}

/// Of the one item's orders.
pub(crate) fn path() -> String {
    format!("/v1/sales/{SALE}/items/{SKU}/orders")
}

/// Says the bytes on a connection of their own and hears one answer: an allowed one, a time-out, or none at all.
#[track_caller]
pub(crate) fn assail(shop: &Shop, what: &str, bytes: &[u8], allowed: Allowed) -> Wire {
    let mut wire = shop.wire();
    wire.say(bytes);
    if let Some(response) = wire.hear() {
        let is_allowed = response.status == 408 || allowed.contains(&response.status);
        let what: String = what.chars().take(100).collect();
        assert!(is_allowed, "{what:?}: {} {}", response.status, response.text());
    }
    wire
}

/// Nothing was sold but what honest buyers bought, and one more of them is served.
#[track_caller]
pub(crate) fn unharmed(shop: &Shop, sold: u32) {
    let report = shop.home().audit();
    assert_eq!(report["orders"], sold, "{report:#}");
    assert_eq!(item_of(&report["sales"], SKU)["available"], STOCK - sold, "{report:#}");
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("honest")));
}

#[test]
fn heads_that_are_not_http() {
    let shop = open();
    let path = path();
    for line in [
        format!("POST {path}"),
        format!("POST {path} HTTP/0.9"),
        format!("POST {path} HTTP/1.2"),
        format!("POST {path} HTTP/2.0"),
        format!("POST {path} HTTP/01.1"),
        format!("POST {path} http/1.1"),
        format!("POST  {path} HTTP/1.1"),
        format!("POST {path} HTTP/1.1 "),
        format!(" POST {path} HTTP/1.1"),
        format!("PO ST {path} HTTP/1.1"),
        format!("P\u{0}ST {path} HTTP/1.1"),
        format!("POST {path}\u{0} HTTP/1.1"),
        format!("POST {path}\u{7f} HTTP/1.1"),
    ] {
        assail(&shop, &line, format!("{line}\r\nhost: s\r\nbuyer-id: b\r\n\r\n").as_bytes(), &[400, 404, 505]);
    }
    assail(&shop, "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BAD);
    let mut http2 = shop.wire().saying(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    refused(&http2.hear().expect("an answer, even to another protocol"), "malformed");
    assail(&shop, "nothing but ends of lines", &b"\r\n".repeat(10_000), TOO_LONG);
    unharmed(&shop, 0);
}

#[test]
fn headers_that_are_not_headers() {
    let shop = open();
    for header in [
        "x\u{0}y: 1",
        "x: a\u{0}b",
        "x: a\rb",
        "x : 1",
        " x: 1",
        "x",
        ": no name",
        "x\u{1}: 1",
        "x: a\u{1}b",
        "x(y): 1",
        "buyer-id\t: c",
    ] {
        assail(&shop, header, attempt_with(&format!("{header}\r\n"), "").as_bytes(), BAD);
    }
    for folded in ["x: a\r\n b", "x: a\r\n\tbuyer-id: c"] {
        assail(&shop, folded, attempt_with(&format!("{folded}\r\n"), "").as_bytes(), BAD);
    }
    unharmed(&shop, 0);
}

#[test]
fn a_host_is_needed_once_and_has_to_be_one() {
    let shop = open();
    let with = |hosts: &str| format!("POST {} HTTP/1.1\r\n{hosts}buyer-id: b\r\n\r\n", path());
    for hosts in [
        "",
        "host: a\r\nhost: b\r\n",
        "host: a\r\nhost: a\r\n",
        "host: user@shop.test\r\n",
        "host: shop.test/path\r\n",
        "host: a, b\r\n",
        "host: a b\r\n",
    ] {
        assail(&shop, hosts, with(hosts).as_bytes(), BAD);
    }
    unharmed(&shop, 0);
}

/// Heads that are too much in one way or another, and what they may be answered.
pub(crate) fn oversized_heads() -> Vec<(&'static str, String, Allowed)> {
    const TOO_LARGE: Allowed = &[400, 431];
    let long = "x".repeat(8 * 1024 + 1);
    let line = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\n\r\n");
    let many = |count: usize, value: &str| -> String { (0..count).map(|n| format!("x-{n}: {value}\r\n")).collect() };
    let with = |headers: &str| attempt_with(headers, "");
    vec![
        ("a long header", with(&format!("x: {long}\r\n")), TOO_LARGE),
        ("a long name", with(&format!("{long}: x\r\n")), TOO_LARGE),
        ("a name of 70 KB", with(&format!("{}: y\r\n", "x".repeat(70_000))), TOO_LARGE),
        ("101 headers", with(&many(101, "1")), TOO_LARGE),
        ("500 headers", with(&many(500, "1")), TOO_LARGE),
        ("40 KiB of headers", with(&many(40, &"y".repeat(1024))), TOO_LARGE),
        ("40 KiB of small headers", with(&many(640, &"y".repeat(60))), TOO_LARGE),
        ("a header of 1 MiB", with(&format!("x: {}\r\n", "y".repeat(1024 * 1024))), TOO_LARGE),
        ("a long address", line("POST", &format!("{}?{}", path(), "q".repeat(70_000))), TOO_LONG),
        ("a method of 70 KB", line(&"P".repeat(70_000), &path()), TOO_LONG),
    ]
}

#[test]
fn more_than_a_head_may_hold() {
    let shop = open();
    for (what, head, allowed) in oversized_heads() {
        assail(&shop, what, head.as_bytes(), allowed);
    }
    unharmed(&shop, 0);
}

/// By none of these is anything bought.
pub(crate) const OTHER_METHODS: [&str; 10] =
    ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "PROPFIND", "post", "Post"];

#[test]
fn methods_nobody_knows_and_targets_that_are_not_paths() {
    let shop = open();
    let path = path();
    for method in OTHER_METHODS {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\ncontent-length: 0\r\n\r\n");
        assail(&shop, method, request.as_bytes(), &[400, 405, 501]);
    }
    for line in ["CONNECT shop.test:80", "OPTIONS *", "POST *", "GET shop.test"] {
        assail(&shop, line, format!("{line} HTTP/1.1\r\nhost: s\r\n\r\n").as_bytes(), &[400, 404, 405, 501]);
    }
    unharmed(&shop, 0);
}

/// Paths that only look like the one of the orders, or like something worth having.
pub(crate) fn lookalikes() -> Vec<String> {
    let orders = format!("items/{SKU}/orders");
    vec![
        format!("/v1/sales/{SALE}/{orders}/"),
        format!("/v1/sales/{SALE}/{orders};x"),
        format!("/v1/sales/{SALE}/{orders}%00"),
        format!("/v1/sales/{SALE}/{orders}/."),
        format!("/v1/sales/{SALE}/x/../{orders}"),
        format!("/v1/sales/%2e%2e/sales/{SALE}/{orders}"),
        format!("/v1/sales/x%2f..%2f{SALE}/{orders}"),
        format!("//v1/sales/{SALE}/{orders}"),
        format!("/v1//sales/{SALE}/{orders}"),
        format!("/V1/sales/{SALE}/{orders}"),
        format!("/v1/Sales/{SALE}/{orders}"),
        format!("/v1\\sales/{SALE}/{orders}"),
        format!("/v1/sales/%c0%ae/{orders}"),
        format!("/v1/sales/%ff/{orders}"),
        format!("/v1/sales/%/{orders}"),
        format!("/v1/sales//{orders}"),
        format!("/v1/sales/{}/{orders}", "x".repeat(65)),
        format!("/v1/sales/{}/{orders}", "x".repeat(4000)),
        format!("/v1/sales/{SALE}.{orders}"),
        format!("/v1/sales/{}/{orders}", SALE.to_uppercase()),
        format!("/v1/sales/{SALE}/items/{}/orders", SKU.to_uppercase()),
        format!("/v1/sales/{SALE}/items//orders"),
        format!("/v1/sales/{SALE}/items/{SKU}/orders/../orders"),
        "/v1/admin/sales".into(),
        format!("/v1/admin/sales/{SALE}/end"),
        "/metrics".into(),
        "/etc/passwd".into(),
        "/../../etc/passwd".into(),
        "/%2e%2e/%2e%2e/etc/passwd".into(),
        "/assets/../config.toml".into(),
        "/.git/config".into(),
    ]
}

#[test]
fn paths_that_only_look_like_one() {
    let shop = open();
    for path in lookalikes() {
        let request = format!("POST {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\ncontent-length: 0\r\n\r\n");
        assail(&shop, &path, request.as_bytes(), &[400, 404, 405, 422]);
        let request = format!("GET {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\n\r\n");
        assail(&shop, &path, request.as_bytes(), &[400, 404, 405, 422]);
    }
    assert_eq!(shop.sale(SALE)["phase"], "live", "the public listener has no office");
    unharmed(&shop, 0);
}

#[test]
fn an_upgrade_and_an_expectation_change_nothing() {
    let shop = open();
    let response =
        shop.ask(&Request::get("/v1/time").header("connection", "upgrade, http2-settings").header("upgrade", "h2c"));
    assert_eq!(response.status, 200, "{}", response.text());
    let strange = attempt_with(
        "expect: a-miracle\r\ncontent-type: application/json\r\ncontent-length: 14\r\n",
        "{\"quantity\":0}",
    );
    assail(&shop, "an unknown expectation", strange.as_bytes(), &[417, 422]);
    unharmed(&shop, 0);
}

#[test]
fn pipelined_attempts_are_answered_in_order_and_each_counts() {
    let shop = open();
    let mut wire = shop.wire();
    let all: Vec<u8> = (0..200).flat_map(|n| Request::attempt(SALE, SKU).buyer(&format!("b-{n}")).bytes()).collect();
    wire.say(&all);
    for n in 0..200 {
        let response = wire.hear().unwrap_or_else(|| panic!("no answer to {n}"));
        if n < STOCK {
            won(&response);
            assert_eq!(response.json()["buyer"], format!("b-{n}"));
        } else {
            refused(&response, "sold_out");
        }
    }
    let mut funnel = shop.funnel();
    eventually("the funnel's count", || {
        funnel = shop.funnel();
        funnel["attempts"] == 200
    });
    assert_eq!((&funnel["won"], &funnel["refused"]["stock"]), (&STOCK.into(), &(200 - STOCK).into()));
}
