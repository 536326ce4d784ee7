//! What becomes of the model's orders after the win.

use super::super::house::RULES;
use super::super::ops::Said;
use super::Model;
use crate::cashier::Unmoved;
use crate::clock::WallTime;
use crate::order::OrderState;
use crate::orders::notice::NoticeKind;
use crate::orders::rules::Orphan;

impl Model {
    /// Until when the buyer may pay, payments aside.
    pub(super) fn own_deadline(&self, number: usize) -> Option<WallTime> {
        let order = &self.orders[number];
        let grace = (order.placed_at < self.opened_at).then(|| self.opened_at.after(RULES.restart_grace));
        order.expires_at.max(order.expires_at.and(grace))
    }

    pub(in super::super) fn cancel(&mut self, number: usize, buyer: Option<&str>) -> Result<bool, Unmoved> {
        let order = self.orders.get_mut(number).ok_or(Unmoved::NotFound)?;
        if buyer.is_some_and(|buyer| buyer != order.buyer) {
            return Err(Unmoved::NotFound);
        }
        match order.state {
            OrderState::Held => order.state = OrderState::Cancelled,
            OrderState::Expired => return Err(Unmoved::Expired),
            _ => return Err(Unmoved::NotHeld),
        }
        Ok(true)
    }

    pub(in super::super) fn confirm(&mut self, number: usize) -> Result<bool, Unmoved> {
        let state = self.orders.get(number).ok_or(Unmoved::NotFound)?.state;
        match state {
            OrderState::Confirmed => Ok(false),
            OrderState::Held => {
                self.orders[number].state = OrderState::Confirmed;
                Ok(true)
            }
            OrderState::Expired if self.take_again(number) => Ok(true),
            OrderState::Expired => Err(Unmoved::Expired),
            OrderState::Cancelled | OrderState::Refunded => Err(Unmoved::NotHeld),
        }
    }

    /// An order that has expired is sold, if its units can be had within the limit.
    fn take_again(&mut self, number: usize) -> bool {
        let order = self.orders[number].clone();
        if self.units_of(&order.sale, &order.buyer) + order.units > self.sales[&order.sale].limit {
            return false;
        }
        if self.units_on(&order.sale, &order.sku).remaining < order.units {
            return false;
        }
        self.orders[number].state = OrderState::Confirmed;
        self.orders[number].is_late = true;
        true
    }

    pub(in super::super) fn refund(&mut self, number: usize, restock: bool) -> Result<bool, Unmoved> {
        let order = self.orders.get_mut(number).ok_or(Unmoved::NotFound)?;
        match order.state {
            OrderState::Refunded => return Ok(false),
            OrderState::Confirmed => order.state = OrderState::Refunded,
            _ => return Err(Unmoved::NotHeld),
        }
        if restock {
        } else {
            let order = self.orders[number].clone();
            self.item(&order.sale, &order.sku).expect("an order's item").stock -= order.units;
        }
        Ok(true)
    }

    /// A provider says something. What is acted on is not acted on again.
    pub(in super::super) fn pay(&mut self, said: Said, number: usize) -> Result<bool, Unmoved> {
        let order = self.orders.get(number).ok_or(Unmoved::NotFound)?;
        if said.amount.is_some_and(|more| more > 0) {
            let minor = order.price_minor * i64::from(order.units);
            let total = crate::money::Money::from_minor(minor, "EUR").expect("an amount");
            return Err(Unmoved::WrongAmount { total });
        }
        if self.messages.contains(&said.message) {
            return Ok(false);
        }
        let outcome = self.act_on(said, number);
        if matches!(outcome, Ok(true) | Err(Unmoved::Orphaned(_))) {
            self.messages.insert(said.message);
        }
        outcome
    }

    fn act_on(&mut self, said: Said, number: usize) -> Result<bool, Unmoved> {
        use OrderState::{Cancelled, Confirmed, Expired, Held, Refunded};
        let payment = said.payment.map(|payment| format!("p-{payment}"));
        let order = self.orders[number].clone();
        match (said.kind, order.state) {
            (NoticeKind::Succeeded, Held | Expired) => {
                let is_sold = self.confirm(number).map_err(|_| Unmoved::Orphaned(Orphan::TooLate))?;
                self.orders[number].paid_by = payment;
                Ok(is_sold)
            }
            (NoticeKind::Succeeded, Confirmed) if order.paid_by == payment => Ok(false),
            (NoticeKind::Succeeded, Confirmed) if order.paid_by.is_none() => {
                self.orders[number].paid_by = payment;
                Ok(true)
            }
            (NoticeKind::Succeeded, Confirmed) => Err(Unmoved::Orphaned(Orphan::PaidTwice)),
            (NoticeKind::Succeeded, Cancelled | Refunded) => Err(Unmoved::Orphaned(Orphan::GivenBack)),
            (NoticeKind::Started, Held) => {
                let most = order.expires_at.map(|told| told.after(RULES.payment_extension_max));
                let wanted = most.min(Some(self.now.after(RULES.payment_grace)));
                self.hold_until(number, order.deadline.max(wanted));
                Ok(true)
            }
            (NoticeKind::Started, Expired) => Err(Unmoved::Expired),
            (NoticeKind::Started, _) => Err(Unmoved::NotHeld),
            (NoticeKind::Failed, Held) => {
                let own = self.own_deadline(number).max(Some(self.now));
                self.hold_until(number, order.deadline.min(own));
                Ok(true)
            }
            (NoticeKind::Failed, _) | (NoticeKind::Refunded, Refunded) => Ok(false),
            (NoticeKind::Refunded, Confirmed) => self.refund(number, RULES.refund_restocks),
            (NoticeKind::Refunded, _) => Err(Unmoved::NotHeld),
        }
    }

    fn hold_until(&mut self, number: usize, deadline: Option<WallTime>) {
        self.orders[number].deadline = deadline;
        self.logged.extend(deadline.map(|deadline| (number, deadline)));
    }

    /// The holds whose time is over end.
    pub(in super::super) fn expire(&mut self) {
        for number in 0..self.orders.len() {
            let order = &mut self.orders[number];
            if order.state == OrderState::Held && order.deadline.is_some_and(|deadline| deadline <= self.now) {
                order.state = OrderState::Expired;
            }
        }
    }
}
