//! Whatever strangers send, they don't write the log: neither commands for the terminal that shows it, nor lines of their
//! own.

use jiff::Timestamp;
use serde_json::Value;

use crate::contract::won;
use crate::home::Home;
use crate::payments::{message, plan_with_secrets};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// What a log that writes as it is told would show in red, or as lines and fields that nobody has written.
const HOSTILE: [&str; 7] = [
    "\u{1b}[31mforged",
    "\u{9b}31mforged",
    "x\r\n2026-01-01T00:00:00.000000Z ERROR doorbuster: forged",
    "x\n{\"level\":\"ERROR\",\"forged\":true}",
    "x\",\"forged\":\"",
    "\u{0}\u{7}\u{8}\u{7f}forged\u{85}",
    "\u{1b}]0;forged\u{7}\u{202e}",
];
/// Printable, so that it is a payment's id: but what it closes must stay open.
const PAYMENT: &str = r#"pay","level":"ERROR","forged":"\u001b[31m\n"#;

/// A sale for buyers with passes; nobody's forwarding headers are believed, and everything is logged.
fn plan() -> Plan {
    let plan = plan_with_secrets(Plan::passes()).set("server.log", "\"trace\"").set("server.trusted_proxies", "[]");
    plan.sale(Sale::of(SALE, 50).hold("10m"))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Requests with these bytes wherever a stranger can put some.
fn requests_with(text: &str) -> Vec<String> {
    let encoded = percent_encoded(text);
    let mut requests: Vec<String> = [
        format!("GET /v1/sales/{text} HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("GET /v1/sales/{encoded}?{encoded}={encoded} HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("GET /assets/{encoded} HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("GET /v1/admin/orders?after={encoded} HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("{text} /v1/time HTTP/1.1\r\nhost: shop.test\r\n\r\n"),
        format!("GET /v1/time {text}\r\nhost: shop.test\r\n\r\n"),
    ]
    .into();
    let path = format!("/v1/sales/{SALE}/items/{SKU}/orders");
    for name in [
        "user-agent",
        "referer",
        "host",
        "buyer-id",
        "authorization",
        "cookie",
        "idempotency-key",
        "x-forwarded-for",
        "forwarded",
        "origin",
        "content-type",
        "webhook-id",
        "x-request-id",
    ] {
        requests
            .push(format!("POST {path} HTTP/1.1\r\nhost: shop.test\r\n{name}: {text}\r\ncontent-length: 0\r\n\r\n"));
    }
    let body = serde_json::json!({ text: text, "password": text }).to_string();
    for path in [path.as_str(), "/v1/payments", "/v1/admin/session"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: shop.test\r\ncontent-type: application/json");
        requests.push(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    }
    requests
}

/// Everything that is hostile, to both listeners, and then what has to be logged although strangers have a word in it: a
/// payment that nobody wants, forwarding headers from anybody, a configuration that is none.
fn assail(shop: &Shop) {
    for request in HOSTILE.iter().flat_map(|text| requests_with(text)) {
        for address in [shop.public(), shop.admin()] {
            let mut wire = crate::wire::Wire::connect(address);
            wire.say(request.as_bytes());
            wire.fall_silent();
            assert!(wire.hear_all().iter().all(|status| *status < 500), "{request:?}");
        }
    }
    let bought = Request::attempt(SALE, SKU).bearer(&shop.pass(SALE, "b"));
    let order = won(&shop.ask(&bought));
    shop.change(&format!("/v1/admin/orders/{order}/cancel"), None);
    assert!(shop.ask(&message("msg-1", "succeeded", (&order, PAYMENT))).status < 500);
    let unreadable = plan().set("server.log", "\"\\u001b[31mforged\\r\\nforged\"");
    shop.home().write_config(&unreadable.text());
    shop.signal("HUP");
    for line in
        ["money came that has no order", "FORWARDING HEADERS FROM AN UNTRUSTED PEER", "configuration not reloaded"]
    {
        eventually(line, || shop.said().contains(line));
    }
}

/// Nothing in it moves a cursor, changes a colour or ends a line but the line's own end.
#[track_caller]
fn is_plain(said: &str) {
    let is_plain =
        |letter: char| letter == '\n' || !letter.is_control() && letter != '\u{202e}' && letter != '\u{fffd}';
    for line in said.lines() {
        assert!(line.chars().all(is_plain), "{line:?}");
        assert!(line.len() <= 1024, "{} bytes: {line}", line.len());
    }
}

const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

#[test]
fn what_strangers_send_adds_neither_line_nor_field_to_a_log_for_machines() {
    let shop = Shop::open(&plan());
    assail(&shop);
    let said = shop.said();
    is_plain(&said);
    let mut payments = Vec::new();
    for line in said.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|fault| panic!("{fault}: {line:?}"));
        let names: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        let is_known = |name: &&str| ["timestamp", "level", "fields", "target", "span", "spans"].contains(name);
        assert!(names.iter().all(is_known) && LEVELS.iter().any(|level| line["level"] == *level), "{line}");
        assert_eq!(line["fields"].get("forged"), None, "{line}");
        payments.extend(line["fields"].get("payment").cloned());
    }
    assert_eq!(payments, [PAYMENT], "what is logged of a payment is its id, to the letter");
}

/// Starts a program whose stderr is a terminal, and passes on what that would show. The program takes this one's place, so
/// that signals reach it.
const IN_A_TERMINAL: &str = "
import os, pty, sys
ours, theirs = pty.openpty()
if os.fork():
    os.dup2(theirs, 2)
    os.close(ours)
    os.close(theirs)
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(theirs)
os.close(1)
try:
    while shown := os.read(ours, 4096):
        os.write(2, shown)
except OSError:
    pass
";

#[test]
#[ignore = "needs python3: tests/run"]
fn what_strangers_send_adds_no_line_to_a_log_for_people_and_reaches_no_terminal() {
    let home = Home::with(&plan().text());
    // Without the program's own colours, so that each command is a stranger's.
    let shop = Shop::open_through(home, &["env", "NO_COLOR=1", "python3", "-c", IN_A_TERMINAL]);
    assail(&shop);
    // A terminal goes back to the line's beginning at its end.
    let said = shop.said().replace("\r\n", "\n");
    is_plain(&said);
    for line in said.lines() {
        let mut words = line.split_whitespace();
        let (time, level) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(time.parse::<Timestamp>().is_ok() && LEVELS.contains(&level), "{line:?}");
    }
    assert!(said.contains(&format!("payment={PAYMENT:?}")), "{said}");
}
