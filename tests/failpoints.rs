//! Each failpoint with each action that it takes: what a client was told is true afterwards, and no unit is lost.
//!
//! Needs the feature `torture`. `DOORBUSTER_TEST_ROUNDS` says how often each is met, `DOORBUSTER_TEST_SEED` at which
//! passing, `DOORBUSTER_TEST_POINT` which one alone. Absent: the two points of the way to PostgreSQL, which need a server.
//!
//! **Invariant:** a case in which the failpoint should have ended the shop, and didn't, fails.

#![allow(dead_code, reason = "the shop's tools are shared with tests/it, which uses all of them")]

#[path = "it/contract.rs"]
mod contract;
#[path = "it/home.rs"]
mod home;
#[path = "it/plan.rs"]
mod plan;
#[path = "it/receiver.rs"]
mod receiver;
#[path = "it/shop.rs"]
mod shop;
#[path = "it/wire.rs"]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorbuster::failpoint::Point;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};

use contract::{item_of, won};
use home::Home;
use plan::{Plan, SALE, SKU, Sale};
use receiver::{Answer, Receiver};
use shop::{NotOpened, Shop};
use wire::{Request, Response, Wire, eventually};

const SECRET: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const VOICES: usize = 6;
const LIVES: usize = 6;
/// More than the crowd wants.
const STOCK: u32 = 60;

/// One failpoint, armed.
#[derive(Debug, Clone, Copy)]
struct Case {
    point: Point,
    action: &'static str,
    seed: u64,
}

/// How a shop ends that meets a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It goes on, and ends as it is told to.
    Lives,
    /// By itself: with this code, or by a signal.
    Dies(Option<i32>),
}

impl Case {
    fn end(self) -> End {
        use Point as P;
        match (self.action, self.point) {
            ("kill", _) => End::Dies(None),
            ("panic", P::FirstStart | P::RecoveryMid) => End::Dies(Some(101)),
            ("error", P::FirstStart | P::RecoveryMid) => End::Dies(Some(1)),
            (
                "panic",
                P::WriterAfterBegin
                | P::WriterMidBatch
                | P::WriterBeforeCommit
                | P::WriterAfterCommit
                | P::NoteBeforeWrite
                | P::CheckpointMid
                | P::ExpireAfterDecided,
            ) => End::Dies(Some(1)),
            ("error", P::WriterAfterCommit) => End::Dies(Some(74)),
            _ => End::Lives,
        }
    }

    /// At the start, when no crowd is there yet.
    fn is_at_the_start(self) -> bool {
        matches!(self.point, Point::FirstStart | Point::RecoveryMid)
    }

    /// At which passing: where there are many, any of the first.
    fn spec(self) -> String {
        use Point as P;
        let (name, action) = (self.point.name(), self.action);
        let is_rare = self.is_at_the_start()
            || matches!(self.point, P::CheckpointMid | P::NoteBeforeWrite | P::WebhookAfterPostBeforeMark);
        let at = if is_rare { 1 } else { 1 + self.seed % 4 };
        // What happens before the shop is open would keep it from opening: the sale's creation is written, too.
        let at = match self.point {
            _ if name.starts_with("writer_") => at + 4,
            P::NoteBeforeWrite => 2,
            P::WebhookAfterPostBeforeMark => 5,
            _ => at,
        };
        match action {
            "delay" => format!("{name}=delay(3)"),
            _ => format!("{name}={action}@{at}"),
        }
    }

    fn plan(self) -> Plan {
        let hold = if self.point == Point::ExpireAfterDecided { "1s" } else { "10m" };
        let plan = Plan::gateway().set("payments.secret", &format!("\"whsec_{SECRET}\""));
        let plan = plan.sale(Sale::of(SALE, STOCK).hold(hold));
        match self.point {
            Point::NoteBeforeWrite | Point::WebhookAfterPostBeforeMark => plan.webhook(&receiver()),
            _ => plan,
        }
    }
}

/// Somebody who takes every message.
fn receiver() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    url
}

/// A payment of one unit, signed.
fn payment(buyer: &str, order: &str) -> Request {
    let (id, at_s) = (format!("{buyer}-pay"), Timestamp::now().as_second().to_string());
    let amount = json!({ "amount": "129.00", "currency": "USD" });
    let data = json!({ "order": order, "payment": id, "amount": amount });
    let body = json!({ "type": "payment.succeeded", "timestamp": Timestamp::now().to_string(), "data": data });
    let body = body.to_string();
    let key = STANDARD.decode(SECRET).expect("Base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(format!("{id}.{at_s}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let request = Request::post("/v1/payments").body("application/json", body.as_bytes());
    let request = request.header("webhook-id", &id).header("webhook-timestamp", &at_s);
    request.header("webhook-signature", &format!("v1,{signature}"))
}

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer).key("k")
}

