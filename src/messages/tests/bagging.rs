//! The bag: order, retries, and what the ledger is told, under a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::house::NOON;
use crate::clock::{Clock, WallTime};
use crate::ledger::{Delivery, EndpointNo, Note};
use crate::messages::Kind;
use crate::messages::bag::{Bag, IN_FLIGHT_MAX, LETTERS_MAX, NOTES_MAX};
use crate::messages::delivery::Verdict;
use crate::messages::message::{Message, Subject};
use crate::orders::backoff;

const ENDPOINT: EndpointNo = EndpointNo(1);
/// Nobody draws a longer gap.
const LAST: u64 = u64::MAX;

fn failed() -> Verdict {
    Verdict::Failed("answered 500".into())
}

/// A message about an order.
fn message(seq: i64, order: u8) -> Message {
    let subject = Subject::Order([order; 16]);
    Message { seq, id: format!("msg_{seq}"), kind: Kind::OrderConfirmed, subject, body: Bytes::new() }
}

struct Desk {
    bag: Bag,
    clock: Clock,
}

impl Desk {
    fn new() -> Self {
        Self { bag: Bag::new(ENDPOINT, 0, None, 0), clock: Clock::manual(NOON) }
    }

    /// Reads messages about these orders from the log, from number 1 on.
    fn with(orders: &[u8]) -> Self {
        let mut desk = Self::new();
        for (seq, order) in (1..).zip(orders) {
            desk.bag.put(message(seq, *order), desk.clock.now());
            desk.bag.read_through(seq);
        }
        desk
    }

    fn take(&mut self) -> Option<Arc<Message>> {
        self.bag.take(self.clock.now().mono)
    }

    fn take_all(&mut self) -> Vec<Arc<Message>> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn settle(&mut self, message: &Message, verdict: Verdict) {
        self.bag.settle(message, verdict, self.clock.now(), LAST);
    }

    /// Takes one and settles it.
    fn next(&mut self, verdict: Verdict) -> i64 {
        let message = self.take().expect("one is due");
        self.settle(&message, verdict);
        message.seq
    }

    fn notes(&mut self) -> Vec<Note> {
        self.bag.batch().map(|batch| batch.notes).unwrap_or_default()
    }
}

fn seqs(messages: &[Arc<Message>]) -> Vec<i64> {
    messages.iter().map(|message| message.seq).collect()
}

fn through(seq: i64) -> Note {
    Note::Through { endpoint: ENDPOINT, seq }
}

fn kept(note: &Note) -> &Delivery {
    match note {
        Note::Kept(ENDPOINT, delivery) => delivery,
        other => panic!("not kept: {other:?}"),
    }
}

#[test]
fn messages_about_one_order_go_one_after_the_other_and_others_beside_them() {
    let mut desk = Desk::with(&[1, 1, 2, 1, 2]);
    let first = desk.take_all();
    assert_eq!(seqs(&first), [1, 3]);
    desk.settle(&first[1], Verdict::Delivered);
    assert_eq!(desk.next(Verdict::Delivered), 5);
    desk.settle(&first[0], Verdict::Delivered);
    assert_eq!(desk.next(Verdict::Delivered), 2);
    assert_eq!(desk.next(Verdict::Delivered), 4);
    assert_eq!((desk.take(), desk.bag.pending(), desk.bag.counts.delivered), (None, 0, 5));
}

#[test]
fn a_message_that_fails_holds_up_its_order_and_no_other() {
    let mut desk = Desk::with(&[1, 1, 2]);
    assert_eq!(desk.next(failed()), 1);
    assert_eq!(seqs(&desk.take_all()), [3], "the second about the first order waits behind");
    desk.clock.advance(Duration::from_secs(7));
    assert_eq!(desk.next(Verdict::Delivered), 1);
    assert_eq!(desk.next(Verdict::Delivered), 2);
}

