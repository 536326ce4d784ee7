//! How a connection lives and ends: who hears what, how long anybody may take, and what is counted on the way.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::contract::{refused, won};
use crate::hostile::{STOCK, attempt_with, open, unharmed};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::slow::is_hung_up_on;
use crate::wire::{PATIENCE, Request, eventually};

const HALF: &str = "content-type: application/json\r\ncontent-length: 14\r\n";

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

fn shop() -> Shop {
    Shop::open(&Plan::gateway().sale(Sale::of(SALE, STOCK)))
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the shop takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.set_nodelay(true).expect("the shop is there");
    stream
}

#[track_caller]
fn counted(shop: &Shop, attempts: u32, at_the_door: u32) {
    let mut funnel = shop.funnel();
    eventually("the funnel's count", || {
        funnel = shop.funnel();
        funnel["attempts"] == attempts && funnel["refused"]["door"] == at_the_door
    });
    assert_eq!((&funnel["attempts"], &funnel["refused"]["door"]), (&attempts.into(), &at_the_door.into()));
}

#[test]
fn who_has_said_all_and_falls_silent_still_hears_that_he_has_won() {
    let shop = shop();
    for n in 0..STOCK {
        let mut wire = shop.wire().saying(&attempt(&format!("b-{n}")).quantity(1).bytes());
        wire.fall_silent();
        won(&wire.hear().expect("an answer"));
        assert!(wire.hear().is_none(), "then the connection ends");
    }
}

#[test]
fn an_idle_connection_ends_as_soon_as_its_peer_ends_it() {
    let plan = Plan::gateway().set("server.idle_timeout", "\"10m\"").sale(Sale::of(SALE, STOCK));
    let shop = Shop::open(&plan);
    let mut wire = shop.wire();
    assert_eq!(wire.ask(&Request::get("/v1/time")).status, 200);
    wire.fall_silent();
    assert!(wire.hear().is_none());
}

#[test]
fn what_is_no_request_for_the_house_counts_where_it_was_aimed_at() {
    let shop = shop();
    let path = format!("/v1/sales/{SALE}/items/{SKU}/orders");
    for head in [
        format!("POST {path} HTTP/1.1\r\nbuyer-id: b"),
        format!("POST {path} HTTP/1.1\r\nhost: a\r\nhost: b\r\nbuyer-id: b"),
        format!("TRACE {path} HTTP/1.1\r\nhost: s"),
    ] {
        let answer = shop.wire().saying(format!("{head}\r\n\r\n").as_bytes()).hear().expect("an answer");
        assert!([400, 405].contains(&answer.status), "{}", answer.text());
    }
    counted(&shop, 3, 3);
}

#[test]
fn who_leaves_between_head_and_body_has_been_there() {
    let shop = shop();
    for _ in 0..20 {
        shop.wire().saying(attempt_with(HALF, "").as_bytes()).fall_silent();
        drop(shop.wire().saying(attempt_with(HALF, "{").as_bytes()));
    }
    counted(&shop, 40, 40);
    unharmed(&shop, 0);
}

#[test]
fn a_name_in_escapes_is_the_same_name() {
    let shop = shop();
    assert_eq!(shop.ask(&Request::get("/v1/sales/l%61unch")).status, 200);
    won(&shop.ask(&Request::post("/v1/sales/l%61un%63h/items/%75nit/orders").buyer("b")));
    for name in ["l%61unc", "%", "%6", "%ff", "%zz", "launch%00", "%25launch"] {
        refused(
            &shop.ask(&Request::post(&format!("/v1/sales/{name}/items/{SKU}/orders")).buyer("b")),
            "sale_not_found",
        );
    }
}

