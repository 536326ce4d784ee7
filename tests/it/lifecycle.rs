//! Begin and end: what may not start, what an end finishes, what a restart finds, what a reload changes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::contract::{refused, won};
use crate::home::Home;
use crate::plan::{ONCE, Plan, SALE, SKU, Sale, instant};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

#[test]
fn a_data_directory_has_one_shop() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let second = shop.home().serve_to_the_end();
    assert_eq!(second.status.code(), Some(73), "{}", String::from_utf8_lossy(&second.stderr));
    assert_eq!(second.stdout, b"", "who does not serve says no address");
    won(&shop.ask(&attempt("b")));
}

#[test]
fn a_bad_configuration_ends_with_its_file_line_and_key() {
    let good = Plan::gateway().sale(Sale::of(SALE, 5)).text();
    let sale = "[[sale]]\nid = \"x\"\ntitle = \"X\"\n";
    let item =
        "[[sale.item]]\nsku = \"u\"\ntitle = \"U\"\nstock = 1\nprice = { amount = \"1.00\", currency = \"USD\" }\n";
    let opening = |at: &str| format!("{sale}opens_at = \"{at}\"\n{item}");
    let cases = [
        ("# one\n[server]\nlistne = \"127.0.0.1:0\"\n".to_owned(), 3, "listne"),
        ("# one\n# two\n[acess]\n".to_owned(), 3, "acess"),
        ("[server]\nthreads = \"many\"\n".to_owned(), 2, "threads"),
        ("[ledger]\nack = \"maybe\"\n".to_owned(), 2, "ack"),
        ("[server\n".to_owned(), 1, ""),
        (opening("2026-11-27T09:00[Atlantis/Capital]"), 4, "opens_at"),
        // On this night New York's clocks show 01:30 twice, and on that one 02:30 never.
        (opening("2026-11-01T01:30[America/New_York]"), 4, "opens_at"),
        (opening("2027-03-14T02:30[America/New_York]"), 4, "opens_at"),
        (format!("{sale}{item}{sale}{item}"), 10, "id"),
        (format!("{sale}{item}{item}"), 10, "sku"),
        (format!("{sale}{}", item.replace("USD", "XYZ")), 8, "currency"),
        (format!("{sale}{}", item.replace("1.00", "1.005")), 8, "amount"),
    ];
    for (text, line, key) in cases {
        let home = Home::with(&text);
        let config = home.config();
        let checked = home.run(&["config".as_ref(), "check".as_ref(), "--config".as_ref(), config.as_os_str()]);
        for (command, output) in [("serve", home.serve_to_the_end()), ("config check", checked)] {
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(78), "{command} of\n{text}\nsays {said}");
            assert!(said.contains("config.toml"), "{command} does not name the file: {said}");
            assert!(said.contains(key), "{command} does not name {key}: {said}");
            assert!(numbers(&said).contains(&line), "{command} does not name line {line} of\n{text}\n{said}");
        }
        assert!(!home.data().exists(), "a shop that may not open leaves nothing behind");
    }
    let home = Home::with(&good);
    let config = home.config();
    let output = home.run(&["config".as_ref(), "check".as_ref(), "--config".as_ref(), config.as_os_str()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

fn numbers(text: &str) -> BTreeSet<u32> {
    text.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn an_unknown_argument_is_a_usage_error() {
    assert_eq!(Home::empty().run(&["serve", "--no-such-flag"]).status.code(), Some(2));
    assert_eq!(Home::empty().run(&["sell"]).status.code(), Some(2));
}

#[test]
fn an_orderly_end_finishes_what_is_in_flight() {
    let mut shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let path = format!("/v1/sales/{SALE}/items/{SKU}/orders");
    let head = format!("POST {path} HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\ncontent-type: application/json\r\n");
    let mut wire = shop.wire();
    wire.say(format!("{head}expect: 100-continue\r\ncontent-length: 14\r\n\r\n").as_bytes());
    // The shop waits for the body now: the request is in flight, whatever comes.
    assert_eq!(wire.hear().expect("an answer").status, 100);
    shop.signal("TERM");
    eventually("no new connections", || !is_served(shop.public()));
    wire.say(b"{\"quantity\":2}");
    let order = won(&wire.hear().expect("an answer to what was in flight"));
    assert!(wire.hear().is_none(), "then the connection is closed");
    assert_eq!(shop.exit_code(), Some(0));
    let (code, report) = shop.leave().audit_with_acks(&[order]);
    assert_eq!((code, &report["orders"]), (Some(0), &json!(1)), "{report:#}");
}

/// Whether a new connection is answered soon: one that stays in the kernel's queue is not served.
fn is_served(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out can be set");
    let _ = stream.write_all(&Request::get("/healthz").bytes());
    matches!(stream.read(&mut [0; 16]), Ok(1..))
}

#[test]
fn an_interrupt_ends_like_a_termination() {
    let mut shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    shop.signal("INT");
    assert_eq!(shop.exit_code(), Some(0));
}

#[test]
fn the_health_check_tells_a_shop_that_serves_from_one_that_does_not() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    for path in ["/healthz", "/readyz"] {
        assert_eq!(shop.ask(&Request::get(path)).status, 200);
    }
    let listen = shop.public().to_string();
    let environment = [("DOORBUSTER_SERVER__LISTEN", listen.as_str())];
    assert_eq!(shop.home().run_with(&["healthcheck"], &environment).status.code(), Some(0));
    let home = shop.close();
    assert_eq!(home.run_with(&["healthcheck"], &environment).status.code(), Some(1));
}

#[test]
fn what_the_office_decides_survives_a_restart() {
    let plan = Plan::gateway().sale(Sale::of(SALE, 5)).sale(Sale::of("paused", 5)).sale(Sale::of("ended", 5));
    let shop = Shop::open(&plan);
    for n in 0..3 {
        won(&shop.ask(&attempt(&format!("b-{n}"))));
    }
    shop.turn("paused", "pause");
    shop.turn("ended", "end");
    let stock = format!("/v1/admin/sales/{SALE}/items/{SKU}/stock");
    shop.change(&stock, Some(&json!({ "add": 10 })));
    shop.change(&stock, Some(&json!({ "add": -11 })));
    let below = shop.office(Request::post(&stock).json(&json!({ "add": -2 })));
    assert_eq!((below.status, below.code().as_deref()), (409, Some("below_committed")), "{}", below.text());
    shop.change("/v1/admin/sales", Some(&Sale::of("new", 1).to_json()));
    let all_as_decided = |shop: &Shop| {
        for (sale, phase) in [(SALE, "live"), ("paused", "paused"), ("ended", "ended"), ("new", "live")] {
            // What everybody sees may be a second old.
            eventually("the phase", || shop.sale(sale)["phase"] == phase);
        }
        refused(&shop.ask(&Request::attempt("paused", SKU).buyer("b")), "sale_paused");
        refused(&shop.ask(&Request::attempt("ended", SKU).buyer("b")), "sale_ended");
        let report = shop.home().audit();
        let rows = report["sales"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["sale"] == SALE).expect("the sale's row");
        assert_eq!((&row["stock"], &row["confirmed"]), (&json!(4), &json!(3)), "{row}");
    };
    all_as_decided(&shop);
    // The file still says five: the ledger is the truth, the file's difference a warning.
    let shop = Shop::open_at(shop.close());
    all_as_decided(&shop);
    let shop = Shop::open_at(shop.kill());
    all_as_decided(&shop);
    won(&shop.ask(&attempt("last")));
    refused(&shop.ask(&attempt("too-late")), "sold_out");
    won(&shop.ask(&Request::attempt("new", SKU).buyer("b")));
    shop.turn("paused", "resume");
    won(&shop.ask(&Request::attempt("paused", SKU).buyer("b")));
    let response = shop.office(Request::post("/v1/admin/sales/ended/resume"));
    assert!((400..500).contains(&response.status), "an end is for good: {}", response.text());
    shop.home().audit();
}

#[test]
fn the_office_is_closed_to_who_has_no_key() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let path = format!("/v1/admin/sales/{SALE}/end");
    let right = shop.office(Request::get("/v1/admin/sales"));
    assert_eq!(right.status, 200, "{}", right.text());
    for token in [None, Some(""), Some("office"), Some("Basic eDp5")] {
        let request = token.map_or(Request::post(&path), |token| Request::post(&path).header("authorization", token));
        let response = shop.ask_office(&request);
        assert_eq!(response.status, 401, "{token:?}: {}", response.text());
    }
    won(&shop.ask(&attempt("b")));
}

#[test]
fn stock_that_is_added_sells_again() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1)));
    won(&shop.ask(&attempt("a")));
    refused(&shop.ask(&attempt("b")), "sold_out");
    shop.change(&format!("/v1/admin/sales/{SALE}/items/{SKU}/stock"), Some(&json!({ "add": 1 })));
    won(&shop.ask(&attempt("b")));
    refused(&shop.ask(&attempt("c")), "sold_out");
    shop.home().audit();
}

