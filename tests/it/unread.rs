//! A log that nobody reads any more: a terminal that was stopped, a collector that hangs.

use std::io::{PipeReader, PipeWriter, Write as _, pipe};

use crate::contract::won;
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// What Linux lets a pipe hold.
const PIPE_BYTES: usize = 64 * 1024;
/// Lines that the log's queue doesn't hold, and the metric that counts them.
const LOST: &str = "doorbuster_log_lines_lost_total";

/// A pipe in which there is no room for a byte.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (unread, mut log) = pipe().expect("a pipe");
    log.write_all(&[b'\n'; PIPE_BYTES]).expect("an empty pipe takes as much");
    (unread, log)
}

#[test]
fn a_shop_sells_and_closes_although_nobody_reads_its_log() {
    let (unread, log) = full_pipe();
    // As much as it can say.
    let plan = Plan::gateway().set("server.log", "\"trace\"").sale(Sale::of(SALE, 10));
    let shop = Shop::open_saying(Home::with(&plan.text()), log);
    let mut wire = shop.wire();
    for number in 0..10 {
        won(&wire.ask(&Request::attempt(SALE, SKU).buyer(&format!("b-{number}"))));
    }
    assert_eq!(shop.office(Request::get("/v1/admin/audit")).json()["ok"], true);
    let lost = || {
        let metrics = shop.office(Request::get("/metrics")).text();
        metrics.lines().any(|line| line.strip_prefix(LOST).is_some_and(|count| count.trim() != "0.0"))
    };
    eventually("lines are lost, and counted", || {
        shop.signal("HUP");
        lost()
    });
    assert_eq!(shop.close().audit()["ok"], true);
    drop(unread);
}
