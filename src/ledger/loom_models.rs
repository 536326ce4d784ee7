//! The ledger's races, every interleaving of them. The queue's cells are crossbeam's and not modelled; the word that
//! producers and the writer agree on is, and so is the ticket.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::abroad::{Abroad, Waiting};
use super::places::{Places, Rest};
use super::queue::{Haste, Slot};
use super::receipt::{DeskId, Outbox, Promise, Receipt};
use crate::clock::MonoTime;
use crate::order::Stored;
use crate::sync::{AtomicU32, Ordering};

/// More than these models ever queue: a lingering writer is never woken for being many.
const NEVER_ENOUGH: u64 = 99;

/// Two ask for the last place.
/// both have it at once: forbidden; one has it, one is refused: required, or one after the other: allowed.
#[test]
fn loom_two_attempts_never_share_the_last_place() {
    loom::model(|| {
        let places = Arc::new(Places::new(1));
        let inside = Arc::new(AtomicU32::new(0));
        let attempt = |places: Arc<Places>, inside: Arc<AtomicU32>| {
            move || {
                let slot = Slot::reserve(&places);
                if slot.is_ok() {
                    assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0, "two hold one place");
                    inside.fetch_sub(1, Ordering::AcqRel);
                }
                slot.is_ok()
            }
        };
        let other = thread::spawn(attempt(Arc::clone(&places), Arc::clone(&inside)));
        let mine = attempt(Arc::clone(&places), inside)();
        assert!(other.join().unwrap() | mine, "the place was free, and nobody got it");
        assert!(places.reserve().is_ok(), "the place is free again");
    });
}

/// Two producers queue an entry each while the writer falls asleep.
/// the writer takes both: required; it sleeps on one: forbidden (loom would call it a deadlock).
#[test]
fn loom_the_writer_never_sleeps_on_an_entry() {
    let mut model = loom::model::Builder::new();
    // Three threads that retry have more interleavings than anybody waits for; whatever goes wrong here goes wrong
    // with a thread interrupted once or twice.
    model.preemption_bound = Some(2);
    model.check(|| {
        let places = Arc::new(Places::new(2));
        let producers = [(); 2].map(|()| {
            let places = Arc::clone(&places);
            thread::spawn(move || {
                places.reserve().expect("there are two places");
                places.filled(Haste::Urgent, NEVER_ENOUGH);
            })
        });
        places.attend();
        let mut taken = 0;
        while taken < 2 {
            match usize::try_from(places.queued()).unwrap() {
                0 => assert_eq!(places.rest(None), Rest::Again),
                count => {
                    places.took(count);
                    taken += count;
                }
            }
        }
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        assert_eq!(places.queued(), 0);
    });
}

/// A producer with a place fills it, or gives it back, while the ledger closes and the writer waits for the end.
/// what was queued is taken before the end: required; the writer waits for ever: forbidden; an entry after the end:
/// forbidden.
fn closing(fills: bool) {
    loom::model(move || {
        let places = Arc::new(Places::new(1));
        let producer = {
            let places = Arc::clone(&places);
            thread::spawn(move || match Slot::reserve(&places) {
                Ok(slot) if fills => {
                    slot.spend();
                    places.filled(Haste::Urgent, NEVER_ENOUGH);
                    1
                }
                // Whoever has a place and leaves gives it back.
                Ok(_) | Err(_) => 0,
            })
        };
        let closer = {
            let places = Arc::clone(&places);
            thread::spawn(move || places.close())
        };
        places.attend();
        let mut taken = 0;
        while places.rest(None) == Rest::Again {
            let count = usize::try_from(places.queued()).unwrap();
            places.took(count);
            taken += count;
        }
        assert_eq!(taken, producer.join().unwrap());
        closer.join().unwrap();
    });
}

#[test]
fn loom_an_entry_queued_while_the_ledger_closes_is_taken_before_the_end() {
    closing(true);
}

#[test]
fn loom_a_place_given_back_while_the_ledger_closes_ends_the_wait() {
    closing(false);
}

/// A lingering writer, an entry that somebody waits for, and the ledger's close: whichever comes, it gets up.
#[test]
fn loom_a_lingering_writer_gets_up_for_whoever_waits() {
    loom::model(|| {
        let places = Arc::new(Places::new(2));
        places.reserve().expect("a place");
        places.filled(Haste::Crowd, NEVER_ENOUGH);
        let producer = {
            let places = Arc::clone(&places);
            thread::spawn(move || {
                places.reserve().expect("a place");
                places.filled(Haste::Urgent, NEVER_ENOUGH);
                places.close();
            })
        };
        places.attend();
        // Without time, a nap that nobody ends is a deadlock.
        places.linger(std::time::Duration::from_millis(5), NEVER_ENOUGH);
        producer.join().unwrap();
        assert_eq!(places.queued(), 2);
    });
}

