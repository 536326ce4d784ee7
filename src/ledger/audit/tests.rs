mod log;
mod moving;
mod selling;
mod tables;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::fixture::{LedgerFixture, Row, terms};
use super::super::read::LedgerReader;
use super::super::row::EventKind;
use super::{AuditReport, CHUNK_ROWS, Invariant, Violation, audit, totals_at};
use crate::ids::OrderId;

fn report(ledger: &LedgerFixture) -> AuditReport {
    audit(&ledger.reader(), None::<&[u8]>).expect("a verdict")
}

fn with_acks(ledger: &LedgerFixture, acks: &str) -> AuditReport {
    audit(&ledger.reader(), Some(acks.as_bytes())).expect("a verdict")
}

/// What was found and where, without the sentences.
fn found(report: &AuditReport) -> Vec<(Invariant, Option<i64>)> {
    assert_eq!(report.is_ok(), report.violations().is_empty());
    report.violations().iter().map(|violation| (violation.invariant, violation.seq)).collect()
}

#[track_caller]
fn assert_clean(ledger: &LedgerFixture) {
    let report = report(ledger);
    assert!(report.is_ok(), "{report}");
}

/// Exactly one violation, of this invariant, at this event.
#[track_caller]
fn assert_only(ledger: &LedgerFixture, invariant: Invariant, seq: impl Into<Option<i64>>) {
    let report = report(ledger);
    assert_eq!(found(&report), [(invariant, seq.into())], "{report}");
}

fn id_of(row: &Row) -> OrderId {
    OrderId::from_bytes(row.order_id.as_deref().expect("an order").try_into().expect("sixteen bytes"))
}

#[test]
fn an_empty_ledger_is_proven() {
    let report = report(&LedgerFixture::new());
    let json = serde_json::to_string(&report).expect("a report is JSON");
    let zeros = "0".repeat(64);
    let expected = format!(r#"{{"ok":true,"events":0,"orders":0,"head":"{zeros}","violations":[],"sales":[]}}"#);
    assert_eq!(json, expected);
}

#[test]
fn a_whole_sale_is_proven_and_its_totals_are_told() {
    let mut ledger = LedgerFixture::new();
    let mut held = terms("held", 2, 1, &[("hat", 3), ("scarf", 0)]);
    held.hold_us = Some(600_000_000);
    held.opens_at_us = Some(ledger.at_us);
    held.closes_at_us = Some(ledger.at_us + 3_600_000_000);
    ledger.create(0, &terms("launch", 1, 0, &[("sneaker-42", 2)]));
    ledger.create(1, &held);
    for sale in [0, 1] {
        ledger.append(&Row::of(EventKind::SaleOpened, sale));
    }
    ledger.append(&Row::order(0, 0, "ann").keyed("k"));
    ledger.append(&Row::order(1, 1, "ann").keyed("k").with_id(1).units(2).held());
    ledger.append(&Row::of(EventKind::SalePaused, 0));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 1));
    ledger.append(&Row::stock(EventKind::StockTaken, 0, 0, 1));
    ledger.append(&Row::of(EventKind::SaleResumed, 0));
    ledger.append(&Row::order(0, 0, "bob").keyed("k"));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 1));
    ledger.change(0, &terms("launch", 2, 3, &[("sneaker-43", 1)]));
    ledger.append(&Row::order(0, 3, "bob").with_id(2));
    ledger.append(&Row::order(1, 1, "bob").with_id(3).held());
    ledger.append(&Row::stock(EventKind::StockTaken, 0, 0, 1));
    ledger.append(&Row::of(EventKind::SaleEnded, 0));
    let report = report(&ledger);
    assert!(report.is_ok(), "{report}");
    assert_eq!((report.events, report.orders, report.head_seq), (21, 5, 21));
    let json = serde_json::to_value(&report).expect("a report is JSON");
    let item = |sale: &str, sku: &str, [stock, available, held, confirmed]: [i64; 4]| serde_json::json!({"sale": sale, "sku": sku, "stock": stock, "available": available, "held": held, "confirmed": confirmed});
    let expected = [
        item("launch", "sneaker-42", [2, 0, 0, 2]),
        item("held", "hat", [3, 0, 3, 0]),
        item("held", "scarf", [0, 0, 0, 0]),
        item("launch", "sneaker-43", [1, 0, 0, 1]),
    ];
    assert_eq!(json["sales"], serde_json::Value::from(expected.to_vec()));
    assert_eq!(json["head"].as_str().map(str::len), Some(64));
}

#[test]
fn a_violation_is_written_as_the_contract_says() {
    let mut ledger = LedgerFixture::live(1, 5);
    ledger.append(&Row::order(0, 0, "ann"));
    ledger.append(&Row::order(0, 0, "ann").with_id(9));
    let json = serde_json::to_value(report(&ledger)).expect("a report is JSON");
    assert_eq!(json["ok"], false);
    let what = r#"buyer "ann" has 2 units in sale launch, where 1 are allowed"#;
    assert_eq!(json["violations"], serde_json::json!([{"invariant": "I2", "seq": 4, "what": what}]));
    assert_eq!(json.get("violations_total"), None);
}

