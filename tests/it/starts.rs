//! Many starts at once on one data directory: one shop opens, and each of the others says who has it, and ends.
//!
//! `DOORBUSTER_TEST_STARTS` says how many.

use std::process::Child;

use crate::contract::won;
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// All of them start at once; the one that stays.
fn race(home: Home, starts: usize) -> Shop {
    let mut racing: Vec<_> = (0..starts).map(|_| home.serve()).collect();
    let mut losers: Vec<Child> = Vec::new();
    eventually("all but one have ended", || {
        let has_ended = |child: &mut Child| child.try_wait().expect("the child is ours").is_some();
        losers.extend(racing.extract_if(.., has_ended));
        losers.len() + 1 >= starts
    });
    for loser in losers {
        let output = loser.wait_with_output().expect("the child is ours");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(73), "{said}");
        assert!(said.contains("doorbuster-data is in use by another doorbuster"), "{said}");
        assert_eq!(output.stdout, b"", "who does not serve says no address");
    }
    let winner = racing.pop().expect("one of them opens the shop");
    Shop::open_as(home, winner)
}

#[test]
fn of_many_that_start_at_once_on_one_data_directory_one_serves_and_the_others_say_so_and_end() {
    let starts = std::env::var("DOORBUSTER_TEST_STARTS").map_or(16, |text| text.parse().expect("a number of starts"));
    let mut home = Home::with(&Plan::gateway().sale(Sale::of(SALE, 10)).text());
    let mut acks = Vec::new();
    // In a place where nothing is yet, after a crash, and after an orderly end.
    for is_crash in [true, false, false] {
        let shop = race(home, starts);
        acks.push(won(&shop.ask(&Request::attempt(SALE, SKU).buyer(&format!("b-{}", acks.len())))));
        home = if is_crash { shop.kill() } else { shop.close() };
    }
    let (code, report) = home.audit_with_acks(&acks);
    assert!(code == Some(0) && report["orders"] == acks.len(), "{report:#}");
    eprintln!("3 races of {starts} starts: 3 shops, {} ends with 73", 3 * (starts - 1));
}
