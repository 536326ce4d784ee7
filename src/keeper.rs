//! The shopkeeper: everything that changes a sale, by hand or by its schedule.
//!
//! Each change is made whole or not at all, one after the other, by one rule: *take: memory first, then ledger; give:
//! ledger first, then memory*. Pausing and ending take the sale away, so the gate closes before the event is written;
//! opening and resuming give it, so the event is on disk before anybody gets in.
//!
//! **Invariant:** a change that was answered with yes is in the ledger, whatever the ack of orders is.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::clock::Clock;
use crate::funnel::Funnel;
use crate::ids::ItemNo;
use crate::ledger::Unwritten;
use crate::ledger::event::Event;
use crate::offer::{ItemTerms, Offer, Phase, STOCK_MAX, SaleChange, SaleTerms};
use crate::sale::{Due, Item, Sale, due, next_due};

/// Why a sale isn't changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unchanged {
    /// There is no such sale.
    SaleNotFound,
    /// The sale has no such item.
    ItemNotFound,
    /// There is such a sale already.
    SaleExists,
    /// The sale has that item already.
    ItemExists,
    /// A sale in this phase can't do that.
    InvalidTransition {
        /// Where it stands.
        phase: Phase,
    },
    /// More units are held and sold than would be left.
    BelowCommitted {
        /// Units that are held or sold: stock can't fall below this.
        committed: u32,
    },
    /// The item would have more units than an item can have.
    AboveMaximum,
    /// The sale would end before it opens.
    ClosesBeforeOpening,
    /// The ledger didn't take it.
    Unwritten(Unwritten),
}

impl From<Unwritten> for Unchanged {
    fn from(unwritten: Unwritten) -> Self {
        Self::Unwritten(unwritten)
    }
}

/// An item's units after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    /// All units that the shop has put on sale, sold ones included.
    pub stock: u32,
    /// Free units.
    pub remaining: u32,
    /// Units held for buyers who have not paid.
    pub held: u32,
}

/// Whoever keeps the shop.
pub struct Keeper {
    funnel: Arc<Funnel>,
    clock: Clock,
    /// Held during each change.
    acting: Mutex<()>,
    /// Rung when a schedule may have changed.
    rescheduled: Notify,
}

impl Keeper {
    /// A keeper for these floors.
    #[must_use]
    pub fn new(funnel: Arc<Funnel>, clock: Clock) -> Self {
        Self { funnel, clock, acting: Mutex::new(()), rescheduled: Notify::new() }
    }

    /// Writes an event down and waits until it is there.
    async fn record(&self, event: Event) -> Result<(), Unwritten> {
        self.funnel.ledger.record(event)?.await.map(drop)
    }

    /// Looks at the shop at a moment at which no change is half made. Not from an async context: it waits.
    pub fn between_changes<T>(&self, look: impl FnOnce() -> T) -> T {
        let _acting = self.acting.blocking_lock();
        look()
    }

    fn sale(&self, id: &str) -> Result<&Sale, Unchanged> {
        self.funnel.sales.find_sale(id).ok_or(Unchanged::SaleNotFound)
    }

    /// Stops a live sale for now. Pausing a paused one is fine.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn pause(&self, id: &str) -> Result<Phase, Unchanged> {
        let _acting = self.acting.lock().await;
        let sale = self.sale(id)?;
        match sale.phase() {
            Phase::Paused => Ok(Phase::Paused),
            Phase::Live => self.close(sale, Phase::Paused).await,
            phase => Err(Unchanged::InvalidTransition { phase }),
        }
    }

    /// Lets a paused sale go on. Resuming a live one is fine.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn resume(&self, id: &str) -> Result<Phase, Unchanged> {
        let _acting = self.acting.lock().await;
        let sale = self.sale(id)?;
        match sale.phase() {
            Phase::Live => {}
            Phase::Paused => {
                self.record(Event::SaleResumed(sale.no())).await?;
                sale.open();
            }
            phase => return Err(Unchanged::InvalidTransition { phase }),
        }
        Ok(Phase::Live)
    }

    /// Ends a sale, for good. Ending an ended one is fine.
    ///
    /// # Errors
    /// [`Unchanged`].
    pub async fn end(&self, id: &str) -> Result<Phase, Unchanged> {
        let _acting = self.acting.lock().await;
        let sale = self.sale(id)?;
        match sale.phase() {
            Phase::Ended => Ok(Phase::Ended),
            _ => self.close(sale, Phase::Ended).await,
        }
    }

    /// Takes a sale away: the gate closes, those who are underway get into the queue, then the event is written.
    async fn close(&self, sale: &Sale, phase: Phase) -> Result<Phase, Unchanged> {
        let before = sale.phase();
        sale.close(phase);
        let event = if phase == Phase::Paused { Event::SalePaused(sale.no()) } else { Event::SaleEnded(sale.no()) };
        match self.record(event).await {
            Ok(()) => Ok(phase),
            // Perhaps it is written: the sale stays closed, and the restart knows.
            Err(Unwritten::OutcomeUnknown) => Err(Unwritten::OutcomeUnknown.into()),
            Err(unwritten @ (Unwritten::Busy | Unwritten::NotStored)) => {
                sale.reopen(before);
                Err(unwritten.into())
            }
        }
    }

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
        self.rescheduled.notify_one();
        Ok(())
    }

    /// Opens and ends sales whose time has come.
    pub async fn open_and_end_what_is_due(&self) {
        let _acting = self.acting.lock().await;
        for sale in self.funnel.sales.sales() {
            let now = self.clock.now().wall;
            let done = match due(sale, now) {
                None => continue,
                Some(Due::Open) => {
                    let opened = Event::SaleOpened(sale.no(), now);
                    self.record(opened).await.map(|()| sale.open()).map_err(Unchanged::from)
                }
                Some(Due::End) => self.close(sale, Phase::Ended).await.map(drop),
            };
            if let Err(unchanged) = done {
                tracing::warn!(sale = %sale.terms().id, ?unchanged, "the schedule could not be kept: trying again");
            }
        }
    }

    /// Keeps every sale's schedule, until it is dropped.
    pub async fn keep_schedule(&self) {
        /// The wall clock may be set at any time, so it is looked at again at least this often.
        const LOOK_AGAIN: Duration = Duration::from_millis(250);
        loop {
            self.open_and_end_what_is_due().await;
            let now = self.clock.now().wall;
            let next = self.funnel.sales.sales().filter_map(|sale| next_due(sale, now)).min().unwrap_or(LOOK_AGAIN);
            // A change that could not be written is due at once: not in a busy loop.
            let pause = next.clamp(Duration::from_millis(1), LOOK_AGAIN);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.rescheduled.notified() => {}
            }
        }
    }
}
