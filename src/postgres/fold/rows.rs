//! Rows of the tables, as they are added and changed.

use uuid::Uuid;

use crate::ledger::row::Hash;
use crate::postgres::cells::JsonText;

/// A row of `events`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::postgres) struct EventCells {
    pub(in crate::postgres) seq: i64,
    pub(in crate::postgres) at_us: i64,
    pub(in crate::postgres) kind: &'static str,
    pub(in crate::postgres) sale: String,
    pub(in crate::postgres) sku: Option<String>,
    pub(in crate::postgres) order: Option<Uuid>,
    pub(in crate::postgres) quantity: Option<i32>,
    pub(in crate::postgres) detail: Option<JsonText>,
    pub(in crate::postgres) payload: Vec<u8>,
    pub(in crate::postgres) hash: Hash,
}

/// A row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct OrderCells {
    pub(in crate::postgres) id: Uuid,
    pub(in crate::postgres) seq: i64,
    pub(in crate::postgres) sale: String,
    pub(in crate::postgres) sku: String,
    pub(in crate::postgres) buyer: String,
    pub(in crate::postgres) key: Option<String>,
    pub(in crate::postgres) quantity: i32,
    pub(in crate::postgres) price_minor: i64,
    pub(in crate::postgres) currency: String,
    pub(in crate::postgres) state: &'static str,
    pub(in crate::postgres) placed_at_us: i64,
    pub(in crate::postgres) stored_at_us: i64,
    pub(in crate::postgres) expires_at_us: Option<i64>,
    pub(in crate::postgres) late: bool,
    pub(in crate::postgres) payment: Option<String>,
}

/// What changes in an order that was placed before; none: as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::postgres) struct Moved {
    pub(in crate::postgres) state: Option<&'static str>,
    pub(in crate::postgres) expires_at_us: Option<i64>,
    pub(in crate::postgres) late: bool,
    pub(in crate::postgres) payment: Option<String>,
}

/// What changes in a sale.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::postgres) struct SaleChange {
    pub(in crate::postgres) terms: Option<SaleTerms>,
    pub(in crate::postgres) phase: Option<&'static str>,
}

/// A row of `sales` without its phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct SaleTerms {
    pub(in crate::postgres) id: String,
    pub(in crate::postgres) title: String,
    pub(in crate::postgres) opens_at_us: Option<i64>,
    pub(in crate::postgres) closes_at_us: Option<i64>,
    pub(in crate::postgres) limit_per_buyer: i64,
    pub(in crate::postgres) hold_us: Option<i64>,
}

/// A new row of `items`, with nothing held or sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) struct ItemCells {
    pub(in crate::postgres) no: i32,
    pub(in crate::postgres) sale_no: i32,
    pub(in crate::postgres) sale: String,
    pub(in crate::postgres) sku: String,
    pub(in crate::postgres) title: String,
    pub(in crate::postgres) price_minor: i64,
    pub(in crate::postgres) currency: String,
    pub(in crate::postgres) stock: i64,
}

impl OrderCells {
    /// It moves.
    pub(in crate::postgres) fn moved(&mut self, moved: Moved) {
        self.state = moved.state.unwrap_or(self.state);
        self.expires_at_us = moved.expires_at_us.or(self.expires_at_us);
        self.late |= moved.late;
        self.payment = moved.payment.or(self.payment.take());
    }
}

impl Moved {
    /// It moves once more.
    pub(super) fn then(&mut self, next: Self) {
        self.state = next.state.or(self.state);
        self.expires_at_us = next.expires_at_us.or(self.expires_at_us);
        self.late |= next.late;
        self.payment = next.payment.or(self.payment.take());
    }
}
