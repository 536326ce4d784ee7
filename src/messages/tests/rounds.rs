//! The courier's rounds, at receivers on this machine.

use std::collections::BTreeSet;
use std::time::Duration;

use super::house::{FIRST, House, PATIENCE, endpoint, endpoint_terms, eventually, wait};
use super::receiver::{Receiver, Temper};
use crate::ledger::EndpointNo;
use crate::ledger::post::Fate;
use crate::messages::{Endpoint, Kind};
use crate::orders::backoff;

const SECOND: Duration = Duration::from_secs(1);

fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.heard().into_iter().map(|heard| heard.id).collect()
}

fn types(receiver: &Receiver) -> Vec<String> {
    let heard = receiver.heard().into_iter();
    heard.map(|heard| heard.body["type"].as_str().expect("a type").to_owned()).collect()
}

/// Changes a sale several times.
fn turn_often(house: &House, id: &str) {
    for _ in 0..5 {
        wait(house.keeper.pause(id)).expect("it is live");
        wait(house.keeper.resume(id)).expect("it is paused");
    }
    wait(house.keeper.end(id)).expect("it is live");
}

#[test]
fn every_event_is_told_once_and_a_sales_in_their_order() {
    let receiver = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&receiver)]);
    let orders: Vec<_> = (0..50).map(|buyer| house.buy(&format!("b-{buyer}"))).collect();
    turn_often(&house, "launch");
    receiver.wait_for(1 + 50 + 11);
    house.leave();
    let unique: BTreeSet<_> = ids(&receiver).into_iter().collect();
    assert_eq!(unique.len(), receiver.heard().len(), "each once");
    let by_subject = receiver.by_subject();
    for order in &orders {
        assert_eq!(by_subject[&order.terms.id.to_string()], ["order.confirmed"]);
    }
    let turns = ["sale.paused", "sale.resumed"].repeat(5);
    assert_eq!(by_subject["launch"], [&["sale.opened"][..], &turns, &["sale.ended"]].concat());
    assert_eq!(house.reader().endpoints().expect("rows")[0].cursor, house.head());
    assert_eq!(house.remembered(Fate::Alive), []);
}

#[test]
fn the_last_unit_is_told_of() {
    let receiver = Receiver::open(Temper::Status(200));
    let house = House::serving(vec![endpoint(&receiver)]);
    house.open("launch", 1);
    house.buy("b-1");
    receiver.wait_for(3);
    let mut types = types(&receiver);
    types.sort();
    assert_eq!(types, ["order.confirmed", "sale.opened", "sale.sold_out"]);
}

#[test]
fn who_comes_later_hears_of_what_happens_from_then_on() {
    let first = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&first)]);
    house.buy("b-1");
    first.wait_for(2);
    let second = Receiver::open(Temper::Status(200));
    house.serve(vec![endpoint(&first), endpoint(&second)]);
    house.buy("b-2");
    second.wait_for(1);
    first.wait_for(3);
    assert_eq!(types(&second), ["order.confirmed"]);
    assert_eq!(ids(&second)[0], ids(&first)[2], "the same message has one id, whoever gets it");
}

#[test]
fn each_hears_only_of_what_it_wants() {
    let receiver = Receiver::open(Temper::Status(200));
    let terms = endpoint_terms(&receiver.url(), PATIENCE, &[Kind::SaleEnded]);
    let house = House::selling(vec![Endpoint::new(terms).expect("an endpoint")]);
    house.buy("b-1");
    turn_often(&house, "launch");
    receiver.wait_for(1);
    house.leave();
    assert_eq!(types(&receiver), ["sale.ended"]);
    assert_eq!(house.reader().endpoints().expect("rows")[0].cursor, house.head());
}

#[test]
fn a_receiver_that_was_down_gets_everything_in_order_when_it_is_up() {
    let receiver = Receiver::open(Temper::Status(503));
    let house = House::selling(vec![endpoint(&receiver)]);
    turn_often(&house, "launch");
    receiver.wait_for(1);
    eventually("it is to be tried again", || house.status(FIRST).retried > 0);
    receiver.become_of(Temper::Status(200));
    house.pass_until("all is delivered", 5 * SECOND, || house.status(FIRST).delivered == 12);
    let turns = ["sale.paused", "sale.resumed"].repeat(5);
    let types = types(&receiver);
    let first = types.iter().rposition(|kind| kind == "sale.opened").expect("it came");
    assert_eq!(types[first..], [&["sale.opened"][..], &turns, &["sale.ended"]].concat());
    let opened: BTreeSet<_> = ids(&receiver)[..=first].iter().cloned().collect();
    assert_eq!(opened.len(), 1, "one id, however often it is tried");
    house.leave();
    assert_eq!(house.remembered(Fate::Alive), []);
}

#[test]
fn what_failed_is_remembered_over_a_restart_and_what_succeeded_is_not_told_again() {
    let receiver = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&receiver)]);
    receiver.wait_for(1);
    eventually("it is delivered", || house.status(FIRST).delivered == 1);
    receiver.become_of(Temper::Status(500));
    let order = house.buy("b-1");
    receiver.wait_for(2);
    eventually("it has failed", || house.status(FIRST).retried == 1);
    let house = house.restart(vec![endpoint(&receiver)]);
    let kept = house.remembered(Fate::Alive);
    assert_eq!((kept.len(), kept[0].last_error.as_deref()), (1, Some("answered 500")));
    assert!(kept[0].attempts >= 1, "perhaps it was tried again since");
    receiver.become_of(Temper::Status(200));
    house.pass_until("it is delivered", SECOND, || house.status(FIRST).delivered == 1);
    assert_eq!(types(&receiver).iter().filter(|kind| *kind == "sale.opened").count(), 1);
    let unique: BTreeSet<_> = ids(&receiver).into_iter().collect();
    assert_eq!((unique.len(), receiver.by_subject().len()), (2, 2));
    assert!(receiver.by_subject().contains_key(&order.terms.id.to_string()));
}

