//! The dashboard as it comes over the wire: who gets what, what a frame tells, and that no other page can do anything.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::contract::{refused, won};
use crate::plan::{ADMIN_TOKEN, Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{PATIENCE, Request, Response, eventually};

fn shop() -> Shop {
    Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3).hold("10m")))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.header(name).unwrap_or_default()
}

#[track_caller]
fn says(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_deref()), (status, Some(code)), "{}", response.text());
}

/// The files that a page names.
fn assets(page: &str) -> Vec<String> {
    let names = page.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next());
    names.map(|name| format!("/assets/{name}")).collect()
}

#[test]
fn a_stranger_gets_the_page_and_its_files_and_nothing_else() {
    let shop = shop();
    let page = shop.ask_office(&Request::get("/"));
    assert_eq!((page.status, header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(header(&page, "cache-control"), "no-cache");
    let again = Request::get("/").header("if-none-match", header(&page, "etag"));
    assert_eq!(shop.ask_office(&again).status, 304);
    let files = assets(&page.text());
    assert!(files.len() >= 4, "{files:?}");
    for path in &files {
        let file = shop.ask_office(&Request::get(path).header("accept-encoding", "br"));
        assert_eq!(
            (file.status, header(&file, "cache-control")),
            (200, "public, max-age=31536000, immutable"),
            "{path}"
        );
    }
    refused(&shop.ask_office(&Request::get("/assets/office.js")), "not_found");
    let session = |request: &Request| shop.ask_office(request).json()["state"].clone();
    assert_eq!(session(&Request::get("/v1/admin/session")), "out");
    assert_eq!(session(&Request::get("/v1/admin/session").bearer(ADMIN_TOKEN)), "in");
    for path in ["/v1/admin/sales", "/v1/admin/events", "/v1/admin/funnel", "/v1/admin/audit", "/v1/admin/webhooks"] {
        assert_eq!(shop.ask_office(&Request::get(path)).status, 401, "{path}");
    }
    for path in ["/v1/admin/orders", "/v1/admin/orders.csv", "/metrics"] {
        assert_eq!(shop.ask_office(&Request::get(path)).status, 401, "{path}");
    }
    assert_eq!(shop.ask_office(&Request::post("/v1/admin/sales").json(&json!({}))).status, 401);
    assert_eq!(shop.ask_office(&Request::post("/v1/admin/sales/launch/end")).status, 401);
}

#[test]
fn the_page_runs_nothing_but_its_own_files_and_nobody_frames_it() {
    let page = shop().ask_office(&Request::get("/"));
    let policy = header(&page, "content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    for inline in ["style=", "onclick", "<style", "javascript:", "<script>"] {
        assert!(!page.text().contains(inline), "{inline}");
    }
}

#[test]
fn a_token_begins_a_session_so_that_no_script_keeps_it() {
    let shop = shop();
    let log_in =
        |secret: &str| shop.ask_office(&Request::post("/v1/admin/session").json(&json!({ "password": secret })));
    says(&log_in("not-the-token"), 401, "unauthorized");
    let begun = log_in(ADMIN_TOKEN);
    assert_eq!(begun.status, 204, "{}", begun.text());
    let cookie = header(&begun, "set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && !cookie.contains(ADMIN_TOKEN), "{cookie}");
    let session = cookie.split(';').next().expect("a value");
    let sales = shop.ask_office(&Request::get("/v1/admin/sales").header("cookie", session));
    assert_eq!(sales.status, 200);
    let state = shop.ask_office(&Request::get("/v1/admin/session").header("cookie", session));
    assert_eq!((&state.json()["state"], header(&state, "cache-control")), (&json!("in"), "no-store"));
}

#[test]
fn where_nobody_has_to_log_in_only_this_machines_own_pages_are_let_in() {
    let config = Plan::gateway().set("admin.token", "\"\"").sale(Sale::of(SALE, 3));
    let shop = Shop::open(&config);
    let state = |host: &str| {
        let request = format!("GET /v1/admin/session HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let mut wire = crate::wire::Wire::connect(shop.admin());
        wire.say(request.as_bytes());
        wire.hear().expect("an answer").json()["state"].clone()
    };
    assert_eq!(state("127.0.0.1:8081"), "open");
    // Another site's name that was made to point here.
    assert_eq!(state("rebound.example"), "out");
}

#[test]
fn another_sites_page_can_neither_log_in_nor_change_anything() {
    let shop = shop();
    let foreign =
        |request: Request| request.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
    let secret = json!({ "password": ADMIN_TOKEN });
    says(&shop.ask_office(&foreign(Request::post("/v1/admin/session").json(&secret))), 403, "cross_site");
    says(&shop.office(foreign(Request::post("/v1/admin/sales/launch/end"))), 403, "cross_site");
    let stock = Request::post("/v1/admin/sales/launch/items/unit/stock").json(&json!({ "add": 1 }));
    says(&shop.office(foreign(stock)), 403, "cross_site");
    assert_eq!(shop.sale(SALE)["phase"], "live");
}

/// The next frame of the office's stream that passes.
fn frame(shop: &Shop, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let mut stream = TcpStream::connect(shop.admin()).expect("the office listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(&Request::get("/v1/admin/events").bearer(ADMIN_TOKEN).bytes()).expect("it takes a request");
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut frames = lines.filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
    frames.find(is_wanted).expect("such a frame")
}

#[test]
fn a_frame_tells_the_funnel_the_stock_the_ledger_and_how_long_people_waited() {
    let shop = shop();
    let order = won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("b")));
    refused(&shop.ask(&Request::attempt(SALE, SKU)), "pass_required");
    let frame = frame(&shop, |frame| frame["funnel"]["attempts"] == 3 && frame["ledger"]["queued"] == 0);
    let funnel = &frame["funnel"];
    assert_eq!((&funnel["won"], &funnel["refused"]["client"]), (&json!(2), &json!(1)));
    assert_eq!((&funnel["sales"][0]["sale"], &funnel["sales"][0]["won"]), (&json!(SALE), &json!(2)));
    let item = &frame["sales"][0]["items"][0];
    assert_eq!((&item["stock"], &item["remaining"], &item["held"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!((&frame["ledger"]["ready"], &frame["postgres"]), (&json!(true), &Value::Null));
    let wins = &frame["pace"]["wins"];
    assert_eq!((&wins["measured"], &frame["pace"]["one_in"]), (&json!(2), &json!(64)), "all that won are measured");
    for spans in [wins, &frame["ledger"]["commit"]] {
        let [half, most] = ["p50", "p999"].map(|name| spans[name].as_f64().expect("seconds"));
        assert!(0.0 < half && half <= most && most < 60.0, "{spans}");
    }
    let now = frame["now"].as_str().expect("a time");
    assert!(now.ends_with('Z'), "{now}");
}

#[test]
fn metrics_tell_revenue_and_how_long_answers_take() {
    let shop = shop();
    let order = won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    let metrics = || shop.office(Request::get("/metrics")).text();
    let revenue = |of: &str| format!("doorbuster_revenue{{sale=\"{SALE}\",currency=\"USD\"}} {of}");
    assert!(metrics().contains(&revenue("0.0")), "held is not paid: {}", metrics());
    shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
    eventually("the revenue", || metrics().contains(&revenue("129.0")));
    assert!(metrics().contains("doorbuster_answer_seconds{of=\"wins\",quantile=\"0.99\"}"), "{}", metrics());
}