/// What the crowd has heard.
#[derive(Default)]
struct Heard {
    acks: Vec<String>,
    /// Buyers who don't know.
    unanswered: Vec<String>,
    /// Where an order must be: what was told.
    told: BTreeMap<String, &'static str>,
    /// What was asked for, and not told.
    untold: BTreeSet<String>,
    operations: usize,
}

/// One voice of the crowd: each buyer wins, and then pays, gives back or goes away.
fn voice(shop: &Shop, voice: usize, heard: &Mutex<Heard>) {
    let mut wire = None;
    let mut ask = |request: &Request| -> Option<Response> {
        let mut open = wire.take().or_else(|| Wire::try_connect(shop.public()).ok())?;
        let response = open.try_ask(request);
        wire = response.is_some().then_some(open);
        response
    };
    for n in 0..LIVES {
        let buyer = format!("v{voice}-{n}");
        let answer = ask(&attempt(&buyer));
        let mut told = heard.lock().expect("no panic there");
        told.operations += 1;
        let order = match answer {
            Some(answer) if answer.status == 201 => won(&answer),
            Some(answer) if !matches!(answer.status, 500 | 503) => panic!("{buyer}: {}", answer.text()),
            _ => {
                told.unanswered.push(buyer);
                continue;
            }
        };
        told.acks.push(order.clone());
        drop(told);
        let (request, state) = match n % 3 {
            0 => (payment(&buyer, &order), "confirmed"),
            1 => (Request::post(&format!("/v1/orders/{order}/cancel")).buyer(&buyer), "cancelled"),
            _ => continue,
        };
        let answer = ask(&request);
        let mut told = heard.lock().expect("no panic there");
        told.operations += 1;
        if answer.is_some_and(|answer| answer.status == 200) {
            told.told.insert(order, state);
        } else {
            told.untold.insert(order);
        }
    }
}

fn crowd(shop: &Shop) -> Heard {
    let heard = Mutex::new(Heard::default());
    thread::scope(|scope| {
        for number in 0..VOICES {
            let heard = &heard;
            scope.spawn(move || voice(shop, number, heard));
        }
    });
    heard.into_inner().expect("no panic there")
}

/// Runs a shop into the failpoint; what is left of it, and what was heard.
fn meet(case: Case) -> (Home, Heard) {
    let mut heard = Heard::default();
    let mut home = Home::with(&case.plan().text());
    if case.point == Point::RecoveryMid {
        let shop = Shop::open_at(home);
        heard = crowd(&shop);
        home = shop.close();
    }
    let armed = format!("DOORBUSTER_FAILPOINTS={}", case.spec());
    let mut shop = match (Shop::try_open_through(home, &["env", &armed]), case.end()) {
        (Ok(shop), _) => shop,
        (Err(NotOpened { home, code, said }), End::Dies(expected)) if case.is_at_the_start() => {
            assert_eq!(code, expected, "{case:?}: {said}");
            return (home, heard);
        }
        (Err(NotOpened { code, said, .. }), _) => panic!("{case:?} does not open ({code:?}): {said}"),
    };
    assert!(!case.is_at_the_start() || case.end() == End::Lives, "{case:?}: opened all the same");
    if case.point != Point::RecoveryMid {
        heard = crowd(&shop);
    }
    match case.end() {
        End::Dies(expected) => {
            if case.point == Point::CheckpointMid {
                // So few pages are checkpointed at the end.
                shop.signal("TERM");
            }
            assert_eq!(shop.exit_code(), expected, "{case:?}: {}", shop.said());
            (shop.leave(), heard)
        }
        End::Lives => {
            let memory = shop.office(Request::get("/v1/admin/audit")).json();
            assert_eq!(memory["ok"], true, "{case:?}: {memory:#}");
            (shop.close(), heard)
        }
    }
}

