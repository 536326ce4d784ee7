//! What happens to an order when the ledger's verdict is known. The writer calls this, before the buyer is told.

use std::sync::Arc;

use super::tally::Tallies;
use crate::ledger::{Outcome, Settle};
use crate::order::{Ack, Order, Stored};
use crate::orders::Book;
use crate::stock::Stock;

/// Carries the ledger's verdicts to the floors above.
pub(super) struct Settlement {
    pub(super) stock: Arc<Stock>,
    pub(super) orders: Arc<Book>,
    pub(super) tallies: Arc<Tallies>,
    /// Told once, when the ledger can't be believed any more.
    pub(super) on_broken: Box<dyn Fn(&str) + Send>,
}

impl Settle for Settlement {
    fn settled(&self, order: &Arc<Order>, outcome: Outcome) {
        let tally = self.tallies.of(Some(order.terms.sale));
        // Who was told yes from memory has been counted when he was told.
        let waits = order.terms.ack == Ack::Disk;
        match outcome {
            Outcome::Stored(stored) => {
                order.mark_stored(stored);
                if waits {
                    tally.count_won();
                }
                if stored >= Stored::Disk {
                    tally.count_stored();
                }
            }
            // Give back: the ledger has certainly not got it, so memory follows.
            Outcome::NotStored => {
                self.orders.forget(order.terms.id);
                self.stock.give_back(order);
                if waits {
                    tally.count_unwritten();
                }
            }
            // The unit stays held: after the restart the ledger says whether it is sold.
            Outcome::Unknown if waits => tally.count_unwritten(),
            Outcome::Unknown => {}
        }
    }

    fn broken(&self, why: &str) {
        (self.on_broken)(why);
    }
}