#[test]
fn a_flood_of_violations_is_counted_and_its_beginning_listed() {
    let mut ledger = LedgerFixture::live(1, 1_000);
    for id in 0..=150 {
        ledger.append(&Row::order(0, 0, "ann").with_id(id));
    }
    let mut report = report(&ledger);
    assert_eq!((report.violations().len(), report.violations_total()), (100, 150));
    report.add(Violation { invariant: Invariant::I9, seq: None, what: "memory says otherwise".into() });
    let json = serde_json::to_value(&report).expect("a report is JSON");
    assert_eq!(json["violations_total"], 151);
    assert!(report.to_string().contains("and 51 more"), "{report}");
}

#[test]
fn what_a_running_server_finds_is_added() {
    let mut report = report(&LedgerFixture::live(1, 1));
    report.add(Violation { invariant: Invariant::I9, seq: None, what: "memory says otherwise".into() });
    assert_eq!(found(&report), [(Invariant::I9, None)]);
    let json = serde_json::to_value(&report).expect("a report is JSON");
    assert_eq!(json["violations"][0]["seq"], serde_json::Value::Null);
}

#[test]
fn the_totals_are_told_as_of_any_event() {
    let mut ledger = LedgerFixture::live(9, 5);
    let first = ledger.append(&Row::order(0, 0, "ann").units(2));
    ledger.append(&Row::stock(EventKind::StockAdded, 0, 0, 4));
    let at = |seq| {
        let totals = totals_at(&ledger.reader(), seq).expect("totals");
        totals.iter().map(|item| (item.item.0, item.stock, item.available, item.confirmed)).collect::<Vec<_>>()
    };
    assert_eq!(at(0), []);
    assert_eq!(at(first - 1), [(0, 5, 5, 0)]);
    assert_eq!(at(first), [(0, 5, 3, 2)]);
    assert_eq!(at(i64::MAX), [(0, 9, 7, 2)]);
}

#[test]
fn every_acknowledged_order_must_be_in_the_log() {
    let mut ledger = LedgerFixture::live(1, 5);
    let (ann, bob) = (Row::order(0, 0, "ann"), Row::order(0, 0, "bob"));
    ledger.append(&ann);
    let (ann, bob) = (id_of(&ann), id_of(&bob));
    let clean = with_acks(&ledger, &format!("\n{ann}\r\n\n  {ann}  \n"));
    assert!(clean.is_ok(), "{clean}");
    assert_eq!(clean.acks, Some(2));
    let report = with_acks(&ledger, &format!("{ann}\n\n{bob}\n{ann}"));
    assert_eq!(found(&report), [(Invariant::I8, None)]);
    let what = &report.violations()[0].what;
    assert!(what.contains(&bob.to_string()) && what.contains("line 3"), "{what}");
}

#[test]
fn a_line_that_is_no_order_is_named() {
    let ledger = LedgerFixture::live(1, 5);
    for bad in ["hello", "0193", "00000000000000000000000000000000", "\u{fffd}"] {
        let report = with_acks(&ledger, &format!("\n{bad}\n"));
        assert_eq!(found(&report), [(Invariant::I8, None)], "{bad}");
        assert!(report.violations()[0].what.contains("line 2"), "{report}");
    }
    let report = audit(&ledger.reader(), Some(&b"\xff\xfe\n"[..])).expect("a verdict");
    assert_eq!(found(&report), [(Invariant::I8, None)]);
}

#[test]
fn a_log_of_many_chunks_is_one_log() {
    let mut ledger = LedgerFixture::live(1, 100_000);
    let orders = 2 * CHUNK_ROWS + 7;
    ledger.sql("BEGIN");
    for number in 0..orders {
        ledger.append(&Row::order(0, 0, &format!("b-{number}")));
    }
    ledger.sql("COMMIT");
    let report = report(&ledger);
    assert!(report.is_ok(), "{report}");
    assert_eq!(i64::try_from(report.orders), Ok(orders));
    ledger.sql(&format!("UPDATE events SET quantity = 2 WHERE seq = {}", CHUNK_ROWS + 1));
    let first = self::report(&ledger).violations()[0].clone();
    assert_eq!((first.invariant, first.seq), (Invariant::I6, Some(CHUNK_ROWS + 1)));
}

/// Outcomes of an audit beside a writer: *a proof of some moment in between: required; a difference between log and
/// tables: forbidden*.
#[test]
fn a_ledger_that_is_being_written_is_proven() {
    let mut ledger = LedgerFixture::live(1, 1_000_000);
    let dir = ledger.dir().to_owned();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0;
            // Relaxed: only says when to stop; the join orders the rest.
            while !is_done.load(Ordering::Relaxed) {
                ledger.sql("BEGIN IMMEDIATE");
                for _ in 0..50 {
                    ledger.append(&Row::order(0, 0, &format!("b-{number}")));
                    number += 1;
                }
                ledger.sql("COMMIT");
            }
            number
        });
        let mut events = 0;
        let mut grown = 0;
        // Until the log has grown between audits ten times, so that the writer was surely at work.
        while grown < 10 {
            let reader = LedgerReader::open(&dir).expect("a ledger that opens");
            let report = audit(&reader, None::<&[u8]>).expect("a verdict");
            assert!(report.is_ok(), "{report}");
            assert!(report.events >= events);
            grown += u32::from(report.events > events);
            events = report.events;
        }
        is_done.store(true, Ordering::Relaxed);
        let orders = writer.join().expect("the writer ends");
        let report = audit(&LedgerReader::open(&dir).expect("a ledger"), None::<&[u8]>).expect("a verdict");
        assert_eq!(report.orders, orders);
    });
}
