//! What may still be taken back: claims, reservations, units on their way off sale.
//!
//! Absent: decisions. The floor's face makes these guards; here is only what they undo.
//!
//! **Invariant:** a guard undoes its step once or, kept, never.

use std::sync::Arc;

use super::Shelf;
use super::buyers::{Afterwards, Buyers};
use crate::home::home;
use crate::order::{Order, OrderState};

/// An order in its buyer's account, as yet without units. Dropped, it is out of the account.
#[derive(Debug)]
#[must_use]
pub struct Claim<'a> {
    pub(super) buyers: &'a Buyers,
    pub(super) shelf: &'a Shelf,
    pub(super) order: Arc<Order>,
    pub(super) end: End,
}

/// The pass of this floor: an order with its units. Dropped, they are back on the shelf and it is out of the account.
#[derive(Debug)]
#[must_use]
pub struct Reserved<'a> {
    claim: Claim<'a>,
}

/// Units on their way off sale. Dropped, they are back.
#[derive(Debug)]
#[must_use]
pub struct Withdrawn<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) units: u32,
    pub(super) end: End,
}

/// The units of an order that had given them back, taken once more. Dropped, they are back again.
#[derive(Debug)]
#[must_use]
pub struct Retaken<'a> {
    pub(super) buyers: &'a Buyers,
    pub(super) shelf: &'a Shelf,
    pub(super) order: &'a Order,
    pub(super) end: End,
}

/// What a guard does when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Undo,
    Keep,
}

impl Claim<'_> {
    /// The order as it will be, if there are units for it.
    #[must_use]
    pub fn order(&self) -> &Arc<Order> {
        &self.order
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.end == End::Undo {
            self.buyers.release(&self.order, Afterwards::Forgotten);
        }
    }
}

impl<'a> Reserved<'a> {
    /// A claim whose units have just been taken.
    pub(super) fn of(claim: Claim<'a>) -> Self {
        Self { claim }
    }

    /// The order.
    #[must_use]
    pub fn order(&self) -> &Arc<Order> {
        &self.claim.order
    }

    /// The point of no return: from here on the ledger owns the order, and only it may say that it failed.
    #[must_use]
    pub fn keep(mut self) -> Arc<Order> {
        self.claim.end = End::Keep;
        Arc::clone(&self.claim.order)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let Claim { shelf, order, end, .. } = &self.claim;
        if *end == End::Undo {
            // Nobody has moved an order that the ledger hasn't seen: its state is the one it was taken for. The claim
            // goes after this, so a buyer whose limit is free again finds the unit.
            shelf.put_back(home(), order.terms.quantity, order.state());
        }
    }
}

impl Retaken<'_> {
    /// The ledger owns the decision: only it may say that it failed.
    pub fn keep(mut self) {
        self.end = End::Keep;
    }
}

impl Drop for Retaken<'_> {
    fn drop(&mut self) {
        if self.end == End::Undo {
            self.shelf.put_back(home(), self.order.terms.quantity, OrderState::Confirmed);
            self.buyers.release(self.order, Afterwards::Remembered);
        }
    }
}

impl Withdrawn<'_> {
    /// The ledger has it: the units are off sale.
    pub fn keep(mut self) {
        self.end = End::Keep;
    }
}

impl Drop for Withdrawn<'_> {
    fn drop(&mut self) {
        if self.end == End::Undo {
            self.shelf.add(self.units);
        }
    }
}
