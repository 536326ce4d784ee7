//! One log and its three readers: the audit, PostgreSQL's fold, and whoever makes a ledger anew.

use super::{NOW, text};
use crate::ledger::row::{EventKind, EventRow};
use crate::ledger::{audit, rebuild};
use crate::postgres;

/// A sale that is live, and two orders of it that are held.
const BEGINNING: &str = concat!(
    r#"sale.created 0 - - - {"id":"launch","title":"t","opens_at_us":null,"closes_at_us":null,"limit_per_buyer":9,"#,
    r#""hold_us":600000000,"first_item":0,"items":[{"sku":"unit","title":"u","#,
    r#""price":{"amount":"129.00","currency":"USD"},"stock":10}]}"#,
    "\nsale.opened 0\norder.placed 0 0 a 2\norder.placed 0 0 b 1",
);
const PRICE_MINOR: i64 = 12_900;

/// The row of a line: kind, sale, item, whose it is, how many units, and `detail`, with spaces between.
fn row(seq: i64, line: &str) -> EventRow<'_> {
    let mut words = line.splitn(6, ' ').map(|word| Some(word).filter(|word| *word != "-"));
    let mut word = || words.next().flatten();
    let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
    let (kind, sale, item, who) = (word().unwrap_or_default(), number(word()), number(word()), word());
    let (quantity, detail) = (number(word()), word());
    let placed = Some(kind).filter(|kind| *kind == EventKind::OrderPlaced.word());
    let moves_deadline = [EventKind::PaymentStarted, EventKind::PaymentFailed].map(EventKind::word).contains(&kind);
    EventRow {
        seq,
        at_us: NOW.micros() + seq,
        kind,
        sale: sale.unwrap_or_default(),
        item,
        order_id: match who {
            Some("a") => Some(&[1; 16]),
            Some("b") => Some(&[2; 16]),
            Some(_) => Some(&[3; 16]),
            None => None,
        },
        buyer: who,
        idempotency_key: None,
        quantity,
        price_minor: placed.map(|_| PRICE_MINOR),
        placed_at_us: placed.map(|_| NOW.micros()),
        expires_at_us: (placed.is_some() || moves_deadline).then_some(NOW.micros() + 600_000_000),
        ack: placed.map(|_| "disk"),
        detail,
    }
}

/// What goes on behind the beginning, a line for each event.
pub(super) fn log(bytes: &[u8]) {
    let lines = BEGINNING.lines().chain(text(bytes).lines());
    let rows: Vec<_> = (1..).zip(lines).map(|(seq, line)| row(seq, line)).collect();
    let (proven, made, shown) = (audit::fuzzed_log(&rows), rebuild::fuzzed(&rows), postgres::fuzzed_log(&rows));
    // What a row says that is nobody's business, an item of a sale that is paused, the audit passes over and others don't.
    for taken in [made, shown].into_iter().flatten() {
        assert!(
            proven.as_ref().is_none_or(|proven| *proven == taken),
            "a log comes to the same for everybody: {taken:?}"
        );
    }
}
