//! Every interleaving of the shelf's races.
//!
//! A home is a parameter of the shelf, so each model says who begins at which shard. Accounts lie behind real locks,
//! which the models take in one step.

use loom::sync::Arc;
use loom::thread;

use super::shop::{Shop, ask, units};
use super::{ItemNo, Shelf, Unavailable};
use crate::order::OrderState::{self, Confirmed, Held};

type Outcome = Result<(), Unavailable>;

const SOLD_OUT: Outcome = Err(Unavailable::SoldOut { held_may_return: false });
const SOLD_OUT_HELD_MAY_RETURN: Outcome = Err(Unavailable::SoldOut { held_may_return: true });

fn taker(shelf: &Arc<Shelf>, home: usize, wanted: u32, becomes: OrderState) -> thread::JoinHandle<Outcome> {
    let shelf = Arc::clone(shelf);
    thread::spawn(move || shelf.take(home, units(wanted), becomes))
}

fn outcome(thread: thread::JoinHandle<Outcome>) -> Outcome {
    thread.join().expect("a thread of the model doesn't panic")
}

/// A shelf of two shards whose units lie at the given one.
fn shelf_with(home: usize, free: u32) -> Shelf {
    let shelf = Shelf::new(2, 0, 0);
    if let Some(free) = super::Quantity::new(free) {
        shelf.put_back(home, free, Confirmed);
    }
    shelf
}

/// | one | other |
/// | --- | --- |
/// | sold | sold: forbidden |
/// | sold | sold out, held may return: required, either way round |
/// | refused | refused: forbidden |
#[test]
fn loom_two_takers_of_the_last_unit_one_wins_and_the_other_hears_that_it_is_held() {
    for at in 0..2 {
        loom::model(move || {
            let shelf = Arc::new(shelf_with(at, 1));
            let other = taker(&shelf, 0, 1, Held);
            let one = shelf.take(1, units(1), Held);
            let outcomes = [one, outcome(other)];
            assert!(
                outcomes == [Ok(()), SOLD_OUT_HELD_MAY_RETURN] || outcomes == [SOLD_OUT_HELD_MAY_RETURN, Ok(())],
                "{outcomes:?}"
            );
            assert_eq!((shelf.remaining(), shelf.held(), shelf.peek()), (0, 1, SOLD_OUT_HELD_MAY_RETURN));
        });
    }
}

/// The last unit, somebody who wants it, and the shop, which takes it off sale. What the ledger doesn't take of that comes back.
///
/// | taker | withdrawal | afterwards |
/// | --- | --- | --- |
/// | sold | done | forbidden: one unit twice |
/// | sold | refused | none: required |
/// | sold out | done | none, or one under an open sign where it came back: required |
/// | sold | done, and came back | none: allowed, for it was taken afterwards |
/// | refused | refused | forbidden: nobody has it |
#[test]
fn loom_the_last_unit_is_sold_or_taken_off_sale_and_never_both() {
    for (at, home, comes_back) in (0..8).map(|bits| (bits & 1, bits >> 1 & 1, bits >> 2 == 1)) {
        loom::model(move || {
            let shelf = Arc::new(shelf_with(at, 1));
            let taker = taker(&shelf, home, 1, Held);
            let is_withdrawn = shelf.withdraw(0, 1);
            if is_withdrawn && comes_back {
                shelf.add(1);
            }
            let left = u32::from(is_withdrawn && comes_back);
            match (outcome(taker), is_withdrawn) {
                (Ok(()), false) => assert_eq!((shelf.remaining(), shelf.held()), (0, 1)),
                (Ok(()), true) => {
                    assert!(comes_back, "one unit twice");
                    assert_eq!((shelf.remaining(), shelf.held()), (0, 1));
                }
                (Err(refusal), true) => {
                    assert_eq!((Err(refusal), shelf.remaining(), shelf.held()), (SOLD_OUT, left, 0));
                    assert!(left == 0 || shelf.peek() == Ok(()), "a sign over a free unit");
                }
                (Err(refusal), false) => panic!("{refusal:?}, and nobody has it"),
            }
        });
    }
}

