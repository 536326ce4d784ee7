//! Orders and sales as bodies show them: the contract's members, and no others.

use std::fmt::Display;

use serde::{Serialize, Serializer};

use crate::clock::WallTime;
use crate::funnel::Funnel;
use crate::ids::OrderId;
use crate::money::Money;
use crate::offer::Phase;
use crate::order::Order;
use crate::sale::Sale;

/// Something whose text goes into the body without a detour.
fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_text_if_any<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// Money in the contract's form.
#[derive(Debug, Serialize)]
struct MoneyView {
    #[serde(serialize_with = "as_text")]
    amount: Money,
    currency: &'static str,
}

impl From<Money> for MoneyView {
    fn from(amount: Money) -> Self {
        Self { amount, currency: amount.currency() }
    }
}

/// An order. It borrows everything: a win's answer is one allocation.
#[derive(Debug, Serialize)]
pub(super) struct OrderView<'a> {
    #[serde(serialize_with = "as_text")]
    pub(super) order: OrderId,
    sale: &'a str,
    sku: &'a str,
    quantity: u32,
    buyer: &'a str,
    state: &'static str,
    price: MoneyView,
    total: MoneyView,
    #[serde(serialize_with = "as_text")]
    placed_at: WallTime,
    #[serde(serialize_with = "as_text_if_any")]
    expires_at: Option<WallTime>,
    stored: &'static str,
    /// Only where it is so: it was paid after its hold was over.
    #[serde(skip_serializing_if = "Option::is_none")]
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
}

/// A sale, as everybody sees it.
#[derive(Debug, Serialize)]
pub(super) struct SaleView {
    sale: String,
    title: String,
    phase: &'static str,
    opens_at: Option<String>,
    closes_at: Option<String>,
    server_time: String,
    limit_per_buyer: u32,
    items: Vec<ItemView>,
}

#[derive(Debug, Serialize)]
struct ItemView {
    sku: String,
    title: String,
    price: MoneyView,
    remaining: Remaining,
}

/// How many are left, as exactly as the shop wants to say it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Remaining {
    Exactly(u32),
    Roughly(&'static str),
}

impl Remaining {
    /// Few are few, none is none, and many are told exactly.
    fn shown(remaining: u32, few: u32) -> Self {
        if (1..=few).contains(&remaining) { Self::Roughly("few") } else { Self::Exactly(remaining) }
    }
}

impl SaleView {
    pub(super) fn of(sale: &Sale, funnel: &Funnel, few: u32, now: WallTime) -> Self {
        let terms = sale.terms();
        let items = sale.items();
        let item_view = |no: &_| {
            let item = funnel.sales.item(*no)?;
            Some(ItemView {
                sku: item.terms().sku.to_string(),
                title: item.terms().title.clone(),
                price: item.terms().price.into(),
                remaining: Remaining::shown(funnel.stock.remaining(*no), few),
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
}

impl PulseView {
    pub(super) fn of(sale: &Sale, funnel: &Funnel, few: u32, now: WallTime) -> Self {
        let items = sale.items();
        let item_view = |no: &_| {
            let item = funnel.sales.item(*no)?;
            let remaining = Remaining::shown(funnel.stock.remaining(*no), few);
            Some(PulseItem { sku: item.terms().sku.to_string(), remaining })
        };
        Self { phase: Phase::word(sale.phase_at(now)), items: items.iter().filter_map(item_view).collect() }
    }
}
