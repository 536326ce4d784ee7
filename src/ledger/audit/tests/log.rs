//! Planted wrongs of the log itself.

use super::*;

/// A ledger in which every column has something somewhere.
fn ledger() -> LedgerFixture {
    let mut ledger = LedgerFixture::new();
    let mut held = terms("held", 9, 1, &[("hat", 9)]);
    held.hold_us = Some(600_000_000);
    ledger.create(0, &terms("launch", 9, 0, &[("sneaker-42", 9)]));
    ledger.create(1, &held);
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger.append(&Row::of(EventKind::SaleOpened, 1));
    ledger.append(&Row::order(0, 0, "ann").keyed("k"));
    ledger.append(&Row::order(1, 1, "bob").held());
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 1));
    ledger.append(&Row::order(0, 0, "cat"));
    ledger.append(&Row::of(EventKind::SaleEnded, 1));
    ledger
}

#[test]
fn i6_any_cell_of_any_row_that_is_changed_is_found_at_its_row() {
    let columns = [
        ("at_us", "at_us + 1"),
        ("kind", "kind || 'x'"),
        ("sale", "1 - sale"),
        ("item", "coalesce(item + 1, 0)"),
        ("order_id", "coalesce(randomblob(16), x'00')"),
        ("buyer", "coalesce(buyer || 'x', 'x')"),
        ("idempotency_key", "coalesce(idempotency_key || 'x', 'x')"),
        ("quantity", "coalesce(quantity + 1, 1)"),
        ("price_minor", "coalesce(price_minor - 1, 0)"),
        ("placed_at_us", "coalesce(placed_at_us + 1, 0)"),
        ("expires_at_us", "coalesce(expires_at_us + 1, 0)"),
        ("ack", "iif(ack = 'disk', 'memory', 'disk')"),
        ("detail", "coalesce(replace(detail, 'limit_per_buyer\":9', 'limit_per_buyer\":8'), '{}')"),
        ("hash", "randomblob(32)"),
    ];
    let ledger = ledger();
    assert_clean(&ledger);
    let events = report(&ledger).head_seq;
    for seq in 1..=events {
        for (column, change) in columns {
            ledger.sql(&format!("BEGIN; UPDATE events SET {column} = {change} WHERE seq = {seq}; COMMIT"));
            let report = report(&ledger);
            assert!(found(&report).contains(&(Invariant::I6, Some(seq))), "{column} of {seq}: {report}");
            // Put back what was there, from the untouched copy.
            restore(&ledger, seq);
        }
    }
    assert_clean(&ledger);
}

/// A text and a NULL differ for the chain, even where the text is empty.
#[test]
fn i6_nothing_and_an_empty_text_are_not_the_same() {
    let ledger = ledger();
    ledger.sql("UPDATE events SET detail = '' WHERE seq = 7");
    assert_only(&ledger, Invariant::I6, 7);
}

fn restore(ledger: &LedgerFixture, seq: i64) {
    let fresh = self::ledger();
    let path = fresh.dir().join(crate::ledger::FILE_NAME);
    let attach = format!("ATTACH '{}' AS fresh", path.display());
    ledger.sql(&attach);
    ledger.sql(&format!("INSERT OR REPLACE INTO events SELECT * FROM fresh.events WHERE seq = {seq}"));
    ledger.sql("DETACH fresh");
}

#[test]
fn i6_a_deleted_row_is_found_at_the_next_one() {
    for seq in 1..=8 {
        let ledger = ledger();
        ledger.sql(&format!("DELETE FROM events WHERE seq = {seq}"));
        let report = report(&ledger);
        assert_eq!(found(&report)[0], (Invariant::I6, Some(seq + 1)), "{report}");
    }
}

#[test]
fn i7_a_log_whose_end_was_cut_off_is_found_by_what_the_tables_still_show() {
    let ledger = ledger();
    ledger.sql("DELETE FROM events WHERE seq >= 8");
    let report = report(&ledger);
    assert!(found(&report).iter().all(|found| *found == (Invariant::I7, None)), "{report}");
    assert!(!report.is_ok());
}

#[test]
fn i8_a_log_whose_end_was_cut_off_with_all_tables_is_found_by_the_acknowledged_orders() {
    let mut ledger = LedgerFixture::live(1, 5);
    let order = Row::order(0, 0, "ann");
    ledger.append(&order);
    ledger.sql("DELETE FROM events WHERE seq = 3; UPDATE items SET sold = 0");
    assert_clean(&ledger);
    assert_eq!(found(&with_acks(&ledger, &id_of(&order).to_string())), [(Invariant::I8, None)]);
}

#[test]
fn i6_a_row_before_the_first_is_found() {
    let ledger = ledger();
    for seq in [0, -1, i64::MIN] {
        ledger.sql(&format!(
            "INSERT INTO events (seq, at_us, kind, sale, hash) VALUES ({seq}, 0, 'sale.opened', 0, zeroblob(32))"
        ));
        let report = report(&ledger);
        assert_eq!(found(&report)[0], (Invariant::I6, Some(seq)), "{report}");
        ledger.sql(&format!("DELETE FROM events WHERE seq = {seq}"));
    }
}

