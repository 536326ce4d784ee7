//! What the stock floor gives, refuses and takes back.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::shop::{NOON, SALE, Shop, TEN_MINUTES, ask, key, moved, units};
use super::*;

const NO_HOLD: Option<std::time::Duration> = None;
const HOLD: Option<std::time::Duration> = Some(TEN_MINUTES);

const fn sold_out(held_may_return: bool) -> Unavailable {
    Unavailable::SoldOut { held_may_return }
}

#[test]
fn an_order_is_made_of_what_the_sale_says_and_what_the_attempt_wants() {
    let shop = Shop::new(2, 5, HOLD, &[3, 3]);
    let order = shop.buy(ask("b", 2).of_item(1).under("k")).expect("three are there");
    let terms = &order.terms;
    assert_eq!((terms.sale, terms.item, terms.quantity.units()), (SALE, ItemNo(1), 2));
    assert_eq!((terms.buyer.as_str(), terms.key.as_ref().map(IdempotencyKey::as_str)), ("b", Some("k")));
    assert_eq!((terms.placed_at, terms.expires_at), (NOON, Some(NOON.after(TEN_MINUTES))));
    assert_eq!((order.state(), order.stored()), (OrderState::Held, Stored::Underway));
    assert_eq!((shop.remaining(1), shop.held(1), shop.remaining(0)), (1, 2, 3));
}

#[test]
fn the_sign_is_hung_out_with_the_last_unit_and_taken_in_by_a_return() {
    let shop = Shop::new(2, 1, NO_HOLD, &[1]);
    assert_eq!(shop.peek(0), Ok(()));
    let order = shop.buy(ask("a", 1)).expect("the last unit");
    assert_eq!(shop.peek(0), Err(sold_out(false)));
    assert_eq!(shop.buy(ask("b", 1)).err(), Some(sold_out(false)));
    assert_eq!(shop.peek(0), Err(sold_out(false)));
    shop.stock.give_back(&order);
    assert_eq!(shop.peek(0), Ok(()));
    assert!(shop.buy(ask("b", 1)).is_ok());
    assert_eq!(shop.buy(ask("c", 1)).err(), Some(sold_out(false)));
    shop.stock.add_units(ItemNo(0), 1);
    assert_eq!(shop.peek(0), Ok(()));
}

#[test]
fn sold_out_says_that_units_may_return_as_long_as_some_are_held() {
    let shop = Shop::new(2, 1, HOLD, &[2]);
    let orders = ["a", "b"].map(|name| shop.buy(ask(name, 1)).expect("two are there"));
    assert_eq!(shop.buy(ask("c", 1)).err(), Some(sold_out(true)));
    shop.stock.confirm(&orders[0]);
    assert_eq!(shop.peek(0), Err(sold_out(true)));
    shop.stock.confirm(&orders[1]);
    assert_eq!(shop.peek(0), Err(sold_out(false)), "the sign changes without another attempt");
    assert_eq!(shop.buy(ask("c", 1)).err(), Some(sold_out(false)));
}

#[test]
fn a_guard_dropped_at_any_step_leaves_no_trace() {
    let shop = Shop::new(2, 2, HOLD, &[2]);
    let untouched = || {
        assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a"), shop.orders_of("a")), (2, 0, 0, 0));
        assert_eq!(shop.stock.sales.get(0).expect("the sale").len(), 0, "an empty account stays behind");
        assert!(shop.stock.replay_of(&shop.entered(ask("a", 2)).found(), key("k")).is_none());
    };
    drop(shop.claim(ask("a", 2).under("k")).expect("within the limit"));
    untouched();
    drop(shop.reserve(ask("a", 2).under("k")).expect("two are there"));
    untouched();
    let reserved = shop.reserve(ask("b", 1)).expect("two are there");
    assert_eq!(shop.reserve(ask("a", 2)).err(), Some(Unavailable::InsufficientStock));
    drop(reserved);
    untouched();
    let both = shop.reserve(ask("b", 2)).expect("two are there");
    assert_eq!(shop.reserve(ask("a", 1)).err(), Some(sold_out(true)));
    drop(both);
    untouched();
    assert_eq!(shop.peek(0), Ok(()));
}

#[test]
fn an_order_that_was_never_stored_is_forgotten_and_its_key_is_free_again() {
    let shop = Shop::new(2, 1, HOLD, &[1]);
    let order = shop.buy(ask("a", 1).under("k")).expect("one is there");
    shop.stock.give_back(&order);
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a"), shop.orders_of("a")), (1, 0, 0, 0));
    assert!(shop.buy(ask("a", 1).under("k")).is_ok());
}

