//! Notes: beside the log, with the events that are written anyway, and at nobody's cost.

use super::super::post::{EndpointRecord, Fate};
use super::super::read::LedgerReader;
use super::super::store::Failure;
use super::disks::{Luck, scripted};
use super::*;

const FIRST: EndpointNo = EndpointNo(1);
const TICK: Duration = Duration::from_millis(100);

fn enrolled() -> Vec<Note> {
    vec![Note::Enrolled { url: "https://shop.example/hook".into() }]
}

fn kept(seq: i64) -> Delivery {
    Delivery { seq, attempts: 3, next_at: Some(NINE), dead_at: None, last_error: Some("answered 500".into()) }
}

impl House {
    fn reader(&self) -> LedgerReader {
        LedgerReader::open(&self.dir.path().join("data")).unwrap()
    }

    fn deliveries(&self, fate: Fate) -> Vec<Delivery> {
        self.reader().deliveries(FIRST, fate, 0, 100).unwrap()
    }

    fn enrol(&mut self) {
        let receipt = self.ledger.note(enrolled());
        self.writer.turn();
        assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
        self.clock.advance(TICK);
    }
}

#[test]
fn an_endpoint_begins_at_the_end_of_the_log_and_keeps_its_place_when_it_comes_again() {
    let mut house = House::with_stock(10);
    house.enrol();
    let record = EndpointRecord { no: FIRST, url: "https://shop.example/hook".into(), cursor: 2, disabled: None };
    assert_eq!(house.reader().endpoints().unwrap(), std::slice::from_ref(&record));
    drop(house.place(&order("a", 1)));
    house.writer.turn();
    house.enrol();
    assert_eq!(house.reader().endpoints().unwrap(), [record]);
    assert_eq!(house.kinds(), ["sale.created", "sale.opened", "order.placed"], "notes are no events");
}

#[test]
fn notes_travel_with_the_events_that_are_written_anyway() {
    let mut house = House::with_stock(10);
    house.enrol();
    let commits = house.ledger.health().commits;
    let note = house.ledger.note(vec![Note::Through { endpoint: FIRST, seq: 3 }, Note::Kept(FIRST, kept(1))]);
    let order = house.place(&order("a", 1));
    house.writer.turn();
    assert_eq!((note.peek(), order.peek()), (Some(Ok(Stored::Disk)), Some(Ok(Stored::Disk))));
    assert_eq!(house.ledger.health().commits, commits + 1);
    assert_eq!((house.reader().endpoints().unwrap()[0].cursor, house.deliveries(Fate::Alive)), (3, vec![kept(1)]));
}

#[test]
fn notes_are_written_ten_times_a_second_at_most() {
    let mut house = House::with_stock(10);
    house.enrol();
    let through = |house: &House, seq| house.ledger.note(vec![Note::Through { endpoint: FIRST, seq }]);
    let first = through(&house, 1);
    house.writer.turn();
    assert!(first.peek().is_some(), "nothing else is queued: at once");
    let second = through(&house, 2);
    for buyer in ["a", "b", "c"] {
        let order = house.place(&order(buyer, 1));
        house.writer.turn();
        assert!(order.peek().is_some());
    }
    house.writer.turn();
    assert_eq!(second.peek(), None, "orders don't take it along so soon");
    house.clock.advance(TICK);
    house.writer.turn();
    assert_eq!(second.peek(), Some(Ok(Stored::Disk)));
    assert_eq!(house.reader().endpoints().unwrap()[0].cursor, 2);
}

#[test]
fn what_is_remembered_of_a_message_is_replaced_and_forgotten() {
    let mut house = House::with_stock(10);
    house.enrol();
    let dead = Delivery { dead_at: Some(NINE), next_at: None, ..kept(2) };
    let notes = [
        vec![Note::Kept(FIRST, kept(1)), Note::Kept(FIRST, kept(2))],
        vec![Note::Kept(FIRST, dead.clone()), Note::Done(FIRST, 1)],
        vec![Note::Disabled { endpoint: FIRST, at: NINE, why: "answered 410".into() }],
    ];
    for notes in notes {
        let receipt = house.ledger.note(notes);
        house.writer.turn();
        house.clock.advance(TICK);
        assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
    }
    assert_eq!((house.deliveries(Fate::Alive), house.deliveries(Fate::Dead)), (vec![], vec![dead]));
    assert_eq!(house.reader().dead_letters(FIRST).unwrap(), 1);
    assert_eq!(house.reader().endpoints().unwrap()[0].disabled, Some((NINE, "answered 410".into())));
    drop(house.ledger.note(vec![Note::Enabled(FIRST)]));
    house.writer.turn();
    assert_eq!(house.reader().endpoints().unwrap()[0].disabled, None);
}

#[test]
fn a_note_that_may_not_be_takes_no_order_down_with_it() {
    let mut house = House::with_stock(10);
    house.enrol();
    // There is no such endpoint.
    drop(house.ledger.note(vec![Note::Kept(EndpointNo(7), kept(1))]));
    let order = house.place(&order("a", 1));
    house.writer.turn();
    assert_eq!(order.peek(), Some(Ok(Stored::Disk)));
    assert_chained(&house.look());
}

#[test]
fn a_disk_that_refuses_notes_goes_on_selling() {
    let (mut house, script) = scripted(10);
    script.lock().push_back(Luck::Fails(Failure::Refused("scripted".into())));
    let receipt = house.ledger.note(enrolled());
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Err(Unwritten::NotStored)));
    assert!(house.ledger.slot().is_ok());
}

#[test]
fn notes_wait_with_a_disk_that_takes_nothing_and_come_with_the_first_event_after() {
    let (mut house, script) = scripted(10);
    script.lock().extend([Luck::Fails(Failure::Refused("scripted".into())), Luck::Good]);
    let note = house.ledger.note(enrolled());
    drop(house.place(&order("a", 1)));
    house.writer.turn();
    assert_eq!(note.peek(), None);
    house.writer.probe();
    house.writer.turn();
    assert_eq!(note.peek(), Some(Ok(Stored::Disk)));
}

#[test]
fn a_sync_that_fails_under_notes_breaks_the_ledger_like_any_other() {
    let (mut house, script) = scripted(10);
    script.lock().push_back(Luck::StoredBut(Failure::Unknown("scripted".into())));
    let receipt = house.ledger.note(enrolled());
    house.writer.turn();
    assert_eq!(house.ledger.slot().err(), Some(Unwritten::OutcomeUnknown));
    house.writer.finish();
    assert_eq!(receipt.peek(), Some(Err(Unwritten::OutcomeUnknown)));
    assert!(house.ears.lock().iter().any(|heard| matches!(heard, Heard::Broken(_))));
}

#[test]
fn what_was_noted_before_the_end_is_written_and_who_comes_after_is_told() {
    let house = House::with_stock(10);
    let receipt = house.ledger.note(enrolled());
    house.writer.finish();
    assert_eq!(receipt.peek(), Some(Ok(Stored::Disk)));
    assert_eq!(house.ledger.note(enrolled()).peek(), Some(Err(Unwritten::Busy)));
}

#[test]
fn a_sleeping_writer_wakes_up_for_notes() {
    let dir = tempfile::tempdir().unwrap();
    let (open, _) = OpenLedger::open(settings(&dir), Clock::system()).unwrap();
    let ledger = open.start(Box::new(Listener(Ears::default()))).unwrap();
    // More often than the pace allows, so that it also wakes up by itself.
    for _ in 0..3 {
        assert_eq!(wait(ledger.note(enrolled())), Ok(Stored::Disk));
    }
}