#[test]
fn i6_a_row_at_the_end_of_all_numbers_is_found() {
    let ledger = ledger();
    ledger.sql(&format!(
        "INSERT INTO events (seq, at_us, kind, sale, hash) VALUES ({}, {}, 'sale.ended', 0, zeroblob(32)); \
         UPDATE sales SET phase = 'ended'",
        i64::MAX,
        i64::MAX
    ));
    assert_only(&ledger, Invariant::I6, i64::MAX);
}

#[test]
fn i6_a_link_that_no_longer_fits_is_one_violation_and_not_a_flood() {
    let ledger = ledger();
    ledger.sql("UPDATE events SET placed_at_us = 0 WHERE seq = 5");
    assert_only(&ledger, Invariant::I6, 5);
}

#[test]
fn i6_time_that_goes_back_is_found_also_in_a_whole_chain() {
    let mut ledger = ledger();
    ledger.sql("UPDATE events SET at_us = at_us + 1500 WHERE seq = 4");
    ledger.relink();
    assert_only(&ledger, Invariant::I6, 5);
}

#[test]
fn i6_equal_times_are_not_going_back() {
    let mut ledger = ledger();
    ledger.sql("UPDATE events SET at_us = at_us + 1000 WHERE seq = 4");
    ledger.relink();
    assert_clean(&ledger);
}

/// Rows whose link is right, and which still say nothing.
#[test]
fn i6_a_row_that_makes_no_sense_is_found_and_passed_over() {
    let ann = || Row::order(0, 0, "ann");
    let nonsense = [
        Row { kind: "order.vanished".into(), ..ann() },
        Row { sale: 7, ..ann() },
        Row { sale: -1, ..ann() },
        Row { item: Some(1), ..ann() },
        Row { item: Some(9), ..ann() },
        Row { item: Some(-1), ..ann() },
        Row { item: None, ..ann() },
        Row { order_id: None, ..ann() },
        Row { order_id: Some(vec![1; 15]), ..ann() },
        Row { buyer: None, ..ann() },
        Row { buyer: Some(String::new()), ..ann() },
        Row { buyer: Some("Zoë".into()), ..ann() },
        Row { key: Some("two words".into()), ..ann() },
        Row { quantity: None, ..ann() },
        Row { quantity: Some(0), ..ann() },
        Row { quantity: Some(-1), ..ann() },
        Row { quantity: Some(i64::MAX), ..ann() },
        Row { price_minor: None, ..ann() },
        Row { placed_at_us: None, ..ann() },
        Row { ack: None, ..ann() },
        Row { ack: Some("promised".into()), ..ann() },
        Row::stock(EventKind::StockAdded, 0, 0, 0),
        Row::stock(EventKind::StockTaken, 0, 5, 1),
        Row::sold_out(0, 1),
        Row::of(EventKind::SaleOpened, 2),
        Row::of(EventKind::SaleCreated, 2),
        Row { detail: Some("{".into()), ..Row::of(EventKind::SaleCreated, 2) },
        Row { detail: Some("{}".into()), ..Row::of(EventKind::SaleChanged, 0) },
    ];
    for row in nonsense {
        let mut ledger = ledger();
        let seq = ledger.log(&row);
        let report = report(&ledger);
        assert_eq!(found(&report), [(Invariant::I6, Some(seq))], "{row:?}: {report}");
    }
}

#[test]
fn i6_terms_that_make_no_sense_are_found_and_passed_over() {
    let good = || terms("third", 1, 2, &[("a", 1)]);
    let detail = |terms| Some(serde_json::to_string(&terms).expect("terms"));
    let mut bad_price = good();
    bad_price.items[0].price.currency = "ZZZ".into();
    let mut bad_hold = good();
    bad_hold.hold_us = Some(0);
    let created = |sale, terms| Row { detail: detail(terms), ..Row::of(EventKind::SaleCreated, sale) };
    let changed = |sale, terms| Row { detail: detail(terms), ..Row::of(EventKind::SaleChanged, sale) };
    let nonsense = [
        created(3, good()),
        created(0, good()),
        created(2, terms("third", 0, 2, &[("a", 1)])),
        created(2, terms("third", 1, 3, &[("a", 1)])),
        created(2, terms("third", 1, 2, &[])),
        created(2, terms("a sale", 1, 2, &[("a", 1)])),
        created(2, terms("third", 1, 2, &[("a b", 1)])),
        created(2, bad_price),
        created(2, bad_hold),
        changed(2, good()),
        changed(0, terms("renamed", 9, 0, &[])),
        changed(0, terms("launch", 9, 1, &[("a", 1)])),
    ];
    for row in nonsense {
        let mut ledger = ledger();
        let seq = ledger.log(&row);
        let report = report(&ledger);
        assert_eq!(found(&report), [(Invariant::I6, Some(seq))], "{row:?}: {report}");
    }
}

#[test]
fn i6_cells_that_cannot_be_read_are_found_and_passed_over() {
    for (change, at) in [
        ("buyer = CAST(x'ff' AS TEXT)", 8),
        ("kind = CAST(x'ff' AS TEXT)", 7),
        ("hash = x'00'", 4),
        ("hash = zeroblob(0)", 9),
    ] {
        let ledger = ledger();
        ledger.sql(&format!("UPDATE events SET {change} WHERE seq = {at}"));
        let report = report(&ledger);
        assert_eq!(found(&report)[0], (Invariant::I6, Some(at)), "{change}: {report}");
    }
}
