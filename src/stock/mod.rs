//! Floor 4, stock: is there one left, for them?
//!
//! Three steps, each of which can be taken back: [`Stock::peek`] reads the sign, [`Stock::claim`] enters the order in
//! its buyer's account (the limit, and no second order under the same key), [`Stock::take`] takes the units off the
//! shelf. Between the last two the caller gets a place in the ledger's queue. [`Reserved::keep`] ends it.
//!
//! Absent: the ledger, deadlines, the arrows between the states of orders. Take: memory first, then ledger. Give back:
//! ledger first, then memory; so whoever calls [`Stock::take_back`], [`Stock::write_off`], [`Stock::confirm`] or
//! [`Stock::add_units`] has it in the log already, and whoever calls [`Stock::give_back`] knows that it isn't.
//!
//! **Invariant:** a unit has one owner: the shelf, a reservation, or an order that the ledger has been given.
//!
//! **Invariant:** a [`Claim`] or [`Reserved`] that is dropped, for whatever reason, leaves no trace.

mod buyers;
mod cooling;
mod reserved;
mod shelf;

#[cfg(all(test, doorbuster_loom))]
mod loom_models;
#[cfg(all(test, not(doorbuster_loom)))]
mod model;
#[cfg(test)]
mod shop;
#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::sync::Arc;

pub use cooling::{COOL_DOWN_MAX, Cooling};
pub use reserved::{Claim, Reserved, Retaken, Withdrawn};
pub use shelf::Shelf;

use self::buyers::{Afterwards, Buyers, NotEntered};
use self::reserved::End;
use crate::clock::WallTime;
use crate::home::home;
use crate::ids::{BuyerId, BuyerRef, IdempotencyKey, ItemNo, KeyRef, OrderId, Quantity, SaleNo};
use crate::order::{Ack, Order, OrderState, OrderTerms, Stored};
use crate::sale::{Entered, Found};

/// Refusals of this floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// No unit is free.
    SoldOut {
        /// Whether some are only held: if they aren't paid for in time, they come back.
        held_may_return: bool,
    },
    /// Some units are free, but fewer than wanted.
    InsufficientStock,
    /// The buyer would have more units than the sale allows each.
    LimitReached,
    /// The key stands for an order of another item or quantity.
    IdempotencyMismatch,
    /// The key's order is on its way: nothing has been promised yet.
    InProgress,
}

/// Too few units are free to take that many off sale: the rest is held or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BelowCommitted;

/// What an attempt asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The `Idempotency-Key`, if it brings one.
    pub key: Option<KeyRef<'a>>,
    /// How many units.
    pub quantity: Quantity,
    /// What will have happened before the buyer is told yes.
    pub ack: Ack,
}

/// Most shards that an item gets, each a cache line of 128 bytes: at 8, ten thousand items take 13 MB.
///
/// Why shards at all: a take costs 3.3 ns from one plain counter and 4.3 ns from a shelf of 2 or 8 shards; with two
/// threads at once 20 ns and 7 ns. All that a win does in memory besides (its order and account) takes 79 and 169 ns, to
/// which the plain counter adds 5 and 54 ns, the shards 7 and 9 ns (`benches/stock.rs`, two cores, AMD EPYC).
const SHARDS_MAX: usize = 8;

/// The answer for an item that the catalog shows before the shelf has it: it has no unit yet.
const NOT_ON_THE_SHELF: Unavailable = Unavailable::SoldOut { held_may_return: false };

/// All units and who has them.
#[derive(Debug)]
pub struct Stock {
    /// By number; never shrinks, so that a guard borrows its own.
    sales: boxcar::Vec<Buyers>,
    /// By number; never shrinks.
    shelves: boxcar::Vec<Shelf>,
    /// Per shelf.
    shards: usize,
}

impl Default for Stock {
    fn default() -> Self {
        Self::new()
    }
}

