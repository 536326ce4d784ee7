//! A disk that says nothing for seconds: who needs no disk is answered meanwhile, who waits for it hears his yes
//! afterwards, who finds the queue full is told so, and nothing of it costs a unit.

use std::thread;
use std::time::{Duration, Instant};

use crate::contract::{refused, retry_after_s, won};
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::postgres::metric;
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

/// How long the disk says nothing: enough for hundreds of answers on a slow machine.
const STALL: &str = "8s";
/// A commit that takes so long is the one.
const IS_STALLED: Duration = Duration::from_secs(2);
/// At which of the writer's syncs: late enough for the sales to be open and to have winners.
const AT_SYNC: u64 = 16;
const PLACES: usize = 8;
const STOCK: u32 = 40;
/// A sale that has nothing left before the stall.
const GONE: &str = "gone";

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer).key("k")
}

fn open() -> Shop {
    let plan = Plan::gateway().set("ledger.queue_orders", &PLACES.to_string());
    let plan = plan.sale(Sale::of(SALE, STOCK).limit(1)).sale(Sale::of(GONE, 1));
    let stall = format!("inject=fdatasync:delay_enter={STALL}:when={AT_SYNC}");
    let starter =
        ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", &stall];
    Shop::open_through(Home::with(&plan.text()), &starter)
}

/// The longest of so many answers.
fn slowest(count: usize, ask: impl Fn(usize)) -> Duration {
    let timed = |number| {
        let begun = Instant::now();
        ask(number);
        begun.elapsed()
    };
    (0..count).map(timed).max().unwrap_or_default()
}

#[test]
#[ignore = "needs strace: tests/run"]
fn while_the_disk_stalls_who_needs_none_is_answered_and_who_waits_hears_his_yes_afterwards() {
    let shop = open();
    won(&shop.ask(&Request::attempt(GONE, SKU).buyer("the-only-one")));
    let ask = |buyer: &str| shop.ask(&attempt(buyer));
    thread::scope(|scope| {
        let buy = |buyer: String| scope.spawn(move || (won(&ask(&buyer)), buyer));
        // One after the other, so that each is a commit, until one doesn't come back.
        let (mut winners, mut waiting) = (Vec::new(), Vec::new());
        while waiting.is_empty() {
            let (begun, buyer) = (Instant::now(), buy(format!("b-{}", winners.len())));
            eventually("an answer, or the stall", || buyer.is_finished() || begun.elapsed() > IS_STALLED);
            if buyer.is_finished() {
                winners.push(buyer.join().expect("a winner"));
            } else {
                waiting.push(buyer);
            }
        }
        assert!(winners.len() > 3, "the stall came before there was anything to replay");

        while waiting.len() < PLACES {
            waiting.push(buy(format!("w-{}", waiting.len())));
        }
        eventually("a full queue", || metric(&shop, "doorbuster_ledger_queued{}") == PLACES as f64);
        let sold_out = slowest(200, |number| {
            drop(refused(&shop.ask(&Request::attempt(GONE, SKU).buyer(&format!("late-{number}"))), "sold_out"));
        });
        let is_replayed = |answer: &Response| answer.header("idempotent-replayed") == Some("true");
        let replay = slowest(200, |number| {
            let (order, buyer) = &winners[number % winners.len()];
            let answer = ask(buyer);
            assert!(is_replayed(&answer) && won(&answer) == *order, "{}", answer.text());
        });
        let busy = slowest(50, |number| {
            let answer = ask(&format!("busy-{number}"));
            refused(&answer, "busy");
            retry_after_s(&answer);
        });
        assert!(waiting.iter().all(|buyer| !buyer.is_finished()), "the stall was over before all had been asked");
        eprintln!("in a stall of {STALL}, at most: sold out {sold_out:?}, replay {replay:?}, busy {busy:?}");

        winners.extend(waiting.into_iter().map(|buyer| buyer.join().expect("a winner")));
        sell_the_rest(&shop, winners.into_iter().map(|(order, _)| order).collect());
    });
}

/// Whoever was told that the shop is busy comes back, under the same key: his unit is there, as his claim is.
fn sell_the_rest(shop: &Shop, mut acks: Vec<String>) {
    let left = STOCK as usize - acks.len();
    assert!(left < 50, "there are enough who were busy");
    for number in 0..left {
        let answer = shop.ask(&attempt(&format!("busy-{number}")));
        assert_eq!(answer.header("idempotent-replayed"), None, "{}", answer.text());
        acks.push(won(&answer));
    }
    refused(&shop.ask(&attempt("nobody")), "sold_out");
    let memory = shop.office(Request::get("/v1/admin/audit")).json();
    assert_eq!(memory["ok"], true, "{memory:#}");
    let (code, report) = shop.home().audit_with_acks(&acks);
    assert_eq!((code, &report["orders"]), (Some(0), &(acks.len() + 1).into()), "{report:#}");
    let item = report["sales"].as_array().and_then(|rows| rows.iter().find(|row| row["sale"] == SALE)).expect("a row");
    assert_eq!((&item["available"], &item["confirmed"]), (&0.into(), &STOCK.into()), "{report:#}");
}
