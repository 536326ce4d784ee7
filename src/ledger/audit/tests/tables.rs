//! Planted wrongs of the tables: the log is whole, what is shown is not what it adds up to.

use super::*;

fn ledger() -> LedgerFixture {
    let mut ledger = LedgerFixture::new();
    let mut second = terms("held", 9, 1, &[("hat", 9), ("scarf", 9)]);
    second.hold_us = Some(600_000_000);
    ledger.create(0, &terms("launch", 9, 0, &[("sneaker-42", 9)]));
    ledger.create(1, &second);
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger.append(&Row::of(EventKind::SaleOpened, 1));
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.append(&Row::order(1, 1, "bob").held());
    ledger
}

#[test]
fn i7_any_cell_that_is_not_what_the_log_says_is_found() {
    for (table, column, change) in [
        ("sales", "id", "id || 'x'"),
        ("sales", "title", "title || 'x'"),
        ("sales", "title", "CAST(x'ff' AS TEXT)"),
        ("sales", "opens_at_us", "coalesce(opens_at_us + 1, 0)"),
        ("sales", "closes_at_us", "coalesce(closes_at_us + 1, 0)"),
        ("sales", "limit_per_buyer", "limit_per_buyer + 1"),
        ("sales", "hold_us", "coalesce(hold_us + 1, 1)"),
        ("sales", "phase", "'paused'"),
        ("items", "sale", "1 - sale"),
        ("items", "sku", "sku || 'x'"),
        ("items", "title", "title || 'x'"),
        ("items", "price_minor", "price_minor + 1"),
        ("items", "currency", "'EUR'"),
        ("items", "stock", "stock + 1"),
        ("items", "held", "held + 1"),
        ("items", "sold", "sold + 1"),
    ] {
        for no in [0, 1] {
            let ledger = ledger();
            assert_clean(&ledger);
            ledger.sql(&format!("UPDATE {table} SET {column} = {change} WHERE no = {no}"));
            assert_only(&ledger, Invariant::I7, None);
            let report = report(&ledger);
            let expected = format!("row {no} of {table} has {column} ");
            assert!(report.violations()[0].what.starts_with(&expected), "{report}");
        }
    }
}

#[test]
fn i7_a_sale_that_was_sold_more_often_than_the_log_says_is_found_with_both_figures() {
    let ledger = ledger();
    ledger.sql("UPDATE items SET sold = 0 WHERE no = 0");
    let report = report(&ledger);
    assert_eq!(report.violations()[0].what, "row 0 of items has sold 0, the log says 1");
}

#[test]
fn i7_rows_that_are_missing_or_too_many_are_found() {
    for (change, what) in [
        ("DELETE FROM items WHERE no = 2", "row 2 of items is missing"),
        ("DELETE FROM items WHERE no = 1", "row 1 of items is missing"),
        ("DELETE FROM sales WHERE no = 0", "row 0 of sales is missing"),
        ("INSERT INTO sales VALUES (2, 'x', 'x', NULL, NULL, 1, NULL, 'live')", "row 2 of sales is not in the log"),
        ("INSERT INTO sales VALUES (-1, 'x', 'x', NULL, NULL, 1, NULL, 'live')", "row -1 of sales is not in the log"),
        ("INSERT INTO items VALUES (3, 0, 'x', 'x', 1, 'USD', 1, 0, 0)", "row 3 of items is not in the log"),
    ] {
        let ledger = ledger();
        ledger.sql("PRAGMA foreign_keys = OFF");
        ledger.sql(change);
        assert_only(&ledger, Invariant::I7, None);
        assert_eq!(report(&ledger).violations()[0].what, what);
    }
}

#[test]
fn i7_an_order_shown_in_another_state_than_the_log_says_is_found_at_its_event() {
    let ledger = ledger();
    ledger.sql("INSERT INTO order_states (seq, state) VALUES (6, 'cancelled')");
    assert_only(&ledger, Invariant::I7, 6);
}

#[test]
fn i7_a_view_that_shows_something_else_is_found() {
    let ledger = ledger();
    ledger.sql("DROP VIEW orders");
    assert_only(&ledger, Invariant::I7, None);
    ledger.sql("CREATE VIEW orders AS SELECT seq FROM events WHERE kind = 'order.placed' AND buyer <> 'ann'");
    assert_only(&ledger, Invariant::I7, None);
}

#[test]
fn i7_a_row_taken_out_of_a_whole_chain_is_found_by_the_totals() {
    let mut ledger = ledger();
    ledger.append(&Row::order(0, 0, "cat"));
    ledger.sql("DELETE FROM events WHERE seq = 5; UPDATE events SET seq = seq - 1 WHERE seq > 5");
    ledger.relink();
    assert_only(&ledger, Invariant::I7, None);
}
