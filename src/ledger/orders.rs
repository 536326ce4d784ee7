//! Orders as the ledger shows them: listed, filtered, found by id.
//!
//! Deliberately absent: an index. The log is written far more often than it is searched, and a random-keyed index costs
//! the writer several times what the log does. The running shop finds an order by id in memory; these reads serve
//! administrators and exports.
//!
//! **Invariant:** an order is shown whole or reported as damaged: no cell is guessed.

use rusqlite::{OptionalExtension, Row};

use super::read::{LedgerReader, ReadFault};
use crate::clock::WallTime;
use crate::ids::{BuyerId, BuyerRef, IdempotencyKey, KeyRef, OrderId, PaymentId, Quantity, SaleId, Sku};
use crate::money::Money;
use crate::order::{Ack, OrderState};

const SELECT: &str = "SELECT seq, order_id, sale, sku, buyer, idempotency_key, quantity, price_minor, currency, \
     state, placed_at_us, expires_at_us, ack, stored_at_us, late, payment FROM orders";

/// The statement that reads a page: `?1` after which event, `?2`–`?4` the filter's sale, state and buyer, `?5` how many.
pub(super) fn page() -> String {
    format!(
        "{SELECT} WHERE seq > ?1 AND (?2 IS NULL OR sale = ?2) AND (?3 IS NULL OR state = ?3) \
         AND (?4 IS NULL OR buyer = ?4) ORDER BY seq LIMIT ?5"
    )
}

/// An order in the ledger: synced to disk, whatever else is true of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// Its event's number in the log.
    pub seq: i64,
    /// Its public id.
    pub id: OrderId,
    /// The sale it was won in.
    pub sale: SaleId,
    /// The item that was won.
    pub sku: Sku,
    /// Whose it is.
    pub buyer: BuyerId,
    /// The key it was asked for under.
    pub key: Option<IdempotencyKey>,
    /// How many units.
    pub quantity: Quantity,
    /// Price of one unit when it was won.
    pub price: Money,
    /// Where it stands.
    pub state: OrderState,
    /// When the attempt was made.
    pub placed_at: WallTime,
    /// Until when it is or was held, extensions included.
    pub expires_at: Option<WallTime>,
    /// What was promised of its safety when it was won.
    pub ack: Ack,
    /// When the writer took it over.
    pub stored_at: WallTime,
    /// Whether it was paid after its hold was over.
    pub is_late: bool,
    /// What has paid for it, where somebody has said so.
    pub payment: Option<PaymentId>,
}

impl OrderRecord {
    /// What all its units cost together.
    #[must_use]
    pub fn total(&self) -> Money {
        self.price.times(self.quantity.units())
    }

    fn of(row: &Row<'_>) -> Result<Self, ReadFault> {
        let seq = row.get(0)?;
        let damaged = |what| move || ReadFault::Order { seq, what };
        let text = |index: usize| row.get_ref(index).ok().and_then(|value| value.as_str().ok());
        let number = |index: usize| row.get_ref(index).ok().and_then(|value| value.as_i64().ok());
        let id = row.get(1).ok().map(OrderId::from_bytes);
        let buyer = text(4).and_then(|text| BuyerRef::parse(text.as_bytes()).ok());
        let key = row.get_ref(5).ok().and_then(|value| value.as_str_or_null().ok());
        let key = key.and_then(|key| key.map(|key| KeyRef::parse(key.as_bytes())).transpose().ok());
        let payment = row.get_ref(15).ok().and_then(|value| value.as_str_or_null().ok());
        let payment = payment.and_then(|payment| payment.map(PaymentId::parse).transpose().ok());
        let units = number(6).and_then(|units| u32::try_from(units).ok()).and_then(Quantity::new);
        let price = number(7).zip(text(8)).and_then(|(minor, currency)| Money::from_minor(minor, currency));
        Ok(Self {
            seq,
            id: id.ok_or_else(damaged("not an order's id"))?,
            sale: text(2).and_then(|text| SaleId::parse(text).ok()).ok_or_else(damaged("not a sale's id"))?,
            sku: text(3).and_then(|text| Sku::parse(text).ok()).ok_or_else(damaged("not a sku"))?,
            buyer: buyer.ok_or_else(damaged("not a buyer's id"))?.into(),
            key: key.ok_or_else(damaged("not an idempotency key"))?.map(IdempotencyKey::from),
            quantity: units.ok_or_else(damaged("not a quantity"))?,
            price: price.ok_or_else(damaged("not a price"))?,
            state: text(9).and_then(OrderState::of_word).ok_or_else(damaged("not a state"))?,
            placed_at: number(10).map(WallTime::from_micros).ok_or_else(damaged("not a time"))?,
            expires_at: number(11).map(WallTime::from_micros),
            ack: text(12).and_then(Ack::of_word).ok_or_else(damaged("not an ack"))?,
            stored_at: number(13).map(WallTime::from_micros).ok_or_else(damaged("not a time"))?,
            is_late: number(14) == Some(1),
            payment: payment.ok_or_else(damaged("not a payment's id"))?,
        })
    }
}

