//! A judge who never objects proves nothing: for each rule a history that breaks it, and none for those that break none.

mod honest;

use std::time::Duration;

use super::{Noes, Rule, judge};
use crate::ids::OrderId;
use crate::order::OrderState::{self, Cancelled, Confirmed, Expired, Held, Refunded};
use crate::torture::history::{Final, Heard, History, Operation, Terms, Want};

const HOLD_MS: u64 = 1_000;

pub(super) fn order(number: u8) -> OrderId {
    let two = format!("{number:02x}").repeat(2);
    OrderId::parse(&format!("{two}{two}-{two}-{two}-{two}-{two}{two}{two}")).expect("an id")
}

fn ms(from: u64) -> Duration {
    Duration::from_millis(from)
}

pub(super) fn operation(want: Want, (begun, ended): (u64, u64), heard: Heard) -> Operation {
    Operation { client: 0, want, begun: ms(begun), ended: ms(ended), heard }
}

pub(super) fn buy(buyer: &str, key: &str, units: u32) -> Want {
    Want::Buy { buyer: buyer.into(), key: key.into(), units }
}

pub(super) fn yes(number: u8, state: OrderState) -> Heard {
    Heard::Yes { order: Some(order(number)), state: Some(state), is_replay: false }
}

pub(super) fn no(code: &str) -> Heard {
    Heard::No { code: code.into() }
}

fn last(number: u8, buyer: &str, key: &str, units: u32, state: OrderState) -> Final {
    Final { order: order(number), buyer: buyer.into(), key: key.into(), units, state }
}

fn broken(stock: u32, operations: Vec<Operation>, finals: Vec<Final>) -> Vec<Rule> {
    let terms = Terms { stock, limit_per_buyer: 2, hold: ms(HOLD_MS) };
    let history = History { terms, operations, finals, was_bought_out: false };
    judge(&history).objections.into_iter().map(|objection| objection.rule).collect()
}

#[test]
fn two_buyers_of_one_unit_at_once_are_one_too_many() {
    let won = |number: u8, buyer: &str, at| operation(buy(buyer, "k", 1), at, yes(number, Held));
    let held = |number, buyer: &str| last(number, buyer, "k", 1, Expired);
    let finals = vec![held(1, "a"), held(2, "b")];
    let twice = vec![won(1, "a", (0, 10)), won(2, "b", (20, 30))];
    assert_eq!(broken(1, twice, finals.clone()), [Rule::Oversold]);
    let one_after_the_other = vec![won(1, "a", (0, 10)), won(2, "b", (HOLD_MS, HOLD_MS + 20))];
    assert_eq!(broken(1, one_after_the_other, finals), []);
}

#[test]
fn an_order_that_was_paid_keeps_its_unit_for_ever() {
    let won = |number: u8, buyer: &str, at| operation(buy(buyer, "k", 1), at, yes(number, Held));
    let paid = operation(Want::Pay(order(1)), (20, 30), yes(1, Confirmed));
    let operations = vec![won(1, "a", (0, 10)), paid, won(2, "b", (HOLD_MS * 5, HOLD_MS * 5 + 10))];
    let finals = vec![last(1, "a", "k", 1, Confirmed), last(2, "b", "k", 1, Expired)];
    assert_eq!(broken(1, operations.clone(), finals.clone()), [Rule::Oversold]);
    assert_eq!(broken(2, operations.clone(), finals), []);
    // Until it is refunded: from then on it is anybody's.
    let refund = operation(Want::Refund(order(1)), (40, 50), yes(1, Refunded));
    let with = |of: Vec<Operation>| [operations[..2].to_vec(), vec![refund.clone()], of].concat();
    let finals = vec![last(1, "a", "k", 1, Refunded), last(2, "b", "k", 1, Expired)];
    assert_eq!(broken(1, with(operations[2..].to_vec()), finals.clone()), []);
    let sold_out = |at| operation(buy("c", "k", 1), at, no("sold_out"));
    assert_eq!(broken(1, with(vec![sold_out((35, 45))]), finals[..1].to_vec()), []);
    assert_eq!(broken(1, with(vec![sold_out((60, 70))]), finals[..1].to_vec()), [Rule::FalseNo]);
}

