//! The ledger's language: everything that can be written down.
//!
//! **Invariant:** an event says what was decided, never asks for a decision: whoever sends one has already made sure
//! that it may happen.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::moves::Move;
use super::row::EventKind;
use crate::clock::WallTime;
use crate::ids::{ItemNo, SaleNo};
use crate::money::MoneyText;
use crate::offer::{ItemTerms, Offer, SaleTerms};
use crate::order::Order;

/// Something that was decided. What belongs to it in memory is done before or after, by the rule *take: memory first,
/// then ledger; give back: ledger first, then memory*.
#[derive(Debug)]
pub enum Event {
    /// A sale with its items. Items get the numbers from `first_item` on, in their order.
    SaleCreated {
        /// The new sale's number: the next one.
        sale: SaleNo,
        /// The number of its first item: the next one.
        first_item: ItemNo,
        /// What is for sale.
        offer: Arc<Offer>,
    },
    /// A sale's terms as they are from now on, and items that were added to it.
    SaleChanged {
        /// Which sale.
        sale: SaleNo,
        /// Its terms from now on.
        terms: Arc<SaleTerms>,
        /// The number of the first added item: the next one.
        first_item: ItemNo,
        /// The added items; often none.
        added: Arc<[ItemTerms]>,
    },
    /// The sale went live for the first time, at that time by the clock that decided it: the log may say later, never
    /// earlier, even if the clock is set back in between.
    SaleOpened(SaleNo, WallTime),
    /// The sale was paused.
    SalePaused(SaleNo),
    /// The sale went on.
    SaleResumed(SaleNo),
    /// The sale ended.
    SaleEnded(SaleNo),
    /// Units were put on sale.
    StockAdded {
        /// Of which sale.
        sale: SaleNo,
        /// Of which item.
        item: ItemNo,
        /// How many, at least 1.
        units: u32,
    },
    /// Free units were taken off sale.
    StockTaken {
        /// Of which sale.
        sale: SaleNo,
        /// Of which item.
        item: ItemNo,
        /// How many, at least 1.
        units: u32,
    },
    /// An order was won.
    OrderPlaced(Arc<Order>),
    /// An order moved on, or money came for it.
    OrderMoved(Box<Move>),
}

impl Event {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::SaleCreated { .. } => EventKind::SaleCreated,
            Self::SaleChanged { .. } => EventKind::SaleChanged,
            Self::SaleOpened(..) => EventKind::SaleOpened,
            Self::SalePaused(_) => EventKind::SalePaused,
            Self::SaleResumed(_) => EventKind::SaleResumed,
            Self::SaleEnded(_) => EventKind::SaleEnded,
            Self::StockAdded { .. } => EventKind::StockAdded,
            Self::StockTaken { .. } => EventKind::StockTaken,
            Self::OrderPlaced(_) => EventKind::OrderPlaced,
            Self::OrderMoved(moved) => moved.kind().event(),
        }
    }
}

/// The `detail` of `sale.created` and `sale.changed`: terms as the log keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the columns of sales are described in schema.sql, once")]
pub struct SaleDetail {
    pub id: String,
    pub title: String,
    pub opens_at_us: Option<i64>,
    pub closes_at_us: Option<i64>,
    pub limit_per_buyer: u32,
    pub hold_us: Option<i64>,
    /// The number of the first item in `items`.
    pub first_item: u32,
    pub items: Vec<ItemDetail>,
}

/// An item inside a [`SaleDetail`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the columns of items are described in schema.sql, once")]
pub struct ItemDetail {
    pub sku: String,
    pub title: String,
    pub price: MoneyText,
    pub stock: u32,
}

impl SaleDetail {
    /// The log's form of terms and items.
    #[must_use]
    pub fn of(terms: &SaleTerms, first_item: ItemNo, items: &[ItemTerms]) -> Self {
        let hold_us = terms.hold.map(|hold| i64::try_from(hold.as_micros()).unwrap_or(i64::MAX));
        Self {
            id: terms.id.as_str().into(),
            title: terms.title.clone(),
            opens_at_us: terms.opens_at.map(crate::clock::WallTime::micros),
            closes_at_us: terms.closes_at.map(crate::clock::WallTime::micros),
            limit_per_buyer: terms.limit_per_buyer,
            hold_us,
            first_item: first_item.0,
            items: items
                .iter()
                .map(|item| ItemDetail {
                    sku: item.sku.as_str().into(),
                    title: item.title.clone(),
                    price: item.price.text(),
                    stock: item.stock,
                })
                .collect(),
        }
    }
}
