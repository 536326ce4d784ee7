//! Planted wrongs of an order's life after the win: the chain is whole, and still it must be found.

use EventKind::{
    OrderCancelled, OrderConfirmed, OrderExpired, OrderRefunded, PaymentFailed, PaymentNoted, PaymentOrphaned,
    PaymentStarted,
};

use super::*;
use crate::ledger::fixture::PRICE_MINOR;

const PLAIN: &str = r#"{"by":"admin"}"#;
const LATE: &str = r#"{"by":"payment","late":true}"#;
const RESTOCKED: &str = r#"{"by":"admin","restock":true}"#;
const WRITTEN_OFF: &str = r#"{"by":"admin","restock":false}"#;

/// A ledger with a live sale of so many hats that are held for their buyers; events 1 and 2.
fn holding(limit_per_buyer: u32, hats: u32) -> LedgerFixture {
    let mut ledger = LedgerFixture::new();
    let mut held = terms("held", limit_per_buyer, 0, &[("hat", hats)]);
    held.hold_us = Some(600_000_000);
    ledger.create(0, &held);
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger
}

fn ann() -> Row {
    Row::order(0, 0, "ann").held()
}

/// Rows that bring ann's order there.
fn way_to(state: &str) -> &'static [(EventKind, &'static str)] {
    match state {
        "held" => &[],
        "confirmed" => &[(OrderConfirmed, PLAIN)],
        "cancelled" => &[(OrderCancelled, PLAIN)],
        "expired" => &[(OrderExpired, PLAIN)],
        "late" => &[(OrderExpired, PLAIN), (OrderConfirmed, LATE)],
        "refunded" => &[(OrderConfirmed, PLAIN), (OrderRefunded, WRITTEN_OFF)],
        other => panic!("{other} is no state"),
    }
}

fn ledger_at(state: &str) -> LedgerFixture {
    let mut ledger = holding(2, 5);
    ledger.append(&ann());
    for (kind, detail) in way_to(state) {
        ledger.append(&ann().of_order(*kind, detail));
    }
    ledger
}

