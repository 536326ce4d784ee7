//! Clients that reset their connections, wherever their attempts are: before the head is whole, between head and body, within
//! the body, and while the attempt is on its way through a failpoint that dawdles. A real reset: nothing lingers, and the
//! server hears of it in the middle of whatever it does.
//!
//! **Invariant:** nobody is left waiting, and nothing leaks: neither a unit nor a limit nor a place in the queue nor a file,
//! and every attempt is counted once.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use doorbuster::failpoint::Point;
use rustix::net::sockopt::set_socket_linger;

use crate::contract::won;
use crate::crowd::attempt;
use crate::home::Home;
use crate::pg_server::PgServer;
use crate::plan::{Plan, SALE, Sale};
use crate::shipping::{behind, is_ready};
use crate::shop::Shop;
use crate::wire::{PATIENCE, Request, eventually};
use crate::{STOCK, audit_of, mixed, rounds_and_seed, sell_out};

/// On an attempt's way, from its limit to its answer.
const POINTS: [Point; 8] = [
    Point::AfterLimitTaken,
    Point::AfterStockTaken,
    Point::AfterEnqueued,
    Point::WriterAfterBegin,
    Point::WriterMidBatch,
    Point::WriterBeforeCommit,
    Point::WriterAfterCommit,
    Point::AckBeforeWrite,
];
/// On its way where its buyer waits for PostgreSQL.
const POINTS_TO_POSTGRESQL: [Point; 2] = [Point::PostgresAfterCommitSent, Point::PostgresBeforeCursor];

/// Every passing takes so long.
const DELAY_MS: u64 = 20;
/// Whoever resets within the delay waits less than that for his answer, also where the kernel waits a few milliseconds longer.
const WAIT_MAX_US: u64 = 12_000;
/// Clients at the same time, and how often each of them comes: fewer in all than there are units.
const VOICES: u64 = 4;
const LIVES: u64 = 12;
/// Fewer than attempts are reset: where they kept their places, there would be none at last.
const PLACES: u32 = 16;

/// Where an attempt is that is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Its head isn't whole.
    Head,
    /// The shop waits for its body.
    Gap,
    /// The shop has a part of that.
    Body,
    /// It is underway, and the shop dawdles.
    Underway,
}

/// What was reset.
#[derive(Debug, Default)]
struct Resets {
    /// Whose attempts were whole.
    underway: Vec<String>,
    /// Whose attempts were not.
    in_pieces: Vec<String>,
    /// Of those: attempts whose head the shop had read.
    heads: u64,
    /// Orders of whom the answer was faster than the reset: the machine was slow.
    answered: Vec<String>,
}

/// What became of it.
#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    resets: u64,
    underway: u64,
    became_orders: u64,
}

/// A reset in the place of the polite end.
fn reset(stream: TcpStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("a socket has options");
    drop(stream);
}

/// Whether nothing is heard for so long.
fn is_silent(stream: &mut TcpStream, micros: u64) -> bool {
    stream.set_read_timeout(Some(Duration::from_micros(1 + micros))).expect("a time-out can be set");
    match stream.peek(&mut [0]) {
        Ok(_) => false,
        Err(fault) => matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

/// The shop asks for the body, so it has read the head.
fn is_asked_to_go_on(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the shop asks for the body");
        heard.extend(byte);
    }
    assert!(heard.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&heard));
}

/// Attempts once, and resets the connection.
fn attempt_and_reset(shop: &Shop, (voice, life): (u64, u64), seed: u64, resets: &Mutex<Resets>) {
    let buyer = format!("v{voice}-{life}");
    let dice = |nth: usize, sides: u64| mixed(seed ^ voice << 16 ^ life << 8, nth) % sides;
    let at = [At::Head, At::Gap, At::Body, At::Underway, At::Underway, At::Underway][dice(0, 6) as usize];
    let has_body = matches!(at, At::Gap | At::Body) || dice(1, 2) == 0;
    let plain = attempt(&buyer);
    let request = if has_body { plain.quantity(1) } else { plain };
    let is_announced = matches!(at, At::Gap | At::Body);
    let bytes = if is_announced { request.header("expect", "100-continue") } else { request }.bytes();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head") + 4;

    let mut stream = TcpStream::connect(shop.public()).expect("the shop takes connections");
    stream.set_nodelay(true).expect("the shop is there");
    let say = |stream: &mut TcpStream, bytes: &[u8]| stream.write_all(bytes).expect("the shop is there");
    match at {
        At::Head => say(&mut stream, &bytes[..1 + dice(2, head as u64 - 1) as usize]),
        At::Gap | At::Body => {
            say(&mut stream, &bytes[..head]);
            is_asked_to_go_on(&mut stream);
            if at == At::Body {
                let body = bytes.len() - head;
                say(&mut stream, &bytes[head..][..1 + dice(2, body as u64 - 1) as usize]);
            }
        }
        At::Underway => say(&mut stream, &bytes),
    }
    let wait_us = if at == At::Underway { WAIT_MAX_US } else { 2_000 };
    let is_in_time = is_silent(&mut stream, dice(3, wait_us));
    reset(stream);
    let mut resets = resets.lock().expect("no panic there");
    assert!(is_in_time || at == At::Underway, "an answer to {at:?}");
    match at {
        At::Underway if is_in_time => resets.underway.push(buyer),
        At::Underway => resets.answered.push(buyer),
        At::Head => resets.in_pieces.push(buyer),
        At::Gap | At::Body => {
            resets.heads += 1;
            resets.in_pieces.push(buyer);
        }
    }
}

