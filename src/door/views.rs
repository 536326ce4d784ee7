//! Orders and sales as bodies show them: the contract's members, and no others.

use std::fmt::Display;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::openapi::words::{PhaseWord, StateWord, StoredWord};
use crate::clock::WallTime;
use crate::funnel::Funnel;
use crate::ids::{ItemNo, OrderId};
use crate::ledger::orders::OrderRecord;
use crate::money::Money;
use crate::offer::Phase;
use crate::order::{Order, Stored};
use crate::sale::Sale;

/// Something whose text goes into the body without a detour.
pub(super) fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(super) fn as_text_if_any<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Money: a decimal number with the currency's decimals, and the currency's ISO 4217 code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
pub(super) struct MoneyView {
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, pattern = r"^[0-9]+(\.[0-9]+)?$")]
    amount: Money,
    #[schema(min_length = 3, max_length = 3)]
    currency: &'static str,
}

impl From<Money> for MoneyView {
    fn from(amount: Money) -> Self {
        Self { amount, currency: amount.currency() }
    }
}

/// An order.
// It borrows everything: a win's answer is one allocation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderView<'a> {
    /// Its id.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = "uuid")]
    pub(super) order: OrderId,
    sale: &'a str,
    sku: &'a str,
    /// Units.
    #[schema(minimum = 1)]
    quantity: u32,
    buyer: &'a str,
    #[schema(value_type = StateWord)]
    state: &'static str,
    /// Of one unit, when it was won. A payment must equal `total`.
    price: MoneyView,
    /// Of all its units.
    total: MoneyView,
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    placed_at: WallTime,
    /// Until when it is or was held; null: it was confirmed at once.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<WallTime>,
    /// How safe it is by now.
    #[schema(value_type = StoredWord)]
    stored: &'static str,
    /// Only where it is so: it was paid after its hold was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    late: Option<bool>,
}

impl<'a> OrderView<'a> {
    pub(super) fn of(order: &'a Order, funnel: &'a Funnel) -> Self {
        let (terms, sales) = (&order.terms, &funnel.sales);
        Self {
            order: terms.id,
            // An order's sale and item are in the catalog before it can be placed.
            sale: sales.sale(terms.sale).map_or("", |sale| sale.id().as_str()),
            sku: sales.item(terms.item).map_or("", |item| item.terms().sku.as_str()),
            quantity: terms.quantity.units(),
            buyer: terms.buyer.as_str(),
            state: order.state().word(),
            price: terms.unit_price.into(),
            total: order.total().into(),
            placed_at: terms.placed_at,
            expires_at: order.deadline(),
            stored: funnel.ledger.stored(order).word(),
            late: order.is_late().then_some(true),
        }
    }

    /// As the ledger has it; PostgreSQL has all events up to `shipped`.
    pub(super) fn of_record(order: &'a OrderRecord, shipped: i64) -> Self {
        Self {
            order: order.id,
            sale: order.sale.as_str(),
            sku: order.sku.as_str(),
            quantity: order.quantity.units(),
            buyer: order.buyer.as_str(),
            state: order.state.word(),
            price: order.price.into(),
            total: order.total().into(),
            placed_at: order.placed_at,
            expires_at: order.expires_at,
            // What is read from the ledger is on disk at least.
            stored: if order.seq <= shipped { Stored::Postgres } else { Stored::Disk }.word(),
            late: order.is_late.then_some(true),
        }
    }
}

/// Orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Orders)]
pub(super) struct OrdersView<'a> {
    pub(super) orders: Vec<OrderView<'a>>,
}

/// Where a held order is paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentLink)]
pub(super) struct PaymentLinkView {
    /// Null: the shop is in touch.
    #[schema(format = "uri", required)]
    pub(super) url: Option<String>,
}

/// A pass: whoever has it is this buyer, in this sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pass)]
pub(super) struct PassView<'a> {
    /// For `Authorization: Bearer`; the cookie has it too.
    pub(super) pass: &'a str,
    pub(super) buyer: &'a str,
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) expires_at: WallTime,
}