#[test]
fn gaps_grow_until_the_letter_is_dead_and_then_the_next_one_goes() {
    let mut desk = Desk::with(&[1, 1]);
    for failures in 1..=backoff::RETRIES_MAX {
        assert_eq!(desk.next(failed()), 1);
        let due = desk.bag.next_due().expect("it is tried again").nanos() - desk.clock.now().mono.nanos();
        let gap = backoff::next(failures, LAST).expect("a gap");
        assert_eq!(Duration::from_nanos(due), gap);
        desk.clock.advance(gap - Duration::from_micros(1));
        assert_eq!(desk.take(), None, "not a moment too soon");
        desk.clock.advance(Duration::from_micros(1));
    }
    assert!(NOON.until(desk.clock.now().wall) < Duration::from_secs(90 * 60 * 60));
    assert_eq!(desk.next(failed()), 1);
    assert_eq!((desk.bag.counts.dead, desk.bag.counts.retried), (1, u64::from(backoff::RETRIES_MAX)));
    assert_eq!(desk.next(Verdict::Delivered), 2);
    let notes = desk.notes();
    assert_eq!(kept(&notes[0]).dead_at, Some(desk.clock.now().wall));
    assert_eq!(kept(&notes[0]).last_error.as_deref(), Some("answered 500"));
    assert_eq!(notes[1..], [through(2)], "the second was never remembered by itself in the ledger");
}

#[test]
fn only_so_many_are_in_flight() {
    let orders: Vec<u8> = (0..40).collect();
    let mut desk = Desk::with(&orders);
    let flying = desk.take_all();
    assert_eq!((flying.len(), desk.bag.next_due()), (IN_FLIGHT_MAX, None));
    desk.settle(&flying[0], Verdict::Delivered);
    assert_eq!(desk.take_all().len(), 1);
}

#[test]
fn the_cursor_stops_before_what_is_on_its_way_and_passes_what_is_remembered() {
    let mut desk = Desk::with(&[1, 2, 3]);
    let flying = desk.take_all();
    assert_eq!(desk.notes(), [], "nothing is known yet");
    desk.settle(&flying[2], Verdict::Delivered);
    desk.settle(&flying[1], failed());
    let notes = desk.notes();
    assert_eq!((notes.len(), kept(&notes[0]).seq), (1, 2), "the first is on its way: the cursor waits before it");
    desk.settle(&flying[0], Verdict::Delivered);
    assert_eq!(desk.notes(), [through(3)]);
    desk.clock.advance(Duration::from_secs(7));
    desk.next(Verdict::Delivered);
    assert_eq!(desk.notes(), [Note::Done(ENDPOINT, 2)]);
    assert_eq!(desk.notes(), []);
}

#[test]
fn what_waits_behind_a_failed_message_is_remembered_too() {
    let mut desk = Desk::with(&[1, 1]);
    desk.next(failed());
    desk.bag.put(message(3, 1), desk.clock.now());
    desk.bag.read_through(3);
    let notes = desk.notes();
    let attempts: Vec<_> = notes[..3].iter().map(|note| (kept(note).seq, kept(note).attempts)).collect();
    assert_eq!(attempts, [(1, 1), (2, 0), (3, 0)]);
    assert_eq!(notes[3..], [through(3)]);
}

#[test]
fn a_batch_is_bounded_and_the_cursor_never_passes_what_is_not_in_it() {
    let mut desk = Desk::new();
    for seq in 1..=1000 {
        desk.bag.put(message(seq, 1), desk.clock.now());
        desk.bag.read_through(seq);
    }
    desk.next(failed());
    let mut cursor = 0;
    let mut remembered = 0;
    loop {
        let notes = desk.notes();
        if notes.is_empty() {
            break;
        }
        assert!(notes.len() <= NOTES_MAX + 1, "{} notes", notes.len());
        for note in notes {
            match note {
                Note::Kept(_, delivery) => remembered = delivery.seq,
                Note::Through { seq, .. } => cursor = seq,
                other => panic!("{other:?}"),
            }
        }
        assert!(cursor <= remembered, "{cursor} passes {remembered}");
    }
    assert_eq!((cursor, remembered), (1000, 1000));
}

#[test]
fn notes_that_the_ledger_has_not_got_are_told_again() {
    let mut desk = Desk::with(&[1, 2, 3, 4]);
    let flying = desk.take_all();
    desk.settle(&flying[0], failed());
    desk.settle(&flying[1], failed());
    desk.settle(&flying[2], Verdict::Gone);
    let batch = desk.bag.batch().expect("notes");
    assert_eq!(batch.notes.len(), 4, "one disabled, two kept, the cursor: {:?}", batch.notes);
    desk.bag.enable();
    desk.clock.advance(Duration::from_secs(7));
    assert_eq!((desk.next(Verdict::Delivered), desk.next(Verdict::Delivered)), (3, 1));
    desk.bag.put_notes_back(batch);
    let notes = desk.notes();
    assert_eq!(notes[..2], [Note::Enabled(ENDPOINT), Note::Done(ENDPOINT, 1)], "what is newer counts");
    assert_eq!((notes.len(), kept(&notes[2]).seq, &notes[3]), (4, 2, &through(3)));
}

