//! What the office shows, as bodies.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::WallTime;
use crate::door::openapi::words::{EventWord, PhaseWord};
use crate::door::views::{MoneyView, OrderView, as_text, as_text_if_any};
use crate::funnel::FunnelReport;
use crate::ids::PaymentId;
use crate::ledger::By;
use crate::ledger::orders::{OrderEvent, OrderRecord};
use crate::money::Money;

/// All sales, with all that the shop's people may know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminSales)]
pub(in crate::door) struct SalesView {
    pub(super) sales: Vec<SaleView>,
}

/// A sale, with all that the shop's people may know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminSale)]
pub(in crate::door) struct SaleView {
    pub(super) id: String,
    pub(super) title: String,
    #[schema(value_type = PhaseWord)]
    pub(super) phase: &'static str,
    /// Null: live at once.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(super) opens_at: Option<WallTime>,
    /// Null: until it is ended.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub(super) closes_at: Option<WallTime>,
    /// Units over the whole sale.
    #[schema(minimum = 1)]
    pub(super) limit_per_buyer: u32,
    /// Time to pay: "600s"; null: orders are confirmed at once.
    #[schema(required)]
    pub(super) hold: Option<String>,
    pub(super) items: Vec<ItemView>,
}

/// An item, with all that the shop's people may know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminItem)]
pub(in crate::door) struct ItemView {
    pub(super) sku: String,
    pub(super) title: String,
    /// Of one unit.
    pub(super) price: MoneyView,
    /// Units put on sale, sold ones included.
    pub(super) stock: u32,
    /// Units that nobody has.
    pub(super) remaining: u32,
    /// Units that wait to be paid.
    pub(super) held: u32,
}

/// Where a sale stands after a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SalePhase)]
pub(in crate::door) struct PhaseView {
    pub(super) sale: String,
    #[schema(value_type = PhaseWord)]
    pub(super) phase: &'static str,
}

/// An item's units after a change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub(in crate::door) struct StockView {
    pub(super) sale: String,
    pub(super) sku: String,
    /// How many came; below zero: went.
    pub(super) added: i64,
    /// Units put on sale, sold ones included.
    pub(super) stock: u32,
    /// Units that nobody has.
    pub(super) remaining: u32,
    /// Units that wait to be paid.
    pub(super) held: u32,
}

/// How many came, where they were refused, how many won: since start, in all and by sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Funnel)]
pub(in crate::door) struct FunnelView {
    #[serde(flatten)]
    pub(super) total: FunnelReport,
    pub(super) sales: Vec<SaleFunnelView>,
    /// Attempts on sales that don't exist.
    pub(super) unknown_sales: FunnelReport,
}

/// The counts of one sale.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SaleFunnel)]
pub(in crate::door) struct SaleFunnelView {
    pub(super) sale: String,
    #[serde(flatten)]
    pub(super) report: FunnelReport,
}

/// An order, with all that the shop's people may know.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOrder)]
pub(in crate::door) struct OfficeOrder<'a> {
    #[serde(flatten)]
    pub(super) order: OrderView<'a>,
    /// The provider's id of what has paid for it; null where nobody has said so.
    #[schema(required)]
    pub(super) payment: Option<&'a str>,
}

impl<'a> OfficeOrder<'a> {
    pub(super) fn of_record(order: &'a OrderRecord, shipped: i64) -> Self {
        let payment = order.payment.as_ref().map(PaymentId::as_str);
        Self { order: OrderView::of_record(order, shipped), payment }
    }
}

/// Some orders, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOrders)]
pub(in crate::door) struct OrdersPage<'a> {
    pub(super) orders: Vec<OfficeOrder<'a>>,
    /// What `after` has to be for the orders behind these; null: there are none. A page may be shorter than it could be,
    /// or empty, and still have a next one.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// An order with its life.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOrderHistory)]
pub(in crate::door) struct OrderHistory<'a> {
    #[serde(flatten)]
    pub(super) order: OfficeOrder<'a>,
    /// All that the ledger says of it, oldest first; empty where the server writes none.
    pub(super) history: Vec<EventView>,
}

/// What happened to an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
pub(in crate::door) struct EventView {
    /// The event's number in the log.
    seq: i64,
    /// When it was written down.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime)]
    at: WallTime,
    #[schema(value_type = EventWord)]
    kind: String,
    /// Who wanted it.
    by: By,
    detail: EventDetail,
}

/// How it came to it: what there is to say, and nothing else.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::door) struct EventDetail {
    /// Until when the order is held from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, nullable = false)]
    expires_at: Option<String>,
    /// The id of the message that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
    /// The provider's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payment: Option<String>,
    /// What was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amount: Option<MoneyView>,
    /// It was paid after the hold was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    late: Option<bool>,
    /// Whether the units of a refunded order are for sale again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    restock: Option<bool>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

impl From<OrderEvent> for EventView {
    fn from(OrderEvent { seq, at, kind, expires_at, detail }: OrderEvent) -> Self {
        // A win is the only event without a detail, and it is the buyer's.
        let by = detail.as_ref().map_or(By::Buyer, |detail| detail.by);
        let expires_at = expires_at.map(WallTime::rfc3339);
        let detail = match detail {
            None => EventDetail { expires_at, ..EventDetail::default() },
            Some(detail) => EventDetail {
                expires_at,
                amount: detail
                    .amount_minor
                    .zip(detail.currency)
                    .and_then(|(minor, currency)| Money::from_minor(minor, &currency).map(MoneyView::from)),
                message: detail.message,
                payment: detail.payment,
                late: detail.late,
                restock: detail.restock,
                reason: detail.reason,
            },
        };
        Self { seq, at, kind, by, detail }
    }
}
