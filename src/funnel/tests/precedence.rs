//! Where two reasons to refuse hold at once, the contract's order decides which is said: each two neighbours in it.

use super::house::{House, OPEN_DOORS, SECOND, TEN_MINUTES, Yes, ask, offer, wait};
use crate::access::{AccessSettings, Limit, Quota};
use crate::client::{PassBuffer, Proof, Unproven};
use crate::funnel::{Attempt, Refusal};
use crate::ledger::{DeskId, Unwritten};
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

const SOLD_OUT: Refusal = Refusal::Stock(Unavailable::SoldOut { held_may_return: false });

/// One attempt, and none again for a long time.
fn once() -> Option<Quota> {
    Quota::new(0.001, 1).expect("in range")
}

fn limited(settings: AccessSettings) -> House {
    let house = House::with(&settings);
    house.create(offer("launch", &[("shoe", 9)]));
    house.buy(ask("ann"));
    house
}

fn limit_of(refusal: Option<Refusal>) -> Option<Limit> {
    match refusal {
        Some(Refusal::Access(throttled)) => Some(throttled.limit),
        _ => None,
    }
}

fn nameless(house: &House) -> Option<Refusal> {
    let attempt = Attempt { proof: Proof::Nothing, ..ask("ann").attempt(&house.funnel) };
    house.funnel.descend(attempt, &mut PassBuffer::default(), house.clock.now()).err()
}

/// A shop whose only shoe is gone, and whose sign says so.
fn sold_out() -> House {
    let house = House::selling(1);
    house.buy(ask("ann").under("k"));
    assert_eq!(house.refusal(ask("bob")), Some(SOLD_OUT));
    house
}

#[test]
fn the_limit_of_an_address_is_said_before_a_missing_pass() {
    let house = limited(AccessSettings { ip: once(), ..OPEN_DOORS });
    assert_eq!(limit_of(nameless(&house)), Some(Limit::Ip));
}

#[test]
fn a_missing_pass_is_said_before_the_limits_of_buyer_and_sale() {
    let house = limited(AccessSettings { buyer: once(), sale: once(), ..OPEN_DOORS });
    assert_eq!(nameless(&house), Some(Refusal::Client(Unproven::PassRequired)));
}

#[test]
fn the_limit_of_a_buyer_is_said_before_the_limit_of_the_sale() {
    let house = limited(AccessSettings { buyer: once(), sale: once(), ..OPEN_DOORS });
    assert_eq!(limit_of(house.refusal(ask("ann"))), Some(Limit::Buyer));
    assert_eq!(limit_of(house.refusal(ask("bob"))), Some(Limit::Sale));
}

#[test]
fn the_limit_of_a_sale_is_said_before_there_is_no_such_sale() {
    let house = limited(AccessSettings { sale: once(), ..OPEN_DOORS });
    let nowhere = ask("ann").of("nowhere", "shoe");
    assert_eq!(house.refusal(nowhere), Some(Refusal::Sale(NotOnSale::SaleNotFound)));
    assert_eq!(limit_of(house.refusal(nowhere)), Some(Limit::Sale));
}

#[test]
fn a_rate_that_is_used_up_is_said_also_to_whoever_only_wants_his_order_again() {
    let house = House::with(&AccessSettings { buyer: once(), ..OPEN_DOORS });
    house.create(offer("launch", &[("shoe", 9)]));
    house.buy(ask("ann").under("k"));
    assert_eq!(limit_of(house.refusal(ask("ann").under("k"))), Some(Limit::Buyer));
    house.clock.advance(1_001 * SECOND);
    assert!(matches!(house.attempt(ask("ann").under("k")), Ok(Yes::Again(_))));
}

#[test]
fn a_missing_sale_is_said_before_a_missing_item_and_that_before_the_order_of_a_key() {
    let house = House::selling(9);
    house.buy(ask("ann").under("k"));
    let missing = |sale| house.refusal(ask("ann").under("k").of(sale, "nothing"));
    assert_eq!(missing("nowhere"), Some(Refusal::Sale(NotOnSale::SaleNotFound)));
    assert_eq!(missing("launch"), Some(Refusal::Sale(NotOnSale::ItemNotFound)));
}

#[test]
fn a_missing_item_is_said_before_the_phase_of_the_sale() {
    let house = House::selling(9);
    wait(house.keeper.pause("launch")).expect("paused");
    let missing = house.refusal(ask("ann").of("launch", "nothing"));
    assert_eq!(missing, Some(Refusal::Sale(NotOnSale::ItemNotFound)));
}