/// Something that isn't queued comes while the writer falls asleep.
/// the writer finds it: required; it sleeps on it: forbidden (loom would call it a deadlock).
#[test]
fn loom_the_writer_never_sleeps_on_a_note() {
    loom::model(|| {
        let places = Arc::new(Places::new(1));
        let noted = Arc::new(AtomicU32::new(0));
        let courier = {
            let (places, noted) = (Arc::clone(&places), Arc::clone(&noted));
            thread::spawn(move || {
                noted.store(1, Ordering::Release);
                places.nudge();
            })
        };
        places.attend();
        while noted.load(Ordering::Acquire) == 0 {
            assert_eq!(places.rest(None), Rest::Again);
        }
        courier.join().unwrap();
    });
}

struct Flag(AtomicU32);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn poll(receipt: &mut Receipt, flag: &Arc<Flag>) -> Poll<Result<Stored, super::Unwritten>> {
    let waker = Waker::from(Arc::clone(flag));
    std::pin::Pin::new(receipt).poll(&mut Context::from_waker(&waker))
}

/// A task asks for its receipt while the writer tells it.
/// the task knows, or is woken and then knows: required; it waits for ever: forbidden.
#[test]
fn loom_a_receipt_that_was_asked_too_early_is_woken() {
    loom::model(|| {
        let (promise, mut receipt) = Promise::new(DeskId::NONE);
        let writer = thread::spawn(move || {
            if let Some((_, waker)) = promise.keep(Ok(Stored::Disk)) {
                waker.wake();
            }
        });
        let flag = Arc::new(Flag(AtomicU32::new(0)));
        let early = poll(&mut receipt, &flag);
        writer.join().unwrap();
        if early.is_pending() {
            assert_eq!(flag.0.load(Ordering::Acquire), 1, "a lost wake-up");
        }
        assert_eq!(poll(&mut receipt, &flag), Poll::Ready(Ok(Stored::Disk)));
    });
}

/// The same, where the writer dies with the promise in its hands: the task hears *unknown*.
#[test]
fn loom_a_promise_that_is_dropped_wakes_too() {
    loom::model(|| {
        let (promise, mut receipt) = Promise::new(DeskId::NONE);
        let writer = thread::spawn(move || drop(promise));
        let flag = Arc::new(Flag(AtomicU32::new(0)));
        let early = poll(&mut receipt, &flag);
        writer.join().unwrap();
        assert!(early.is_ready() || flag.0.load(Ordering::Acquire) == 1, "a lost wake-up");
        assert_eq!(poll(&mut receipt, &flag), Poll::Ready(Err(super::Unwritten::OutcomeUnknown)));
    });
}

/// The writer leaves an order that waits for PostgreSQL while the shipper says that PostgreSQL has it.
/// the buyer is told: required; he waits for ever: forbidden.
#[test]
fn loom_a_buyer_who_comes_while_his_order_arrives_is_told() {
    loom::model(|| {
        let abroad = Arc::new(Abroad::default());
        let (promise, receipt) = Promise::new(DeskId::NONE);
        let shipper = {
            let abroad = Arc::clone(&abroad);
            thread::spawn(move || abroad.arrived(1, &mut Outbox::default()))
        };
        let waiting = Waiting { seq: 1, since: MonoTime::from_nanos(0), promise };
        abroad.wait(&mut vec![waiting], &mut Outbox::default());
        shipper.join().unwrap();
        assert_eq!(receipt.peek(), Some(Ok(Stored::Postgres)));
    });
}

/// The shipper says that PostgreSQL has an order while its buyer's patience ends.
/// he is told one of both: required; both or neither: forbidden.
#[test]
fn loom_a_buyer_whose_patience_ends_as_his_order_arrives_is_told_once() {
    loom::model(|| {
        let abroad = Arc::new(Abroad::default());
        let (promise, receipt) = Promise::new(DeskId::NONE);
        let since = MonoTime::from_nanos(0);
        abroad.wait(&mut vec![Waiting { seq: 1, since, promise }], &mut Outbox::default());
        let shipper = {
            let abroad = Arc::clone(&abroad);
            thread::spawn(move || abroad.arrived(1, &mut Outbox::default()))
        };
        let given_up = abroad.give_up(since, &mut Outbox::default());
        shipper.join().unwrap();
        let told = if given_up == 1 { Err(super::Unwritten::OutcomeUnknown) } else { Ok(Stored::Postgres) };
        assert_eq!(receipt.peek(), Some(told));
    });
}