/// One event of an order's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number in the log.
    pub seq: i64,
    /// Its time.
    pub at: WallTime,
    /// What happened: a word of [`super::row::EventKind`].
    pub kind: String,
    /// Until when the order is held from then on.
    pub expires_at: Option<WallTime>,
    /// JSON: by whom, and what rare kinds carry.
    pub detail: Option<String>,
}

/// Which orders are wanted; what is none lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this sale's.
    pub sale: Option<SaleId>,
    /// Only those that stand here now.
    pub state: Option<OrderState>,
    /// Only this buyer's.
    pub buyer: Option<BuyerId>,
}

impl LedgerReader {
    /// The first `limit` orders behind event `after_seq` that pass the filter, oldest first. 0 begins at the beginning;
    /// the last one's `seq` continues. A filter that lets few through reads the log until it has found them.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read them, or one is damaged.
    pub fn orders(&self, filter: &OrderFilter, after_seq: i64, limit: u32) -> Result<Vec<OrderRecord>, ReadFault> {
        let mut statement = self.connection.prepare_cached(&page())?;
        let mut rows = statement.query((
            after_seq,
            filter.sale.as_ref().map(SaleId::as_str),
            filter.state.map(OrderState::word),
            filter.buyer.as_ref().map(BuyerId::as_str),
            limit,
        ))?;
        let mut orders = Vec::new();
        while let Some(row) = rows.next()? {
            orders.push(OrderRecord::of(row)?);
        }
        Ok(orders)
    }

    /// One order by its id. Reads the log until it is found: for people, not for buyers.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it, or it is damaged.
    pub fn order(&self, id: OrderId) -> Result<Option<OrderRecord>, ReadFault> {
        let mut statement = self.connection.prepare_cached(&format!("{SELECT} WHERE order_id = ?1 LIMIT 1"))?;
        let mut rows = statement.query([id.as_bytes().as_slice()])?;
        rows.next()?.map(OrderRecord::of).transpose()
    }

    /// Everything that the log says of an order, from the event `placed` on, in which it was won.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn history(&self, id: OrderId, placed: i64) -> Result<Vec<Told>, ReadFault> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, at_us, kind, expires_at_us, detail FROM events WHERE seq >= ?1 AND order_id = ?2 ORDER BY seq",
        )?;
        let told = statement.query_map((placed, id.as_bytes().as_slice()), |row| {
            Ok(Told {
                seq: row.get(0)?,
                at: WallTime::from_micros(row.get(1)?),
                kind: row.get(2)?,
                expires_at: row.get::<_, Option<i64>>(3)?.map(WallTime::from_micros),
                detail: row.get(4)?,
            })
        })?;
        Ok(told.collect::<Result<_, _>>()?)
    }

    /// Whether the ledger knows a sale of this id.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn has_sale(&self, sale: &SaleId) -> Result<bool, ReadFault> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM sales WHERE id = ?1")?;
        Ok(statement.query_row([sale.as_str()], |_| Ok(())).optional()?.is_some())
    }
}
