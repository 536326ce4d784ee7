//! Planted wrongs of selling: the chain is whole, the tables agree with the log, and still it must be found.

use super::*;
use crate::ledger::fixture::PRICE_MINOR;

/// The wrong rows are folded as if nobody had objected.
fn lawless(ledger: &LedgerFixture) {
    ledger.sql("PRAGMA ignore_check_constraints = ON");
}

#[test]
fn i1_a_unit_sold_twice_is_found() {
    let mut ledger = LedgerFixture::live(1, 1);
    lawless(&ledger);
    ledger.append(&Row::order(0, 0, "ann"));
    assert_clean(&ledger);
    let seq = ledger.append(&Row::order(0, 0, "bob"));
    assert_only(&ledger, Invariant::I1, seq);
    let json = serde_json::to_value(report(&ledger)).expect("a report is JSON");
    assert_eq!(json["sales"][0]["available"], -1);
}

#[test]
fn i1_an_order_for_more_than_is_left_is_found() {
    let mut ledger = LedgerFixture::live(9, 3);
    lawless(&ledger);
    ledger.append(&Row::order(0, 0, "ann").units(2));
    let seq = ledger.append(&Row::order(0, 0, "bob").units(2));
    assert_only(&ledger, Invariant::I1, seq);
}

#[test]
fn i1_stock_taken_below_what_is_sold_is_found() {
    let mut ledger = LedgerFixture::live(9, 5);
    lawless(&ledger);
    ledger.append(&Row::order(0, 0, "ann").units(3));
    let seq = ledger.append(&Row::stock(EventKind::StockTaken, 0, 0, 3));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 1));
    assert_only(&ledger, Invariant::I1, seq);
}

#[test]
fn i1_an_oversell_that_is_made_up_for_later_is_found() {
    let mut ledger = LedgerFixture::live(1, 1);
    lawless(&ledger);
    ledger.append(&Row::order(0, 0, "ann"));
    let seq = ledger.append(&Row::order(0, 0, "bob"));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 9));
    assert_only(&ledger, Invariant::I1, seq);
}

#[test]
fn i2_a_buyer_beyond_the_limit_is_found() {
    let mut ledger = LedgerFixture::live(3, 9);
    ledger.append(&Row::order(0, 0, "ann").units(2));
    ledger.append(&Row::order(0, 0, "bob").units(3));
    let seq = ledger.append(&Row::order(0, 0, "ann").with_id(1).units(2));
    assert_only(&ledger, Invariant::I2, seq);
}

#[test]
fn i2_the_limit_counts_over_all_items_of_a_sale_but_not_over_sales() {
    let mut ledger = LedgerFixture::new();
    ledger.create(0, &terms("one", 1, 0, &[("a", 5), ("b", 5)]));
    ledger.create(1, &terms("two", 1, 2, &[("a", 5)]));
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger.append(&Row::of(EventKind::SaleOpened, 1));
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.append(&Row::order(1, 2, "ann").with_id(1));
    assert_clean(&ledger);
    let seq = ledger.append(&Row::order(0, 1, "ann").with_id(2));
    assert_only(&ledger, Invariant::I2, seq);
}

#[test]
fn i2_the_limit_is_the_one_in_force_when_the_units_were_taken() {
    let mut ledger = LedgerFixture::live(1, 9);
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.change(0, &terms("launch", 2, 0, &[]));
    ledger.append(&Row::order(0, 0, "ann").with_id(1));
    ledger.change(0, &terms("launch", 1, 0, &[]));
    assert_clean(&ledger);
    ledger.append(&Row::order(0, 0, "bob"));
    let seq = ledger.append(&Row::order(0, 0, "bob").with_id(2));
    assert_only(&ledger, Invariant::I2, seq);
}

#[test]
fn i3_an_order_written_twice_is_found() {
    let mut ledger = LedgerFixture::live(9, 9);
    ledger.append(&Row::order(0, 0, "ann").keyed("k"));
    let seq = ledger.append(&Row::order(0, 0, "ann").keyed("k"));
    let report = report(&ledger);
    // Its id and its key.
    assert_eq!(found(&report), [(Invariant::I3, Some(seq)); 2], "{report}");
}