#[test]
fn a_bag_is_taken_up_where_the_ledger_remembers_it() {
    let mut desk = Desk::new();
    let now = desk.clock.now();
    let row = |seq, gap: u64| Delivery {
        seq,
        attempts: 2,
        next_at: Some(now.wall.after(Duration::from_secs(gap))),
        dead_at: None,
        last_error: None,
    };
    desk.bag.put_back(message(5, 1), row(5, 30), now);
    // The clock was set back since: nobody waits longer than the longest gap.
    desk.bag.put_back(message(6, 2), row(6, 1_000_000_000), now);
    desk.bag.skip(9);
    assert!(desk.bag.remembers(5) && desk.bag.remembers(9) && !desk.bag.remembers(7));
    desk.bag.put(message(7, 1), now);
    desk.bag.read_through(9);
    assert_eq!(desk.take(), None, "the seventh waits behind the fifth");
    desk.clock.advance(Duration::from_secs(30));
    assert_eq!(desk.next(Verdict::Delivered), 5);
    assert_eq!(desk.next(Verdict::Delivered), 7);
    desk.clock.advance(backoff::LONGEST);
    assert_eq!(desk.next(Verdict::Delivered), 6);
    assert_eq!(desk.notes(), [Note::Done(ENDPOINT, 5), Note::Done(ENDPOINT, 6), through(9)]);
}

#[test]
fn an_endpoint_that_is_gone_gets_nothing_until_it_is_enabled_and_nothing_is_lost() {
    let mut desk = Desk::with(&[1, 2]);
    assert_eq!(desk.next(Verdict::Gone), 1);
    assert_eq!((desk.take(), desk.bag.next_due(), desk.bag.room()), (None, None, 0));
    let disabled = Note::Disabled { endpoint: ENDPOINT, at: NOON, why: "answered 410".into() };
    assert!(desk.bag.is_urgent());
    assert_eq!(desk.notes(), [disabled], "the cursor stays: the log keeps what comes");
    desk.bag.enable();
    assert_eq!(desk.notes(), [Note::Enabled(ENDPOINT)]);
    assert_eq!(seqs(&desk.take_all()), [1, 2]);
}

#[test]
fn dead_letters_that_are_tried_again_go_before_what_came_later() {
    let mut desk = Desk { bag: Bag::new(ENDPOINT, 1, None, 1), clock: Clock::manual(NOON) };
    desk.bag.put(message(4, 1), desk.clock.now());
    desk.bag.read_through(4);
    desk.bag.revive(message(1, 1), desk.clock.now());
    assert_eq!(desk.bag.counts.dead, 0);
    let alive = Delivery { seq: 1, attempts: 0, next_at: None, dead_at: None, last_error: None };
    assert_eq!(desk.notes()[0], Note::Kept(ENDPOINT, alive));
    assert_eq!(desk.next(Verdict::Delivered), 1);
    assert_eq!(desk.next(Verdict::Delivered), 4);
    assert_eq!(desk.notes(), [Note::Done(ENDPOINT, 1), through(4)]);
}

#[test]
fn an_event_that_nobody_can_be_told_of_is_a_dead_letter_at_once() {
    let mut desk = Desk::new();
    desk.bag.bury(1, "its order isn't there".into(), NOON);
    desk.bag.read_through(1);
    let notes = desk.notes();
    assert_eq!((kept(&notes[0]).dead_at, &notes[1]), (Some::<WallTime>(NOON), &through(1)));
}

#[test]
fn a_full_bag_reads_no_further() {
    let mut desk = Desk::new();
    for seq in 1.. {
        if desk.bag.room() == 0 {
            break;
        }
        desk.bag.put(message(seq, 1), desk.clock.now());
    }
    assert_eq!(desk.bag.pending(), LETTERS_MAX);
}