/// One unit is free. Somebody returns another, at the other shard, and then takes one: at every instant at least one is
/// free for the scanner. A withdrawal is the scan alone, without the try that a take makes before it.
///
/// | scanner | mover |
/// | --- | --- |
/// | got one | got one: required |
/// | found none | anything: forbidden |
#[test]
fn loom_a_scan_is_not_fooled_by_a_unit_that_seems_to_move_behind_its_back() {
    let scans: [fn(&Shelf, usize) -> bool; 2] =
        [|shelf, home| shelf.take(home, units(1), Confirmed).is_ok(), |shelf, home| shelf.withdraw(home, 1)];
    for (at, home, scan) in
        [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().flat_map(|(at, home)| scans.map(|s| (at, home, s)))
    {
        loom::model(move || {
            let shelf = Arc::new(shelf_with(at, 1));
            let scanner = {
                let shelf = Arc::clone(&shelf);
                thread::spawn(move || scan(&shelf, home))
            };
            shelf.put_back(1 - at, units(1), Confirmed);
            assert_eq!(shelf.take(at, units(1), Confirmed), Ok(()), "the mover");
            assert!(scanner.join().expect("the scanner doesn't panic"), "the scanner found none");
            assert_eq!((shelf.remaining(), shelf.peek()), (0, SOLD_OUT), "and the sign says so");
        });
    }
}

/// One unit, one who takes it to hold it, one who wants two.
///
/// | who wants two hears | |
/// | --- | --- |
/// | insufficient stock | allowed |
/// | sold out, held may return | allowed |
/// | sold out for good | forbidden |
#[test]
fn loom_who_finds_the_last_unit_gone_knows_that_it_is_held() {
    for home in 0..2 {
        loom::model(move || {
            let shelf = Arc::new(Shelf::new(2, 1, 0));
            let greedy = taker(&shelf, home, 2, Confirmed);
            assert_eq!(shelf.take(1, units(1), Held), Ok(()));
            let heard = outcome(greedy);
            assert!(heard == SOLD_OUT_HELD_MAY_RETURN || heard == Err(Unavailable::InsufficientStock), "{heard:?}");
        });
    }
}

/// The shelf is empty. A taker may hang out the sign while a unit comes back.
///
/// | taker | afterwards |
/// | --- | --- |
/// | sold | empty |
/// | sold out | sign open, one unit: required |
/// | sold out | sign out, one unit: forbidden |
#[test]
fn loom_a_late_sign_never_covers_a_returned_unit() {
    for back_at in 0..2 {
        loom::model(move || {
            let shelf = Arc::new(Shelf::new(2, 0, 1));
            let scanner = taker(&shelf, 0, 1, Confirmed);
            shelf.put_back(back_at, units(1), Held);
            match outcome(scanner) {
                Ok(()) => assert_eq!(shelf.remaining(), 0),
                Err(refusal) => {
                    assert_eq!(Err(refusal), SOLD_OUT_HELD_MAY_RETURN, "it was held until it was back");
                    assert_eq!((shelf.remaining(), shelf.peek()), (1, Ok(())), "a sign over a free unit");
                }
            }
            assert_eq!(shelf.held(), 0);
        });
    }
}

/// The sign is out and two units come back: who has got one of them no longer sees the sign.
///
/// | taker | sees the sign |
/// | --- | --- |
/// | sold | open: required |
/// | sold out | anything: allowed |
#[test]
fn loom_who_takes_a_returned_unit_sees_the_sign_taken_in() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::new(2, 0, 0));
        assert_eq!(shelf.take(0, units(1), Confirmed), SOLD_OUT);
        let taker = {
            let shelf = Arc::clone(&shelf);
            thread::spawn(move || shelf.take(0, units(1), Confirmed).map(|()| shelf.peek()))
        };
        shelf.put_back(0, units(2), Confirmed);
        if let Ok(sign) = taker.join().expect("the taker doesn't panic") {
            assert_eq!(sign, Ok(()));
        }
    });
}

