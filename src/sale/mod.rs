//! Floor 3, sale: is the sale on?
//!
//! Sales, their terms and their phases live in memory; each change is an event in the ledger first or afterwards, which
//! is the keeper's business, not this floor's. There is no timer here and no clock: who moves a phase decides when.
//!
//! **Invariant:** nobody gets past this floor before the opening is in the ledger, or after the sale's end, or while it
//! is paused. See [`gate`] for what happens to those who are underway when it closes.

mod catalog;
mod gate;
mod schedule;

#[cfg(all(test, doorbuster_loom))]
mod loom_models;
#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

pub use catalog::{Catalog, Item, Sale};
pub use gate::Underway;
pub use schedule::{Due, due, next_due};

use crate::access::Admitted;
use crate::clock::WallTime;
use crate::ids::BuyerRef;
use crate::offer::Phase;

/// Refusals of this floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOnSale {
    /// There is no such sale.
    SaleNotFound,
    /// The sale has no such item.
    ItemNotFound,
    /// It has not opened yet; none where it opens any moment.
    NotOpen {
        /// When it opens.
        opens_at: Option<WallTime>,
    },
    /// The shop has stopped it for now.
    Paused,
    /// It is over.
    Ended,
}

/// An admitted attempt whose sale and item exist. Not a pass yet: nobody has asked whether the sale is on.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    buyer: BuyerRef<'a>,
    sale: &'a Sale,
    item: &'a Item,
}

/// The pass of this floor: the sale is on.
#[derive(Debug, Clone, Copy)]
pub struct Entered<'a> {
    found: Found<'a>,
}

impl<'a> Found<'a> {
    /// Who it is.
    #[must_use]
    pub fn buyer(&self) -> BuyerRef<'a> {
        self.buyer
    }

    /// The sale.
    #[must_use]
    pub fn sale(&self) -> &'a Sale {
        self.sale
    }

    /// The item.
    #[must_use]
    pub fn item(&self) -> &'a Item {
        self.item
    }
}

impl<'a> Entered<'a> {
    /// Who wants what.
    #[must_use]
    pub fn found(&self) -> Found<'a> {
        self.found
    }

    /// A pass for tests of the floor below: nobody has asked anything.
    #[cfg(test)]
    pub(crate) fn for_tests(buyer: BuyerRef<'a>, sale: &'a Sale, item: &'a Item) -> Self {
        Self { found: Found { buyer, sale, item } }
    }
}

impl Catalog {
    /// Looks up what an admitted attempt names.
    ///
    /// # Refuses
    /// [`NotOnSale::SaleNotFound`], [`NotOnSale::ItemNotFound`].
    pub fn seek<'a>(&'a self, admitted: &Admitted<'a>, sku: &str) -> Result<Found<'a>, NotOnSale> {
        let cleared = admitted.cleared();
        let (sale, item) = self.find(cleared.sale(), sku).ok_or(NotOnSale::SaleNotFound)?;
        let item = item.ok_or(NotOnSale::ItemNotFound)?;
        Ok(Found { buyer: cleared.buyer(), sale, item })
    }

    /// Asks whether the sale is on.
    ///
    /// # Refuses
    /// [`NotOnSale::NotOpen`], [`NotOnSale::Paused`], [`NotOnSale::Ended`].
    pub fn enter<'a>(&self, found: Found<'a>, now: WallTime) -> Result<Entered<'a>, NotOnSale> {
        match found.sale.phase_at(now) {
            Phase::Live => Ok(Entered { found }),
            phase => Err(not_live(found.sale, phase)),
        }
    }

    /// Asks again, for good: the body may have taken its time to come. The sale can't finish pausing or ending until
    /// what this returns is dropped.
    ///
    /// # Refuses
    /// [`NotOnSale::Paused`], [`NotOnSale::Ended`].
    pub fn hold_open<'a>(&self, entered: &Entered<'a>, now: WallTime) -> Result<Underway<'a>, NotOnSale> {
        let sale = entered.found.sale;
        sale.step_in_at(now).map_err(|phase| not_live(sale, phase))
    }
}

fn not_live(sale: &Sale, phase: Phase) -> NotOnSale {
    match phase {
        Phase::Scheduled | Phase::Live => NotOnSale::NotOpen { opens_at: sale.terms().opens_at },
        Phase::Paused => NotOnSale::Paused,
        Phase::Ended => NotOnSale::Ended,
    }
}
