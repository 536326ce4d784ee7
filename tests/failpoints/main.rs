//! Each failpoint with each action that it takes: what a client was told is true afterwards, and no unit is lost.
//!
//! Needs the feature `torture`. `DOORBUSTER_TEST_ROUNDS` says how often each is met, `DOORBUSTER_TEST_SEED` at which
//! passing, `DOORBUSTER_TEST_POINT` which one alone. The way to PostgreSQL has a crowd of its own ([`shipping`]), and so have
//! clients who reset their connections ([`resets`]).
//!
//! **Invariant:** a case in which the failpoint should have ended the shop, and didn't, fails.

#![allow(dead_code, reason = "the shop's tools are shared with tests/it, which uses all of them")]

#[path = "../it/contract.rs"]
mod contract;
#[path = "../it/home.rs"]
mod home;
#[path = "../it/pg_server.rs"]
mod pg_server;
#[path = "../it/plan.rs"]
mod plan;
#[path = "../it/receiver.rs"]
mod receiver;
#[path = "../it/shop.rs"]
mod shop;
#[path = "../it/wire.rs"]
mod wire;

mod arming;
mod crowd;
mod resets;
mod shipping;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use doorbuster::failpoint::Point;
use serde_json::Value;

use contract::{item_of, won};
use crowd::{Heard, SECRET, attempt, crowd};
use home::Home;
use plan::{Plan, SALE, SKU, Sale};
use receiver::{Answer, Receiver};
use shop::{NotOpened, Shop};
use wire::{Request, eventually};

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

    /// At the start, or when the crowd is there: a receiver may be told of the sale before it opens.
    fn may_be_at_the_start(self) -> bool {
        self.is_at_the_start() || self.point == Point::NoteBeforeWrite
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
            Point::NoteBeforeWrite | Point::WebhookAfterPostBeforeMark => {
                plan.webhook(&Receiver::open(Answer::Status(204)).url())
            }
            _ => plan,
        }
    }
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
        (Err(NotOpened { home, code, said }), End::Dies(expected)) if case.may_be_at_the_start() => {
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
fn audit_of(what: &str, home: &Home, acks: &[String]) -> Value {
    let (code, report) = home.audit_with_acks(acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{what}: {report:#}");
    report
}

/// Meets a failpoint, and holds what is left against what was told. Says how many operations there were.
fn run(case: Case) -> usize {
    let what = &format!("{case:?}");
    let (home, Heard { mut acks, unanswered, told, operations, .. }) = meet(case);
    // A first start that was cut off has left a ledger of nothing, or none.
    if case.point != Point::FirstStart || case.end() == End::Lives {
        audit_of(what, &home, &acks);
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
    let report = audit_of(what, shop.home(), &acks);
    assert_eq!(report["orders"], acks.len(), "{case:?}: an attempt became two orders, or an order nobody's");
    sell_out(what, &shop);
    let memory = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(memory["ok"], true, "{case:?}: {memory:#}");
    shop.close();
    operations + unanswered.len()
}

/// No unit has leaked: all that the ledger has free is sold to who comes.
fn sell_out(what: &str, shop: &Shop) {
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
        item_of(&audit_of(what, shop.home(), &[])["sales"], SKU)["available"] == 0
    });
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// How often each is met, and what decides at which passing.
fn rounds_and_seed() -> (u64, u64) {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    let rounds = from_environment("DOORBUSTER_TEST_ROUNDS", 1);
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_ROUNDS={rounds}");
    (rounds, seed)
}

/// What can be done at a point.
fn actions(point: Point) -> impl Iterator<Item = &'static str> {
    ["kill", "panic", "error", "delay"].into_iter().filter(move |action| *action != "error" || point.takes_error())
}

/// SplitMix64's output: any spread over the passings does.
fn mixed(seed: u64, nth: usize) -> u64 {
    seed.wrapping_add(nth as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

fn cases(rounds: u64, seed: u64) -> Vec<Case> {
    let only = std::env::var("DOORBUSTER_TEST_POINT").ok();
    let is_meant = |point: &Point| only.as_deref().is_none_or(|only| only == point.name());
    let mut cases = Vec::new();
    for round in 0..rounds {
        let here = Point::ALL.iter().copied().filter(|point| !point.name().starts_with("postgres_"));
        for point in here.filter(is_meant) {
            for action in actions(point) {
                let seed = mixed(seed ^ round, cases.len());
                cases.push(Case { point, action, seed });
            }
        }
    }
    cases
}

#[test]
fn whatever_a_client_was_told_holds_wherever_the_shop_fails() {
    let (rounds, seed) = rounds_and_seed();
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
    let points = cases.iter().map(|case| case.point.name()).collect::<BTreeSet<_>>().len();
    let (cases, operations) = (cases.len(), operations.into_inner());
    eprintln!(
        "failpoints: seed {seed}, points {points}, cases {cases}, rounds {rounds}, operations {operations}, violations 0"
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
    eventually("it is said", || shop.said().contains("broke off"));
    // Whatever was told twice was told by one name.
    let messages = receiver.messages();
    let names: BTreeSet<_> = messages.iter().filter(|of| of.order().is_some()).map(|of| &of.id).collect();
    assert_eq!(names.len(), orders.len());
    shop.close();
}