/// What time it is here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Time)]
pub(super) struct TimeView {
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) now: WallTime,
}

/// The answer to a payment provider's message that concerns no order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ignored)]
pub(super) struct IgnoredView {
    pub(super) ignored: bool,
}

/// All sales.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sales)]
pub(super) struct SalesView {
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    pub(super) server_time: WallTime,
    pub(super) sales: Vec<SaleView>,
}

/// A sale, as everybody sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sale)]
pub(super) struct SaleView {
    sale: String,
    title: String,
    #[schema(value_type = PhaseWord)]
    phase: &'static str,
    /// Null: live at once.
    #[schema(format = DateTime, required)]
    opens_at: Option<String>,
    /// Null: until it is ended.
    #[schema(format = DateTime, required)]
    closes_at: Option<String>,
    /// For countdowns: what time it is here.
    #[schema(format = DateTime)]
    server_time: String,
    /// Units over the whole sale.
    #[schema(minimum = 1)]
    limit_per_buyer: u32,
    items: Vec<ItemView>,
}

/// An item of a sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Item)]
pub(super) struct ItemView {
    sku: String,
    title: String,
    /// Of one unit.
    price: MoneyView,
    remaining: Remaining,
    /// Only where none remains: whether held units may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    held_may_return: Option<bool>,
}

/// How many are left: a number, or "few" where the shop doesn't want to say it exactly.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Remaining {
    Exactly(u32),
    Roughly(&'static str),
}

impl Remaining {
    /// Few are few, none is none, and many are told exactly.
    fn shown(remaining: u32, few: u32) -> Self {
        if (1..=few).contains(&remaining) { Self::Roughly("few") } else { Self::Exactly(remaining) }
    }
}

/// Whether it is worth waiting, where nothing remains.
fn held_may_return(funnel: &Funnel, item: ItemNo, remaining: u32) -> Option<bool> {
    (remaining == 0).then(|| funnel.stock.held(item) > 0)
}

impl SaleView {
    pub(super) fn of(sale: &Sale, funnel: &Funnel, few: u32, now: WallTime) -> Self {
        let terms = sale.terms();
        let items = sale.items();
        let item_view = |no: &_| {
            let item = funnel.sales.item(*no)?;
            let remaining = funnel.stock.remaining(*no);
            Some(ItemView {
                sku: item.terms().sku.to_string(),
                title: item.terms().title.clone(),
                price: item.terms().price.into(),
                remaining: Remaining::shown(remaining, few),
                held_may_return: held_may_return(funnel, *no, remaining),
            })
        };
        Self {
            sale: terms.id.to_string(),
            title: terms.title.clone(),
            phase: sale.phase_at(now).word(),
            opens_at: terms.opens_at.map(WallTime::rfc3339),
            closes_at: terms.closes_at.map(WallTime::rfc3339),
            server_time: now.rfc3339(),
            limit_per_buyer: terms.limit_per_buyer,
            items: items.iter().filter_map(item_view).collect(),
        }
    }
}

/// What a sale's event stream says: what changes while people look.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct PulseView {
    phase: &'static str,
    items: Vec<PulseItem>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct PulseItem {
    sku: String,
    remaining: Remaining,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_may_return: Option<bool>,
}

impl PulseView {
    pub(super) fn of(sale: &Sale, funnel: &Funnel, few: u32, now: WallTime) -> Self {
        let items = sale.items();
        let item_view = |no: &_| {
            let item = funnel.sales.item(*no)?;
            let remaining = funnel.stock.remaining(*no);
            Some(PulseItem {
                sku: item.terms().sku.to_string(),
                remaining: Remaining::shown(remaining, few),
                held_may_return: held_may_return(funnel, *no, remaining),
            })
        };
        Self { phase: Phase::word(sale.phase_at(now)), items: items.iter().filter_map(item_view).collect() }
    }
}
