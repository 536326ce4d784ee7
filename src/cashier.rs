//! The cashier: everything that moves an order after the win.
//!
//! Payment, expiry, cancellation and what the office does may come at the same moment. Each first gets the leave to decide
//! ([`Order::decide`]), then a place in the ledger's queue, then puts the event there; when it is stored, the writer
//! carries it out in memory (`funnel::settle`) before anybody is told. What takes units (a late payment) takes them before
//! the event is queued.
//!
//! Absent: waiting. Each call says at once what was decided; whether it is stored, its [`Decision`] tells.
//!
//! **Invariant:** a change that was answered with yes is in the ledger, whatever the ack of orders is.
//!
//! **Invariant:** a refusal has changed nothing, but that money without an order is written down.

mod decision;
mod expiry;

use std::sync::Arc;

pub use decision::{Decision, Done, Unmoved};
pub use expiry::{EXPIRIES_MAX, Expiries};

use crate::clock::WallTime;
use crate::failpoint::{Point, fails};
use crate::funnel::Funnel;
use crate::ids::{BuyerRef, OrderId, PaymentId};
use crate::ledger::{By, Event, Move, MoveKind, Slot, Told, Unwritten};
use crate::order::{Deciding, NotDecided, Order, OrderState};
use crate::orders::messages::{Hearing, Known};
use crate::orders::notice::Notice;
use crate::orders::rules::{self, Orphan, Rules, Verdict};

/// Whoever takes the money.
pub struct Cashier {
    funnel: Arc<Funnel>,
    rules: Rules,
    opened_at: WallTime,
}

impl Cashier {
    /// A cashier for these floors, who begins now: every hold that the ledger remembers gets its grace.
    #[must_use]
    pub fn open(funnel: Arc<Funnel>, rules: Rules, now: WallTime) -> Self {
        for order in funnel.orders.held() {
            let own = rules::own_deadline(&order, &rules, now);
            if let (Some(deadline), Some(own)) = (order.deadline(), own)
                && deadline < own
            {
                order.hold_until(own);
            }
            funnel.orders.deadlines.watch(&order);
        }
        Self { funnel, rules, opened_at: now }
    }

    fn find(&self, id: OrderId) -> Result<Arc<Order>, Unmoved> {
        self.funnel.orders.find(id).ok_or(Unmoved::NotFound)
    }

    /// The buyer gives a held order back.
    ///
    /// # Errors
    /// [`Unmoved`]
    pub fn cancel(&self, id: OrderId, buyer: BuyerRef<'_>, now: WallTime) -> Result<Decision, Unmoved> {
        let order = self.find(id).and_then(|order| {
            let is_theirs = order.terms.buyer.as_str() == buyer.as_str();
            if is_theirs { Ok(order) } else { Err(Unmoved::NotFound) }
        })?;
        self.cancel_by(&order, By::Buyer, now)
    }

    /// The office takes a held order back. A confirmed one needs a refund.
    ///
    /// # Errors
    /// [`Unmoved`]
    pub fn cancel_for_office(&self, id: OrderId, now: WallTime) -> Result<Decision, Unmoved> {
        self.cancel_by(&self.find(id)?, By::Admin, now)
    }

    fn cancel_by(&self, order: &Arc<Order>, by: By, now: WallTime) -> Result<Decision, Unmoved> {
        let deciding = order.decide(&[OrderState::Held]).map_err(unmoved)?;
        if fails(Point::CancelAfterDecided) {
            return Err(Unwritten::Busy.into());
        }
        let slot = self.funnel.ledger.slot()?;
        Ok(self.queue(slot, Move::of(deciding, MoveKind::Cancelled, by, now)))
    }

    /// The office says that an order is paid. One that is confirmed is fine; one whose hold is over is sold, if its units
    /// can be had once more.
    ///
    /// # Errors
    /// [`Unmoved`]
    pub fn confirm(&self, id: OrderId, now: WallTime) -> Result<Decision, Unmoved> {
        let order = self.find(id)?;
        let deciding = match order.decide(&[OrderState::Held, OrderState::Expired]) {
            Err(NotDecided::Is(OrderState::Confirmed)) => return Ok(Decision::nothing(order)),
            decided => decided.map_err(unmoved)?,
        };
        let slot = self.funnel.ledger.slot()?;
        if deciding.was() == OrderState::Held {
            return Ok(self.queue(slot, Move::of(deciding, MoveKind::Confirmed { late: false }, By::Admin, now)));
        }
        match self.confirm_late(slot, deciding, now, |moved| moved, By::Admin) {
            Ok(decision) => Ok(decision),
            Err(_) => Err(Unmoved::Expired),
        }
    }

    /// The office gives a confirmed order's money back; `restock` says whether its units are for sale again, the rules
    /// where it is none. One that is refunded is fine.
    ///
    /// # Errors
    /// [`Unmoved`]
    pub fn refund(&self, id: OrderId, restock: Option<bool>, now: WallTime) -> Result<Decision, Unmoved> {
        let order = self.find(id)?;
        let deciding = match order.decide(&[OrderState::Confirmed]) {
            Err(NotDecided::Is(OrderState::Refunded)) => return Ok(Decision::nothing(order)),
            Err(NotDecided::Is(_)) => return Err(Unmoved::NotHeld),
            decided => decided.map_err(unmoved)?,
        };
        let slot = self.funnel.ledger.slot()?;
        let restock = restock.unwrap_or(self.rules.refund_restocks);
        Ok(self.queue(slot, Move::of(deciding, MoveKind::Refunded { restock }, By::Admin, now)))
    }