#[test]
fn a_whole_life_is_proven_and_its_units_are_where_they_belong() {
    let mut ledger = holding(2, 5);
    for (name, state) in [("ann", "held"), ("bob", "late"), ("cat", "refunded"), ("dan", "cancelled")] {
        let row = Row::order(0, 0, name).held();
        ledger.append(&row);
        ledger
            .append(&row.of_order(PaymentStarted, r#"{"by":"payment","message":"m-of"}"#.replace("of", name).as_str()));
        ledger.append(&row.of_order(PaymentFailed, r#"{"by":"payment"}"#));
        for (kind, detail) in way_to(state) {
            ledger.append(&row.of_order(*kind, detail));
        }
    }
    ledger.append(&Row::order(0, 0, "dan").of_order(PaymentOrphaned, r#"{"by":"payment","reason":"cancelled"}"#));
    let report = report(&ledger);
    assert!(report.is_ok(), "{report}");
    let item = &report.items[0];
    assert_eq!((item.stock, item.available, item.held, item.confirmed), (4, 2, 1, 1));
}

#[test]
fn a_payment_of_the_total_is_proven_and_shown() {
    let mut ledger = ledger_at("held");
    let paid =
        format!(r#"{{"by":"payment","message":"m-1","payment":"p-1","amount_minor":{PRICE_MINOR},"currency":"USD"}}"#);
    ledger.append(&ann().of_order(OrderConfirmed, &paid));
    assert_clean(&ledger);
    ledger.sql("UPDATE order_states SET payment = 'p-2'");
    assert_only(&ledger, Invariant::I7, 3);
}

#[test]
fn i1_units_of_a_late_payment_that_nobody_has_are_found() {
    let mut ledger = holding(2, 1);
    ledger.sql("PRAGMA ignore_check_constraints = ON");
    ledger.append(&ann());
    ledger.append(&ann().of_order(OrderExpired, PLAIN));
    ledger.append(&Row::order(0, 0, "bob").held());
    assert_clean(&ledger);
    let seq = ledger.append(&ann().of_order(OrderConfirmed, LATE));
    assert_only(&ledger, Invariant::I1, seq);
}

#[test]
fn i2_a_late_payment_beyond_the_limit_is_found() {
    let mut ledger = holding(1, 5);
    ledger.append(&ann());
    ledger.append(&ann().of_order(OrderExpired, PLAIN));
    ledger.append(&ann().with_id(9));
    assert_clean(&ledger);
    let seq = ledger.append(&ann().of_order(OrderConfirmed, LATE));
    assert_only(&ledger, Invariant::I2, seq);
}

#[test]
fn i2_units_that_were_given_back_may_be_won_again() {
    for state in ["cancelled", "expired", "refunded"] {
        let mut ledger = holding(1, 5);
        ledger.append(&ann());
        for (kind, detail) in way_to(state) {
            ledger.append(&ann().of_order(*kind, detail));
        }
        ledger.append(&ann().with_id(9));
        assert_clean(&ledger);
        let seq = ledger.append(&ann().with_id(8));
        assert_only(&ledger, Invariant::I2, seq);
    }
}

/// Every kind from every state: exactly the arrows of the contract are clean.
#[test]
fn i4_a_move_without_an_arrow_is_found_at_its_event() {
    let kinds = [
        (OrderConfirmed, PLAIN),
        (OrderConfirmed, LATE),
        (OrderCancelled, PLAIN),
        (OrderExpired, PLAIN),
        (OrderRefunded, RESTOCKED),
        (OrderRefunded, WRITTEN_OFF),
        (PaymentStarted, PLAIN),
        (PaymentFailed, PLAIN),
        (PaymentNoted, PLAIN),
        (PaymentOrphaned, PLAIN),
    ];
    for state in ["held", "confirmed", "cancelled", "expired", "late", "refunded"] {
        for (kind, detail) in kinds {
            let is_arrow = match kind {
                OrderConfirmed => state == if detail == LATE { "expired" } else { "held" },
                OrderRefunded | PaymentNoted => matches!(state, "confirmed" | "late"),
                PaymentOrphaned => state != "held",
                _ => state == "held",
            };
            let mut ledger = ledger_at(state);
            if is_arrow {
                ledger.append(&ann().of_order(kind, detail));
                assert_clean(&ledger);
            } else {
                let seq = ledger.log(&ann().of_order(kind, detail));
                assert_only(&ledger, Invariant::I4, seq);
            }
        }
    }
}

#[test]
fn i4_a_take_that_returns_twice_is_found_with_what_it_does_to_the_tables() {
    let mut ledger = ledger_at("cancelled");
    ledger.append(&Row::order(0, 0, "bob").held());
    let seq = ledger.append(&ann().of_order(OrderExpired, PLAIN));
    let report = report(&ledger);
    let expected = [(Invariant::I4, Some(seq)), (Invariant::I7, None), (Invariant::I7, Some(3))];
    assert_eq!(found(&report), expected, "{report}");
}

#[test]
fn i4_a_move_of_an_order_that_was_never_won_or_is_another_is_found() {
    let others = [
        ann().with_id(7),
        Row::order(0, 0, "bob").with_id(0),
        ann().units(2),
        Row { buyer: Some("bob".into()), ..ann() },
        Row { item: Some(1), ..ann() },
    ];
    for row in others {
        let mut ledger = ledger_at("held");
        ledger.change(0, &{
            let mut more = terms("held", 2, 1, &[("scarf", 1)]);
            more.hold_us = Some(600_000_000);
            more
        });
        let seq = ledger.log(&row.of_order(OrderCancelled, PLAIN));
        assert_only(&ledger, Invariant::I4, seq);
    }
}

#[test]
fn i4_a_message_that_was_acted_on_twice_is_found() {
    let mut ledger = ledger_at("held");
    ledger.append(&ann().of_order(PaymentStarted, r#"{"by":"payment","message":"m"}"#));
    ledger.append(&ann().of_order(PaymentFailed, r#"{"by":"payment","message":"n"}"#));
    assert_clean(&ledger);
    let seq = ledger.append(&ann().of_order(OrderConfirmed, r#"{"by":"payment","message":"m"}"#));
    assert_only(&ledger, Invariant::I4, seq);
}

#[test]
fn i5_a_late_payment_may_come_when_the_sale_is_over() {
    let mut ledger = ledger_at("expired");
    ledger.append(&Row::of(EventKind::SaleEnded, 0));
    ledger.append(&ann().of_order(OrderConfirmed, LATE));
    assert_clean(&ledger);
}

#[test]
fn i6_a_move_that_makes_no_sense_is_found_and_passed_over() {
    let good = || ann().of_order(OrderCancelled, PLAIN);
    let nonsense = [
        Row { detail: None, ..good() },
        Row { detail: Some("{}".into()), ..good() },
        Row { detail: Some(r#"{"by":"nobody"}"#.into()), ..good() },
        Row { detail: Some(r#"{"by":"admin","why":1}"#.into()), ..good() },
        Row { detail: Some(r#"{"by":"admin","message":"two words"}"#.into()), ..good() },
        Row { detail: Some(r#"{"by":"admin","payment":""}"#.into()), ..good() },
        Row { expires_at_us: Some(1), ..good() },
        Row { order_id: None, ..good() },
        Row { buyer: None, ..good() },
        Row { quantity: Some(0), ..good() },
        Row { item: None, ..good() },
        Row { sale: 7, ..good() },
        ann().of_order(OrderRefunded, PLAIN),
        Row { expires_at_us: None, ..ann().of_order(PaymentStarted, PLAIN) },
    ];
    for row in nonsense {
        let mut ledger = ledger_at("held");
        let seq = ledger.log(&row);
        let report = report(&ledger);
        assert_eq!(found(&report), [(Invariant::I6, Some(seq))], "{row:?}: {report}");
    }
}

#[test]
fn i7_another_amount_than_the_total_is_found() {
    for paid in [r#""amount_minor":12899,"currency":"USD""#, r#""amount_minor":12900,"currency":"EUR""#] {
        let mut ledger = ledger_at("held");
        let seq = ledger.append(&ann().of_order(OrderConfirmed, &format!(r#"{{"by":"payment",{paid}}}"#)));
        assert_only(&ledger, Invariant::I7, seq);
    }
}

#[test]
fn i7_an_order_shown_with_another_deadline_or_lateness_is_found() {
    for (state, change) in [
        ("late", "late = 0"),
        ("late", "expires_at_us = 5"),
        ("confirmed", "late = 1"),
        ("confirmed", "payment = 'p'"),
        ("confirmed", "state = 'held'"),
        ("refunded", "state = 'confirmed'"),
    ] {
        let ledger = ledger_at(state);
        assert_clean(&ledger);
        ledger.sql(&format!("UPDATE order_states SET {change}"));
        assert_only(&ledger, Invariant::I7, 3);
    }
    let ledger = ledger_at("held");
    ledger.sql("INSERT INTO order_states (seq, state) VALUES (3, 'held')");
    assert_only(&ledger, Invariant::I7, 3);
}

#[test]
fn i10_a_late_payment_of_the_last_unit_is_sold_out_and_must_say_so() {
    for says_so in [true, false] {
        let mut ledger = holding(1, 1);
        ledger.append(&ann());
        ledger.append(&ann().of_order(OrderExpired, PLAIN));
        if says_so {
            ledger.append(&ann().of_order(OrderConfirmed, LATE));
            assert_clean(&ledger);
        } else {
            let seq = ledger.log(&ann().of_order(OrderConfirmed, LATE));
            ledger.sql("UPDATE items SET sold = 1; UPDATE order_states SET state = 'confirmed', late = 1");
            assert_only(&ledger, Invariant::I10, seq);
        }
    }
}

#[test]
fn i10_a_refund_without_restock_leaves_nothing_to_be_sold_out() {
    for restock in [true, false] {
        let mut ledger = holding(1, 1);
        ledger.append(&ann());
        ledger.append(&ann().of_order(OrderConfirmed, PLAIN));
        ledger.append(&ann().of_order(OrderRefunded, if restock { RESTOCKED } else { WRITTEN_OFF }));
        assert_clean(&ledger);
        let item = &report(&ledger).items[0];
        let units = i64::from(restock);
        assert_eq!((item.stock, item.available, item.held, item.confirmed), (units, units, 0, 0));
    }
}
