use std::fs;

use super::super::fixture::{BEGIN_US, LedgerFixture, PRICE_MINOR, Row, terms};
use super::super::orders::{First, OrderFilter, OrderRecord, STRETCH_EVENTS, stretches};
use super::super::row::EventKind;
use super::*;
use crate::ids::{BuyerId, BuyerRef, OrderId, SaleId, Sku};
use crate::order::OrderState;

fn sales() -> LedgerFixture {
    let mut ledger = LedgerFixture::new();
    let mut held = terms("held", 9, 1, &[("hat", 9)]);
    held.hold_us = Some(600_000_000);
    ledger.create(0, &terms("launch", 9, 0, &[("sneaker-42", 9)]));
    ledger.create(1, &held);
    ledger.append(&Row::of(EventKind::SaleOpened, 0));
    ledger.append(&Row::of(EventKind::SaleOpened, 1));
    for (number, buyer) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        ledger.append(&Row::order(0, 0, buyer).with_id(number).units(2).keyed("k"));
        ledger.append(&Row::order(1, 1, buyer).with_id(number + 10).held());
    }
    ledger
}

fn seqs(orders: &[OrderRecord]) -> Vec<i64> {
    orders.iter().map(|order| order.seq).collect()
}

#[test]
fn a_directory_without_a_ledger_is_said_to_have_none() {
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let fault = LedgerReader::open(folder.path()).expect_err("nothing is there");
    assert!(matches!(&fault, ReadFault::NotFound(path) if *path == folder.path().join(FILE_NAME)), "{fault}");
    assert_eq!(fs::read_dir(folder.path()).expect("a directory").count(), 0, "reading makes no file");
}

#[test]
fn a_file_that_is_no_database_or_a_torn_one_is_damaged() {
    let ledger = sales();
    ledger.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let bytes = fs::read(ledger.dir().join(FILE_NAME)).expect("a file");
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let file = folder.path().join(FILE_NAME);
    for (what, bytes) in
        [("text", &b"not a database, but long enough to have a header of one: "[..]), ("half", &bytes[..4096])]
    {
        fs::write(&file, bytes.repeat(if what == "text" { 20 } else { 1 })).expect("a file");
        let fault = LedgerReader::open(folder.path()).and_then(|reader| reader.head());
        assert!(matches!(fault, Err(ReadFault::Corrupt(_))), "{what}: {fault:?}");
    }
}

#[test]
fn another_programs_database_and_a_newer_schema_are_refused() {
    let ledger = sales();
    ledger.sql("PRAGMA user_version = 2");
    assert!(matches!(LedgerReader::open(ledger.dir()), Err(ReadFault::UnknownVersion { version: 2, .. })));
    ledger.sql("PRAGMA application_id = 7");
    assert!(matches!(LedgerReader::open(ledger.dir()), Err(ReadFault::Foreign { application_id: 7, .. })));
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    fs::write(folder.path().join(FILE_NAME), b"").expect("an empty file");
    assert!(matches!(LedgerReader::open(folder.path()), Err(ReadFault::Foreign { application_id: 0, .. })));
}

#[test]
fn a_reader_cannot_write() {
    let ledger = sales();
    let reader = ledger.reader();
    for sql in ["DELETE FROM events", "PRAGMA user_version = 9", "CREATE TABLE t (a)"] {
        assert!(reader.connection.execute_batch(sql).is_err(), "{sql}");
    }
    reader.connection.pragma_update(None, "query_only", false).expect("a pragma");
    assert!(reader.connection.execute_batch("DELETE FROM events").is_err());
}

/// What a crashed server leaves: everything is in the write-ahead log, nobody has the ledger open.
#[test]
fn a_ledger_left_by_a_crash_is_read_with_its_write_ahead_log_which_stays() {
    let ledger = sales();
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let log = format!("{FILE_NAME}-wal");
    for name in [FILE_NAME, &log] {
        fs::copy(ledger.dir().join(name), folder.path().join(name)).expect("a copy");
    }
    let before = fs::read(folder.path().join(&log)).expect("a log");
    let reader = LedgerReader::open(folder.path()).expect("a ledger");
    assert_eq!(reader.head().expect("a head"), ledger.reader().head().expect("a head"));
    assert_eq!(reader.head().expect("a head").seq, 10);
    drop(reader);
    assert!(before.len() > 10_000, "the orders are in the log");
    assert_eq!(fs::read(folder.path().join(&log)).expect("a log"), before, "closing has not moved the log");
}