    /// A payment provider says something.
    ///
    /// # Errors
    /// [`Unmoved`]
    pub fn notice(&self, notice: &Notice, now: WallTime) -> Result<Decision, Unmoved> {
        let order = self.find(notice.order)?;
        if let Some(total) = notice.amount.map(|_| order.total()).filter(|total| notice.amount != Some(*total)) {
            return Err(Unmoved::WrongAmount { total });
        }
        let hearing = match self.funnel.orders.messages.hear(&notice.message) {
            Ok(hearing) => hearing,
            Err(Known::Done) => return Ok(Decision::nothing(order)),
            Err(Known::Underway) => return Err(Unmoved::Underway),
        };
        // Whatever it is: nobody else moves the order between the verdict and its event.
        let any =
            [OrderState::Held, OrderState::Confirmed, OrderState::Cancelled, OrderState::Expired, OrderState::Refunded];
        let deciding = order.decide(&any).map_err(unmoved)?;
        if fails(Point::PayAfterDecided) {
            return Err(Unwritten::Busy.into());
        }
        self.carry_out(notice, (deciding, hearing), now)
    }

    fn carry_out(
        &self,
        notice: &Notice,
        (deciding, hearing): (Deciding, Hearing<'_>),
        now: WallTime,
    ) -> Result<Decision, Unmoved> {
        let order = Arc::clone(deciding.order());
        let paid_by = self.funnel.orders.payment_of(order.terms.id);
        let verdict = rules::judge(notice, (&order, paid_by.as_ref()), &self.rules, (now, self.opened_at));
        let slot = || self.funnel.ledger.slot();
        let plain = |deciding, kind| Move::of(deciding, kind, By::Payment, now).told(told(notice));
        let decision = match verdict {
            Verdict::Nothing => return Ok(Decision::nothing(order)),
            Verdict::NotHeld => return Err(Unmoved::NotHeld),
            Verdict::Expired => return Err(Unmoved::Expired),
            Verdict::WrongAmount { total } => return Err(Unmoved::WrongAmount { total }),
            Verdict::Confirm => self.queue(slot()?, plain(deciding, MoveKind::Confirmed { late: false })),
            Verdict::Note => self.queue(slot()?, plain(deciding, MoveKind::PaymentNoted)),
            Verdict::Refund => {
                let restock = self.rules.refund_restocks;
                self.queue(slot()?, plain(deciding, MoveKind::Refunded { restock }))
            }
            Verdict::HoldUntil(deadline) => {
                self.queue(slot()?, plain(deciding, MoveKind::PaymentStarted).until(deadline))
            }
            Verdict::HoldOnlyUntil(deadline) => {
                self.queue(slot()?, plain(deciding, MoveKind::PaymentFailed).until(deadline))
            }
            Verdict::Orphaned(orphan) => self.orphan(slot()?, (order, orphan), notice, now),
            Verdict::ConfirmLate => {
                match self.confirm_late(slot()?, deciding, now, |moved| moved.told(told(notice)), By::Payment) {
                    Ok(decision) => decision,
                    Err(slot) => self.orphan(slot, (order, Orphan::TooLate), notice, now),
                }
            }
        };
        hearing.keep();
        Ok(decision)
    }

    /// Takes an expired order's units once more, within its buyer's limit, and has it confirmed. Where they can't be had,
    /// the place in the queue comes back.
    fn confirm_late<'a>(
        &self,
        slot: Slot<'a>,
        deciding: Deciding,
        now: WallTime,
        dress: impl FnOnce(Move) -> Move,
        by: By,
    ) -> Result<Decision, Slot<'a>> {
        let order = Arc::clone(deciding.order());
        let Some(sale) = self.funnel.sales.sale(order.terms.sale) else { return Err(slot) };
        // A limit that is lowered meanwhile is lowered after this event, or known here.
        let _underway = sale.step_past();
        match self.funnel.stock.retake(&order, sale.terms().limit_per_buyer) {
            Ok(retaken) => {
                retaken.keep();
                let moved = Move::of(deciding, MoveKind::Confirmed { late: true }, by, now);
                Ok(self.queue(slot, dress(moved)))
            }
            Err(_) => Err(slot),
        }
    }

    fn orphan(
        &self,
        slot: Slot<'_>,
        (order, orphan): (Arc<Order>, Orphan),
        notice: &Notice,
        now: WallTime,
    ) -> Decision {
        let id = order.terms.id;
        let (payment, why) = (notice.payment.as_ref().map(PaymentId::as_str), orphan.reason());
        tracing::warn!(order = %id, payment, why, "money came that has no order: give it back");
        let moved = Move::orphaned(order, told(notice), orphan.reason(), now);
        Decision { orphan: Some(orphan), ..self.queue(slot, moved) }
    }

    fn queue(&self, slot: Slot<'_>, moved: Move) -> Decision {
        let order = Arc::clone(moved.order());
        let receipt = self.funnel.ledger.record_in(slot, Event::OrderMoved(Box::new(moved)));
        Decision { order, receipt: Some(receipt), orphan: None }
    }
}

fn told(notice: &Notice) -> Told {
    Told { message: notice.message.clone(), payment: notice.payment.clone(), amount: notice.amount }
}

/// The answer for an order that isn't where it would have to be.
fn unmoved(refusal: NotDecided) -> Unmoved {
    match refusal {
        NotDecided::Underway => Unmoved::Underway,
        NotDecided::Is(OrderState::Expired) => Unmoved::Expired,
        NotDecided::Is(_) => Unmoved::NotHeld,
    }
}