#[test]
fn a_sale_opens_and_ends_by_the_clock() {
    let now = Timestamp::now();
    let sale = Sale::of(SALE, 1_000_000).opens_at(&instant(now + 2.seconds())).closes_at(&instant(now + 4.seconds()));
    let shop = Shop::open(&Plan::gateway().sale(sale));
    let mut seen = Vec::new();
    eventually("the sale's end", || {
        let response = shop.ask(&attempt("b"));
        let code = response.code().unwrap_or_else(|| response.status.to_string());
        if seen.last() != Some(&code) {
            seen.push(code.clone());
        }
        code == "sale_ended"
    });
    // A machine that was asleep may have missed a phase; none comes back.
    let phases = ["sale_not_open", "201", "sale_ended"];
    let order: Vec<_> = phases.into_iter().filter(|phase| seen.iter().any(|code| code == phase)).collect();
    assert_eq!(seen, order);
    // The audit proves that no order lies outside the sale's time.
    shop.close().audit();
}

#[test]
fn a_reload_is_all_or_nothing() {
    let plan = Plan::gateway().sale(Sale::of(SALE, 1_000_000));
    let shop = Shop::open(&plan);
    let is_limited = |attempts: usize| {
        let mut wire = shop.wire();
        (0..attempts).any(|_| wire.ask(&attempt("b")).status == 429)
    };
    assert!(!is_limited(50));
    let limited = plan.clone().set("access.buyer", ONCE);
    shop.home().write_config(&limited.text());
    shop.signal("HUP");
    eventually("the new limit", || is_limited(50));
    // One good change and one bad one: neither happens, and the log says why.
    let half_good = plan.set("access.no_such_key", "1").text();
    shop.home().write_config(&half_good);
    shop.signal("HUP");
    eventually("a word about the bad key", || shop.said().contains("no_such_key"));
    eventually("still the limit from before", || is_limited(50));
    assert_eq!(shop.close().audit()["ok"], json!(true));
}