#[test]
fn a_ledger_that_was_closed_in_peace_is_read() {
    let ledger = sales();
    ledger.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    fs::copy(ledger.dir().join(FILE_NAME), folder.path().join(FILE_NAME)).expect("a copy");
    assert_eq!(LedgerReader::open(folder.path()).expect("a ledger").head().expect("a head").seq, 10);
}

#[test]
fn a_snapshot_stands_still_while_the_ledger_moves_on() {
    let mut ledger = sales();
    let reader = ledger.reader();
    let snapshot = reader.snapshot().expect("a snapshot");
    let before = reader.head().expect("a head");
    ledger.append(&Row::of(EventKind::SaleEnded, 0));
    assert_eq!(reader.head().expect("a head"), before);
    drop(snapshot);
    assert_eq!(reader.head().expect("a head").seq, before.seq + 1);
}

#[test]
fn an_order_is_shown_with_all_that_the_ledger_knows() {
    let ledger = sales();
    let reader = ledger.reader();
    let all = reader.orders(&OrderFilter::default(), 1..=10, First::Oldest, 100).expect("orders");
    let known = |id| all.iter().find(|order| order.id == id);
    let id = OrderId::from_bytes([11; 16]);
    let order = known(id).expect("known");
    assert_eq!((order.seq, order.id, order.sale.as_str(), order.sku.as_str()), (6, id, "held", "hat"));
    assert_eq!((order.buyer.as_str(), order.key.is_none(), order.quantity.units()), ("ann", true, 1));
    assert_eq!((order.state, order.price.minor(), order.price.currency()), (OrderState::Held, PRICE_MINOR, "USD"));
    assert_eq!((order.placed_at.micros(), order.stored_at.micros()), (BEGIN_US, BEGIN_US + 6_000));
    assert_eq!(order.expires_at.map(crate::clock::WallTime::micros), Some(BEGIN_US + 600_000_000));
    let order = known(OrderId::from_bytes([1; 16])).expect("known");
    let key = order.key.as_ref().expect("a key");
    assert_eq!((order.total().minor(), key.as_str()), (2 * PRICE_MINOR, "k"));
}

#[test]
fn orders_are_listed_in_pages_and_by_filter() {
    let ledger = sales();
    ledger.sql("INSERT INTO order_states (seq, state) VALUES (6, 'cancelled')");
    let reader = ledger.reader();
    let list = |filter: &OrderFilter, after: i64, limit| {
        seqs(&reader.orders(filter, after + 1..=100, First::Oldest, limit).expect("orders"))
    };
    let all = OrderFilter::default();
    assert_eq!(list(&all, 0, 100), [5, 6, 7, 8, 9, 10]);
    assert_eq!(list(&all, 0, 2), [5, 6]);
    assert_eq!(list(&all, 6, 2), [7, 8]);
    assert!(list(&all, 10, 2).is_empty());
    let held = OrderFilter { sale: SaleId::parse("held").ok(), ..OrderFilter::default() };
    assert_eq!(list(&held, 0, 100), [6, 8, 10]);
    let state = |state| OrderFilter { state: Some(state), ..OrderFilter::default() };
    assert_eq!(list(&state(OrderState::Held), 0, 100), [8, 10]);
    assert_eq!(list(&state(OrderState::Cancelled), 0, 100), [6]);
    assert_eq!(list(&state(OrderState::Confirmed), 5, 100), [7, 9]);
    let bob = BuyerRef::parse(b"bob").map(BuyerId::from).ok();
    let bobs_held = OrderFilter { buyer: bob, state: Some(OrderState::Held), ..held };
    assert_eq!(list(&bobs_held, 0, 100), [8]);
    let hats = OrderFilter { sku: Sku::parse("hat").ok(), ..all.clone() };
    assert_eq!(list(&hats, 0, 100), [6, 8, 10]);
    let newest = |last, limit| seqs(&reader.orders(&all, 1..=last, First::Newest, limit).expect("orders"));
    assert_eq!(newest(100, 100), [10, 9, 8, 7, 6, 5]);
    assert_eq!(newest(8, 2), [8, 7]);
}