#[test]
fn an_order_that_was_cancelled_frees_limit_and_units_and_stays_the_answer_to_its_key() {
    let shop = Shop::new(2, 1, HOLD, &[1]);
    for state in [OrderState::Cancelled, OrderState::Expired] {
        let keyed = format!("k-{state:?}");
        let order = shop.buy(ask("a", 1).under(&keyed)).expect("one is there");
        shop.stock.take_back(&order, OrderState::Held);
        assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a")), (1, 0, 0), "{state:?}");
        let again = shop.stock.replay_of(&shop.entered(ask("a", 1)).found(), key(&keyed)).expect("remembered");
        assert_eq!(again.terms.id, order.terms.id);
    }
    let unkeyed = shop.buy(ask("a", 1)).expect("one is there");
    shop.stock.take_back(&unkeyed, OrderState::Held);
    assert_eq!(shop.orders_of("a"), 3, "whatever was won is shown to its buyer");
}

#[test]
fn a_refunded_order_was_not_held_any_more() {
    let shop = Shop::new(2, 1, HOLD, &[1]);
    let order = shop.buy(ask("a", 1)).expect("one is there");
    shop.stock.confirm(&order);
    shop.stock.take_back(&order, OrderState::Confirmed);
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a")), (1, 0, 0));
}

#[test]
fn a_refund_that_brings_nothing_back_frees_the_limit_and_no_unit() {
    let shop = Shop::new(2, 1, NO_HOLD, &[1]);
    let order = shop.buy(ask("a", 1)).expect("one is there");
    shop.stock.write_off(&order);
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a"), shop.orders_of("a")), (0, 0, 0, 1));
    assert_eq!(shop.buy(ask("a", 1)).err(), Some(sold_out(false)));
}

#[test]
fn an_order_that_is_paid_late_gets_units_once_more_if_there_are_any_within_the_limit() {
    let shop = Shop::new(2, 2, HOLD, &[2]);
    let late = shop.buy(ask("a", 2)).expect("two are there");
    shop.stock.take_back(&late, OrderState::Held);
    drop(shop.stock.retake(&late, 2).expect("both are free"));
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a"), shop.orders_of("a")), (2, 0, 0, 1));
    assert_eq!(shop.stock.retake(&late, 1).err(), Some(Unavailable::LimitReached));
    let other = shop.buy(ask("b", 1)).expect("two are there");
    assert_eq!(shop.stock.retake(&late, 2).err(), Some(Unavailable::InsufficientStock));
    let another = shop.buy(ask("c", 1)).expect("one is there");
    assert_eq!(shop.stock.retake(&late, 2).err(), Some(sold_out(true)));
    assert_eq!(shop.units_of("a"), 0, "a refusal leaves no trace");
    shop.stock.take_back(&other, OrderState::Held);
    shop.stock.take_back(&another, OrderState::Held);
    shop.stock.retake(&late, 2).expect("both are free").keep();
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("a"), shop.orders_of("a")), (0, 0, 2, 1));
}

#[test]
fn a_buyer_who_lets_holds_run_out_waits_twice_as_long_each_time_at_most_a_day() {
    let shop = Shop::new(2, 9, HOLD, &[9]);
    let cool_down = std::time::Duration::from_secs(60);
    let asks = |name| shop.entered(ask(name, 1));
    let waits = |name, at| shop.stock.cooled_down(&asks(name), cool_down, at).err().map(|cooling| cooling.retry_after);
    assert_eq!(waits("a", NOON), None);
    shop.stock.strike(SALE, asks("a").found().buyer(), None);
    assert_eq!(waits("a", NOON), None, "nothing to take back");
    for minutes in [1, 2, 4, 8] {
        shop.stock.strike(SALE, asks("a").found().buyer(), Some(NOON));
        let wait = std::time::Duration::from_secs(60 * minutes);
        assert_eq!(waits("a", NOON), Some(wait));
        assert_eq!(waits("a", NOON.after(wait)), None, "the time is over when it is over");
        assert_eq!(waits("b", NOON), None, "another buyer");
    }
    shop.stock.strike(SALE, asks("a").found().buyer(), None);
    assert_eq!(waits("a", NOON), Some(std::time::Duration::from_secs(240)), "one was paid after all");
    for _ in 0..99 {
        shop.stock.strike(SALE, asks("a").found().buyer(), Some(NOON));
    }
    assert_eq!(waits("a", NOON), Some(COOL_DOWN_MAX));
    assert!(shop.stock.cooled_down(&asks("a"), std::time::Duration::ZERO, NOON).is_ok(), "off");
}