#[test]
fn a_yes_that_is_not_in_the_ledger_is_lost_and_an_order_of_nobody_is_found() {
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    assert_eq!(broken(5, vec![won.clone()], vec![]), [Rule::Durability]);
    let finals = vec![last(1, "a", "k", 1, Expired)];
    assert_eq!(broken(5, vec![won.clone()], finals.clone()), []);
    assert_eq!(broken(5, vec![won], vec![last(1, "a", "k", 2, Expired)]), [Rule::Durability]);
    let refused = operation(buy("a", "k", 1), (0, 10), no("busy"));
    assert_eq!(broken(5, vec![refused], finals.clone()), [Rule::Durability, Rule::Unknown]);
    let unheard = operation(buy("a", "k", 1), (0, 10), Heard::Nothing);
    assert_eq!(broken(5, vec![unheard], finals), []);
}

#[test]
fn one_key_has_one_order() {
    let won = |number, at| operation(buy("a", "k", 1), at, yes(number, Held));
    let finals = vec![last(1, "a", "k", 1, Expired), last(2, "a", "k", 1, Expired)];
    let found = broken(5, vec![won(1, (0, 10)), won(2, (20, 30))], finals);
    assert_eq!(found, [Rule::Idempotency, Rule::Idempotency]);
}

#[test]
fn nobody_has_more_than_the_limit_at_once() {
    let won = |number, key: &str, at| operation(buy("a", key, 2), at, yes(number, Held));
    let finals = vec![last(1, "a", "k", 2, Expired), last(2, "a", "l", 2, Expired)];
    assert_eq!(broken(9, vec![won(1, "k", (0, 10)), won(2, "l", (20, 30))], finals.clone()), [Rule::Limit]);
    let later = vec![won(1, "k", (0, 10)), won(2, "l", (HOLD_MS, HOLD_MS + 20))];
    assert_eq!(broken(9, later, finals), []);
}

#[test]
fn a_hold_may_have_begun_when_nobody_heard_of_it() {
    let unheard = operation(buy("a", "k", 2), (0, 10), Heard::Nothing);
    let again = operation(buy("a", "k", 2), (900, 910), yes(1, Held));
    let other = operation(buy("a", "l", 2), (HOLD_MS + 100, HOLD_MS + 110), yes(2, Held));
    let finals = vec![last(1, "a", "k", 2, Expired), last(2, "a", "l", 2, Expired)];
    assert_eq!(broken(9, vec![unheard, again.clone(), other.clone()], finals.clone()), []);
    assert_eq!(broken(9, vec![again, other], finals), [Rule::Limit]);
}

#[test]
fn sold_out_is_a_lie_where_a_unit_was_free_all_the_time() {
    let sold_out = |at| operation(buy("b", "k", 1), at, no("sold_out"));
    assert_eq!(broken(1, vec![sold_out((0, 10))], vec![]), [Rule::FalseNo]);
    // Somebody else was asking: who knows.
    let other = operation(buy("a", "k", 1), (5, 20), no("busy"));
    assert_eq!(broken(1, vec![sold_out((0, 10)), other], vec![]), []);
    // He had been refused before.
    let other = operation(buy("a", "k", 1), (0, 10), no("busy"));
    assert_eq!(broken(1, vec![other, sold_out((20, 30))], vec![]), [Rule::FalseNo]);
    // He has it, until he has given it back.
    let finals = vec![last(1, "a", "k", 1, Cancelled)];
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let back = operation(Want::Cancel(order(1)), (20, 30), yes(1, Cancelled));
    assert_eq!(broken(1, vec![won.clone(), sold_out((12, 18)), back.clone()], finals.clone()), []);
    assert_eq!(broken(1, vec![won, back, sold_out((40, 50))], finals), [Rule::FalseNo]);
}

#[test]
fn a_no_is_judged_to_the_unit_where_nobody_else_was_undecided() {
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let sold_out = |at| operation(buy("b", "k", 1), at, no("sold_out"));
    let terms = Terms { stock: 1, limit_per_buyer: 2, hold: ms(HOLD_MS) };
    let finals = vec![last(1, "a", "k", 1, Held)];
    let other = operation(buy("c", "k", 1), (35, 60), no("sold_out"));
    let operations = vec![won, sold_out((20, 30)), other, sold_out((40, 50))];
    let noes = judge(&History { terms, operations, finals, was_bought_out: false }).noes;
    assert_eq!(noes, Noes { judged: 3, to_the_unit: 1 });
}

