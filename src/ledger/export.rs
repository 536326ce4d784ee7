//! Orders for other programs: a spreadsheet's CSV, or a JSON object on each line.
//!
//! Deliberately absent: idempotency keys, which are the clients' business.
//!
//! **Invariant:** memory does not grow with the number of orders, and each chunk is a read transaction of its own, so
//! that an export may run beside a server. It ends with the last order that was there when it began; an order's state
//! is the one in which it was read.
//!
//! **Invariant:** no cell is a formula: a buyer chooses their id where a gateway lets them, and somebody will open the
//! file in a spreadsheet.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::orders::{First, OrderFilter, OrderRecord, stretches};
use super::read::{LedgerReader, ReadFault};
use crate::clock::WallTime;
use crate::ids::{PaymentId, SaleId};
use crate::money::MoneyText;
use crate::order::Stored;

/// The CSV's first line. Amounts share one column for their currency.
const HEADER: &str =
    "order,sale,sku,quantity,buyer,state,price,total,currency,placed_at,expires_at,stored,late,payment\r\n";

/// How orders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header row.
    Csv,
    /// One JSON object a line, like the order's body of the public API.
    Jsonl,
}

/// Why not all orders were exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// No sale of this id is in the ledger.
    #[error("the ledger has no sale {0}")]
    UnknownSale(SaleId),
    /// The orders cannot be written to where they should go.
    #[error("the orders cannot be written")]
    Write(#[source] io::Error),
}

/// Writes all orders that pass the filter, oldest first, and says how many there were. A reader that has seen enough and
/// goes away ends the export quietly; who may have gone without a word is asked by a flush after each chunk.
///
/// # Errors
/// [`ExportFault`]; what was written before stays written.
pub fn export(
    reader: &LedgerReader,
    format: Format,
    filter: &OrderFilter,
    out: impl Write,
) -> Result<u64, ExportFault> {
    if let Some(sale) = &filter.sale
        && !reader.has_sale(sale)?
    {
        return Err(ExportFault::UnknownSale(sale.clone()));
    }
    let mut export = Export { out, format, orders: 0 };
    match export.run(reader, filter) {
        Err(ExportFault::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(export.orders),
        Err(fault) => Err(fault),
        Ok(()) => Ok(export.orders),
    }
}

struct Export<W> {
    out: W,
    format: Format,
    orders: u64,
}

impl<W: Write> Export<W> {
    fn run(&mut self, reader: &LedgerReader, filter: &OrderFilter) -> Result<(), ExportFault> {
        let mut lines = Vec::new();
        if self.format == Format::Csv {
            lines.extend_from_slice(HEADER.as_bytes());
        }
        for events in stretches(1, reader.last_seq()?, First::Oldest) {
            for order in reader.orders(filter, events, First::Oldest, u32::MAX)? {
                write_order(self.format, &order, &mut lines).map_err(ExportFault::Write)?;
                self.orders += 1;
            }
            self.send(&mut lines)?;
        }
        self.send(&mut lines)
    }

    fn send(&mut self, lines: &mut Vec<u8>) -> Result<(), ExportFault> {
        let sent = self.out.write_all(lines).and_then(|()| self.out.flush());
        lines.clear();
        sent.map_err(ExportFault::Write)
    }
}

fn write_order(format: Format, order: &OrderRecord, lines: &mut Vec<u8>) -> io::Result<()> {
    match format {
        Format::Csv => write_csv(order, lines),
        Format::Jsonl => {
            serde_json::to_writer(&mut *lines, &OrderLine::of(order))?;
            lines.write_all(b"\n")
        }
    }
}

/// An order as a line of JSON: the body of the public API.
#[derive(Debug, Serialize)]
struct OrderLine<'a> {
    order: String,
    sale: &'a str,
    sku: &'a str,
    quantity: u32,
    buyer: &'a str,
    state: &'static str,
    price: MoneyText,
    total: MoneyText,
    placed_at: String,
    expires_at: Option<String>,
    stored: &'static str,
    /// Only where it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
    /// What has paid for it, where somebody has said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<&'a str>,
}

impl<'a> OrderLine<'a> {
    fn of(order: &'a OrderRecord) -> Self {
        Self {
            order: order.id.to_string(),
            sale: order.sale.as_str(),
            sku: order.sku.as_str(),
            quantity: order.quantity.units(),
            buyer: order.buyer.as_str(),
            state: order.state.word(),
            price: order.price.text(),
            total: order.total().text(),
            placed_at: order.placed_at.rfc3339(),
            expires_at: order.expires_at.map(WallTime::rfc3339),
            // What is read from the ledger is on disk.
            stored: Stored::Disk.word(),
            late: order.is_late.then_some(true),
            payment: order.payment.as_ref().map(PaymentId::as_str),
        }
    }
}

fn write_csv(order: &OrderRecord, lines: &mut Vec<u8>) -> io::Result<()> {
    let line = OrderLine::of(order);
    let quantity = line.quantity.to_string();
    let cells = [
        line.order.as_str(),
        line.sale,
        line.sku,
        &quantity,
        line.buyer,
        line.state,
        &line.price.amount,
        &line.total.amount,
        &line.price.currency,
        &line.placed_at,
        line.expires_at.as_deref().unwrap_or_default(),
        line.stored,
        if line.late == Some(true) { "true" } else { "false" },
        line.payment.unwrap_or_default(),
    ];
    for (index, text) in cells.into_iter().enumerate() {
        if index > 0 {
            lines.write_all(b",")?;
        }
        lines.write_all(cell(text).as_bytes())?;
    }
    lines.write_all(b"\r\n")
}

/// A text as a cell: no formula, and quoted where RFC 4180 wants it.
fn cell(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        text.to_mut().insert(0, '\'');
    }
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\"")).into();
    }
    text
}

#[cfg(test)]
mod tests;