#[test]
fn the_limit_counts_a_buyers_units_over_all_items_of_the_sale_as_it_is_now() {
    let shop = Shop::new(2, 3, HOLD, &[9, 9]);
    assert_eq!(shop.claim(ask("a", 4)).err(), Some(Unavailable::LimitReached));
    assert_eq!(shop.stock.sales.get(0).expect("the sale").len(), 0, "a refusal opens no account");
    let first = shop.buy(ask("a", 2)).expect("within the limit");
    assert_eq!(shop.claim(ask("a", 2).of_item(1)).err(), Some(Unavailable::LimitReached));
    assert!(shop.claim(ask("b", 3)).is_ok(), "another buyer");
    shop.buy(ask("a", 1).of_item(1)).expect("within the limit");
    assert_eq!(shop.claim(ask("a", u32::MAX)).err(), Some(Unavailable::LimitReached), "no wrap");
    shop.stock.give_back(&first);
    assert_eq!(shop.units_of("a"), 1);
    let sale = shop.catalog.sale(SALE).expect("the sale");
    let mut lowered = crate::offer::SaleTerms::clone(&sale.terms());
    lowered.limit_per_buyer = 1;
    sale.change(Arc::new(lowered));
    assert_eq!(shop.claim(ask("a", 1)).err(), Some(Unavailable::LimitReached));
}

#[test]
fn a_key_stands_for_one_order_of_one_buyer() {
    let shop = Shop::new(2, 9, HOLD, &[9, 9]);
    let order = shop.buy(ask("a", 2).under("k")).expect("nine are there");
    let found = shop.entered(ask("a", 2)).found();
    assert_eq!(shop.stock.replay_of(&found, key("k")).expect("known").terms.id, order.terms.id);
    assert!(shop.stock.replay_of(&found, key("K")).is_none());
    assert!(shop.stock.replay_of(&shop.entered(ask("b", 2)).found(), key("k")).is_none(), "another buyer's");

    assert_eq!(Stock::check_replay(&order, ItemNo(0), units(2)), Err(Unavailable::InProgress));
    assert_eq!(shop.claim(ask("a", 2).under("k")).err(), Some(Unavailable::InProgress));
    order.mark_stored(Stored::Disk);
    assert_eq!(Stock::check_replay(&order, ItemNo(0), units(2)), Ok(()));
    assert_eq!(Stock::check_replay(&order, ItemNo(1), units(2)), Err(Unavailable::IdempotencyMismatch));
    assert_eq!(shop.claim(ask("a", 1).under("k")).err(), Some(Unavailable::IdempotencyMismatch));
    assert_eq!(shop.claim(ask("a", 2).of_item(1).under("k")).err(), Some(Unavailable::IdempotencyMismatch));
    assert_eq!(shop.claim(ask("a", 2).under("k")).err(), Some(Unavailable::InProgress), "won since it was looked for");
    assert!(shop.claim(ask("b", 2).under("k")).is_ok());
    assert_eq!((shop.remaining(0), shop.units_of("a"), shop.units_of("b")), (7, 2, 0));
}

#[test]
fn units_are_taken_off_sale_all_or_none_and_come_back_unless_it_is_written_down() {
    let shop = Shop::new(4, 9, NO_HOLD, &[5]);
    shop.buy(ask("a", 2)).expect("five are there");
    assert_eq!(shop.stock.withdraw(ItemNo(0), 4).err(), Some(BelowCommitted));
    drop(shop.stock.withdraw(ItemNo(0), 3).expect("three are free"));
    assert_eq!(shop.remaining(0), 3);
    shop.stock.withdraw(ItemNo(0), 3).expect("three are free").keep();
    assert_eq!((shop.remaining(0), shop.buy(ask("b", 1)).err()), (0, Some(sold_out(false))));
    assert_eq!(shop.stock.withdraw(ItemNo(0), 1).err(), Some(BelowCommitted));
}

#[test]
fn after_a_restart_the_ledgers_orders_count_and_answer_to_their_keys() {
    let before = Shop::new(2, 2, HOLD, &[9]);
    let [kept, gone, unkeyed] = ["k", "gone", "-"].map(|name| before.buy(ask(name, 2).under(name)).expect("nine"));
    let mut terms = unkeyed.terms.clone();
    terms.key = None;
    let shop = Shop::new(2, 2, HOLD, &[]);
    shop.stock.add_item(ItemNo(0), 7, 2);
    shop.stock.restore(moved(&kept, OrderState::Held));
    shop.stock.restore(moved(&gone, OrderState::Expired));
    shop.stock.restore(Arc::new(Order::recovered(terms, OrderState::Cancelled, Stored::Disk)));
    assert_eq!((shop.remaining(0), shop.held(0)), (7, 2));
    assert_eq!(["k", "gone", "-"].map(|name| (shop.units_of(name), shop.orders_of(name))), [(2, 1), (0, 1), (0, 1)]);
    shop.stock.take_back(&kept, OrderState::Held);
    assert_eq!((shop.remaining(0), shop.held(0), shop.units_of("k"), shop.orders_of("k")), (9, 0, 0, 1));
}

