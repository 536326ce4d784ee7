//! Whatever happens to buyers: payments, timers, the keeper, the clock.

use std::time::Duration;

use super::life::Life;
use super::waiting::{About, Told, Waiter};
use super::world::{NOON, SALE, SKUS};
use crate::cashier::{Decision, Unmoved};
use crate::ids::{OrderId, SaleId, Sku};
use crate::money::Money;
use crate::offer::{ItemTerms, Offer, Phase, SaleChange, SaleTerms};
use crate::orders::notice::{MessageId, Notice, NoticeKind, PaymentId};

const HOLD: Duration = Duration::from_secs(20);
const CONFIRMED: &[&str] = &["order.confirmed"];
const CANCELLED: &[&str] = &["order.cancelled"];
const REFUNDED: &[&str] = &["order.refunded"];
const STARTED: &[&str] = &["payment.started"];
const FAILED: &[&str] = &["payment.failed"];
/// A success confirms, or is one more payment of what is confirmed.
const PAID: &[&str] = &["order.confirmed", "payment.noted"];

impl<'a> Life<'a, '_> {
    pub(super) fn put_on_sale(&mut self) {
        let (now, dice) = (self.world.now(), &mut self.world.dice);
        let id = SaleId::parse(SALE).expect("a name");
        let opens_at = dice.one_in(2).then(|| now.after(Duration::from_secs(5 + dice.below(90))));
        let begins_at = opens_at.unwrap_or(now);
        let closes_at = dice.one_in(4).then(|| begins_at.after(Duration::from_secs(60 + dice.below(600))));
        let hold = dice.pick(&[None, Some(HOLD), Some(HOLD), Some(HOLD)]);
        let limit_per_buyer = dice.pick(&[1, 2, 3, 6]);
        let sale = SaleTerms { id, title: SALE.into(), opens_at, closes_at, limit_per_buyer, hold };
        let price = Money::from_minor(12_900, "EUR").expect("a price");
        let item =
            |sku: &str, stock| ItemTerms { sku: Sku::parse(sku).expect("a name"), title: sku.into(), price, stock };
        let stocks = [dice.below(12), dice.below(6)].map(|units| u32::try_from(units).expect("a few"));
        let offer = Offer { sale, items: vec![item(SKUS[0], stocks[0]), item(SKUS[1], stocks[1])] };
        let times = format!("from {opens_at:?} to {closes_at:?}");
        self.world.trace.line(&format!("{stocks:?}, {limit_per_buyer} each, held for {hold:?}, {times}"));
        self.wait(Waiter::new(About::Sale, self.keeper.create(offer)));
        while !self.waiters.is_empty() {
            self.writer.turn();
            self.hear();
        }
        self.world.trace_disk();
    }

    pub(super) fn tick(&mut self) {
        if self.has_feet() {
            return;
        }
        self.world.trace.line("a tick");
        let keeper = self.keeper;
        let ticked = async {
            keeper.open_and_end_what_is_due().await;
            Told::Already
        };
        self.wait(Waiter::new(About::Sale, ticked));
    }

    pub(super) fn change_the_sale(&mut self) {
        // The keeper waits for feet in the gate, and nobody else would take them back.
        if self.has_feet() {
            return;
        }
        let (keeper, now) = (self.keeper, self.world.now());
        // A bell that has rung can't be moved.
        let is_ahead = self.world.phase == Some(Phase::Scheduled);
        let dice = &mut self.world.dice;
        let (what, waiter) = match dice.below(60) {
            0 => ("end".into(), Waiter::new(About::Sale, keeper.end(SALE))),
            1..6 => ("pause".into(), Waiter::new(About::Sale, keeper.pause(SALE))),
            6..20 => ("resume".into(), Waiter::new(About::Sale, keeper.resume(SALE))),
            20..44 => {
                let (sku, add) = (dice.pick(&SKUS), dice.pick(&[-3, -2, -1, -1, 1, 2, 4]));
                (format!("{sku} {add:+}"), Waiter::new(About::Sale, keeper.adjust(SALE, sku, add)))
            }
            _ => {
                let bells = [None, None, Some(None), Some(Some(now.after(HOLD)))];
                let change = SaleChange {
                    title: None,
                    opens_at: if is_ahead { dice.pick(&bells) } else { None },
                    closes_at: dice.pick(&[None, None, None, Some(None), Some(Some(NOON.after(90 * HOLD)))]),
                    limit_per_buyer: dice.pick(&[None, Some(1), Some(3), Some(6)]),
                    hold: dice.pick(&[None, Some(None), Some(Some(HOLD)), Some(Some(HOLD / 2))]),
                    items: Vec::new(),
                };
                (format!("{change:?}"), Waiter::new(About::Sale, keeper.change(SALE, change)))
            }
        };
        self.world.trace.line(&what);
        self.wait(waiter);
    }

    pub(super) fn expire(&mut self) {
        let expiries = self.cashier.expire(self.world.now());
        let count = expiries.receipts.len();
        self.world.trace.line(&format!("{count} expiries, cut short: {}", expiries.is_cut_short));
        // Which order a receipt is about, it doesn't say: the audit does.
        for receipt in expiries.receipts {
            self.waiters.push(Waiter::new(About::AnExpiry, receipt));
        }
        self.hear();
    }

    pub(super) fn move_an_order(&mut self) {
        if self.world.known.is_empty() {
            return;
        }
        let (cashier, now) = (self.cashier, self.world.now());
        let number = self.world.dice.index(self.world.known.len());
        let id = self.world.known[number].id;
        let dice = &mut self.world.dice;
        let (what, decision, kinds) = match dice.below(8) {
            0 => ("cancel", cashier.cancel_for_office(id, now), CANCELLED),
            1 => ("confirm", cashier.confirm(id, now), CONFIRMED),
            2 => ("refund", cashier.refund(id, dice.pick(&[None, Some(true), Some(false)]), now), REFUNDED),
            _ => {
                let (kind, kinds) = dice.weighed(&[
                    (2, (NoticeKind::Started, STARTED)),
                    (3, (NoticeKind::Succeeded, PAID)),
                    (1, (NoticeKind::Failed, FAILED)),
                    (1, (NoticeKind::Refunded, REFUNDED)),
                ]);
                let notice = self.a_notice(id, kind);
                self.world.trace.line(&format!("{kind:?} by {}", notice.message.as_str()));
                ("notice", cashier.notice(&notice, now), kinds)
            }
        };
        self.decided(number, what, decision, kinds);
    }

    fn decided(
        &mut self,
        number: usize,
        what: &str,
        decision: Result<Decision, Unmoved>,
        kinds: &'static [&'static str],
    ) {
        match decision {
            Ok(decision) => {
                self.world.trace.line(&format!("{what} #{number}"));
                self.wait(Waiter::new(About::Moved(number, kinds), decision.stored()));
            }
            Err(unmoved) => self.world.trace.line(&format!("{what} #{number}: {unmoved:?}")),
        }
    }

    /// Mostly a new message; now and then one that has come before.
    fn a_notice(&mut self, order: OrderId, kind: NoticeKind) -> Notice {
        let again = self.world.messages > 0 && self.world.dice.one_in(5);
        let nth = if again { self.world.dice.below(self.world.messages) } else { self.world.messages };
        self.world.messages += u64::from(!again);
        let payment = self.world.dice.pick(&["p-1", "p-2"]);
        Notice {
            message: MessageId::parse(&format!("m-{nth}")).expect("a message's id"),
            kind,
            order,
            payment: Some(PaymentId::parse(payment).expect("a payment's id")),
            amount: None,
        }
    }

    pub(super) fn let_time_pass(&mut self) {
        let (dice, clock) = (&mut self.world.dice, &self.world.clock);
        match dice.below(12) {
            0 => clock.set_wall(clock.now().wall.after(Duration::from_secs(3600))),
            1 => clock.set_wall(crate::clock::WallTime::from_micros(clock.now().wall.micros() - 3_600_000_000)),
            2..7 => clock.advance(HOLD + Duration::from_millis(dice.below(500))),
            _ => clock.advance(Duration::from_secs(1 + dice.below(9))),
        }
        self.world.trace.line(&format!("it is {}", self.world.now()));
    }
}
