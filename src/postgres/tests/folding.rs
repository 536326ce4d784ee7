//! What the log adds up to, in any cut.

use uuid::Uuid;

use crate::ledger::fixture::{LedgerFixture, Row, terms};
use crate::ledger::row::{EventKind, EventRow, GENESIS};
use crate::postgres::cells::shown;
use crate::postgres::fold::{Batch, Names, Poison};
use crate::postgres::world::World;

fn id(n: u8) -> Uuid {
    Uuid::from_bytes([n; 16])
}

/// A log with all that can happen.
fn log() -> LedgerFixture {
    let mut ledger = LedgerFixture::live(9, 10);
    let order = |n: u8, kind: EventKind, detail: &str| Row {
        item: Some(0),
        order_id: Some(vec![n; 16]),
        buyer: Some(format!("b-{n}")),
        quantity: Some(2),
        detail: Some(detail.into()),
        ..Row::of(kind, 0)
    };
    let place = |n: u8, expires_at_us: Option<i64>| Row {
        price_minor: Some(12_900),
        placed_at_us: Some(1_000),
        ack: Some("disk".into()),
        expires_at_us,
        detail: None,
        ..order(n, EventKind::OrderPlaced, "")
    };
    ledger.append(&place(1, None));
    ledger.append(&place(2, Some(5_000)));
    ledger.append(&place(3, Some(5_000)));
    let started = Row { expires_at_us: Some(9_000), ..order(2, EventKind::PaymentStarted, r#"{"by":"payment"}"#) };
    ledger.append(&started);
    ledger.append(&order(2, EventKind::OrderConfirmed, r#"{"by":"payment","payment":"pay-2"}"#));
    ledger.append(&order(3, EventKind::OrderExpired, r#"{"by":"deadline"}"#));
    ledger.append(&order(3, EventKind::OrderConfirmed, r#"{"by":"payment","payment":"pay-3","late":true}"#));
    ledger.append(&order(1, EventKind::OrderRefunded, r#"{"by":"admin","restock":false}"#));
    ledger.append(&Row { item: Some(0), quantity: Some(5), ..Row::of(EventKind::StockAdded, 0) });
    ledger.change(0, &terms("launch", 3, 1, &[("boot", 7)]));
    ledger.append(&Row::of(EventKind::SalePaused, 0));
    ledger
}

/// The world after the log, taken in stretches of this many events.
fn world_of(ledger: &LedgerFixture, stretch: usize) -> World {
    let (reader, mut names, mut world, mut after) = (ledger.reader(), Names::default(), World::default(), 0);
    loop {
        let mut batch = Batch::default();
        let rows = reader
            .cargo(after, stretch, |row, hash| batch.take(&mut names, row, *hash).expect("a row that makes sense"))
            .expect("a readable log");
        if rows == 0 {
            return world;
        }
        after = batch.head().0;
        world.take(batch);
    }
}

#[test]
fn the_log_adds_up_to_the_same_in_any_cut() {
    let ledger = log();
    let whole = world_of(&ledger, 1_000);
    let states = |n: u8| {
        let order = &whole.orders[&id(n)];
        (order.state, order.expires_at_us, order.late, order.payment.as_deref())
    };
    assert_eq!(states(1), ("refunded", None, false, None));
    assert_eq!(states(2), ("confirmed", Some(9_000), false, Some("pay-2")));
    assert_eq!(states(3), ("confirmed", Some(5_000), true, Some("pay-3")));
    let item = &whole.items[&0];
    assert_eq!((item.cells.stock + item.shift.stock, item.shift.held, item.shift.sold), (13, 0, 4));
    assert_eq!(whole.items[&1].cells.sku, "boot");
    let sale = &whole.sales[&0];
    assert_eq!((sale.phase, sale.terms.limit_per_buyer), ("paused", 3));
    for stretch in 1..8 {
        let cut = world_of(&ledger, stretch);
        assert_eq!((&cut.orders, &cut.sales, &cut.items), (&whole.orders, &whole.sales, &whole.items), "{stretch}");
    }
}

#[test]
fn a_row_that_makes_no_sense_is_poison_and_leaves_the_batch_as_it_was() {
    let bad = |row: &EventRow<'_>| {
        let mut batch = Batch::default();
        let poison = batch.take(&mut Names::default(), row, GENESIS).expect_err("no sense");
        assert!(batch.events.is_empty() && batch.placed.is_empty() && batch.items.is_empty(), "{poison}");
        poison
    };
    let ledger = log();
    ledger
        .reader()
        .cargo(0, 100, |row, _| {
            let Poison { seq, why } = bad(&EventRow { kind: "order.vanished", ..*row });
            assert_eq!((seq, why.as_str()), (row.seq, "\"order.vanished\" is no kind of event"));
            if row.kind != "sale.created" {
                bad(&EventRow { detail: Some("{}"), ..*row });
            }
        })
        .expect("a readable log");
}

#[test]
fn what_postgresql_cannot_show_is_shown_as_something_else() {
    assert_eq!(shown("a\0b"), "a\u{FFFD}b");
    assert_eq!(shown("plain"), "plain");
}