/// How often something is tried: Miri, which tries each under many seeds, is a thousand times slower.
const fn times(often: u32) -> u32 {
    if cfg!(miri) { often.div_ceil(200) } else { often }
}

#[test]
fn eight_threads_that_want_one_to_three_units_each_sell_exactly_the_stock() {
    const STOCK: u32 = times(5_000);
    for shards in [1, 8] {
        let shop = Shop::new(shards, u32::MAX, NO_HOLD, &[STOCK]);
        let sold = AtomicU32::new(0);
        thread::scope(|scope| {
            for number in 0..8_u32 {
                let (shop, sold) = (&shop, &sold);
                scope.spawn(move || {
                    let name = format!("b-{number}");
                    for wanted in (1..=3).cycle().skip(number as usize) {
                        match shop.buy(ask(&name, wanted)) {
                            Ok(order) => sold.fetch_add(order.terms.quantity.units(), Ordering::Relaxed),
                            Err(Unavailable::InsufficientStock) => continue,
                            Err(refusal) => return assert_eq!(refusal, sold_out(false)),
                        };
                    }
                });
            }
        });
        assert_eq!((sold.into_inner(), shop.remaining(0)), (STOCK, 0), "{shards} shards");
    }
}

#[test]
fn one_of_eight_threads_gets_the_last_unit_and_seven_are_told_the_truth() {
    for _ in 0..times(200) {
        let shop = Shop::new(4, 1, HOLD, &[1]);
        let names = [0, 1, 2, 3, 4, 5, 6, 7].map(|number| format!("b-{number}"));
        let start = Barrier::new(names.len());
        let won = thread::scope(|scope| {
            let takers = names.each_ref().map(|name| {
                scope.spawn(|| {
                    start.wait();
                    shop.buy(ask(name, 1)).map(drop)
                })
            });
            takers.map(|taker| taker.join().expect("a taker doesn't panic"))
        });
        assert_eq!(won.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert_eq!(won.iter().filter(|outcome| **outcome == Err(sold_out(true))).count(), 7);
        assert_eq!(shop.stock.sales.get(0).expect("the sale").len(), 1, "the losers' accounts are gone");
    }
}

#[test]
fn nobody_is_refused_while_there_is_enough_for_everybody_however_the_units_move() {
    const ROUNDS: u32 = times(20_000);
    // Four threads, never more than three units each, twelve units: there are always enough for who asks.
    let shelf = Shelf::new(8, 12, 0);
    thread::scope(|scope| {
        for home in 0..4 {
            let shelf = &shelf;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let wanted = units(round % 3 + 1);
                    let becomes = if round % 2 == 0 { OrderState::Held } else { OrderState::Confirmed };
                    assert_eq!(shelf.peek(), Ok(()), "round {round}");
                    assert_eq!(shelf.take(home, wanted, becomes), Ok(()), "round {round}");
                    shelf.put_back(home + round as usize, wanted, becomes);
                }
            });
        }
    });
    assert_eq!((shelf.remaining(), shelf.held()), (12, 0));
}

#[test]
fn of_two_attempts_under_one_key_at_once_one_wins_and_one_is_in_progress() {
    let shop = Shop::new(2, 9_999, HOLD, &[9_999]);
    let rounds = times(500);
    for round in 0..rounds {
        let keyed = format!("k-{round}");
        let start = Barrier::new(2);
        let outcomes = thread::scope(|scope| {
            let twin = || {
                start.wait();
                shop.buy(ask("a", 1).under(&keyed)).map(drop)
            };
            let (one, other) = (scope.spawn(twin), scope.spawn(twin));
            [one, other].map(|twin| twin.join().expect("a twin doesn't panic"))
        });
        assert!(
            matches!(outcomes, [Ok(()), Err(Unavailable::InProgress)] | [Err(Unavailable::InProgress), Ok(())]),
            "round {round}: {outcomes:?}"
        );
    }
    assert_eq!((shop.remaining(0), shop.units_of("a"), shop.orders_of("a")), (9_999 - rounds, rounds, rounds as usize));
}

// In memory a won order is 152 bytes (two counts and the order) and 48 in the map, which is between half and seven
// eighths full, and its key. What grows here grows with the stock.
const _: () = assert!(size_of::<Order>() + 16 <= 152 && buyers::ENTRY_BYTES <= 48);
