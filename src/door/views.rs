//! Orders and sales as bodies show them: the contract's members, and no others.

use serde::Serialize;

use crate::clock::WallTime;
use crate::funnel::Funnel;
use crate::money::MoneyText;
use crate::offer::Phase;
use crate::order::Order;
use crate::sale::{Catalog, Sale};

/// An order.
#[derive(Debug, Serialize)]
pub(super) struct OrderView {
    pub(super) order: String,
    sale: String,
    sku: String,
    quantity: u32,
    buyer: String,
    state: &'static str,
    price: MoneyText,
    total: MoneyText,
    placed_at: String,
    expires_at: Option<String>,
    stored: &'static str,
    /// Only where it is so: it was paid after its hold was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
}

impl OrderView {
    pub(super) fn of(order: &Order, sales: &Catalog) -> Self {
        let terms = &order.terms;
        Self {
            order: terms.id.to_string(),
            // An order's sale and item are in the catalog before it can be placed.
            sale: sales.sale(terms.sale).map(|sale| sale.terms().id.to_string()).unwrap_or_default(),
            sku: sales.item(terms.item).map(|item| item.terms().sku.to_string()).unwrap_or_default(),
            quantity: terms.quantity.units(),
            buyer: terms.buyer.as_str().to_owned(),
            state: order.state().word(),
            price: terms.unit_price.text(),
            total: order.total().text(),
            placed_at: terms.placed_at.rfc3339(),
            expires_at: order.deadline().map(WallTime::rfc3339),
            stored: order.stored().word(),
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
    price: MoneyText,
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
                price: item.terms().price.text(),
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
