//! I7: what the ledger shows is what the log adds up to.
//!
//! Cells are compared as SQLite holds them, so that a damaged one is a difference and not an error.

use rusqlite::types::ValueRef;

use super::super::read::{LedgerReader, ReadFault};
use super::fold::Fold;
use super::report::{Findings, Invariant};
use crate::ids::Sku;
use crate::ledger::schema::SCHEMA;

const SALES: Table = Table {
    name: "sales",
    columns: &["no", "id", "title", "opens_at_us", "closes_at_us", "limit_per_buyer", "hold_us", "phase"],
};
const ITEMS: Table = Table {
    name: "items",
    columns: &["no", "sale", "sku", "title", "price_minor", "currency", "stock", "held", "sold"],
};
const ORDER_STATES: Table =
    Table { name: "order_states", columns: &["seq", "state", "expires_at_us", "late", "payment"] };

/// A table of the fold; its first column is its key.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
}

/// Compares all that the ledger shows with the fold; to be called inside the snapshot in which the fold ended.
pub(super) fn compare(fold: &mut Fold, reader: &LedgerReader) -> Result<(), ReadFault> {
    let Fold { findings, sales, items, moved, .. } = fold;
    let sales = sales.iter().zip(0_i64..).map(|(sale, no)| {
        let terms = &sale.terms;
        vec![
            ValueRef::Integer(no),
            text(&terms.id),
            text(&terms.title),
            number(terms.opens_at_us),
            number(terms.closes_at_us),
            ValueRef::Integer(i64::from(terms.limit_per_buyer)),
            number(terms.hold_us),
            text(sale.phase.word()),
        ]
    });
    SALES.compare(reader, findings, sales.collect())?;
    let items = items.iter().zip(0_i64..).map(|(item, no)| {
        vec![
            ValueRef::Integer(no),
            ValueRef::Integer(i64::from(item.sale.0)),
            text(Sku::as_str(&item.sku)),
            text(&item.title),
            ValueRef::Integer(item.price.minor()),
            text(item.price.currency()),
            ValueRef::Integer(item.stock),
            ValueRef::Integer(item.held),
            ValueRef::Integer(item.confirmed),
        ]
    });
    ITEMS.compare(reader, findings, items.collect())?;
    let moved = moved.iter().map(|(seq, shown)| {
        vec![
            ValueRef::Integer(*seq),
            text(shown.state.word()),
            number(shown.expires_at_us),
            ValueRef::Integer(i64::from(shown.is_late)),
            shown.payment.as_deref().map_or(ValueRef::Null, text),
        ]
    });
    ORDER_STATES.compare(reader, findings, moved.collect())?;
    compare_view(reader, findings)
}

fn text(text: &str) -> ValueRef<'_> {
    ValueRef::Text(text.as_bytes())
}

fn number(number: Option<i64>) -> ValueRef<'static> {
    number.map_or(ValueRef::Null, ValueRef::Integer)
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "nothing".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
    }
}

impl Table {
    /// Walks table and fold side by side, both in the order of their keys.
    fn compare(
        &self,
        reader: &LedgerReader,
        findings: &mut Findings,
        folded: Vec<Vec<ValueRef<'_>>>,
    ) -> Result<(), ReadFault> {
        let Self { name, columns } = self;
        let key = |row: &[ValueRef<'_>]| row.first().and_then(|key| key.as_i64().ok()).unwrap_or(i64::MIN);
        let mut folded = folded.into_iter().peekable();
        let mut statement =
            reader.connection.prepare(&format!("SELECT {} FROM {name} ORDER BY {}", columns.join(", "), columns[0]))?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let no: i64 = row.get(0)?;
            while let Some(missing) = folded.next_if(|expected| key(expected) < no) {
                self.note(findings, key(&missing), || "is missing".into());
            }
            let Some(expected) = folded.next_if(|expected| key(expected) == no) else {
                self.note(findings, no, || "is not in the log".into());
                continue;
            };
            for (index, (column, expected)) in columns.iter().zip(expected).enumerate() {
                let found = row.get_ref(index)?;
                if found != expected {
                    self.note(findings, no, || {
                        format!("has {column} {}, the log says {}", shown(found), shown(expected))
                    });
                }
            }
        }
        for missing in folded {
            self.note(findings, key(&missing), || "is missing".into());
        }
        Ok(())
    }

    fn note(&self, findings: &mut Findings, key: i64, what: impl FnOnce() -> String) {
        // Only order_states has an event's number for its key.
        let seq = (self.columns[0] == "seq").then_some(key);
        findings.note(Invariant::I7, seq, || format!("row {key} of {} {}", self.name, what()));
    }
}

/// The view must be the one that we know; where white space is, doesn't matter.
fn compare_view(reader: &LedgerReader, findings: &mut Findings) -> Result<(), ReadFault> {
    let view = "SELECT coalesce(max(sql), '') FROM sqlite_schema WHERE type = 'view' AND name = 'orders'";
    let found: String = reader.connection.query_row(view, (), |row| row.get(0))?;
    let plain = |sql: &str| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = plain(&found);
    if found.is_empty() || !plain(SCHEMA).contains(&found) {
        findings.note(Invariant::I7, None, || "the view orders isn't the one that doorbuster makes".into());
    }
    Ok(())
}
