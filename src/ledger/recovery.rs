//! What the ledger remembers, read back at start: this is what counters in memory begin with.
//!
//! **Invariant:** what is handed up agrees with itself: numbers are dense, totals are the sum of the orders, and the
//! end of the log is chained. The whole chain is the audit's to prove.

mod log;

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::fault::{LedgerFault, full_disk};
use super::page::{ItemTally, Tally, committed};
use super::tail::check_tail;
use crate::clock::WallTime;
use crate::failpoint::{Point, fails};
use crate::ids::{BuyerId, ItemNo, MessageId, OrderId, PaymentId, SaleId, SaleNo, Sku};
use crate::money::Money;
use crate::offer::{ItemTerms, Phase, SaleTerms};
use crate::order::Order;

/// A sale as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredSale {
    /// Its number.
    pub no: SaleNo,
    /// Its terms as they are now.
    pub terms: SaleTerms,
    /// Where it stands.
    pub phase: Phase,
}

/// An item as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredItem {
    /// Its number.
    pub no: ItemNo,
    /// Its sale's number.
    pub sale: SaleNo,
    /// Its terms; `stock` as it is now.
    pub terms: ItemTerms,
    /// Units that are held for their buyers to pay.
    pub held: u32,
    /// Units that are sold.
    pub sold: u32,
}

/// Everything that the ledger remembers.
#[derive(Debug, Default)]
pub struct Recovered {
    /// All sales, by number.
    pub sales: Vec<RecoveredSale>,
    /// All items, by number.
    pub items: Vec<RecoveredItem>,
    /// All orders, whatever their state, in the order of the log.
    pub orders: Vec<Arc<Order>>,
    /// What else the moves of the orders leave to be known.
    pub moves: RecoveredMoves,
    /// How many events there are.
    pub events: u64,
}

/// What the moves of orders leave to be known, beside where each order stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RecoveredMoves {
    /// Messages that have been acted on.
    pub messages: Vec<MessageId>,
    /// Orders that were paid by a payment with an id.
    pub payments: Vec<(OrderId, PaymentId)>,
    /// Holds that ran out, and orders that were paid all the same, in the order of the log.
    pub strikes: Vec<Strike>,
}

/// A hold ran out, or was made good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    /// In which sale.
    pub sale: SaleNo,
    /// Whose it was.
    pub buyer: BuyerId,
    /// When it ran out; none: the order was paid after all.
    pub at: Option<WallTime>,
}