#[test]
fn units_that_were_taken_away_are_nobodys_to_have() {
    let taken = |heard| operation(Want::Take(1), (20, 30), heard);
    let done = || Heard::Yes { order: None, state: None, is_replay: false };
    let won = |at| operation(buy("a", "k", 2), at, yes(1, Held));
    let finals = || vec![last(1, "a", "k", 2, Expired)];
    assert_eq!(broken(2, vec![taken(done()), won((40, 50))], finals()), [Rule::Oversold]);
    assert_eq!(broken(3, vec![taken(done()), won((40, 50))], finals()), []);
    assert_eq!(broken(2, vec![won((0, 25)), taken(no("below_committed"))], finals()), []);
    let sold_out = |at| operation(buy("b", "k", 1), at, no("sold_out"));
    for heard in [done(), Heard::Nothing] {
        assert_eq!(broken(1, vec![taken(heard), sold_out((40, 50))], vec![]), []);
    }
    assert_eq!(broken(1, vec![taken(no("below_committed")), sold_out((40, 50))], vec![]), [Rule::FalseNo]);
}

#[test]
fn a_clock_that_jumps_ends_a_hold_whenever_it_likes() {
    let won = |number: u8, buyer: &str, at| operation(buy(buyer, "k", 1), at, yes(number, Held));
    let done = Heard::Yes { order: None, state: None, is_replay: false };
    let jump = operation(Want::SetClock(500), (20, 30), done);
    let finals = vec![last(1, "a", "k", 1, Expired), last(2, "b", "k", 1, Expired)];
    let operations = vec![won(1, "a", (0, 10)), jump.clone(), won(2, "b", (25, 40))];
    assert_eq!(broken(1, operations, finals.clone()), []);
    // But not before it jumps, and not one that has begun since.
    let operations = vec![won(1, "a", (0, 10)), won(2, "b", (12, 18)), jump.clone()];
    assert_eq!(broken(1, operations, finals.clone()), [Rule::Oversold]);
    let operations = vec![jump, won(1, "a", (40, 50)), won(2, "b", (60, 70))];
    assert_eq!(broken(1, operations, finals), [Rule::Oversold]);
}

#[test]
fn sold_out_is_a_lie_too_where_nobody_heard_what_became_of_the_unit_long_ago() {
    let sold_out = |at| operation(buy("b", "k", 1), (at, at + 10), no("sold_out"));
    // It came to nothing.
    let unheard = operation(buy("a", "k", 1), (0, 10), Heard::Nothing);
    assert_eq!(broken(1, vec![unheard.clone(), sold_out(1_000)], vec![]), []);
    assert_eq!(broken(1, vec![unheard, sold_out(60_000)], vec![]), [Rule::FalseNo]);
    // It ran out, and nobody looked.
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let finals = vec![last(1, "a", "k", 1, Expired)];
    assert_eq!(broken(1, vec![won.clone(), sold_out(1_000)], finals.clone()), []);
    assert_eq!(broken(1, vec![won.clone(), sold_out(60_000)], finals), [Rule::FalseNo]);
    // A payment that nobody heard of may have taken it.
    let paid = operation(Want::Pay(order(1)), (20, 30), Heard::Nothing);
    let finals = vec![last(1, "a", "k", 1, Confirmed)];
    assert_eq!(broken(1, vec![won, paid, sold_out(60_000)], finals), []);
}

#[test]
fn nothing_is_sold_in_a_pause_and_nobody_is_told_of_one_that_is_not() {
    let pause = operation(Want::Pause, (100, 110), yes(9, Held));
    let resume = operation(Want::Resume, (200, 210), yes(9, Held));
    let won = |at| operation(buy("a", "k", 1), at, yes(1, Held));
    let finals = vec![last(1, "a", "k", 1, Expired)];
    let with = |of: Operation| {
        let mut operations = vec![pause.clone(), of, resume.clone()];
        operations.sort_by_key(|operation| operation.begun);
        operations
    };
    assert_eq!(broken(5, with(won((120, 130))), finals.clone()), [Rule::Window]);
    for at in [(90, 105), (105, 130), (120, 205), (220, 230)] {
        assert_eq!(broken(5, with(won(at)), finals.clone()), [], "{at:?}");
    }
    let told = |at| operation(buy("b", "l", 1), at, no("sale_paused"));
    assert_eq!(broken(5, with(told((220, 230))), vec![]), [Rule::Window]);
    assert_eq!(broken(5, with(told((120, 130))), vec![]), []);
}

