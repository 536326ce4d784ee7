//! All that a log adds up to, in memory: what PostgreSQL's tables must show.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::fold::{Batch, ItemCells, OrderCells, SaleTerms};
use crate::ledger::Shift;

/// A row of `sales`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sale {
    pub(super) terms: SaleTerms,
    pub(super) phase: &'static str,
}

/// A row of `items`; what it was placed with, and what has become of it since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) cells: ItemCells,
    pub(super) shift: Shift,
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) orders: HashMap<Uuid, OrderCells>,
    pub(super) sales: BTreeMap<i32, Sale>,
    pub(super) items: BTreeMap<i32, Item>,
}

impl World {
    /// The next stretch happens. What it changes and isn't there is a difference that the tables will show.
    pub(super) fn take(&mut self, batch: Batch) {
        for (no, change) in batch.sales {
            match (self.sales.get_mut(&no), change.terms) {
                (Some(sale), terms) => {
                    sale.terms = terms.unwrap_or_else(|| sale.terms.clone());
                    sale.phase = change.phase.unwrap_or(sale.phase);
                }
                (None, Some(terms)) => {
                    self.sales.insert(no, Sale { terms, phase: change.phase.unwrap_or("scheduled") });
                }
                (None, None) => {}
            }
        }
        self.items.extend(batch.items.into_iter().map(|cells| (cells.no, Item { cells, shift: Shift::default() })));
        self.orders.extend(batch.placed.into_iter().map(|order| (order.id, order)));
        for (id, moved) in batch.moved {
            if let Some(order) = self.orders.get_mut(&id) {
                order.moved(moved);
            }
        }
        for (no, by) in batch.shifts {
            if let Some(Item { shift, .. }) = self.items.get_mut(&no) {
                *shift =
                    Shift { held: shift.held + by.held, sold: shift.sold + by.sold, stock: shift.stock + by.stock };
            }
        }
    }
}
