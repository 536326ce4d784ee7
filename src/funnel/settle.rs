//! What happens to an order when the ledger's verdict is known. The writer calls this, before anybody is told.

use std::sync::Arc;

use super::tally::Tallies;
use crate::ledger::{Move, MoveKind, Outcome, Settle};
use crate::order::{Order, OrderState, Stored};
use crate::orders::Book;
use crate::sale::Catalog;
use crate::stock::Stock;

/// Carries the ledger's verdicts to the floors above.
pub(super) struct Settlement {
    pub(super) sales: Arc<Catalog>,
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
        let waits = order.terms.ack.waits();
        match outcome {
            Outcome::Stored(stored) => {
                order.mark_stored(stored);
                self.orders.deadlines.watch(order);
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

    fn moved(&self, moved: &mut Move, outcome: Outcome) {
        // Units first: whoever sees the order moved, and may move it further, finds them where they belong.
        match outcome {
            Outcome::Stored(_) => self.carry_out(moved),
            Outcome::NotStored => self.undo(moved),
            // Whatever was taken stays taken: after the restart the ledger says where it belongs.
            Outcome::Unknown => {}
        }
        moved.settle(outcome);
        match (outcome, moved.kind()) {
            // A deadline that came closer.
            (Outcome::Stored(_), MoveKind::PaymentFailed)
            // Its time is still over.
            | (Outcome::NotStored, MoveKind::Expired) => self.orders.deadlines.watch(moved.order()),
            _ => {}
        }
        match (outcome, moved.message()) {
            (Outcome::Stored(_), Some(message)) => self.orders.messages.note_done(message.clone()),
            (Outcome::NotStored, Some(message)) => self.orders.messages.forget(message),
            _ => {}
        }
    }

    fn broken(&self, why: &str) {
        (self.on_broken)(why);
    }
}

impl Settlement {
    /// The ledger has it: memory follows.
    fn carry_out(&self, moved: &Move) {
        let (order, stock) = (moved.order(), &self.stock);
        let terms = &order.terms;
        match moved.kind() {
            MoveKind::Confirmed { late } => {
                if late {
                    stock.strike(terms.sale, terms.buyer.as_ref(), None);
                } else {
                    stock.confirm(order);
                }
                self.note_payment(moved);
            }
            MoveKind::PaymentNoted => self.note_payment(moved),
            MoveKind::Cancelled => stock.take_back(order, OrderState::Held),
            MoveKind::Expired => {
                stock.strike(terms.sale, terms.buyer.as_ref(), Some(moved.at()));
                stock.take_back(order, OrderState::Held);
            }
            MoveKind::Refunded { restock: true } => stock.take_back(order, OrderState::Confirmed),
            MoveKind::Refunded { restock: false } => {
                if let Some(item) = self.sales.item(terms.item) {
                    item.take_off_sale(terms.quantity.units());
                }
                stock.write_off(order);
            }
            MoveKind::PaymentStarted | MoveKind::PaymentFailed | MoveKind::PaymentOrphaned => {}
        }
    }

    fn note_payment(&self, moved: &Move) {
        if let Some(payment) = moved.payment() {
            self.orders.note_payment(moved.order().terms.id, payment.clone());
        }
    }

    /// The ledger has certainly not got it: what was taken before goes back.
    fn undo(&self, moved: &Move) {
        if moved.kind() == (MoveKind::Confirmed { late: true }) {
            self.stock.take_back(moved.order(), OrderState::Confirmed);
        }
    }
}