#[test]
fn the_order_of_a_key_is_answered_before_the_phase_the_sign_and_the_limit() {
    let mut house = sold_out();
    let again = |house: &House| matches!(house.attempt(ask("ann").under("k")), Ok(Yes::Again(_)));
    assert!(again(&house), "sold out");
    wait(house.keeper.pause("launch")).expect("paused");
    assert!(again(&house), "paused");
    wait(house.keeper.end("launch")).expect("ended");
    assert!(again(&house), "ended");
    house.restart();
    assert!(again(&house), "restarted");
    let other = house.refusal(ask("ann").under("k").units(2));
    assert_eq!(other, Some(Refusal::Stock(Unavailable::IdempotencyMismatch)));
}

#[test]
fn the_phase_is_said_before_the_sign() {
    let house = sold_out();
    wait(house.keeper.pause("launch")).expect("paused");
    assert_eq!(house.refusal(ask("bob")), Some(Refusal::Sale(NotOnSale::Paused)));
    wait(house.keeper.end("launch")).expect("ended");
    assert_eq!(house.refusal(ask("bob")), Some(Refusal::Sale(NotOnSale::Ended)));
}

#[test]
fn the_sign_is_said_before_the_limit_and_the_limit_before_the_stock() {
    let house = House::selling(3);
    house.buy(ask("ann").units(2));
    let too_many = Some(Refusal::Stock(Unavailable::LimitReached));
    assert_eq!(house.refusal(ask("ann").units(2)), too_many, "one is left, and she has had hers");
    house.buy(ask("bob"));
    assert_eq!(house.refusal(ask("ann")), Some(SOLD_OUT), "the last one is gone, and the sign says so");
}

#[test]
fn a_sale_that_was_paused_meanwhile_is_said_before_the_twin_of_a_key() {
    let house = House::selling(9);
    let late = house.slow_attempt(ask("ann").under("k"), || {
        house.buy(ask("ann").under("k"));
        wait(house.keeper.pause("launch")).expect("paused");
    });
    assert_eq!(late.err(), Some(Refusal::Sale(NotOnSale::Paused)));
}

#[test]
fn the_twin_of_a_key_is_said_before_the_limit() {
    let house = House::selling(9);
    let twin = ask("ann").under("k").units(2);
    let late = |units| house.slow_attempt(twin.units(units), || drop(house.attempt(twin))).err();
    assert_eq!(late(2), Some(Refusal::Stock(Unavailable::InProgress)), "the next try finds the order");
    assert!(matches!(house.attempt(twin), Ok(Yes::Again(_))));
    let house = House::selling(9);
    let late = house.slow_attempt(twin.units(1), || drop(house.buy(twin))).err();
    assert_eq!(late, Some(Refusal::Stock(Unavailable::IdempotencyMismatch)));
}

#[test]
fn the_limit_is_said_before_a_full_queue_and_that_before_the_stock() {
    let house = House::selling(1);
    let mut buffers = [PassBuffer::default(), PassBuffer::default()];
    let [first, second] = &mut buffers;
    let (many, two) = (ask("ann").units(3), ask("ann").units(2));
    let (for_many, for_two) = (house.entered(many, first), house.entered(two, second));
    house.funnel.ledger.close();
    let take = |entered, ask: super::house::Ask<'static>| {
        house.funnel.take(entered, ask.wanted(), DeskId::NONE, house.clock.now()).err()
    };
    assert_eq!(take(&for_many, many), Some(Refusal::Stock(Unavailable::LimitReached)));
    assert_eq!(take(&for_two, two), Some(Refusal::Ledger(Unwritten::Busy)));
    assert_eq!(house.funnel.stock.remaining(for_two.found().item().no()), 1, "a refusal leaves no trace");
    assert_eq!(house.funnel.stock.units_of(for_two.found().sale().no(), for_two.found().buyer()), 0);
}

#[test]
fn too_few_units_are_something_else_than_none_and_held_ones_may_return() {
    let house = House::new();
    let mut held = offer("launch", &[("shoe", 2)]);
    held.sale.hold = Some(TEN_MINUTES);
    house.create(held);
    house.buy(ask("ann"));
    assert_eq!(house.refusal(ask("bob").units(2)), Some(Refusal::Stock(Unavailable::InsufficientStock)));
    house.buy(ask("bob"));
    let sold_out = Some(Refusal::Stock(Unavailable::SoldOut { held_may_return: true }));
    assert_eq!([house.refusal(ask("cy")), house.refusal(ask("cy"))], [sold_out, sold_out]);
}