/// A unit on each of two shards, and two who take one each.
///
/// | one | other | the sign afterwards |
/// | --- | --- | --- |
/// | sold | sold: required | sold out: required, though each has emptied a shard of its own |
#[test]
fn loom_of_two_who_empty_a_shard_each_one_hangs_out_the_sign() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::new(2, 2, 0));
        let other = taker(&shelf, 0, 1, Held);
        assert_eq!(shelf.take(1, units(1), Held), Ok(()));
        assert_eq!(outcome(other), Ok(()));
        assert_eq!(shelf.peek(), SOLD_OUT_HELD_MAY_RETURN);
    });
}

/// Three units over two shards, and two who want two.
///
/// | one | other |
/// | --- | --- |
/// | sold | insufficient stock: required, either way round |
/// | anything | sold out: forbidden, for one unit is always free |
/// | refused | refused: forbidden |
#[test]
fn loom_of_two_gathers_of_two_among_three_units_one_wins_and_neither_hears_sold_out() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::new(2, 3, 0));
        let other = taker(&shelf, 1, 2, Held);
        let one = shelf.take(1, units(2), Held);
        let outcomes = [one, outcome(other)];
        let short = Err(Unavailable::InsufficientStock);
        assert!(outcomes == [Ok(()), short] || outcomes == [short, Ok(())], "{outcomes:?}");
        assert_eq!((shelf.remaining(), shelf.held(), shelf.peek()), (1, 2, Ok(())));
    });
}

/// One unit at each of two shards, and two who want both: the two must not stand in each other's way.
#[test]
fn loom_two_gathers_of_the_last_two_units_one_wins() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::new(2, 2, 0));
        let other = taker(&shelf, 0, 2, Confirmed);
        let one = shelf.take(1, units(2), Confirmed);
        let outcomes = [one, outcome(other)];
        assert!(outcomes == [Ok(()), SOLD_OUT] || outcomes == [SOLD_OUT, Ok(())], "{outcomes:?}");
        assert_eq!(shelf.remaining(), 0);
    });
}

/// Two units, one who wants three and one who wants one: the first is refused, and while it has units in its hand the
/// other must not hear of it.
#[test]
fn loom_a_gather_that_fails_shows_nobody_what_it_had_in_its_hand() {
    for home in 0..2 {
        loom::model(move || {
            let shelf = Arc::new(Shelf::new(2, 2, 0));
            let greedy = taker(&shelf, 0, 3, Held);
            assert_eq!(shelf.take(home, units(1), Confirmed), Ok(()));
            assert_eq!(outcome(greedy), Err(Unavailable::InsufficientStock));
            assert_eq!((shelf.remaining(), shelf.held(), shelf.peek()), (1, 0, Ok(())));
        });
    }
}

/// The last held unit is paid while somebody looks for one: whichever comes first, the sign ends at "sold out for good".
#[test]
fn loom_the_sign_promises_nothing_after_the_last_held_unit_was_paid() {
    loom::model(|| {
        let shelf = Arc::new(Shelf::new(2, 0, 1));
        let scanner = taker(&shelf, 0, 1, Held);
        shelf.confirm(1, units(1));
        let heard = outcome(scanner);
        assert!(heard == SOLD_OUT || heard == SOLD_OUT_HELD_MAY_RETURN, "{heard:?}");
        assert_eq!((shelf.held(), shelf.peek()), (0, SOLD_OUT));
    });
}

/// One buyer twice at once, limit one, one unit; both attempts are dropped.
///
/// | one | other | afterwards |
/// | --- | --- | --- |
/// | reserved | reserved or limit reached: allowed | as before: required |
/// | sold out | anything: forbidden, for only one claim exists at a time | |
#[test]
fn loom_claims_and_reservations_that_are_dropped_leave_limit_and_stock_as_before() {
    loom::model(|| {
        let shop = Arc::new(Shop::new(2, 1, None, &[1]));
        let attempt = |shop: &Shop| shop.reserve(ask("a", 1)).map(drop);
        let other = {
            let shop = Arc::clone(&shop);
            thread::spawn(move || attempt(&shop))
        };
        let outcomes = [attempt(&shop), outcome(other)];
        assert!(
            outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Unavailable::LimitReached))),
            "{outcomes:?}"
        );
        assert!(outcomes.contains(&Ok(())), "both were refused");
        assert_eq!((shop.units_of("a"), shop.stock.remaining(ItemNo(0)), shop.peek(0)), (0, 1, Ok(())));
    });
}