#[test]
fn i3_an_id_of_two_orders_is_found() {
    let mut ledger = LedgerFixture::live(1, 9);
    ledger.append(&Row::order(0, 0, "ann").with_id(1));
    let seq = ledger.append(&Row::order(0, 0, "bob").with_id(1));
    assert_only(&ledger, Invariant::I3, seq);
}

#[test]
fn i3_two_orders_under_one_key_are_found() {
    let mut ledger = LedgerFixture::live(9, 9);
    ledger.append(&Row::order(0, 0, "ann").keyed("k"));
    ledger.append(&Row::order(0, 0, "ann").with_id(1).keyed("l"));
    ledger.append(&Row::order(0, 0, "annk").keyed("k"));
    ledger.append(&Row::order(0, 0, "bob").keyed("k"));
    ledger.append(&Row::order(0, 0, "bob").with_id(3));
    ledger.append(&Row::order(0, 0, "bob").with_id(4));
    assert_clean(&ledger);
    let seq = ledger.append(&Row::order(0, 0, "ann").with_id(2).keyed("k"));
    assert_only(&ledger, Invariant::I3, seq);
}

#[test]
fn i4_an_order_that_skips_its_hold_is_found() {
    let mut ledger = LedgerFixture::new();
    let mut held = terms("held", 9, 0, &[("hat", 9)]);
    held.hold_us = Some(600_000_000);
    ledger.create(0, &held);
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger.append(&Row::order(0, 0, "ann").held());
    assert_clean(&ledger);
    let seq = ledger.append(&Row::order(0, 0, "bob"));
    assert_only(&ledger, Invariant::I4, seq);
}

#[test]
fn i4_an_order_held_in_a_sale_without_hold_is_found() {
    let mut ledger = LedgerFixture::live(1, 9);
    let seq = ledger.append(&Row::order(0, 0, "ann").held());
    assert_only(&ledger, Invariant::I4, seq);
}

#[test]
fn i4_a_hold_that_was_changed_leaves_orders_of_both_kinds_around_the_change() {
    let mut ledger = LedgerFixture::live(1, 9);
    let mut held = terms("launch", 1, 0, &[]);
    held.hold_us = Some(1);
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.change(0, &held);
    ledger.append(&Row::order(0, 0, "bob"));
    ledger.append(&Row::order(0, 0, "cat").held());
    assert_clean(&ledger);
}

#[test]
fn i5_an_order_while_the_sale_is_not_live_is_found() {
    let phases: [(&[EventKind], &str); 4] = [
        (&[], "scheduled"),
        (&[EventKind::SaleOpened, EventKind::SalePaused], "paused"),
        (&[EventKind::SaleOpened, EventKind::SaleEnded], "ended"),
        (&[EventKind::SaleEnded], "ended"),
    ];
    for (kinds, word) in phases {
        let mut ledger = LedgerFixture::new();
        ledger.create(0, &terms("launch", 1, 0, &[("sneaker-42", 9)]));
        for kind in kinds {
            ledger.append(&Row::of(*kind, 0));
        }
        assert_clean(&ledger);
        let seq = ledger.append(&Row::order(0, 0, "ann"));
        assert_only(&ledger, Invariant::I5, seq);
        let report = report(&ledger);
        assert!(report.violations()[0].what.contains(word), "{report}");
    }
}

#[test]
fn i5_a_sale_that_opens_before_its_time_is_found_with_every_early_order() {
    let mut ledger = LedgerFixture::new();
    let mut early = terms("launch", 1, 0, &[("sneaker-42", 9)]);
    // Events are a millisecond apart: created, opened, ordered, ordered.
    early.opens_at_us = Some(ledger.at_us + 4_000);
    ledger.create(0, &early);
    let opened = ledger.append(&Row::of(EventKind::SaleOpened, 0));
    let order = ledger.append(&Row::order(0, 0, "ann"));
    ledger.append(&Row::order(0, 0, "bob"));
    let report = report(&ledger);
    assert_eq!(found(&report), [(Invariant::I5, Some(opened)), (Invariant::I5, Some(order))], "{report}");
}

