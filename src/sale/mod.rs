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
use crate::ids::{BuyerId, BuyerRef, ItemNo, SaleNo};
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

/// What an attempt's path names, and what there is under these names.
#[derive(Debug, Clone, Copy)]
pub struct Aim<'a> {
    sale_id: &'a str,
    sale: Option<&'a Sale>,
    item: Option<&'a Item>,
}

impl<'a> Aim<'a> {
    /// The sale's name, whether there is such a sale or not.
    #[must_use]
    pub fn sale_id(&self) -> &'a str {
        self.sale_id
    }

    /// The sale's number, if there is such a sale.
    #[must_use]
    pub fn sale_no(&self) -> Option<SaleNo> {
        self.sale.map(Sale::no)
    }
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

    /// The pass, to be put aside while the body is awaited: see [`Catalog::recall`].
    #[must_use]
    pub fn keep(&self) -> Kept {
        let Found { buyer, sale, item } = self.found;
        Kept { buyer: buyer.into(), sale: sale.no(), item: item.no() }
    }

    /// A pass for tests of the floor below: nobody has asked anything.
    #[cfg(test)]
    pub(crate) fn for_tests(buyer: BuyerRef<'a>, sale: &'a Sale, item: &'a Item) -> Self {
        Self { found: Found { buyer, sale, item } }
    }
}

/// An [`Entered`] that has been put aside: it borrows nothing from the request.
#[derive(Debug)]
pub struct Kept {
    buyer: BuyerId,
    sale: SaleNo,
    item: ItemNo,
}

impl Catalog {
    /// Looks names up, once for the whole descent.
    pub fn aim<'a>(&'a self, sale_id: &'a str, sku: &str) -> Aim<'a> {
        let (sale, item) = self.find(sale_id, sku).map_or((None, None), |(sale, item)| (Some(sale), item));
        Aim { sale_id, sale, item }
    }

    /// Asks whether there is what an admitted attempt names.
    ///
    /// # Refuses
    /// [`NotOnSale::SaleNotFound`], [`NotOnSale::ItemNotFound`].
    pub fn seek<'a>(&self, admitted: &Admitted<'a>, aim: Aim<'a>) -> Result<Found<'a>, NotOnSale> {
        let cleared = admitted.cleared();
        debug_assert_eq!(cleared.sale(), aim.sale_id, "cleared for the sale that is sought");
        let sale = aim.sale.ok_or(NotOnSale::SaleNotFound)?;
        let item = aim.item.ok_or(NotOnSale::ItemNotFound)?;
        Ok(Found { buyer: cleared.buyer(), sale, item })
    }

    /// The pass that was put aside.
    ///
    /// # Refuses
    /// Nothing that came from this catalog: sales and items are never forgotten.
    pub fn recall<'a>(&'a self, kept: &'a Kept) -> Result<Entered<'a>, NotOnSale> {
        let sale = self.sale(kept.sale).ok_or(NotOnSale::SaleNotFound)?;
        let item = self.item(kept.item).ok_or(NotOnSale::ItemNotFound)?;
        Ok(Entered { found: Found { buyer: kept.buyer.as_ref(), sale, item } })
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
