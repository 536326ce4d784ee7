//! Sales made and changed by hand.

use std::sync::Arc;

use super::{Keeper, Unchanged};
use crate::ids::ItemNo;
use crate::ledger::Unwritten;
use crate::ledger::event::Event;
use crate::offer::{ItemTerms, Offer, Phase, SaleChange, SaleTerms};

impl Keeper {
    /// Creates a sale. It opens when its time has come: at once, where it has none.
    ///
    /// # Errors
    /// [`Unchanged::SaleExists`], or what the ledger says.
    pub async fn create(&self, offer: Offer) -> Result<(), Unchanged> {
        let _acting = self.acting.lock().await;
        let funnel = &self.funnel;
        if funnel.sales.find_sale(offer.sale.id.as_str()).is_some() {
            return Err(Unchanged::SaleExists);
        }
        let offer = Arc::new(offer);
        let (sale, first_item) = (funnel.sales.next_sale(), funnel.sales.next_item());
        self.record(Event::SaleCreated { sale, first_item, offer: Arc::clone(&offer) }).await?;
        funnel.stock.add_sale(sale);
        funnel.tallies.add_sale();
        self.shelve(&offer.items);
        funnel.sales.add(offer.sale.clone(), Phase::Scheduled, offer.items.iter().cloned());
        drop(_acting);
        self.open_and_end_what_is_due().await;
        self.rescheduled.notify_one();
        Ok(())
    }

    /// Fills the shelves of new items, before anybody can find them.
    fn shelve(&self, items: &[ItemTerms]) {
        for (number, item) in (self.funnel.sales.next_item().0..).zip(items) {
            self.funnel.stock.add_item(ItemNo(number), item.stock, 0);
        }
    }

    /// Changes a sale's terms, and adds items.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn change(&self, id: &str, change: SaleChange) -> Result<(), Unchanged> {
        let acting = self.acting.lock().await;
        let sale = self.sale(id)?;
        let phase = sale.phase();
        if phase == Phase::Ended || (change.opens_at.is_some() && phase != Phase::Scheduled) {
            return Err(Unchanged::InvalidTransition { phase });
        }
        let sku_exists = |item: &ItemTerms| matches!(self.funnel.sales.find(id, item.sku.as_str()), Some((_, Some(_))));
        if change.items.iter().any(sku_exists) {
            return Err(Unchanged::ItemExists);
        }
        let old = sale.terms();
        let terms = Arc::new(SaleTerms {
            id: old.id.clone(),
            title: change.title.unwrap_or_else(|| old.title.clone()),
            opens_at: change.opens_at.unwrap_or(old.opens_at),
            closes_at: change.closes_at.unwrap_or(old.closes_at),
            limit_per_buyer: change.limit_per_buyer.unwrap_or(old.limit_per_buyer),
            hold: change.hold.unwrap_or(old.hold),
        });
        if terms.opens_at.zip(terms.closes_at).is_some_and(|(opens_at, closes_at)| closes_at <= opens_at) {
            return Err(Unchanged::ClosesBeforeOpening);
        }
        let added: Arc<[ItemTerms]> = change.items.into();
        let first_item = self.funnel.sales.next_item();
        let event =
            Event::SaleChanged { sale: sale.no(), terms: Arc::clone(&terms), first_item, added: Arc::clone(&added) };
        // A lower limit is taken away: nobody may claim by the old one after the event.
        if terms.limit_per_buyer < old.limit_per_buyer {
            sale.change(Arc::new(SaleTerms { limit_per_buyer: terms.limit_per_buyer, ..SaleTerms::clone(&old) }));
            sale.settle();
        }
        if let Err(unwritten) = self.record(event).await {
            if unwritten != Unwritten::OutcomeUnknown {
                sale.change(old);
            }
            return Err(unwritten.into());
        }
        self.shelve(&added);
        sale.change(terms);
        self.funnel.sales.add_items(sale, added.iter().cloned());
        drop(acting);
        // Whoever has brought the opening forward to now hears of an open sale.
        self.open_and_end_what_is_due().await;
        self.rescheduled.notify_one();
        Ok(())
    }
}
