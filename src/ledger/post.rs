//! The log as a source of messages, and how far they have got: what the courier and the office read.
//!
//! **Invariant:** a row of the log is handed out whole or reported as damaged, and none is passed over.

use rusqlite::Row;

use super::notes::{Delivery, EndpointNo};
use super::read::{LedgerReader, ReadFault};
use super::row::Hash;
use crate::clock::WallTime;
use crate::ids::OrderId;

/// An endpoint as the ledger remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRecord {
    /// Its number.
    pub no: EndpointNo,
    /// Where messages go.
    pub url: String,
    /// All events up to here are delivered, or remembered as a [`Delivery`].
    pub cursor: i64,
    /// Since when it wants no messages, and what it said.
    pub disabled: Option<(WallTime, String)>,
}

/// An event as messages need it. Sale and item are named, not numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told<'r> {
    /// The event's number.
    pub seq: i64,
    /// When it was written down.
    pub at: WallTime,
    /// The ledger's word for what happened.
    pub kind: &'r str,
    /// The sale's id.
    pub sale: &'r str,
    /// The item's sku, where it is about one.
    pub sku: Option<&'r str>,
    /// The order, where it is about one.
    pub order: Option<OrderId>,
    /// Until when an order is held.
    pub expires_at: Option<WallTime>,
    /// JSON: what rare kinds carry.
    pub detail: Option<&'r str>,
    /// The event's link: no other event of this or another ledger has the same.
    pub link: Hash,
}

/// Which of an endpoint's deliveries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Those that are still tried.
    Alive,
    /// Those that nobody tries any more.
    Dead,
}

impl Fate {
    fn condition(self) -> &'static str {
        match self {
            Self::Alive => "dead_at_us IS NULL",
            Self::Dead => "dead_at_us IS NOT NULL",
        }
    }
}

const TOLD: &str = "SELECT e.seq, e.at_us, e.kind, s.id, i.sku, e.order_id, e.expires_at_us, e.detail, e.hash \
                    FROM events AS e \
                    LEFT JOIN sales AS s ON s.no = e.sale LEFT JOIN items AS i ON i.no = e.item \
                    WHERE e.seq > ?1 AND e.seq <= ?2 ORDER BY e.seq LIMIT ?3";

fn told<'r>(row: &'r Row<'_>) -> Result<Told<'r>, ReadFault> {
    let text = |index| Ok::<_, rusqlite::Error>(row.get_ref(index)?.as_str_or_null()?);
    let seq = row.get(0)?;
    let sale = text(3)?.ok_or(ReadFault::Order { seq, what: "of a sale that isn't there" })?;
    Ok(Told {
        seq,
        at: WallTime::from_micros(row.get(1)?),
        kind: row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?,
        sale,
        sku: text(4)?,
        order: row.get::<_, Option<[u8; 16]>>(5)?.map(OrderId::from_bytes),
        expires_at: row.get::<_, Option<i64>>(6)?.map(WallTime::from_micros),
        detail: text(7)?,
        link: row.get(8)?,
    })
}

impl LedgerReader {
    /// An event's link; none where there is no such event.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn link(&self, seq: i64) -> Result<Option<Hash>, ReadFault> {
        self.hash_at(seq)
    }

    /// Shows the events behind `after` up to `last`, at most `rows_max` of them, and says which was the last; `after`
    /// where there is none.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read them, or one is damaged.
    pub fn told(
        &self,
        after: i64,
        last: i64,
        rows_max: usize,
        mut each: impl FnMut(&Told<'_>),
    ) -> Result<i64, ReadFault> {
        let mut statement = self.connection.prepare_cached(TOLD)?;
        let mut rows = statement.query((after, last, i64::try_from(rows_max).unwrap_or(i64::MAX)))?;
        let mut through = after;
        while let Some(row) = rows.next()? {
            let told = told(row)?;
            each(&told);
            through = told.seq;
        }
        Ok(through)
    }

    /// All endpoints that there have ever been, by number.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read them.
    pub fn endpoints(&self) -> Result<Vec<EndpointRecord>, ReadFault> {
        let sql = "SELECT no, url, cursor_seq, disabled_at_us, why FROM endpoints ORDER BY no";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((), |row| {
            let why: Option<String> = row.get(4)?;
            let disabled_at: Option<i64> = row.get(3)?;
            Ok(EndpointRecord {
                no: EndpointNo(row.get(0)?),
                url: row.get(1)?,
                cursor: row.get(2)?,
                disabled: disabled_at.map(|at| (WallTime::from_micros(at), why.unwrap_or_default())),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What is remembered of an endpoint's messages behind event `after`, oldest first, at most `rows_max`.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn deliveries(
        &self,
        endpoint: EndpointNo,
        fate: Fate,
        after: i64,
        rows_max: usize,
    ) -> Result<Vec<Delivery>, ReadFault> {
        let sql = format!(
            "SELECT seq, attempts, next_at_us, dead_at_us, last_error FROM deliveries \
             WHERE endpoint = ?1 AND seq > ?2 AND {} ORDER BY seq LIMIT ?3",
            fate.condition()
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        let rows = statement.query_map((endpoint.0, after, rows_max), |row| {
            Ok(Delivery {
                seq: row.get(0)?,
                attempts: row.get(1)?,
                next_at: row.get::<_, Option<i64>>(2)?.map(WallTime::from_micros),
                dead_at: row.get::<_, Option<i64>>(3)?.map(WallTime::from_micros),
                last_error: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many of an endpoint's messages nobody tries any more.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn dead_letters(&self, endpoint: EndpointNo) -> Result<u64, ReadFault> {
        let sql = "SELECT count(*) FROM deliveries WHERE endpoint = ?1 AND dead_at_us IS NOT NULL";
        let count: i64 = self.connection.prepare_cached(sql)?.query_row([endpoint.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}
