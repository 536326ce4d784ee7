//! An order is won: what must be true of it at that moment.

use sha2::{Digest, Sha256};

use super::super::row::EventRow;
use super::decode::{Nonsense, Placed, time};
use super::fold::{Fold, KeyPrint};
use super::moves::{Standing, terms_print};
use super::report::Invariant;
use crate::ids::{BuyerId, BuyerRef, ItemNo, KeyRef, SaleNo};
use crate::offer::Phase;
use crate::order::OrderState;

fn key_print(sale: SaleNo, buyer: BuyerRef<'_>, key: KeyRef<'_>) -> KeyPrint {
    let mut hash = Sha256::new();
    hash.update(sale.0.to_le_bytes());
    hash.update(buyer.as_str());
    // Not a byte of a buyer's id: where it ends is unmistakable.
    hash.update([0]);
    hash.update(key.as_str());
    let hash: [u8; 32] = hash.finalize().into();
    let mut print = [0; 16];
    print.copy_from_slice(&hash[..16]);
    print
}

impl Fold {
    pub(super) fn place_order(&mut self, event: &EventRow<'_>) -> Result<(), Nonsense> {
        // Counted before it is understood: the number of orders is the number of such rows.
        self.placed += 1;
        let sale = self.sale_of(event)?;
        let item = self.item_of(event)?;
        let placed = Placed::of(event)?;
        self.check_unique(event.seq, (sale, item), &placed);
        self.check_live(event, sale);
        self.check_beginning(event.seq, sale, item, &placed);
        self.check_limit(event.seq, sale, placed.buyer, placed.units);
        let units = i64::from(placed.units);
        self.shift(event.seq, item, |item| match placed.state {
            OrderState::Held => item.held += units,
            _ => item.confirmed += units,
        });
        Ok(())
    }

    /// I3: every order id once, and one order for each (sale, buyer, key).
    fn check_unique(&mut self, seq: i64, (sale, item): (SaleNo, ItemNo), placed: &Placed<'_>) {
        let print = terms_print(sale, item, placed.buyer, placed.units);
        if let Some(first) = self.orders.insert(placed.id, Standing { seq, print, state: placed.state }) {
            let (id, first) = (placed.id, first.seq);
            self.findings.note(Invariant::I3, Some(seq), || format!("order {id} was placed before, by event {first}"));
        }
        let Some(key) = placed.key else { return };
        if let Some(first) = self.keys.insert(key_print(sale, placed.buyer, key), seq) {
            let buyer = placed.buyer;
            self.findings.note(Invariant::I3, Some(seq), || {
                let (buyer, key) = (buyer.as_str(), key.as_str());
                format!("buyer {buyer:?} already won under the key {key:?} in this sale, by event {first}")
            });
        }
    }

    /// I5: the sale is live, and its opening time has come.
    fn check_live(&mut self, event: &EventRow<'_>, sale: SaleNo) {
        let sale = &self.sales[sale.index()];
        let id = &sale.terms.id;
        if sale.phase != Phase::Live {
            let word = sale.phase.word();
            self.findings.note(Invariant::I5, Some(event.seq), || format!("an order is won while sale {id} is {word}"));
        } else if let Some(opens_at_us) = sale.terms.opens_at_us
            && event.at_us < opens_at_us
        {
            self.findings.note(Invariant::I5, Some(event.seq), || {
                format!("an order is won before sale {id} opens at {}", time(opens_at_us))
            });
        }
    }

    /// I4: with a hold an order begins held, without one it begins confirmed. I7: it costs what the item costs.
    fn check_beginning(&mut self, seq: i64, sale: SaleNo, item: ItemNo, placed: &Placed<'_>) {
        let sale = &self.sales[sale.index()];
        let begins = if sale.terms.hold_us.is_some() { OrderState::Held } else { OrderState::Confirmed };
        if placed.state != begins && !sale.hold_changed {
            let (id, state) = (&sale.terms.id, placed.state.word());
            self.findings.note(Invariant::I4, Some(seq), || {
                format!("an order of sale {id} begins {state}, it should begin {}", begins.word())
            });
        }
        let item = &self.items[item.index()];
        let (price, minor) = (item.price.minor(), placed.price_minor);
        if price != minor {
            let sku = &item.sku;
            self.findings.note(Invariant::I7, Some(seq), || {
                format!("a unit of {sku} was won for {minor} minor units, it costs {price}")
            });
        }
    }

    /// I2: with these units the buyer has no more than the limit in force.
    pub(super) fn check_limit(&mut self, seq: i64, sale: SaleNo, buyer: BuyerRef<'_>, taken: u32) {
        let sale = &mut self.sales[sale.index()];
        let units = sale.buyers.entry(BuyerId::from(buyer)).or_default();
        *units += u64::from(taken);
        let (units, limit) = (*units, sale.terms.limit_per_buyer);
        if units > u64::from(limit) {
            let (id, buyer) = (&sale.terms.id, buyer.as_str());
            self.findings.note(Invariant::I2, Some(seq), || {
                format!("buyer {buyer:?} has {units} units in sale {id}, where {limit} are allowed")
            });
        }
    }
}