#[test]
fn readers_read_beside_a_running_shop() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let order = won(&shop.ask(&attempt("b")));
    let home = shop.home();
    let data = home.data();
    let export = |format: &str| {
        let output = home.run(&[
            "orders".as_ref(),
            "export".as_ref(),
            "--data-dir".as_ref(),
            data.as_os_str(),
            "--format".as_ref(),
            format.as_ref(),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let lines = export("jsonl");
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["order"], order.as_str());
    assert!(export("csv").lines().nth(1).is_some_and(|line| line.contains(&order)));
    assert_eq!(home.audit()["orders"], 1);

    let restored = Home::empty();
    std::fs::create_dir(restored.data()).expect("a place for the copy");
    let copy = restored.data().join("ledger.db");
    let command: [&OsStr; 4] = ["backup".as_ref(), copy.as_os_str(), "--data-dir".as_ref(), data.as_os_str()];
    let output = home.run(&command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    won(&shop.ask(&attempt("c")));
    assert_eq!(restored.audit()["orders"], 1, "a backup is a ledger of its moment");
    assert_eq!(home.audit()["orders"], 2);
}

#[test]
fn a_proxy_that_is_not_named_is_ignored_with_one_loud_warning() {
    let shop = Shop::open(&Plan::passes().set("server.trusted_proxies", "[]").sale(Sale::of(SALE, 5)));
    for _ in 0..3 {
        refused(&shop.ask(&Request::attempt(SALE, SKU).header("x-forwarded-for", "203.0.113.9")), "pass_required");
    }
    let warnings = || shop.said().matches("server.trusted_proxies").count();
    eventually("the warning", || warnings() > 0);
    assert_eq!(warnings(), 1, "{}", shop.said());
}
