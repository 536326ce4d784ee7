//! The shopkeeper: everything that changes a sale, by hand or by its schedule.
//!
//! Each change is made whole or not at all, one after the other, by one rule: *take: memory first, then ledger; give:
//! ledger first, then memory*. Pausing and ending take the sale away, so the gate closes before the event is written;
//! opening and resuming give it, so the event is on disk before anybody gets in.
//!
//! **Invariant:** a change that was answered with yes is in the ledger, whatever the ack of orders is.

mod terms;
mod units;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::clock::Clock;
use crate::funnel::Funnel;
use crate::ledger::Unwritten;
use crate::ledger::event::Event;
use crate::offer::Phase;
use crate::sale::{Due, Sale, due, next_due};

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