#[track_caller]
fn audit(case: Case, home: &Home, acks: &[String]) -> Value {
    let (code, report) = home.audit_with_acks(acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{case:?}: {report:#}");
    report
}

/// Meets a failpoint, and holds what is left against what was told. Says how many operations there were.
fn run(case: Case) -> usize {
    let (home, Heard { mut acks, unanswered, told, operations, .. }) = meet(case);
    // A first start that was cut off has left a ledger of nothing, or none.
    if case.point != Point::FirstStart || case.end() == End::Lives {
        audit(case, &home, &acks);
    }
    let shop = Shop::open_at(home);
    for (order, state) in &told {
        let now = shop.office(Request::get(&format!("/v1/admin/orders/{order}"))).json();
        assert_eq!(now["state"], *state, "{case:?}: {now:#}");
    }
    for buyer in &unanswered {
        acks.push(won(&shop.ask(&attempt(buyer))));
    }
    assert_eq!(acks.iter().collect::<BTreeSet<_>>().len(), acks.len(), "{case:?}: told to two buyers");
    let report = audit(case, shop.home(), &acks);
    assert_eq!(report["orders"], acks.len(), "{case:?}: an attempt became two orders, or an order nobody's");
    sell_out(case, &shop);
    let memory = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(memory["ok"], true, "{case:?}: {memory:#}");
    shop.close();
    operations + unanswered.len()
}

/// No unit has leaked: all that the ledger has free is sold to who comes.
fn sell_out(case: Case, shop: &Shop) {
    let mut buyers = 0;
    let mut wire = shop.wire();
    eventually("everything is sold", || {
        loop {
            buyers += 1;
            let answer = wire.ask(&attempt(&format!("last-{buyers}")));
            if answer.status == 409 {
                break;
            }
            won(&answer);
        }
        // Holds that end meanwhile bring units back.
        item_of(&audit(case, shop.home(), &[])["sales"], SKU)["available"] == 0
    });
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn cases(rounds: u64, seed: u64) -> Vec<Case> {
    let only = std::env::var("DOORBUSTER_TEST_POINT").ok();
    let mut cases = Vec::new();
    for round in 0..rounds {
        for point in Point::ALL.iter().copied().filter(|point| !point.name().starts_with("postgres_")) {
            if only.as_deref().is_some_and(|only| only != point.name()) {
                continue;
            }
            for action in ["kill", "panic", "error", "delay"] {
                let is_taken = action != "error" || point.takes_error();
                if is_taken {
                    // SplitMix64's output: any spread over the passings does.
                    let mixed = (seed ^ round).wrapping_add(cases.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    cases.push(Case { point, action, seed: mixed >> 32 });
                }
            }
        }
    }
    cases
}

#[test]
fn whatever_a_client_was_told_holds_wherever_the_shop_fails() {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    let rounds = from_environment("DOORBUSTER_TEST_ROUNDS", 1);
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_ROUNDS={rounds}");
    let cases = cases(rounds, seed);
    // Relaxed: tickets and a count; the threads' end makes them visible.
    let (next, operations) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    operations.fetch_add(run(*case), Ordering::Relaxed);
                }
            });
        }
    });
    let points: BTreeSet<_> = cases.iter().map(|case| case.point.name()).collect();
    eprintln!(
        "failpoints: seed {seed}, points {}, cases {}, rounds {rounds}, operations {}, violations 0",
        points.len(),
        cases.len(),
        operations.into_inner()
    );
}

#[test]
fn a_courier_that_panics_on_his_round_goes_on_it_again() {
    let receiver = Receiver::open(Answer::Status(200));
    let plan = Plan::gateway().sale(Sale::of(SALE, STOCK)).webhook(&receiver.url()).text();
    let armed = format!("DOORBUSTER_FAILPOINTS={}=panic@2", Point::WebhookAfterPostBeforeMark.name());
    let shop = Shop::open_through(Home::with(&plan), &["env", &armed]);
    let orders: Vec<_> = (0..5).map(|number| won(&shop.ask(&attempt(&format!("b-{number}"))))).collect();
    let told = || receiver.messages().iter().filter_map(|of| of.order().map(str::to_owned)).collect::<BTreeSet<_>>();
    eventually("every order is told", || told().len() == orders.len());
    let delivered = || shop.office(Request::get("/v1/admin/webhooks")).json()["webhooks"][0]["pending"].clone();
    eventually("nothing is left to be told", || delivered() == 0);
    assert!(shop.said().contains("broke off"), "{}", shop.said());
    // Whatever was told twice was told by one name.
    let messages = receiver.messages();
    let names: BTreeSet<_> = messages.iter().filter(|of| of.order().is_some()).map(|of| &of.id).collect();
    assert_eq!(names.len(), orders.len());
    shop.close();
}

#[test]
fn a_wrong_specification_ends_with_78_and_says_what_would_be_right() {
    let plan = Plan::gateway().sale(Sale::of(SALE, 1)).text();
    let refused = |spec: &str| {
        let armed = format!("DOORBUSTER_FAILPOINTS={spec}");
        match Shop::try_open_through(Home::with(&plan), &["env", &armed]) {
            Ok(_) => panic!("{spec}: opened all the same"),
            Err(NotOpened { code, said, .. }) => (code, said),
        }
    };
    for (spec, says) in [("nowhere=kill", "after_enqueued"), ("after_enqueued=error", "no fault of its own")] {
        let (code, said) = refused(spec);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains(says), "{spec}: {said}");
    }
    let home = Home::with(&plan);
    let arguments = ["serve", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"];
    let output = home.run_with(&arguments, &[("DOORBUSTER_FAILPOINTS", "after_enqueued=kill")]);
    assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
}
