//! From a row's cells to what they mean. Independent of the writer's own types on purpose: what the writer can build
//! isn't the question, what is written down is.

use super::super::event::SaleDetail;
use super::super::moves::{MoveDetail, MoveKind};
use super::super::row::{EventKind, EventRow};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, KeyRef, MessageId, OrderId, PaymentId, Quantity, SaleId, Sku};
use crate::money::Money;
use crate::order::{Ack, OrderState};

/// Why a row means nothing, as the end of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Nonsense(pub(super) String);

impl From<&str> for Nonsense {
    fn from(what: &str) -> Self {
        Self(what.into())
    }
}

/// What an `order.placed` row says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'r> {
    pub(super) id: OrderId,
    pub(super) buyer: BuyerRef<'r>,
    pub(super) key: Option<KeyRef<'r>>,
    pub(super) units: u32,
    pub(super) price_minor: i64,
    pub(super) state: OrderState,
}

impl<'r> Placed<'r> {
    pub(super) fn of(row: &EventRow<'r>) -> Result<Self, Nonsense> {
        let key = row.idempotency_key.map(|key| KeyRef::parse(key.as_bytes())).transpose();
        row.placed_at_us.ok_or("placed_at_us is missing")?;
        row.ack.and_then(Ack::of_word).ok_or("ack is none of its words")?;
        Ok(Self {
            id: order_id(row)?,
            buyer: buyer(row)?,
            key: key.map_err(|_| "idempotency_key is no key")?,
            units: units(row)?,
            price_minor: row.price_minor.ok_or("price_minor is missing")?,
            state: if row.expires_at_us.is_some() { OrderState::Held } else { OrderState::Confirmed },
        })
    }
}

/// What a row says that moves an order.
#[derive(Debug)]
pub(super) struct Moved<'r> {
    pub(super) id: OrderId,
    pub(super) buyer: BuyerRef<'r>,
    pub(super) units: u32,
    pub(super) kind: MoveKind,
    pub(super) detail: MoveDetail,
}

impl<'r> Moved<'r> {
    pub(super) fn of(kind: EventKind, row: &EventRow<'r>) -> Result<Self, Nonsense> {
        let text = row.detail.ok_or("detail is missing")?;
        let detail: MoveDetail =
            serde_json::from_str(text).map_err(|error| Nonsense(format!("detail is not a move's: {error}")))?;
        let kind = detail.kind(kind).ok_or("detail doesn't say where the units are")?;
        if detail.message.as_deref().is_some_and(|message| MessageId::parse(message).is_err()) {
            return Err("detail has no message's id".into());
        }
        if detail.payment.as_deref().is_some_and(|payment| PaymentId::parse(payment).is_err()) {
            return Err("detail has no payment's id".into());
        }
        let moves_deadline = matches!(kind, MoveKind::PaymentStarted | MoveKind::PaymentFailed);
        if row.expires_at_us.is_some() != moves_deadline {
            return Err("expires_at_us is there where it doesn't belong, or missing".into());
        }
        Ok(Self { id: order_id(row)?, buyer: buyer(row)?, units: units(row)?, kind, detail })
    }
}

fn order_id(row: &EventRow<'_>) -> Result<OrderId, Nonsense> {
    let id = row.order_id.and_then(|bytes| bytes.try_into().ok()).ok_or("order_id isn't sixteen bytes")?;
    Ok(OrderId::from_bytes(id))
}

fn buyer<'r>(row: &EventRow<'r>) -> Result<BuyerRef<'r>, Nonsense> {
    let buyer = row.buyer.and_then(|buyer| BuyerRef::parse(buyer.as_bytes()).ok());
    buyer.ok_or_else(|| "buyer is no buyer's id".into())
}

/// How many units a row is about.
pub(super) fn units(row: &EventRow<'_>) -> Result<u32, Nonsense> {
    let units = row.quantity.and_then(|units| u32::try_from(units).ok()).and_then(Quantity::new);
    units.map(Quantity::units).ok_or_else(|| "quantity is no number of units".into())
}

/// An item as the log declares it.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) sku: Sku,
    pub(super) title: String,
    pub(super) price: Money,
    pub(super) stock: u32,
}

/// The terms in a row's `detail`, and the items that come with them.
pub(super) fn detail(row: &EventRow<'_>) -> Result<(SaleDetail, Vec<Declared>), Nonsense> {
    let text = row.detail.ok_or("detail is missing")?;
    let mut detail: SaleDetail =
        serde_json::from_str(text).map_err(|error| Nonsense(format!("detail is not a sale's: {error}")))?;
    SaleId::parse(&detail.id).map_err(|error| Nonsense(format!("the sale's id {error}")))?;
    if detail.limit_per_buyer == 0 {
        return Err("limit_per_buyer is 0".into());
    }
    if detail.hold_us.is_some_and(|hold_us| hold_us <= 0) {
        return Err("hold_us is no time".into());
    }
    let items = std::mem::take(&mut detail.items).into_iter().map(|item| {
        let sku = Sku::parse(&item.sku).map_err(|error| Nonsense(format!("an item's sku {error}")))?;
        let price = Money::parse(&item.price).map_err(|error| Nonsense(format!("the price of {sku}: {error}")))?;
        Ok(Declared { sku, title: item.title, price, stock: item.stock })
    });
    let items = items.collect::<Result<_, Nonsense>>()?;
    Ok((detail, items))
}

/// A time of the log for people.
pub(super) fn time(at_us: i64) -> String {
    WallTime::from_micros(at_us).rfc3339()
}
