//! From an event to the message that tells of it. Pure: the same event gives the same bytes, however often.
//!
//! **Invariant:** a message's id is made of its event's link in the chain, so it never changes, and no other event has it:
//! not one of another ledger, and not the one that gets the same number after a backup was restored.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::ledger::post::Told;
use crate::ledger::row::Hash;
use crate::money::{Money, MoneyText};
use crate::order::{Order, OrderState, OrderTerms, Stored};

/// So much of the link is in an id. With the number beside it, 64 bits tell one past from another.
const LINK_BYTES: usize = 8;

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Kind {
    OrderHeld,
    OrderConfirmed,
    OrderCancelled,
    OrderExpired,
    OrderRefunded,
    /// Money came in for an order that can't have it any more.
    PaymentOrphaned,
    SaleOpened,
    SalePaused,
    SaleResumed,
    /// The last free unit of an item is gone; holds that run out may bring it back.
    SaleSoldOut,
    SaleEnded,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::OrderHeld,
        Self::OrderConfirmed,
        Self::OrderCancelled,
        Self::OrderExpired,
        Self::OrderRefunded,
        Self::PaymentOrphaned,
        Self::SaleOpened,
        Self::SalePaused,
        Self::SaleResumed,
        Self::SaleSoldOut,
        Self::SaleEnded,
    ];

    /// As bodies and configuration write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::OrderHeld => "order.held",
            Self::OrderConfirmed => "order.confirmed",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderExpired => "order.expired",
            Self::OrderRefunded => "order.refunded",
            Self::PaymentOrphaned => "payment.orphaned",
            Self::SaleOpened => "sale.opened",
            Self::SalePaused => "sale.paused",
            Self::SaleResumed => "sale.resumed",
            Self::SaleSoldOut => "sale.sold_out",
            Self::SaleEnded => "sale.ended",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The kind that tells of an event; none where nobody is told.
    #[must_use]
    pub fn of_event(event: &Told<'_>) -> Option<Self> {
        match event.kind {
            "order.placed" if event.expires_at.is_some() => Some(Self::OrderHeld),
            "order.placed" => Some(Self::OrderConfirmed),
            "stock.sold_out" => Some(Self::SaleSoldOut),
            word => Self::of_word(word),
        }
    }

    /// Where the order stands after it.
    fn state(self) -> Option<OrderState> {
        match self {
            Self::OrderHeld => Some(OrderState::Held),
            Self::OrderConfirmed => Some(OrderState::Confirmed),
            Self::OrderCancelled => Some(OrderState::Cancelled),
            Self::OrderExpired => Some(OrderState::Expired),
            Self::OrderRefunded => Some(OrderState::Refunded),
            // Wherever it stood, it stays.
            Self::PaymentOrphaned => None,
            Self::SaleOpened | Self::SalePaused | Self::SaleResumed | Self::SaleSoldOut | Self::SaleEnded => None,
        }
    }
}

/// What a message is about: those about the same are delivered one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// An order.
    Order([u8; 16]),
    /// A sale, its items included.
    Sale(CompactString),
}

/// A message, ready to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its event's number.
    pub seq: i64,
    /// Its id: the same one at each delivery.
    pub id: String,
    /// What it tells.
    pub kind: Kind,
    /// What it is about.
    pub subject: Subject,
    /// JSON.
    pub body: Bytes,
}

/// Why there is no message of an event that should have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unspoken {
    /// An order's event names no order, or one that isn't there.
    #[error("its order isn't there")]
    NoOrder,
    /// An item's event names no item.
    #[error("its item isn't there")]
    NoItem,
    /// What the event carries isn't JSON of the form that it should be.
    #[error("its detail can't be read")]
    Detail,
}

#[derive(Serialize)]
struct Body<'a, D> {
    r#type: &'static str,
    timestamp: String,
    data: &'a D,
}

#[derive(Serialize)]
struct OrderData<'a> {
    order: String,
    sale: &'a str,
    sku: &'a str,
    quantity: u32,
    buyer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    price: MoneyText,
    total: MoneyText,
    placed_at: String,
    expires_at: Option<String>,
    stored: &'static str,
    #[serde(flatten)]
    more: More,
}

