//! Every interleaving of those who want to decide about one order.

use loom::sync::Arc as LoomArc;
use loom::sync::atomic::{AtomicU32, Ordering as LoomOrdering};
use loom::thread;

use super::tests::held;
use super::*;

/// Asks once, and says whether it was by us that the order moved.
fn tries(order: &Arc<Order>, to: OrderState) -> bool {
    match order.decide(&[OrderState::Held]) {
        Ok(deciding) => {
            deciding.settle(to);
            true
        }
        Err(NotDecided::Underway) => false,
        Err(NotDecided::Is(state)) => {
            assert_ne!(state, OrderState::Held);
            false
        }
    }
}

/// | paid | expired | cancelled |
/// | --- | --- | --- |
/// | yes | no | no: required, for any one of the three |
/// | two of them | | forbidden |
/// | none of them | | forbidden |
#[test]
fn loom_of_payment_expiry_and_cancellation_exactly_one_moves_the_order() {
    loom::model(|| {
        let order = held();
        let winners = LoomArc::new(AtomicU32::new(0));
        let threads = [OrderState::Expired, OrderState::Cancelled].map(|to| {
            let (order, winners) = (Arc::clone(&order), LoomArc::clone(&winners));
            thread::spawn(move || {
                if tries(&order, to) {
                    winners.fetch_add(1, LoomOrdering::Relaxed);
                }
            })
        });
        if tries(&order, OrderState::Confirmed) {
            winners.fetch_add(1, LoomOrdering::Relaxed);
        }
        threads.into_iter().for_each(|thread| thread.join().expect("a decider doesn't panic"));
        assert_eq!(winners.load(LoomOrdering::Relaxed), 1);
        assert_ne!(order.state(), OrderState::Held);
    });
}

/// The ledger doesn't take the first decision: the order is as before, and the second decides.
///
/// | first | second |
/// | --- | --- |
/// | dropped | settled, or heard that it was underway: required |
/// | dropped | heard that the order has moved: forbidden |
#[test]
fn loom_a_decision_that_is_dropped_leaves_the_order_to_the_next() {
    loom::model(|| {
        let order = held();
        let other = {
            let order = Arc::clone(&order);
            thread::spawn(move || drop(order.decide(&[OrderState::Held])))
        };
        match order.decide(&[OrderState::Held]) {
            Ok(deciding) => deciding.settle(OrderState::Cancelled),
            Err(refusal) => assert_eq!(refusal, NotDecided::Underway),
        }
        other.join().expect("a decider doesn't panic");
        let state = order.state();
        assert!(matches!(state, OrderState::Held | OrderState::Cancelled), "{state:?}");
        assert!(!matches!(order.decide(&[state]), Err(NotDecided::Underway)), "nobody decides any more");
    });
}

/// A payment moves the deadline while the timer looks: who gets to decide after it sees the new one.
///
/// | timer decides | deadline that it sees |
/// | --- | --- |
/// | before | the old one: allowed |
/// | after | the old one: forbidden |
#[test]
fn loom_who_decides_after_an_extension_sees_the_new_deadline() {
    loom::model(|| {
        let order = held();
        let later = WallTime::from_micros(99);
        let payer = {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                if let Ok(deciding) = order.decide(&[OrderState::Held]) {
                    order.hold_until(later);
                    deciding.settle(OrderState::Confirmed);
                }
            })
        };
        if let Err(NotDecided::Is(OrderState::Confirmed)) = order.decide(&[OrderState::Held]) {
            assert_eq!(order.deadline(), Some(later));
        }
        payer.join().expect("the payer doesn't panic");
    });
}
