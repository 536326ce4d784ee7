//! Who may move an order, and what it remembers.
#![cfg_attr(doorbuster_loom, expect(dead_code, unused_imports, reason = "the models need only the order"))]

use super::*;
use crate::ids::BuyerRef;

/// A stored order that is held until 42 microseconds after 1970.
pub(super) fn held() -> Arc<Order> {
    let terms = OrderTerms {
        id: OrderId::from_bytes([1; 16]),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(b"ann").expect("a buyer id").into(),
        key: None,
        quantity: Quantity::ONE,
        unit_price: Money::from_minor(100, "EUR").expect("a price"),
        placed_at: WallTime::from_micros(1),
        expires_at: Some(WallTime::from_micros(42)),
        ack: Ack::Disk,
    };
    Arc::new(Order::recovered(terms, OrderState::Held, Stored::Disk))
}

#[cfg(not(doorbuster_loom))]
mod alone {
    use super::*;

    #[test]
    fn an_order_is_moved_by_the_one_who_decides() {
        let order = held();
        let deciding = order.decide(&[OrderState::Held]).expect("nobody decides");
        assert_eq!((order.state(), deciding.was()), (OrderState::Held, OrderState::Held));
        assert_eq!(order.decide(&[OrderState::Held]).err(), Some(NotDecided::Underway));
        deciding.settle(OrderState::Confirmed);
        assert_eq!(order.state(), OrderState::Confirmed);
        assert_eq!(order.decide(&[OrderState::Held]).err(), Some(NotDecided::Is(OrderState::Confirmed)));
    }

    #[test]
    fn a_decision_that_is_dropped_was_never_made() {
        let order = held();
        drop(order.decide(&[OrderState::Held]));
        assert_eq!(order.state(), OrderState::Held);
        assert!(order.decide(&[OrderState::Cancelled, OrderState::Held]).is_ok());
    }

    #[test]
    fn a_decision_whose_outcome_nobody_knows_is_the_last() {
        let order = held();
        order.decide(&[OrderState::Held]).expect("nobody decides").leave_undecided();
        assert_eq!(order.state(), OrderState::Held);
        assert_eq!(order.decide(&[OrderState::Held]).err(), Some(NotDecided::Underway));
    }

    #[test]
    fn only_an_order_that_was_expired_is_confirmed_late_and_stays_so() {
        let order = held();
        let settle = |from, to| order.decide(&[from]).expect("nobody decides").settle(to);
        settle(OrderState::Held, OrderState::Expired);
        assert!(!order.is_late());
        settle(OrderState::Expired, OrderState::Confirmed);
        assert!(order.is_late());
        settle(OrderState::Confirmed, OrderState::Refunded);
        assert_eq!((order.state(), order.is_late()), (OrderState::Refunded, true));
    }

    #[test]
    fn an_order_that_nobody_has_been_promised_is_not_moved() {
        let order = Arc::new(Order::place(held().terms.clone()));
        assert_eq!(order.decide(&[OrderState::Held]).err(), Some(NotDecided::Underway));
        order.mark_stored(Stored::Memory);
        assert!(order.decide(&[OrderState::Held]).is_ok());
    }

    #[test]
    fn the_deadline_is_the_terms_until_it_is_moved() {
        let order = held();
        assert_eq!(order.deadline(), Some(WallTime::from_micros(42)));
        order.hold_until(WallTime::from_micros(-1));
        assert_eq!(order.deadline(), Some(WallTime::from_micros(-1)));
        let at_once = OrderTerms { expires_at: None, ..order.terms.clone() };
        assert_eq!(Order::place(at_once).deadline(), None);
    }
}
