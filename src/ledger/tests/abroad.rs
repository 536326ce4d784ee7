//! Who waits for PostgreSQL: told when it has his order, or that nobody knows.

use super::*;

/// Somebody ships for those who wait.
fn attended(house: &House) {
    house.ledger.on_departure(Arc::new(Sleeper(Arc::clone(&house.ears))));
}

/// An order on its disk, whose buyer waits for PostgreSQL.
fn placed(house: &mut House, buyer: &str) -> (Arc<Order>, Receipt) {
    let order = order_of(SALE, ITEM, buyer, 1, Ack::Postgres);
    let slot = house.ledger.slot_for(Ack::Postgres).unwrap();
    let receipt = house.ledger.accept(slot, Arc::clone(&order), DeskId::NONE);
    assert_eq!(house.writer.turn(), 1);
    (order, receipt)
}

#[test]
fn a_buyer_who_waits_for_postgresql_is_told_when_it_has_his_order_and_not_before() {
    let mut house = House::with_stock(9);
    attended(&house);
    let (first, mut receipt) = placed(&mut house, "a");
    let (second, later) = placed(&mut house, "b");
    let seq = first.seq().unwrap();
    assert_eq!((first.stored(), second.seq()), (Stored::Disk, Some(seq + 1)), "both are on disk");
    assert_eq!(house.ears.lock().iter().filter(|heard| **heard == Heard::Rung).count(), 2, "the shipper hears of each");
    assert!(poll(&mut receipt, &house.ears).is_pending());
    house.ledger.arrived(seq);
    assert_eq!(house.ears.lock().last(), Some(&Heard::Woken));
    assert_eq!((receipt.peek(), later.peek()), (Some(Ok(Stored::Postgres)), None));
    assert_eq!((house.ledger.stored(&first), house.ledger.stored(&second)), (Stored::Postgres, Stored::Disk));
    house.ledger.arrived(seq + 5);
    assert_eq!(later.peek(), Some(Ok(Stored::Postgres)));
    // Set back: what was told was true; what is asked now is answered as it is now.
    house.ledger.arrived(0);
    assert_eq!(house.ledger.stored(&first), Stored::Disk);
}

#[test]
fn a_shipper_that_was_faster_than_the_writer_keeps_nobody_waiting() {
    let mut house = House::with_stock(9);
    house.ledger.arrived(100);
    let (_, receipt) = placed(&mut house, "a");
    assert_eq!(receipt.peek(), Some(Ok(Stored::Postgres)));
}

#[test]
fn whoever_has_waited_too_long_is_told_that_nobody_knows_and_his_order_stays() {
    let mut house = House::with_stock(9);
    attended(&house);
    let (early, first) = placed(&mut house, "a");
    let begun = house.clock.now().mono;
    house.clock.advance(Duration::from_secs(1));
    let (_, second) = placed(&mut house, "b");
    assert_eq!(house.ledger.give_up(begun), 1);
    assert_eq!((first.peek(), second.peek()), (Some(Err(Unwritten::OutcomeUnknown)), None));
    // Who comes again waits again, as long as it takes.
    let now = house.clock.now().mono;
    let again = house.ledger.kept(&early, DeskId::NONE, now);
    assert_eq!(again.peek(), None);
    house.ledger.arrived(early.seq().unwrap());
    assert_eq!(again.peek(), Some(Ok(Stored::Postgres)));
    assert_eq!(house.outcomes(), [Outcome::Stored(Stored::Disk); 2]);
}

#[test]
fn while_postgresql_is_away_nobody_is_let_in_who_needs_it_and_everybody_else_is() {
    let mut house = House::with_stock(9);
    attended(&house);
    let (order, _receipt) = placed(&mut house, "a");
    assert!(house.ledger.set_away(true) && !house.ledger.set_away(true), "news once");
    assert_eq!(house.ledger.slot_for(Ack::Postgres).err(), Some(Unwritten::Busy));
    assert!(house.ledger.slot_for(Ack::Disk).is_ok() && house.ledger.slot().is_ok());
    let again = house.ledger.kept(&order, DeskId::NONE, house.clock.now().mono);
    assert_eq!(again.peek(), Some(Err(Unwritten::OutcomeUnknown)), "nobody knows, and nobody is kept waiting");
    assert!(house.ledger.set_away(false));
    assert!(house.ledger.slot_for(Ack::Postgres).is_ok());
}

#[test]
fn where_nobody_ships_any_more_a_winner_hears_what_is_true_of_his_order_at_once() {
    let mut house = House::with_stock(9);
    let (order, _receipt) = placed(&mut house, "a");
    let again = house.ledger.kept(&order, DeskId::NONE, house.clock.now().mono);
    assert_eq!(again.peek(), Some(Ok(Stored::Disk)));
}

#[test]
fn an_order_that_was_promised_less_is_never_kept_waiting() {
    let mut house = House::with_stock(9);
    let order = order("a", 1);
    let receipt = house.place(&order);
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
    assert_eq!(house.ledger.kept(&order, DeskId::NONE, house.clock.now().mono).peek(), Some(Ok(Stored::Disk)));
}

#[test]
fn a_ledger_that_goes_leaves_nobody_waiting() {
    let mut house = House::with_stock(9);
    let (_, mut receipt) = placed(&mut house, "a");
    let House { ledger, writer, ears, .. } = house;
    writer.finish();
    drop(ledger);
    assert_eq!(poll(&mut receipt, &ears), Poll::Ready(Err(Unwritten::OutcomeUnknown)));
}