/// Reads until the text has come.
fn read_until(stream: &mut TcpStream, heard: &mut String, text: &str, times: usize) {
    let mut bytes = [0; 4096];
    while heard.matches(text).count() < times {
        let count = stream.read(&mut bytes).unwrap_or_else(|fault| panic!("{fault}, after {heard}"));
        assert!(count > 0, "the stream has ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

#[test]
fn an_event_stream_outlives_every_deadline_between_requests() {
    let shop = open();
    let mut stream = connect(shop.public());
    let request = Request::get(&format!("/v1/sales/{SALE}/events"));
    stream.write_all(&request.bytes()).expect("the shop listens");
    let mut heard = String::new();
    read_until(&mut stream, &mut heard, "event: sale", 1);
    // Others come later and run out of time before: so would the stream have.
    is_hung_up_on(shop.public(), b"GET /healthz HTTP/1.1\r\nhost: s\r\n\r\n");
    stream.write_all(b"GET /v1/ti").expect("the shop listens");
    is_hung_up_on(shop.public(), b"PO");
    is_hung_up_on(shop.public(), b"PO");
    won(&shop.ask(&attempt("b")));
    read_until(&mut stream, &mut heard, "event: sale", 2);
    assert!(!heard.contains(" 408 "), "{heard}");
}

#[test]
fn a_quiet_stream_ends_with_its_listener() {
    let shop = shop();
    let mut stream = connect(shop.public());
    stream.write_all(&Request::get(&format!("/v1/sales/{SALE}/events")).bytes()).expect("the shop listens");
    let mut heard = String::new();
    read_until(&mut stream, &mut heard, "event: sale", 1);
    stream.shutdown(Shutdown::Write).expect("the shop is there");
    stream.read_to_string(&mut heard).expect("an end");
    assert_eq!(heard.matches("event: sale").count(), 1, "as soon as nobody listens: {heard}");
}

/// Says a head and perhaps some of the body, lets the answer come, and only then says the rest: the whole answer is there,
/// and the end is no reset.
#[track_caller]
fn hears_the_end(address: SocketAddr, head: &[u8], body: &[u8], status: &str) {
    let mut stream = connect(address);
    stream.write_all(head).expect("the shop listens");
    stream.peek(&mut [0]).expect("an answer");
    for part in body.chunks(1024) {
        stream.write_all(part).unwrap_or_else(|fault| panic!("{status}: {fault}"));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|fault| panic!("{status}: {fault}, after {answer}"));
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with('}'), "{status}: {answer}");
}

#[test]
fn who_is_refused_before_he_has_finished_hears_why() {
    let shop = shop();
    let body = br#"{"quantity":1}"#;
    let nowhere = format!("POST /v1/sales/nowhere/items/{SKU}/orders HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\n{HALF}\r\n");
    hears_the_end(shop.public(), nowhere.as_bytes(), body, "404");
    let large = attempt_with("content-type: application/json\r\ncontent-length: 1000000\r\n", "");
    hears_the_end(shop.public(), large.as_bytes(), &[b' '; 100 * 1024], "413");
    // Also where the beginning of the body came along with the head.
    hears_the_end(shop.public(), &[nowhere.as_bytes(), &body[..5]].concat(), &body[5..], "404");
    hears_the_end(shop.public(), &[large.as_bytes(), b"{"].concat(), &[b' '; 100 * 1024], "413");
    let head = attempt_with(&format!("x: {}\r\n", "y".repeat(40 * 1024)), "");
    hears_the_end(shop.public(), head.as_bytes(), body, "431");
    // What comes in one piece is one request, and the next one is welcome.
    let mut wire = shop.wire();
    for _ in 0..2 {
        wire.say(&[nowhere.as_bytes(), body].concat());
        refused(&wire.hear().expect("an answer"), "sale_not_found");
    }
    unharmed(&shop, 0);
}

/// Writes until the shop has had enough.
#[track_caller]
fn is_cut_off(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nonblocking(true).expect("a socket can be told not to wait");
    eventually("the cut", || match stream.write(bytes) {
        Ok(_) => false,
        Err(fault) => fault.kind() != ErrorKind::WouldBlock,
    });
}

#[test]
fn who_goes_on_writing_after_a_refusal_is_cut_off() {
    let shop = shop();
    let mut stream = connect(shop.public());
    stream
        .write_all(attempt_with("content-type: application/json\r\ncontent-length: 1000000\r\n", "").as_bytes())
        .expect("the shop listens");
    is_cut_off(&mut stream, b" ");
    unharmed(&shop, 0);
}

#[test]
fn who_never_reads_is_cut_off_in_the_shop_and_in_the_office() {
    let plan = Plan::gateway().set("server.write_timeout", "\"500ms\"").sale(Sale::of(SALE, STOCK));
    let shop = Shop::open(&plan);
    for address in [shop.public(), shop.admin()] {
        is_cut_off(&mut connect(address), &Request::get("/healthz").bytes().repeat(100));
    }
    unharmed(&shop, 0);
}

#[test]
fn the_offices_heads_and_bodies_have_one_deadline_however_they_drip() {
    let plan = ["head", "body"].iter().fold(Plan::gateway().set("server.idle_timeout", "\"10m\""), |plan, deadline| {
        plan.set(&format!("server.{deadline}_timeout"), "\"500ms\"")
    });
    let shop = Shop::open(&plan.sale(Sale::of(SALE, STOCK)));
    let mut head = connect(shop.admin());
    head.write_all(b"GET / HTTP/1.1\r\nhost: s\r\n").expect("the office listens");
    is_cut_off(&mut head, b"x: y\r\n");
    let mut body = connect(shop.admin());
    let log_in = "POST /v1/admin/session HTTP/1.1\r\nhost: s\r\ncontent-type: application/json\r\n";
    body.write_all(format!("{log_in}content-length: 1000000\r\n\r\n").as_bytes()).expect("the office listens");
    is_cut_off(&mut body, b" ");
    unharmed(&shop, 0);
}