#[test]
fn the_log_is_walked_from_either_end_without_a_gap() {
    for (from, to) in [(1, 0), (1, 1), (5, 4), (1, STRETCH_EVENTS), (7, 2 * STRETCH_EVENTS + 7)] {
        let walked = |first| stretches(from, to, first).collect::<Vec<_>>();
        let oldest: Vec<i64> = walked(First::Oldest).into_iter().flatten().collect();
        assert!(oldest.iter().copied().eq(from..=to), "{from} to {to}");
        let newest: Vec<i64> = walked(First::Newest).into_iter().flat_map(Iterator::rev).collect();
        assert!(newest.iter().rev().copied().eq(from..=to), "{from} to {to}");
        assert!(walked(First::Newest).iter().all(|events| events.end() - events.start() < STRETCH_EVENTS));
    }
}

#[test]
fn an_orders_history_is_all_that_the_log_says_of_it() {
    let mut ledger = sales();
    let placed = Row::order(1, 1, "ann").with_id(11).held();
    ledger.append(&placed.of_order(EventKind::PaymentStarted, r#"{"by":"payment","message":"msg-1"}"#));
    ledger.append(&placed.of_order(EventKind::OrderConfirmed, r#"{"by":"payment","message":"msg-2","payment":"pay"}"#));
    let reader = ledger.reader();
    let history = |events| reader.history(OrderId::from_bytes([11; 16]), events).expect("a history");
    let kinds = |events| history(events).into_iter().map(|event| (event.seq, event.kind)).collect::<Vec<_>>();
    let told = |seq, kind: &str| (seq, kind.to_owned());
    let all = [told(6, "order.placed"), told(11, "payment.started"), told(12, "order.confirmed")];
    assert_eq!(kinds(1..=12), all);
    assert_eq!(kinds(7..=11), all[1..2]);
    let events = history(1..=12);
    assert_eq!((&events[0].detail, events[0].at.micros()), (&None, BEGIN_US + 6_000));
    let detail = events[2].detail.as_ref().expect("a detail");
    assert_eq!((detail.message.as_deref(), detail.payment.as_deref()), (Some("msg-2"), Some("pay")));
    ledger.sql("UPDATE events SET detail = '{}' WHERE seq = 12");
    let fault = ledger.reader().history(OrderId::from_bytes([11; 16]), 1..=12);
    assert!(matches!(fault, Err(ReadFault::Order { seq: 12, .. })), "{fault:?}");
}

/// A page must cost what it shows, however long the log is: rows come in the order of the log, none is sorted.
#[test]
fn a_page_of_orders_is_read_without_sorting_the_log() {
    let ledger = sales();
    let reader = ledger.reader();
    for first in [First::Oldest, First::Newest] {
        let sql = format!("EXPLAIN QUERY PLAN {}", super::super::orders::stretch(first));
        let mut statement = reader.connection.prepare(&sql).expect("a plan");
        let parameters = (0, 9, "held", "held", "ann", "hat", 9);
        let steps = statement.query_map(parameters, |row| row.get::<_, String>(3)).expect("steps");
        let steps: Vec<_> = steps.map(|step| step.expect("a step")).collect();
        assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{steps:?}");
        assert!(steps[0].contains("SEARCH e USING INTEGER PRIMARY KEY"), "{steps:?}");
    }
}

#[test]
fn a_damaged_order_is_reported_and_not_guessed() {
    for change in [
        "order_id = x'00'",
        "buyer = ''",
        "idempotency_key = 'two words'",
        "quantity = 0",
        "price_minor = -1",
        "placed_at_us = NULL",
        "ack = 'promised'",
        "buyer = CAST(x'ff' AS TEXT)",
    ] {
        let ledger = sales();
        ledger.sql(&format!("UPDATE events SET {change} WHERE seq = 7"));
        let fault = ledger.reader().orders(&OrderFilter::default(), 1..=100, First::Oldest, 100);
        assert!(matches!(fault, Err(ReadFault::Order { seq: 7, .. })), "{change}: {fault:?}");
    }
}
