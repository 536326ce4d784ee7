//! What the writer says of what it has written: to memory first, then to whoever waits; and its end, where it has failed.

use std::ops::Range;
use std::sync::Arc;

use super::{BATCH_MAX, Writer};
use crate::ledger::abroad::Waiting;
use crate::ledger::event::Event;
use crate::ledger::health::Breakage;
use crate::ledger::places::Rest;
use crate::ledger::{Outcome, Settle, Unwritten};
use crate::order::{Ack, Order, Stored};

impl Writer {
    /// Tells the outcome of a part of the batch: memory first, then whoever waits.
    pub(super) fn tell(&mut self, range: Range<usize>, outcome: Outcome) {
        for entry in self.batch[range].iter_mut().filter(|entry| !entry.told) {
            // First: an outcome that makes its listener panic isn't told again.
            entry.told = true;
            match &mut entry.event {
                Event::OrderPlaced(order) => {
                    if let Outcome::Stored(stored) = outcome {
                        order.mark_stored(stored);
                        self.figures.orders += 1;
                    }
                    self.settle.settled(order, outcome);
                }
                Event::OrderMoved(moved) => self.settle.moved(moved, outcome),
                _ => {}
            }
            let Some(promise) = entry.promise.take() else { continue };
            match seq_to_ship(&entry.event, outcome) {
                Some(seq) => self.departing.push(Waiting { seq, since: self.clock.now().mono, promise }),
                None => self.outbox.tell(promise, outcome.told()),
            }
        }
    }

    pub(super) fn deliver(&mut self) {
        self.commons.abroad.wait(&mut self.departing, &mut self.outbox);
        self.outbox.deliver(&self.commons.desks);
    }

    /// Never writes again, and lets nobody in any more.
    pub(super) fn fail(&mut self, breakage: Breakage, why: String) {
        tracing::error!(why, ?breakage, "the ledger is broken: the process must end");
        self.commons.queue.places.break_down();
        // What failed first is what failed.
        self.figures.breakage.get_or_insert(breakage);
        self.publish();
        self.failed.get_or_insert(Some(why));
    }

    /// Why it has failed, where the house hasn't been told.
    pub(super) fn untold(&mut self) -> Option<String> {
        self.failed.as_mut().and_then(Option::take)
    }

    /// Tells everybody who is left that their outcome is unknown, and the house that it must end.
    pub(super) fn give_up(&mut self) {
        self.tray.close(&self.commons.notes);
        self.tell_unknown();
        if let Some(why) = self.untold() {
            self.settle.broken(&why);
        }
        // Who had a place already may still fill it.
        while self.commons.queue.places.rest(None) == Rest::Again {
            self.tell_unknown();
        }
    }

    fn tell_unknown(&mut self) {
        loop {
            self.tell(0..self.batch.len(), Outcome::Unknown);
            self.decided();
            self.deliver();
            self.batch.clear();
            if self.take(BATCH_MAX) == 0 {
                return;
            }
        }
    }
}

/// Which event PostgreSQL must have before the buyer is told; none where he is told now.
fn seq_to_ship(event: &Event, outcome: Outcome) -> Option<i64> {
    match (event, outcome) {
        (Event::OrderPlaced(order), Outcome::Stored(Stored::Disk)) if order.terms.ack == Ack::Postgres => {
            Some(order.noted_seq())
        }
        _ => None,
    }
}

/// Nobody listens any more.
pub(super) struct Nobody;

impl Settle for Nobody {
    fn settled(&self, _: &Arc<Order>, _: Outcome) {}

    fn broken(&self, _: &str) {}
}

impl Outcome {
    fn told(self) -> Result<Stored, Unwritten> {
        match self {
            Self::Stored(stored) => Ok(stored),
            Self::NotStored => Err(Unwritten::NotStored),
            Self::Unknown => Err(Unwritten::OutcomeUnknown),
        }
    }
}
