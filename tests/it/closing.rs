//! The end of a shop while it is busy: how long it may take, and what ends it sooner.
//!
//! Where "at once" is what is promised, everything else that could end the shop is set to ten minutes, far beyond
//! anybody's patience.

use crate::contract::won;
use crate::hostile::attempt_with;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

/// A shop that gives everybody all the time in the world.
fn patient() -> Plan {
    ["first_byte", "head", "body", "write", "idle", "drain"]
        .iter()
        .fold(Plan::gateway(), |plan, deadline| plan.set(&format!("server.{deadline}_timeout"), "\"10m\""))
        .sale(Sale::of(SALE, 5))
}

/// An attempt whose body the shop waits for.
fn half_an_attempt(shop: &Shop) -> Wire {
    let head = "content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 14\r\n";
    let mut wire = shop.wire().saying(attempt_with(head, "").as_bytes());
    assert_eq!(wire.hear().expect("an answer").status, 100);
    wire
}

fn is_leaving(shop: &Shop) -> bool {
    shop.ask_office(&Request::get("/readyz")).status == 503
}

#[test]
fn a_second_signal_ends_the_shop_at_once_whatever_it_waits_for() {
    for (second, code) in [("TERM", 143), ("INT", 130)] {
        let mut shop = Shop::open(&patient());
        let _wire = half_an_attempt(&shop);
        shop.signal("TERM");
        eventually("the first signal is heard", || is_leaving(&shop));
        shop.signal(second);
        assert_eq!(shop.exit_code(), Some(code));
    }
}

#[test]
#[ignore = "needs strace: tests/run"]
fn once_the_ledger_is_broken_nobody_waits_for_half_a_request() {
    let home = Shop::open(&patient()).close();
    let mut shop = Shop::open_on_a_disk_that_fails_to_sync(home);
    let _wire = half_an_attempt(&shop);
    assert_eq!(shop.ask(&Request::attempt(SALE, SKU).buyer("a")).status, 503);
    assert_eq!(shop.exit_code(), Some(74));
}

#[test]
fn those_who_wait_in_the_kernels_queue_are_answered_however_many_come_behind_them() {
    let mut shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    let address = shop.public();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // Until nobody listens any more.
            scope.spawn(|| while std::net::TcpStream::connect(address).is_ok() {});
        }
        shop.signal("TERM");
        assert_eq!(shop.exit_code(), Some(0));
    });
}