#[test]
fn what_was_decided_stays_decided() {
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let paid = operation(Want::Pay(order(1)), (20, 30), yes(1, Confirmed));
    let back = operation(Want::Cancel(order(1)), (20, 30), yes(1, Cancelled));
    let ends = |done: &Operation, state| broken(5, vec![won.clone(), done.clone()], vec![last(1, "a", "k", 1, state)]);
    assert_eq!((ends(&paid, Confirmed), ends(&back, Cancelled)), (vec![], vec![]));
    assert_eq!(ends(&paid, Expired), [Rule::Agreement]);
    assert_eq!(ends(&back, Expired), [Rule::Agreement]);
    let refunded = operation(Want::Refund(order(1)), (40, 50), yes(1, Refunded));
    let ends = |state| broken(5, vec![won.clone(), paid.clone(), refunded.clone()], vec![last(1, "a", "k", 1, state)]);
    assert_eq!((ends(Refunded), ends(Confirmed)), (vec![], vec![Rule::Agreement]));
    let alone = |state| broken(5, vec![won.clone()], vec![last(1, "a", "k", 1, state)]);
    assert_eq!((alone(Confirmed), alone(Cancelled)), (vec![Rule::Agreement], vec![Rule::Agreement]));
}

#[test]
fn who_looks_sees_what_was_and_never_an_earlier_state() {
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let look = |at, heard| operation(Want::Look(order(1)), at, heard);
    let finals = vec![last(1, "a", "k", 1, Expired)];
    let seen = |looks: Vec<Operation>| broken(5, [vec![won.clone()], looks].concat(), finals.clone());
    assert_eq!(seen(vec![look((20, 30), no("order_not_found"))]), [Rule::Session]);
    assert_eq!(seen(vec![look((5, 30), no("order_not_found"))]), []);
    let (expired, held) = (yes(1, Expired), yes(1, Held));
    assert_eq!(seen(vec![look((20, 30), expired.clone()), look((40, 50), held.clone())]), [Rule::Session]);
    assert_eq!(seen(vec![look((20, 45), expired), look((40, 50), held)]), []);
}

#[test]
fn nobody_is_told_yes_while_what_he_waits_for_is_out_of_reach() {
    let cut_off = operation(Want::CutOff, (100, 200), yes(9, Held));
    let finals = || vec![last(1, "a", "k", 1, Expired)];
    let with = |at| broken(5, vec![cut_off.clone(), operation(buy("a", "k", 1), at, yes(1, Held))], finals());
    assert_eq!((with((110, 120)), with((110, 210))), (vec![Rule::Postgres], vec![]));
    let before = vec![operation(buy("a", "k", 1), (90, 120), yes(1, Held)), cut_off];
    assert_eq!(broken(5, before, finals()), []);
}

#[test]
fn enough_buyers_leave_nothing() {
    let won = operation(buy("a", "k", 1), (0, 10), yes(1, Held));
    let sold_out = operation(buy("b", "l", 1), (20, 30), no("sold_out"));
    let terms = Terms { stock: 2, limit_per_buyer: 2, hold: ms(HOLD_MS) };
    let mut history = History {
        terms,
        operations: vec![won, sold_out],
        finals: vec![last(1, "a", "k", 1, Held)],
        was_bought_out: true,
    };
    let rules = |history: &History| judge(history).objections.into_iter().map(|of| of.rule).collect::<Vec<_>>();
    assert_eq!(rules(&history), [Rule::FalseNo, Rule::Exactness]);
    history.terms.stock = 1;
    assert_eq!(rules(&history), []);
    // Who took a unit away, or may have, explains one that is missing.
    history.terms.stock = 2;
    let done = Heard::Yes { order: None, state: None, is_replay: false };
    for heard in [done, Heard::Nothing] {
        history.operations.push(operation(Want::Take(1), (12, 18), heard));
        history.operations.sort_by_key(|operation| operation.begun);
        assert_eq!(rules(&history), []);
        history.operations.retain(|of| !matches!(of.want, Want::Take(_)));
    }
}
