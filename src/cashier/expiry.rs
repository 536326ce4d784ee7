//! Holds end, as many at a time as the ledger takes without a sigh.
//!
//! **Invariant:** a hold that is over is ended, or looked at again: whatever isn't queued is put back among the deadlines.

use std::time::Duration;

use super::Cashier;
use crate::clock::WallTime;
use crate::failpoint::{Point, fails};
use crate::ledger::{By, Move, MoveKind, Receipt, Unwritten};
use crate::order::{NotDecided, OrderState};

/// Holds that were found to be over, on their way into the ledger.
#[derive(Debug, Default)]
pub struct Expiries {
    /// One for each.
    pub receipts: Vec<Receipt>,
    /// Whether the ledger took no more: what is left is due still.
    pub is_cut_short: bool,
}

/// Holds that are ended by one call at most: who buys in a storm of them waits for a commit of one or two milliseconds, and
/// a hundred thousand are still ended within two seconds.
pub const EXPIRIES_MAX: usize = 256;
/// When a hold is looked at again whose end somebody was about to prevent.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Cashier {
    /// When somebody has to look at a hold next; none: there is none.
    #[must_use]
    pub fn next_deadline(&self) -> Option<WallTime> {
        self.funnel.orders.deadlines.next()
    }

    /// Ends holds that are over, [`EXPIRIES_MAX`] at most. To be called again when these are stored.
    #[must_use]
    pub fn expire(&self, now: WallTime) -> Expiries {
        let deadlines = &self.funnel.orders.deadlines;
        let mut expiries = Expiries::default();
        for order in deadlines.due(now, EXPIRIES_MAX) {
            // An order that isn't in the book was never stored.
            if self.funnel.orders.find(order.terms.id).is_none() {
                continue;
            }
            let deciding = match order.decide(&[OrderState::Held]) {
                Ok(deciding) => deciding,
                Err(NotDecided::Is(_)) => continue,
                Err(NotDecided::Underway) => {
                    deadlines.watch_at(&order, now.after(LOOK_AGAIN));
                    continue;
                }
            };
            // A payment may have begun since it was found to be due.
            if order.deadline().is_none_or(|deadline| deadline > now) {
                drop(deciding);
                deadlines.watch(&order);
                continue;
            }
            let slot = match fails(Point::ExpireAfterDecided) {
                true => Err(Unwritten::Busy),
                false => self.funnel.ledger.slot(),
            };
            match slot {
                Ok(slot) => {
                    let moved = Move::of(deciding, MoveKind::Expired, By::Deadline, now);
                    expiries.receipts.extend(self.queue(slot, moved).receipt);
                }
                Err(_) => {
                    drop(deciding);
                    deadlines.watch(&order);
                    expiries.is_cut_short = true;
                }
            }
        }
        expiries
    }
}