fn files(shop: &Shop) -> usize {
    fs::read_dir(format!("/proc/{}/fd", shop.pid())).expect("Linux lists them").count()
}

/// Everybody is counted once, and nothing is in flight: the funnel.
#[track_caller]
fn adds_up(what: &str, shop: &Shop) -> serde_json::Value {
    let mut funnel = shop.funnel();
    eventually(&format!("{what}: attempts = refused + won + replayed"), || {
        funnel = shop.funnel();
        let refused = funnel["refused"].as_object().expect("by floor").values().filter_map(serde_json::Value::as_u64);
        let decided: u64 = refused.chain(["won", "replayed"].map(|of| funnel[of].as_u64().expect("a count"))).sum();
        funnel["attempts"] == decided
    });
    funnel
}

/// Memory and ledger agree, and somebody has looked.
#[track_caller]
fn remembers(what: &str, shop: &Shop) {
    let memory = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(memory["ok"], true, "{what}: {memory:#}");
    assert!(!shop.said().contains("never quiet"), "{what}: places in the queue are left behind: {}", shop.said());
}

/// A shop that dawdles at a point, a crowd that resets, and what is left.
fn meet(what: &str, plan: &Plan, point: Point, seed: u64) -> Sum {
    let armed = format!("DOORBUSTER_FAILPOINTS={}=delay({DELAY_MS})", point.name());
    let plan = plan.clone().set("ledger.queue_orders", &PLACES.to_string());
    let plan = plan.sale(Sale::of(SALE, STOCK).hold("10m").limit(1));
    let shop = Shop::open_through(Home::with(&plan.text()), &["env", &armed]);
    is_ready(&shop);
    let before = files(&shop);
    let resets = Mutex::new(Resets::default());
    thread::scope(|scope| {
        for voice in 0..VOICES {
            let (shop, resets) = (&shop, &resets);
            scope.spawn(move || (0..LIVES).for_each(|life| attempt_and_reset(shop, (voice, life), seed, resets)));
        }
    });
    let Resets { underway, in_pieces, heads, answered } = resets.into_inner().expect("no panic there");
    eventually(&format!("{what}: every connection has ended"), || files(&shop) <= before);
    let funnel = adds_up(what, &shop);
    assert!(funnel["refused"]["door"].as_u64() >= Some(heads), "{what}: {heads} had no whole body: {funnel}");
    remembers(what, &shop);
    let orders = audit_of(what, shop.home(), &[])["orders"].as_u64().expect("a count");
    assert_eq!(funnel["won"], orders, "{what}: {funnel}");
    // Whoever heard nothing asks again: he has his order, or gets one, and his limit is his own.
    let (mut acks, mut became_orders) = (Vec::new(), 0);
    for (buyers, was_whole) in [(&underway, true), (&answered, true), (&in_pieces, false)] {
        for buyer in buyers {
            let answer = shop.ask(&attempt(buyer));
            let is_replay = answer.header("idempotent-replayed") == Some("true");
            assert!(was_whole || !is_replay, "{what}: half an attempt was taken for {buyer}'s");
            became_orders += u64::from(is_replay);
            acks.push(won(&answer));
        }
    }
    assert_eq!(became_orders, orders, "{what}: an order is nobody's");
    assert!(became_orders > 0, "{what}: nobody was underway");
    sell_out(what, &shop);
    adds_up(what, &shop);
    remembers(what, &shop);
    audit_of(what, shop.home(), &acks);
    shop.close();
    let resets = underway.len() + in_pieces.len();
    Sum { resets: resets as u64, underway: underway.len() as u64, became_orders }
}

/// Each of these points under so many crowds.
fn meet_all(points: &[Point], plan: impl Fn(u64) -> Plan + Sync) {
    let (rounds, seed) = rounds_and_seed();
    let mut sum = Sum::default();
    for round in 0..rounds {
        for (point, nth) in points.iter().zip(round * points.len() as u64..) {
            let what = format!("{} (round {round})", point.name());
            let met = meet(&what, &plan(nth), *point, mixed(seed, nth as usize));
            sum.resets += met.resets;
            sum.underway += met.underway;
            sum.became_orders += met.became_orders;
        }
    }
    eprintln!(
        "resets: seed {seed}, points {}, rounds {rounds}, resets {}, of them of whole attempts {}, which became orders {}, \
         violations 0",
        points.len(),
        sum.resets,
        sum.underway,
        sum.became_orders
    );
}

#[test]
fn a_client_that_resets_its_connection_leaves_nothing_behind_wherever_its_attempt_is() {
    meet_all(&POINTS, |_| Plan::gateway());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_client_that_resets_while_it_waits_for_postgresql_leaves_nothing_behind() {
    let server = PgServer::start();
    meet_all(&POINTS_TO_POSTGRESQL, |nth| behind(&server, &format!("reset-{nth}")));
}