#[test]
fn i5_a_turn_that_no_sale_can_take_is_found() {
    use EventKind::{SaleEnded, SaleOpened, SalePaused, SaleResumed};
    let turns: [&[EventKind]; 10] = [
        &[SalePaused],
        &[SaleResumed],
        &[SaleOpened, SaleOpened],
        &[SaleOpened, SaleResumed],
        &[SaleOpened, SalePaused, SalePaused],
        &[SaleOpened, SalePaused, SaleOpened],
        &[SaleOpened, SaleEnded, SaleEnded],
        &[SaleOpened, SaleEnded, SaleResumed],
        &[SaleEnded, SaleOpened],
        &[SaleOpened, SalePaused, SaleEnded, SalePaused],
    ];
    for kinds in turns {
        let mut ledger = LedgerFixture::new();
        let mut last = ledger.create(0, &terms("launch", 1, 0, &[("sneaker-42", 9)]));
        for kind in kinds {
            last = ledger.append(&Row::of(*kind, 0));
        }
        let report = report(&ledger);
        assert_eq!(found(&report), [(Invariant::I5, Some(last))], "{kinds:?}: {report}");
    }
}

#[test]
fn i7_an_order_at_another_price_is_found() {
    let mut ledger = LedgerFixture::live(1, 9);
    let seq = ledger.append(&Row { price_minor: Some(PRICE_MINOR - 1), ..Row::order(0, 0, "ann") });
    assert_only(&ledger, Invariant::I7, seq);
}

#[test]
fn i10_sold_out_with_units_left_is_found() {
    let mut ledger = LedgerFixture::live(1, 2);
    ledger.append(&Row::order(0, 0, "ann"));
    let seq = ledger.log(&Row::sold_out(0, 0));
    assert_only(&ledger, Invariant::I10, seq);
}

#[test]
fn i10_a_last_unit_without_sold_out_is_found_also_at_the_end_of_the_log() {
    let mut ledger = LedgerFixture::live(1, 2);
    ledger.append(&Row::order(0, 0, "ann"));
    let seq = ledger.log(&Row::order(0, 0, "bob"));
    ledger.sql("UPDATE items SET sold = 2");
    assert_only(&ledger, Invariant::I10, seq);
    ledger.append(&Row::of(EventKind::SaleEnded, 0));
    assert_only(&ledger, Invariant::I10, seq);
}

#[test]
fn i10_a_last_unit_taken_off_sale_is_sold_out_too() {
    let mut ledger = LedgerFixture::live(1, 2);
    let seq = ledger.log(&Row::stock(EventKind::StockTaken, 0, 0, 2));
    ledger.sql("UPDATE items SET stock = 0");
    assert_only(&ledger, Invariant::I10, seq);
    ledger.log(&Row::sold_out(0, 0));
    assert_clean(&ledger);
}

#[test]
fn i10_sold_out_of_another_item_or_said_twice_is_found() {
    let mut ledger = LedgerFixture::new();
    ledger.create(0, &terms("launch", 9, 0, &[("a", 1), ("b", 0)]));
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    let last_unit = ledger.log(&Row::order(0, 0, "ann"));
    ledger.sql("UPDATE items SET sold = 1 WHERE no = 0");
    let wrong = ledger.log(&Row::sold_out(0, 1));
    let report = report(&ledger);
    assert_eq!(found(&report), [(Invariant::I10, Some(wrong)), (Invariant::I10, Some(last_unit))], "{report}");

    let mut ledger = LedgerFixture::live(1, 1);
    ledger.append(&Row::order(0, 0, "ann"));
    let twice = ledger.log(&Row::sold_out(0, 0));
    assert_only(&ledger, Invariant::I10, twice);
}

#[test]
fn i10_an_item_may_sell_out_again_after_units_came_back() {
    let mut ledger = LedgerFixture::live(1, 1);
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 1));
    ledger.append(&Row::order(0, 0, "bob"));
    assert_clean(&ledger);
}