impl Stock {
    /// No sales, no items; as many shards per item as pay on this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with_shards(std::thread::available_parallelism().map_or(1, usize::from).min(SHARDS_MAX))
    }

    /// No sales, no items, and that many shards per item, rounded up to a power of two.
    #[must_use]
    pub fn with_shards(shards: usize) -> Self {
        Self { sales: boxcar::Vec::new(), shelves: boxcar::Vec::new(), shards }
    }

    /// Adds a sale, before the catalog shows it. Numbers come one by one, in order.
    pub fn add_sale(&self, no: SaleNo) {
        self.add_sale_of(no, 0);
    }

    /// The same, with room for about so many buyers.
    pub(crate) fn add_sale_of(&self, no: SaleNo, buyers: usize) {
        let index = self.sales.push(Buyers::for_about(buyers));
        debug_assert_eq!(index, no.index(), "sales are numbered by the catalog");
    }

    /// Adds an item with its free and its held units, before the catalog shows it. Numbers come one by one, in order.
    pub fn add_item(&self, no: ItemNo, available: u32, held: u32) {
        let index = self.shelves.push(Shelf::new(self.shards, available, held));
        debug_assert_eq!(index, no.index(), "items are numbered by the catalog");
    }

    /// At start: puts an order of the ledger into its buyer's account. Its units are not taken: [`Self::add_item`] was
    /// told what is left.
    pub fn restore(&self, order: Arc<Order>) {
        let Some(buyers) = self.sales.get(order.terms.sale.index()) else { return };
        let units = if order.state().is_live() { order.terms.quantity.units() } else { 0 };
        buyers.restore(order, units);
    }

    /// The order that the buyer has under this key already, in whatever state. What the attempt wants is compared
    /// afterwards, by [`Self::check_replay`], for its body is read only on a hit.
    #[must_use]
    pub fn replay_of(&self, found: &Found<'_>, key: KeyRef<'_>) -> Option<Arc<Order>> {
        self.sales.get(found.sale().no().index())?.order_under(found.buyer(), key)
    }

    /// Asks whether an order may be the answer to an attempt under the same key.
    ///
    /// # Refuses
    /// [`Unavailable::IdempotencyMismatch`], [`Unavailable::InProgress`].
    pub fn check_replay(order: &Order, item: ItemNo, quantity: Quantity) -> Result<(), Unavailable> {
        if (order.terms.item, order.terms.quantity) != (item, quantity) {
            Err(Unavailable::IdempotencyMismatch)
        } else if order.stored() == Stored::Underway {
            Err(Unavailable::InProgress)
        } else {
            Ok(())
        }
    }

    /// Reads the item's sign: one load.
    ///
    /// # Refuses
    /// [`Unavailable::SoldOut`]; an open sign promises nothing.
    pub fn peek(&self, entered: &Entered<'_>) -> Result<(), Unavailable> {
        self.shelf(entered.found().item().no()).ok_or(NOT_ON_THE_SHELF)?.peek()
    }

    /// Makes the order and enters it in its buyer's account.
    ///
    /// # Refuses
    /// [`Unavailable::IdempotencyMismatch`] and [`Unavailable::InProgress`] where the buyer has an order under the
    /// same key by now: the next try finds it. [`Unavailable::LimitReached`].
    pub fn claim<'a>(
        &'a self,
        entered: &Entered<'a>,
        wanted: Wanted<'_>,
        now: WallTime,
    ) -> Result<Claim<'a>, Unavailable> {
        let found = entered.found();
        let (limit_per_buyer, hold) = found.sale().limit_and_hold();
        let shelf = self.shelf(found.item().no()).ok_or(NOT_ON_THE_SHELF)?;
        let buyers = self.sales.get(found.sale().no().index()).ok_or(NOT_ON_THE_SHELF)?;
        let make = || {
            Order::place(OrderTerms {
                id: OrderId::fresh(now),
                sale: found.sale().no(),
                item: found.item().no(),
                buyer: BuyerId::from(found.buyer()),
                key: wanted.key.map(IdempotencyKey::from),
                quantity: wanted.quantity,
                unit_price: found.item().terms().price,
                placed_at: now,
                expires_at: hold.map(|hold| now.after(hold)),
                ack: wanted.ack,
            })
        };
        match buyers.enter(found.buyer(), wanted.key, wanted.quantity, limit_per_buyer, make) {
            Ok(order) => Ok(Claim { buyers, shelf, order, end: End::Undo }),
            Err(NotEntered::LimitReached) => Err(Unavailable::LimitReached),
            Err(NotEntered::Twin(twin)) => {
                Self::check_replay(&twin, found.item().no(), wanted.quantity)?;
                // Won since the caller looked: it is found, and its answer built, in one place only.
                Err(Unavailable::InProgress)
            }
        }
    }

    /// Takes the claim's units off the shelf. A refused claim is out of the account.
    ///
    /// # Refuses
    /// [`Unavailable::SoldOut`], [`Unavailable::InsufficientStock`].
    pub fn take<'a>(&'a self, claim: Claim<'a>) -> Result<Reserved<'a>, Unavailable> {
        claim.shelf.take(home(), claim.order.terms.quantity, claim.order.state())?;
        Ok(Reserved::of(claim))
    }

    /// Gives the units of an order back that was never stored, off its buyer's account and onto the shelf, and forgets it.
    /// Call it once per order.
    pub fn give_back(&self, order: &Order) {
        self.put_back(order, order.state(), Afterwards::Forgotten);
    }

    /// Takes the units of a stored order back, which was held or confirmed until now. It is remembered. Call it once per
    /// take, before its state moves.
    pub fn take_back(&self, order: &Order, was: OrderState) {
        self.put_back(order, was, Afterwards::Remembered);
    }

    fn put_back(&self, order: &Order, was: OrderState, afterwards: Afterwards) {
        // The shelf first: a buyer whose limit is free again finds the unit.
        if let Some(shelf) = self.shelf(order.terms.item) {
            shelf.put_back(home(), order.terms.quantity, was);
        }
        if let Some(buyers) = self.sales.get(order.terms.sale.index()) {
            buyers.release(order, afterwards);
        }
    }

    /// A confirmed order's units are no longer its buyer's, and the shop hasn't got them back. Call it once per order.
    pub fn write_off(&self, order: &Order) {
        if let Some(buyers) = self.sales.get(order.terms.sale.index()) {
            buyers.release(order, Afterwards::Remembered);
        }
    }

    /// Takes the units once more of an order that has given them back, to be confirmed. It was paid late.
    ///
    /// # Refuses
    /// [`Unavailable::LimitReached`], [`Unavailable::SoldOut`], [`Unavailable::InsufficientStock`].
    pub fn retake<'a>(&'a self, order: &'a Arc<Order>, limit_per_buyer: u32) -> Result<Retaken<'a>, Unavailable> {
        let shelf = self.shelf(order.terms.item).ok_or(NOT_ON_THE_SHELF)?;
        let buyers = self.sales.get(order.terms.sale.index()).ok_or(NOT_ON_THE_SHELF)?;
        buyers.raise(order, limit_per_buyer).map_err(|_| Unavailable::LimitReached)?;
        let taken = shelf.take(home(), order.terms.quantity, OrderState::Confirmed);
        if let Err(refusal) = taken {
            buyers.release(order, Afterwards::Remembered);
            return Err(refusal);
        }
        Ok(Retaken { buyers, shelf, order, end: End::Undo })
    }

    /// An order that was held is confirmed: its units may no longer return. Call it once per order, and not for one that
    /// was confirmed at once.
    pub fn confirm(&self, order: &Order) {
        if let Some(shelf) = self.shelf(order.terms.item) {
            shelf.confirm(home(), order.terms.quantity);
        }
    }

    /// How many units are free; none where there is no such item.
    #[must_use]
    pub fn remaining(&self, item: ItemNo) -> u32 {
        self.shelf(item).map_or(0, Shelf::remaining)
    }

    /// How many units held orders have, those underway included.
    #[must_use]
    pub fn held(&self, item: ItemNo) -> u32 {
        self.shelf(item).map_or(0, Shelf::held)
    }

    /// Puts new units on sale, after the ledger has it. The item's stock stays at most [`crate::offer::STOCK_MAX`].
    pub fn add_units(&self, item: ItemNo, units: u32) {
        if let Some(shelf) = self.shelf(item) {
            shelf.add(units);
        }
    }

    /// Takes free units off sale, before the ledger has it.
    ///
    /// # Refuses
    /// [`BelowCommitted`] where fewer are free.
    pub fn withdraw(&self, item: ItemNo, units: u32) -> Result<Withdrawn<'_>, BelowCommitted> {
        let shelf = self.shelf(item).ok_or(BelowCommitted)?;
        if !shelf.withdraw(home(), units) {
            return Err(BelowCommitted);
        }
        Ok(Withdrawn { shelf, units, end: End::Undo })
    }

    /// The buyer's orders in that sale, oldest first: those underway, and all that were won.
    #[must_use]
    pub fn orders_of(&self, sale: SaleNo, buyer: BuyerRef<'_>) -> Vec<Arc<Order>> {
        self.sales.get(sale.index()).map_or_else(Vec::new, |buyers| buyers.orders_of(buyer))
    }

    /// How many units the buyer has in that sale: held, confirmed and underway.
    #[must_use]
    pub fn units_of(&self, sale: SaleNo, buyer: BuyerRef<'_>) -> u32 {
        self.sales.get(sale.index()).map_or(0, |buyers| buyers.units_of(buyer))
    }

    fn shelf(&self, item: ItemNo) -> Option<&Shelf> {
        self.shelves.get(item.index())
    }
}