#[test]
fn what_was_never_written_down_is_told_again_under_the_same_id_and_nothing_is_missing() {
    let receiver = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&receiver)]);
    for buyer in 0..20 {
        house.buy(&format!("b-{buyer}"));
    }
    receiver.wait_for(21);
    // The ledger goes first: the courier's last notes are lost.
    let house = house.begin_again(vec![endpoint(&receiver)]);
    house.buy("b-20");
    eventually("the last one is delivered", || {
        receiver.heard().iter().any(|heard| heard.body["data"]["buyer"] == "b-20")
    });
    let unique: BTreeSet<_> = ids(&receiver).into_iter().collect();
    assert_eq!(unique.len(), 22);
}

#[test]
fn an_endpoint_that_says_410_is_left_alone_until_somebody_wants_it_again() {
    let receiver = Receiver::open(Temper::Status(410));
    let house = House::selling(vec![endpoint(&receiver)]);
    receiver.wait_for(1);
    eventually("it is disabled", || house.status(FIRST).disabled.is_some());
    house.buy("b-1");
    let house = house.restart(vec![endpoint(&receiver)]);
    assert!(house.status_after_start().disabled.is_some(), "also after a restart");
    receiver.become_of(Temper::Status(200));
    assert_eq!(receiver.heard().len(), 1, "it was left alone");
    assert!(wait(house.courier.again(FIRST)));
    receiver.wait_for(3);
    let missed: BTreeSet<_> = types(&receiver).into_iter().skip(1).collect();
    assert!(missed.iter().eq(["order.confirmed", "sale.opened"]), "all that it has missed: {missed:?}");
    assert!(!wait(house.courier.again(EndpointNo(9))), "nobody is there");
}

#[test]
fn a_message_that_is_never_taken_is_a_dead_letter_and_can_be_tried_again() {
    let receiver = Receiver::open(Temper::Status(500));
    let house = House::selling(vec![endpoint(&receiver)]);
    receiver.wait_for(1);
    house.pass_until("it is given up", backoff::LONGEST, || house.status(FIRST).dead == 1);
    assert_eq!(receiver.heard().len(), 1 + backoff::RETRIES_MAX as usize);
    house.pass_until("it is written down", SECOND, || !house.remembered(Fate::Dead).is_empty());
    let house = house.restart(vec![endpoint(&receiver)]);
    let dead = house.remembered(Fate::Dead);
    assert_eq!((dead.len(), dead[0].attempts), (1, 1 + backoff::RETRIES_MAX));
    assert_eq!(house.status_after_start().dead, 1);
    receiver.become_of(Temper::Status(200));
    assert!(wait(house.courier.again(FIRST)));
    eventually("it is delivered at last", || house.status(FIRST).delivered == 1);
    let is_forgotten = || house.remembered(Fate::Dead).is_empty() && house.remembered(Fate::Alive).is_empty();
    house.pass_until("it is forgotten", SECOND, is_forgotten);
    assert_eq!(house.status(FIRST).dead, 0);
}

#[test]
fn one_that_hangs_slows_neither_the_others_nor_the_sale() {
    let hanging = Receiver::open(Temper::Hanging);
    let quick = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&hanging), endpoint(&quick)]);
    for buyer in 0..100 {
        house.buy(&format!("b-{buyer}"));
    }
    quick.wait_for(101);
    hanging.wait_for(super::super::bag::IN_FLIGHT_MAX);
    assert_eq!(house.status(FIRST).delivered, 0);
    assert_eq!(house.funnel.ledger.health().orders, 100);
    hanging.become_of(Temper::Status(200));
    hanging.wait_for(101);
}

#[test]
fn more_than_fit_the_memory_wait_in_the_log() {
    let receiver = Receiver::open(Temper::Status(500));
    let house = House::selling(vec![endpoint(&receiver)]);
    for buyer in 0..1100 {
        house.buy(&format!("b-{buyer}"));
    }
    eventually("the bag is full", || house.status(FIRST).is_full);
    assert!(house.status(FIRST).read < house.head());
    receiver.become_of(Temper::Status(200));
    house.pass_until("all is delivered", 5 * SECOND, || house.status(FIRST).delivered == 1101);
    let unique: BTreeSet<_> = ids(&receiver).into_iter().collect();
    assert_eq!(unique.len(), 1101);
}

#[test]
fn an_endpoint_that_is_no_longer_named_is_no_longer_served_and_goes_on_when_it_comes_back() {
    let receiver = Receiver::open(Temper::Status(200));
    let house = House::selling(vec![endpoint(&receiver)]);
    receiver.wait_for(1);
    house.serve(Vec::new());
    house.buy("b-1");
    assert_eq!(house.courier.statuses(), []);
    house.serve(vec![endpoint(&receiver)]);
    receiver.wait_for(2);
    assert_eq!(types(&receiver), ["sale.opened", "order.confirmed"]);
}