/// What a row lacks, before anybody knows which row it is.
pub(super) enum Flaw {
    Sqlite(rusqlite::Error),
    Wrong(&'static str),
}

impl From<rusqlite::Error> for Flaw {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Flaw {
    pub(super) fn at(self, seq: Option<i64>) -> LedgerFault {
        match self {
            Self::Sqlite(error) => LedgerFault::while_doing("reading the ledger")(error),
            Self::Wrong(why) => LedgerFault::Corrupt { seq, why: why.into() },
        }
    }
}

/// Reads everything back.
pub(super) fn recover(connection: &Connection) -> Result<(Recovered, Tally), LedgerFault> {
    let sales = read_sales(connection).map_err(|flaw| flaw.at(None))?;
    let items = read_items(connection, sales.len()).map_err(|flaw| flaw.at(None))?;
    if fails(Point::RecoveryMid) {
        return Err(LedgerFault::while_doing("reading the ledger")(full_disk()));
    }
    let (orders, moves, last) = log::read_orders(connection, &items)?;
    check_totals(&items, &orders)?;
    let head = check_tail(connection, last)?;
    let tally = Tally {
        head,
        sales: u32::try_from(sales.len()).unwrap_or(u32::MAX),
        items: items.iter().map(tally_of).collect(),
    };
    Ok((Recovered { sales, items, orders, moves, events: last.unsigned_abs() }, tally))
}

fn tally_of(item: &RecoveredItem) -> ItemTally {
    let available = i64::from(item.terms.stock) - i64::from(item.held) - i64::from(item.sold);
    ItemTally { sale: item.sale, available }
}

pub(super) fn integer(row: &Row<'_>, column: usize) -> Result<Option<i64>, Flaw> {
    match row.get_ref(column)? {
        ValueRef::Integer(value) => Ok(Some(value)),
        ValueRef::Null => Ok(None),
        _ => Err(Flaw::Wrong("a number is not a number")),
    }
}

/// A number that must be there and fit.
pub(super) fn number<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> Result<T, Flaw> {
    integer(row, column)?.and_then(|value| T::try_from(value).ok()).ok_or(Flaw::Wrong("a number is out of range"))
}

pub(super) fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a [u8]>, Flaw> {
    match row.get_ref(column)? {
        ValueRef::Text(value) | ValueRef::Blob(value) => Ok(Some(value)),
        ValueRef::Null => Ok(None),
        _ => Err(Flaw::Wrong("a text is not a text")),
    }
}

pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>, Flaw> {
    bytes(row, column)?.map(std::str::from_utf8).transpose().map_err(|_| Flaw::Wrong("a text is not UTF-8"))
}

pub(super) fn some<T>(value: Option<T>, why: &'static str) -> Result<T, Flaw> {
    value.ok_or(Flaw::Wrong(why))
}

fn read_sales(connection: &Connection) -> Result<Vec<RecoveredSale>, Flaw> {
    let sql = "SELECT no, id, title, opens_at_us, closes_at_us, limit_per_buyer, hold_us, phase FROM sales ORDER BY no";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut sales = Vec::new();
    while let Some(row) = rows.next()? {
        let no = SaleNo(number(row, 0)?);
        if no.index() != sales.len() {
            return Err(Flaw::Wrong("the numbers of the sales are not dense"));
        }
        let hold = integer(row, 6)?.map(|micros| std::time::Duration::from_micros(micros.unsigned_abs()));
        let terms = SaleTerms {
            id: some(text(row, 1)?.and_then(|id| SaleId::parse(id).ok()), "a sale's id is malformed")?,
            title: some(text(row, 2)?, "a sale has no title")?.to_owned(),
            opens_at: integer(row, 3)?.map(WallTime::from_micros),
            closes_at: integer(row, 4)?.map(WallTime::from_micros),
            limit_per_buyer: number(row, 5)?,
            hold,
        };
        let phase = some(text(row, 7)?.and_then(Phase::of_word), "a sale's phase is none")?;
        sales.push(RecoveredSale { no, terms, phase });
    }
    Ok(sales)
}

fn read_items(connection: &Connection, sales: usize) -> Result<Vec<RecoveredItem>, Flaw> {
    let sql = "SELECT no, sale, sku, title, price_minor, currency, stock, held, sold FROM items ORDER BY no";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        let (no, sale) = (ItemNo(number(row, 0)?), SaleNo(number(row, 1)?));
        if no.index() != items.len() || sale.index() >= sales {
            return Err(Flaw::Wrong("the numbers of the items are not dense"));
        }
        let currency = some(text(row, 5)?, "an item has no currency")?;
        let terms = ItemTerms {
            sku: some(text(row, 2)?.and_then(|sku| Sku::parse(sku).ok()), "an item's sku is malformed")?,
            title: some(text(row, 3)?, "an item has no title")?.to_owned(),
            price: some(Money::from_minor(number(row, 4)?, currency), "an item's price is none")?,
            stock: number(row, 6)?,
        };
        items.push(RecoveredItem { no, sale, terms, held: number(row, 7)?, sold: number(row, 8)? });
    }
    Ok(items)
}

/// The totals of the items are what their orders add up to.
fn check_totals(items: &[RecoveredItem], orders: &[Arc<Order>]) -> Result<(), LedgerFault> {
    let mut totals = vec![(0_i64, 0_i64); items.len()];
    for order in orders {
        let (held, sold) = committed(order.state(), order.terms.quantity.units());
        let total = &mut totals[order.terms.item.index()];
        *total = (total.0 + held, total.1 + sold);
    }
    match items.iter().zip(&totals).find(|(item, total)| (i64::from(item.held), i64::from(item.sold)) != **total) {
        None => Ok(()),
        Some((item, (held, sold))) => {
            let (sku, is_held, is_sold) = (item.terms.sku.as_str(), item.held, item.sold);
            let why = format!("{sku} has {is_held} held and {is_sold} sold, its orders add up to {held} and {sold}");
            Err(LedgerFault::Corrupt { seq: None, why })
        }
    }
}
