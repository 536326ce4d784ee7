//! Orders as the ledger shows them: listed, filtered, with what became of each.
//!
//! Deliberately absent: an index. The log is written far more often than it is searched, and a random-keyed index costs
//! the writer several times what the log does. The running shop finds an order by id in memory; these reads serve
//! administrators and exports. They walk the log stretch by stretch ([`stretches`]), each in a read transaction of its
//! own.
//!
//! **Invariant:** an order is shown whole or reported as damaged: no cell is guessed.

use std::ops::RangeInclusive;

use rusqlite::{OptionalExtension, Row};

use super::moves::MoveDetail;
use super::read::{BadCell, LedgerReader, ReadFault, StoredRow};
use crate::clock::WallTime;
use crate::ids::{BuyerId, BuyerRef, IdempotencyKey, KeyRef, OrderId, PaymentId, Quantity, SaleId, Sku};
use crate::money::Money;
use crate::order::{Ack, OrderState};

const SELECT: &str = "SELECT seq, order_id, sale, sku, buyer, idempotency_key, quantity, price_minor, currency, \
     state, placed_at_us, expires_at_us, ack, stored_at_us, late, payment FROM orders";

const HISTORY: &str = "SELECT seq, at_us, kind, sale, item, order_id, buyer, idempotency_key, quantity, price_minor, \
     placed_at_us, expires_at_us, ack, detail, hash FROM events WHERE seq >= ?1 AND seq <= ?2 AND order_id = ?3 ORDER BY seq";

/// Events in one read transaction: a millisecond or two, and half a megabyte where all are orders.
pub const STRETCH_EVENTS: i64 = 1_000;

/// Which end of the log comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The oldest events.
    Oldest,
    /// The newest ones.
    Newest,
}

/// The log from event `from` to event `to`, cut into what one read transaction looks at.
pub fn stretches(from: i64, to: i64, first: First) -> impl Iterator<Item = RangeInclusive<i64>> {
    // An empty log, or a place behind its end, is no stretch at all.
    let count = to.saturating_sub(from).saturating_add(STRETCH_EVENTS) / STRETCH_EVENTS;
    (0..count.max(0)).map(move |nth| match first {
        First::Oldest => {
            let begin = from + nth * STRETCH_EVENTS;
            begin..=to.min(begin + STRETCH_EVENTS - 1)
        }
        First::Newest => {
            let end = to - nth * STRETCH_EVENTS;
            from.max(end - STRETCH_EVENTS + 1)..=end
        }
    })
}

/// The statement that reads a stretch: `?1` and `?2` its first and last event, `?3`–`?6` the filter's sale, state, buyer
/// and sku, `?7` how many at most.
pub(super) fn stretch(first: First) -> String {
    let direction = match first {
        First::Oldest => "ASC",
        First::Newest => "DESC",
    };
    format!(
        "{SELECT} WHERE seq >= ?1 AND seq <= ?2 AND (?3 IS NULL OR sale = ?3) AND (?4 IS NULL OR state = ?4) \
         AND (?5 IS NULL OR buyer = ?5) AND (?6 IS NULL OR sku = ?6) ORDER BY seq {direction} LIMIT ?7"
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

/// Which orders are wanted; what is none lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Only this sale's.
    pub sale: Option<SaleId>,
    /// Only those that stand here now.
    pub state: Option<OrderState>,
    /// Only this buyer's.
    pub buyer: Option<BuyerId>,
    /// Only this item's, in whichever sale.
    pub sku: Option<Sku>,
}

/// One event of an order's life, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// Its number.
    pub seq: i64,
    /// When the writer took it over.
    pub at: WallTime,
    /// What happened, in the ledger's word.
    pub kind: String,
    /// Until when the order is held from now on, where that changes or begins.
    pub expires_at: Option<WallTime>,
    /// How it came to it; none for the win.
    pub detail: Option<MoveDetail>,
}

impl OrderEvent {
    fn of(row: &StoredRow<'_>) -> Result<Self, ReadFault> {
        let seq = row.seq;
        let damaged = |what| ReadFault::Order { seq, what };
        let event = row.event.as_ref().map_err(|BadCell(what)| damaged(what))?;
        let detail = event.detail.map(serde_json::from_str).transpose();
        Ok(Self {
            seq,
            at: WallTime::from_micros(event.at_us),
            kind: event.kind.into(),
            expires_at: event.expires_at_us.map(WallTime::from_micros),
            detail: detail.map_err(|_| damaged("not a move's detail"))?,
        })
    }
}

impl LedgerReader {
    /// The orders that were won in a stretch of the log and pass the filter, `limit` of them at most.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it, or an order is damaged.
    pub fn orders(
        &self,
        filter: &OrderFilter,
        events: RangeInclusive<i64>,
        first: First,
        limit: u32,
    ) -> Result<Vec<OrderRecord>, ReadFault> {
        let mut statement = self.connection.prepare_cached(&stretch(first))?;
        let mut rows = statement.query((
            events.start(),
            events.end(),
            filter.sale.as_ref().map(SaleId::as_str),
            filter.state.map(OrderState::word),
            filter.buyer.as_ref().map(BuyerId::as_str),
            filter.sku.as_ref().map(Sku::as_str),
            limit,
        ))?;
        let mut orders = Vec::new();
        while let Some(row) = rows.next()? {
            orders.push(OrderRecord::of(row)?);
        }
        Ok(orders)
    }

    /// What a stretch of the log says of one order, oldest first.
    ///
    /// # Errors
    /// As for [`orders`](Self::orders).
    pub fn history(&self, order: OrderId, events: RangeInclusive<i64>) -> Result<Vec<OrderEvent>, ReadFault> {
        let mut statement = self.connection.prepare_cached(HISTORY)?;
        let mut rows = statement.query((events.start(), events.end(), order.as_bytes().as_slice()))?;
        let mut history = Vec::new();
        while let Some(row) = rows.next()? {
            history.push(OrderEvent::of(&StoredRow::of(row)?)?);
        }
        Ok(history)
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
