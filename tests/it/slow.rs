//! Clients that keep the shop waiting, leave half-way or bring too many of their kind.
//!
//! `DOORBUSTER_TEST_CONNECTIONS=19000` opens so many at once, as far as `ulimit -n` goes.

use std::fs::{self, DirEntry};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use crate::home::Home;
use crate::hostile::{STOCK, attempt_with, open, unharmed};
use crate::keys::resident_bytes;
use crate::plan::{Plan, SALE, Sale};
use crate::shop::Shop;
use crate::wire::{PATIENCE, Request, Wire, eventually};

/// Connections, and what the shop listens on.
fn sockets(shop: &Shop) -> usize {
    let is_one =
        |entry: &DirEntry| fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
    let files = fs::read_dir(format!("/proc/{}/fd", shop.pid())).expect("Linux lists them");
    files.filter_map(Result::ok).filter(is_one).count()
}

/// `DOORBUSTER_TEST_CONNECTIONS`, or fewer.
fn connections(few: u64) -> u64 {
    std::env::var("DOORBUSTER_TEST_CONNECTIONS").map_or(few, |count| count.parse().expect("a number"))
}

/// A connection's end, waited for: it comes by the shop's own deadline, not by ours.
#[track_caller]
pub(crate) fn is_hung_up_on(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the shop takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    stream.write_all(bytes).expect("the shop listens");
    let mut answer = Vec::new();
    // A reset is an end, too; running out of patience isn't.
    if let Err(fault) = stream.read_to_end(&mut answer) {
        assert_eq!(fault.kind(), std::io::ErrorKind::ConnectionReset, "still open after {PATIENCE:?}");
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn who_keeps_a_connection_waiting_loses_it() {
    let shop = open();
    is_hung_up_on(shop.public(), b"");
    is_hung_up_on(shop.public(), b"PO");
    is_hung_up_on(shop.public(), b"POST / HTTP/1.1\r\nhost: s\r\n");
    is_hung_up_on(
        shop.public(),
        attempt_with("content-type: application/json\r\ncontent-length: 14\r\n", "{").as_bytes(),
    );
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    is_hung_up_on(shop.public(), attempt_with(chunked, "e\r\n{\"quan").as_bytes());
    is_hung_up_on(shop.public(), b"GET /healthz HTTP/1.1\r\nhost: s\r\n\r\n");
    unharmed(&shop, 0);
}

#[test]
fn who_keeps_the_office_waiting_loses_his_connection_too() {
    let shop = open();
    is_hung_up_on(shop.admin(), b"");
    is_hung_up_on(shop.admin(), b"GET / HTTP/1.1\r\nhost: s\r\n");
    is_hung_up_on(
        shop.admin(),
        b"POST /v1/admin/session HTTP/1.1\r\nhost: s\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{",
    );
    is_hung_up_on(shop.admin(), b"GET /healthz HTTP/1.1\r\nhost: s\r\n\r\n");
    unharmed(&shop, 0);
}

#[test]
fn a_head_that_drips_is_cut_off_although_it_never_pauses() {
    let shop = open();
    let mut stream = TcpStream::connect(shop.public()).expect("the shop takes connections");
    stream.write_all(b"POST / HTTP/1.1\r\n").expect("the shop listens");
    eventually("the cut", || stream.write_all(b"x: y\r\n").is_err());
    unharmed(&shop, 0);
}

#[test]
fn who_hangs_up_half_way_takes_nothing_along() {
    let shop = open();
    for length in [0, 1, 20, 80, 150, usize::MAX] {
        let request = attempt_with("content-type: application/json\r\ncontent-length: 14\r\n", "{\"quantity\":1");
        let bytes = &request.as_bytes()[..length.min(request.len())];
        drop(shop.wire().saying(bytes));
    }
    unharmed(&shop, 0);
}

#[test]
fn one_address_does_not_get_every_connection() {
    // A trusted proxy may have as many as it likes, so here there is none.
    let plan = Plan::passes().set("server.trusted_proxies", "[]").set("server.client_ip_header", "\"none\"");
    let shop = Shop::open(&plan.set("server.connections_per_ip", "4").sale(Sale::of(SALE, STOCK)));
    let time = Request::get("/v1/time");
    let ask = |wire: &mut Wire| wire.try_ask(&time).map(|response| response.status);
    let mut held: Vec<Wire> = (0..4).map(|_| shop.wire()).collect();
    for wire in &mut held {
        assert_eq!(ask(wire), Some(200));
    }
    let fifth = Wire::try_connect(shop.public()).ok().and_then(|mut wire| ask(&mut wire));
    assert!(matches!(fifth, None | Some(429 | 503)), "a fifth connection of four was answered {fifth:?}");
    for wire in &mut held {
        assert_eq!(ask(wire), Some(200), "who was there before is served on");
    }
    held.pop();
    eventually("a free place", || {
        Wire::try_connect(shop.public()).ok().and_then(|mut wire| ask(&mut wire)) == Some(200)
    });
}

#[test]
fn a_crowd_never_takes_the_last_file_that_the_house_may_open() {
    let plan = Plan::gateway().set("server.first_byte_timeout", "\"1h\"").set("server.connections_per_ip", "0");
    let home = Home::with(&plan.sale(Sale::of(SALE, STOCK)).text());
    let shop = Shop::open_through(home, &["prlimit", "--nofile=200:200"]);
    let crowd: Vec<_> = (0..300).map(|_| TcpStream::connect(shop.public()).expect("the kernel has room")).collect();
    // Of 200 files half are the crowd's.
    eventually("as many as there may be", || sockets(&shop) >= 100);
    let audit = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(audit["ok"], true, "the ledger can be read: {audit:#}");
    drop(crowd);
    unharmed(&shop, 0);
    eventually("a word about files", || shop.said().contains("ulimit -n"));
    let said = shop.said();
    assert!(!said.contains("could not be accepted"), "{said}");
}

/// What slowhttptest knows: heads, bodies, reading and ranges, each where it hurts most.
#[test]
#[ignore = "needs slowhttptest: tests/run"]
fn the_slow_of_slowhttptest_keep_nobody_waiting_and_leave_nothing_behind() {
    let pass = format!("/v1/sales/{SALE}/pass");
    let modes: [(&str, &str, &[&str]); 4] = [
        ("-H", "/", &[]),
        ("-B", &pass, &["-f", "application/json", "-s", "2000", "-x", "10"]),
        ("-X", "/", &["-k", "10", "-w", "10", "-y", "20"]),
        ("-R", "/", &["-t", "GET"]),
    ];
    let deadlines = ["first_byte", "head", "body", "write", "idle"];
    let plan = deadlines.iter().fold(Plan::passes(), |plan, key| plan.set(&format!("server.{key}_timeout"), "\"2s\""));
    let shop = Shop::open(&plan.sale(Sale::of(SALE, STOCK)));
    let before = sockets(&shop);
    for (mode, path, more) in modes {
        let count = connections(200).to_string();
        let mut attack = Command::new("slowhttptest");
        attack.args([mode, "-c", &count, "-r", &count, "-i", "1", "-l", "8", "-v", "0"]).args(more);
        attack.args(["-u", &format!("http://{}{path}", shop.public())]);
        let mut attack = attack.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("slowhttptest is there");
        let (mut most, mut asked) = (0, 0);
        while attack.try_wait().expect("the child is ours").is_none() {
            most = most.max(sockets(&shop) - before);
            assert_eq!(shop.ask(&Request::get("/v1/time")).status, 200, "{mode}");
            asked += 1;
        }
        assert!(attack.wait().expect("the child is ours").success(), "{mode}");
        eventually("all are gone", || sockets(&shop) == before);
        eprintln!("{mode}: {most} at once, {asked} others were answered meanwhile");
        // Ranges are ignored: who asks for them has his answer at once.
        assert!(most >= 100 || mode == "-R", "{mode} didn't come: {most} at once");
    }
    assert_eq!(shop.office(Request::get("/v1/admin/audit")).json()["ok"], true);
}

/// Where the system gives them to everybody, half of what a connection takes would be air.
#[test]
fn the_shop_takes_no_huge_pages_whatever_the_system_gives() {
    let shop = open();
    let status = fs::read_to_string(format!("/proc/{}/status", shop.pid())).expect("Linux says how it is");
    assert!(status.lines().any(|line| line.split_whitespace().eq(["THP_enabled:", "0"])), "{status}");
}

#[test]
fn a_connection_costs_at_most_twelve_kib() {
    let count = connections(400);
    let slow = ["first_byte_timeout", "head_timeout", "idle_timeout"];
    let plan = slow.iter().fold(Plan::gateway(), |plan, key| plan.set(&format!("server.{key}"), "\"1h\""));
    let shop = Shop::open(&plan.set("server.connections_per_ip", "0").sale(Sale::of(SALE, STOCK)));
    // Who says nothing, who says half of it, and who has had his answer and stays.
    let whole = attempt_with("content-length: 0\r\n", "");
    let open = |number: u64| {
        let mut wire = shop.wire();
        match number % 3 {
            0 => wire.say(b""),
            1 => wire.say(&whole.as_bytes()[..whole.len() / 2]),
            _ => {
                wire.say(whole.as_bytes());
                wire.hear().expect("an answer");
            }
        }
        wire
    };
    let resident = || resident_bytes(&shop.pid().to_string());
    // What the shop needs only once, it has after the first of them.
    let first: Vec<_> = (0..30).map(open).collect();
    let before = resident();
    let crowd: Vec<_> = (0..count).map(open).collect();
    let cost = resident().saturating_sub(before) / count;
    eprintln!("{} connections: {cost} bytes each", first.len() + crowd.len());
    assert!(cost <= 12 * 1024, "{cost} bytes for each of {count} connections");
}
