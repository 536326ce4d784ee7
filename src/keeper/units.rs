//! Stock changed by hand: units are put on sale, and free ones taken away.

use super::{Keeper, Unchanged, Units};
use crate::ledger::Unwritten;
use crate::ledger::event::Event;
use crate::offer::{Phase, STOCK_MAX};
use crate::sale::Item;

impl Keeper {
    /// Puts units on sale, or takes free ones away.
    ///
    /// # Errors
    /// [`Unchanged::BelowCommitted`] where fewer are free than should go; the others as named.
    pub async fn adjust(&self, id: &str, sku: &str, add: i64) -> Result<Units, Unchanged> {
        let _acting = self.acting.lock().await;
        let (sale, item) = self.funnel.sales.find(id, sku).ok_or(Unchanged::SaleNotFound)?;
        let item = item.ok_or(Unchanged::ItemNotFound)?;
        if sale.phase() == Phase::Ended {
            return Err(Unchanged::InvalidTransition { phase: Phase::Ended });
        }
        let units = u32::try_from(add.unsigned_abs()).map_err(|_| match add {
            1.. => Unchanged::AboveMaximum,
            _ => Unchanged::BelowCommitted { committed: self.committed(item) },
        })?;
        match add {
            0 => {}
            1.. => self.add_units(item, units).await?,
            ..0 => self.take_units(item, units).await?,
        }
        Ok(self.units(item))
    }

    /// An item's units as they are now.
    #[must_use]
    pub fn units(&self, item: &Item) -> Units {
        let stock = &self.funnel.stock;
        Units { stock: item.on_sale(), remaining: stock.remaining(item.no()), held: stock.held(item.no()) }
    }

    /// Units that are held or sold.
    fn committed(&self, item: &Item) -> u32 {
        item.on_sale().saturating_sub(self.funnel.stock.remaining(item.no()))
    }

    async fn add_units(&self, item: &Item, units: u32) -> Result<(), Unchanged> {
        let on_sale = item.on_sale().checked_add(units).filter(|on_sale| *on_sale <= STOCK_MAX);
        on_sale.ok_or(Unchanged::AboveMaximum)?;
        self.record(Event::StockAdded { sale: item.sale(), item: item.no(), units }).await?;
        item.put_on_sale(units);
        self.funnel.stock.add_units(item.no(), units);
        Ok(())
    }

    async fn take_units(&self, item: &Item, units: u32) -> Result<(), Unchanged> {
        let stock = &self.funnel.stock;
        let below = |_| Unchanged::BelowCommitted { committed: self.committed(item) };
        let withdrawn = stock.withdraw(item.no(), units).map_err(below)?;
        match self.record(Event::StockTaken { sale: item.sale(), item: item.no(), units }).await {
            Ok(()) => {
                item.take_off_sale(units);
                withdrawn.keep();
                Ok(())
            }
            // Perhaps it is written: the units stay off the shelf, and the restart knows.
            Err(Unwritten::OutcomeUnknown) => {
                withdrawn.keep();
                Err(Unwritten::OutcomeUnknown.into())
            }
            Err(unwritten @ (Unwritten::Busy | Unwritten::NotStored)) => Err(unwritten.into()),
        }
    }
}