/// What an order's event says beyond the order: who decided it, and why.
#[derive(Serialize, Default)]
struct More {
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<MoneyText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restock: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The `detail` of an order's event, as far as the shop hears of it. Members that aren't named here are the house's own.
#[derive(Deserialize)]
struct Detail {
    by: Option<String>,
    payment: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    late: Option<bool>,
    restock: Option<bool>,
    reason: Option<String>,
}

impl More {
    fn of(detail: Option<&str>) -> Result<Self, Unspoken> {
        let Some(detail) = detail else { return Ok(Self::default()) };
        let detail: Detail = serde_json::from_str(detail).map_err(|_| Unspoken::Detail)?;
        let paid = detail.amount_minor.zip(detail.currency.as_deref());
        let paid = paid.and_then(|(minor, currency)| Money::from_minor(minor, currency)).map(Money::text);
        let Detail { by, payment, late, restock, reason, .. } = detail;
        Ok(Self { by, payment, paid, late, restock, reason })
    }
}

#[derive(Serialize)]
struct SaleData<'a> {
    sale: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
}

/// The id of an event's message.
#[must_use]
pub fn id(seq: i64, link: &Hash) -> String {
    let mut id = String::from("msg_");
    for byte in link.iter().take(LINK_BYTES) {
        let _ = write!(id, "{byte:02x}");
    }
    let _ = write!(id, "_{seq}");
    id
}

/// The message that tells of an event. `find` knows every order.
///
/// # Errors
/// [`Unspoken`]; all of these are defects, or a damaged ledger.
pub fn compose(
    kind: Kind,
    event: &Told<'_>,
    find: impl FnOnce(OrderId) -> Option<Arc<Order>>,
) -> Result<Message, Unspoken> {
    let (subject, body) = match kind {
        Kind::SaleOpened | Kind::SalePaused | Kind::SaleResumed | Kind::SaleEnded | Kind::SaleSoldOut => {
            let sku = (kind == Kind::SaleSoldOut).then(|| event.sku.ok_or(Unspoken::NoItem)).transpose()?;
            let data = SaleData { sale: event.sale, sku };
            (Subject::Sale(event.sale.into()), body(kind, event.at, &data))
        }
        Kind::OrderHeld
        | Kind::OrderConfirmed
        | Kind::OrderCancelled
        | Kind::OrderExpired
        | Kind::OrderRefunded
        | Kind::PaymentOrphaned => {
            let id = event.order.ok_or(Unspoken::NoOrder)?;
            let order = find(id).ok_or(Unspoken::NoOrder)?;
            let data = order_data(kind, event, &order.terms)?;
            (Subject::Order(*id.as_bytes()), body(kind, event.at, &data))
        }
    };
    Ok(Message { seq: event.seq, id: id(event.seq, &event.link), kind, subject, body: body? })
}

fn order_data<'a>(kind: Kind, event: &Told<'a>, terms: &'a OrderTerms) -> Result<OrderData<'a>, Unspoken> {
    Ok(OrderData {
        order: terms.id.to_string(),
        sale: event.sale,
        sku: event.sku.ok_or(Unspoken::NoItem)?,
        quantity: terms.quantity.units(),
        buyer: terms.buyer.as_str(),
        state: kind.state().map(OrderState::word),
        price: terms.unit_price.text(),
        total: terms.unit_price.times(terms.quantity.units()).text(),
        placed_at: terms.placed_at.rfc3339(),
        expires_at: terms.expires_at.map(WallTime::rfc3339),
        // What is in the log is on disk.
        stored: Stored::Disk.word(),
        more: More::of(event.detail)?,
    })
}

fn body(kind: Kind, at: WallTime, data: &impl Serialize) -> Result<Bytes, Unspoken> {
    let body = Body { r#type: kind.word(), timestamp: at.rfc3339(), data };
    serde_json::to_vec(&body).map(Bytes::from).map_err(|_| Unspoken::Detail)
}
