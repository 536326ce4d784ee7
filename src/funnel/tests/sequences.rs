//! The engine beside its model: sequences of everything that can happen, each answer and each count compared.
//!
//! `PROPTEST_CASES` says how many sequences; a failing one is printed, made as short as it gets.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::house::{Ask, House, NOON, RULES, Yes, attempt, done, wait};
use super::model::Model;
use super::ops::{BUYERS, Op, SALES, Said, an_offer, op};
use super::told::{Sold, Told};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, OrderId};
use crate::money::Money;
use crate::offer::Phase;
use crate::order::{Ack, Order, Stored};
use crate::orders::notice::{MessageId, Notice, PaymentId};

/// A sequence has tens of steps and most cost a sync: so many take seconds.
const CASES: u32 = 64;

/// Engine and model, side by side.
struct Pair {
    house: House,
    model: Model,
    asked: Vec<Ask<'static>>,
    /// All orders that were won, by number.
    orders: Vec<Arc<Order>>,
}

impl Pair {
    fn new() -> Self {
        Self { house: House::new(), model: Model::new(NOON), asked: Vec::new(), orders: Vec::new() }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Attempt(ask) => self.attempt(ask, None),
            Op::Slow(ask, meanwhile) => self.attempt(ask, Some(*meanwhile)),
            Op::Retry { .. } if self.asked.is_empty() => {}
            Op::Retry { nth, units, sku } => {
                let former = self.asked[nth % self.asked.len()];
                let (units, sku) = (units.unwrap_or(former.units), sku.unwrap_or(former.sku));
                self.attempt(Ask { units, sku, ..former }, None);
            }
            Op::Tick => {
                self.house.tick();
                self.model.tick();
            }
            Op::Advance(span) => {
                self.house.clock.advance(span);
                self.model.now = self.house.clock.now().wall;
            }
            Op::SetBack(span) => {
                let micros = i64::try_from(span.as_micros()).expect("a minute at most");
                self.model.now = WallTime::from_micros(self.model.now.micros() - micros);
                self.house.clock.set_wall(self.model.now);
            }
            Op::Restart => {
                self.house.restart();
                self.model.restart();
            }
            Op::Expire => {
                self.house.expire();
                self.model.expire();
            }
            Op::Pay(_) | Op::Cancel { .. } | Op::OfficeCancel(_) | Op::OfficeConfirm(_) | Op::OfficeRefund(..) => {
                self.live(&op);
            }
            change => self.change(change),
        }
        self.compare();
    }

    /// The number and id of the n-th order, or those of one that there isn't.
    fn nth(&self, nth: usize) -> (usize, OrderId) {
        let number = nth % (self.orders.len() + 1);
        (number, self.orders.get(number).map_or(OrderId::from_bytes([0; 16]), |order| order.terms.id))
    }

    /// What moves an order after the win.
    fn live(&mut self, op: &Op) {
        let now = self.house.now();
        let cashier = &self.house.cashier;
        let (told, expected) = match *op {
            Op::Pay(said) => {
                let (number, id) = self.nth(said.nth);
                (done(cashier.notice(&self.notice(said, id), now)), self.model.pay(said, number))
            }
            Op::Cancel { nth, buyer } => {
                let (number, id) = self.nth(nth);
                let who = BuyerRef::parse(buyer.as_bytes()).expect("a buyer id");
                (done(cashier.cancel(id, who, now)), self.model.cancel(number, Some(buyer)))
            }
            Op::OfficeCancel(nth) => {
                let (number, id) = self.nth(nth);
                (done(cashier.cancel_for_office(id, now)), self.model.cancel(number, None))
            }
            Op::OfficeConfirm(nth) => {
                let (number, id) = self.nth(nth);
                (done(cashier.confirm(id, now)), self.model.confirm(number))
            }
            Op::OfficeRefund(nth, restock) => {
                let (number, id) = self.nth(nth);
                let restocks = restock.unwrap_or(RULES.refund_restocks);
                (done(cashier.refund(id, restock, now)), self.model.refund(number, restocks))
            }
            ref other => unreachable!("{other:?} moves no order"),
        };
        assert_eq!(told, expected, "the answer to {op:?}");
    }

    fn notice(&self, said: Said, order: OrderId) -> Notice {
        let amount = |more: u8| {
            let total = self.house.funnel.orders.find(order).map_or(0, |order| order.total().minor());
            Money::from_minor(total + i64::from(more), "EUR").expect("an amount")
        };
        Notice {
            message: MessageId::parse(&format!("m-{}", said.message)).expect("a message's id"),
            kind: said.kind,
            order,
            payment: said.payment.map(|payment| PaymentId::parse(&format!("p-{payment}")).expect("a payment's id")),
            amount: said.amount.map(amount),
        }
    }

    fn change(&mut self, op: Op) {
        let Self { house: House { keeper, .. }, model, .. } = self;
        let every = [Phase::Scheduled, Phase::Live, Phase::Paused];
        match op {
            Op::Pause(id) => assert_eq!(wait(keeper.pause(id)), model.turn(id, &[Phase::Live], Phase::Paused)),
            Op::Resume(id) => assert_eq!(wait(keeper.resume(id)), model.turn(id, &[Phase::Paused], Phase::Live)),
            Op::End(id) => assert_eq!(wait(keeper.end(id)), model.turn(id, &every, Phase::Ended)),
            Op::Adjust(id, sku, add) => assert_eq!(wait(keeper.adjust(id, sku, add)), model.adjust(id, sku, add)),
            Op::Create(offer) => assert_eq!(wait(keeper.create(offer.clone())), model.create(&offer)),
            Op::Change(id, change) => assert_eq!(wait(keeper.change(id, change.clone())), model.change(id, &change)),
            other => unreachable!("{other:?} changes no sale"),
        }
    }

    fn attempt(&mut self, ask: Ask<'static>, meanwhile: Option<Op>) {
        self.asked.push(ask);
        let (funnel, clock) = (Arc::clone(&self.house.funnel), self.house.clock.clone());
        let depth = self.model.arrive(ask);
        let answer = attempt(&funnel, &clock, ask, || {
            if let Some(op) = meanwhile {
                self.apply(op);
            }
        });
        let expected = depth.and_then(|depth| self.model.finish(ask, depth));
        let told = answer.map(|yes| match yes {
            Yes::Won(order) => {
                self.orders.push(Arc::clone(&order));
                Told::Won(self.read(&order))
            }
            Yes::Again(order) => Told::Again(self.read(&order)),
        });
        assert_eq!(told, expected, "the answer to {ask:?}");
    }

    /// An order as its buyer reads it.
    fn read(&self, order: &Order) -> Sold {
        let terms = &order.terms;
        assert_eq!((order.stored(), terms.ack), (Stored::Disk, Ack::Disk));
        let sales = &self.house.funnel.sales;
        let item = sales.item(terms.item).expect("an order's item");
        assert_eq!(item.sale(), terms.sale);
        Sold {
            number: self.orders.iter().position(|known| known.terms.id == terms.id).expect("an order that was won"),
            sale: sales.sale(terms.sale).expect("an order's sale").terms().id.to_string(),
            sku: item.terms().sku.to_string(),
            buyer: terms.buyer.as_str().into(),
            key: terms.key.as_ref().map(|key| key.as_str().into()),
            units: terms.quantity.units(),
            price_minor: terms.unit_price.minor(),
            placed_at: terms.placed_at,
            expires_at: terms.expires_at,
            state: order.state(),
            deadline: order.deadline(),
            is_late: order.is_late(),
            paid_by: self.house.funnel.orders.payment_of(terms.id).map(|payment| payment.as_str().into()),
        }
    }

    fn compare(&self) {
        for id in SALES {
            self.compare_sale(id);
        }
        let (funnel, model) = (&self.house.funnel, &self.model);
        assert_eq!(funnel.sales.sales().count(), model.sales.len());
        assert_eq!(funnel.orders.len(), model.orders.len(), "orders in the book");
        for (order, sold) in self.orders.iter().zip(&model.orders) {
            let found = funnel.orders.find(order.terms.id).expect("the book has the order");
            assert_eq!(&self.read(&found), sold);
        }
        let unknown = model.sums.get(&None).copied().unwrap_or_default();
        assert_eq!(funnel.tallies.of(None).sums(), unknown, "attempts at sales that don't exist");
    }

    fn compare_sale(&self, id: &str) {
        let (funnel, model) = (&self.house.funnel, &self.model);
        let (sale, expected) = match (funnel.sales.find_sale(id), model.sales.get(id)) {
            (Some(sale), Some(expected)) => (sale, expected),
            (sale, expected) => return assert_eq!((sale.is_none(), expected.is_none()), (true, true), "{id}"),
        };
        let terms = sale.terms();
        assert_eq!(sale.phase(), expected.phase, "{id}");
        assert_eq!((terms.opens_at, terms.closes_at), (expected.opens_at, expected.closes_at), "{id}");
        assert_eq!((terms.limit_per_buyer, terms.hold), (expected.limit, expected.hold), "{id}");
        assert_eq!(sale.items().len(), expected.items.len(), "items of {id}");
        for sku in expected.items.keys() {
            let (_, item) = funnel.sales.find(id, sku).expect("the sale");
            let units = self.house.keeper.units(item.expect("the item"));
            assert_eq!(units, model.units_on(id, sku), "{id}/{sku}");
        }
        for name in BUYERS {
            let buyer = BuyerRef::parse(name.as_bytes()).expect("a buyer id");
            assert_eq!(funnel.stock.units_of(sale.no(), buyer), model.units_of(id, name), "units of {name} in {id}");
            let listed: Vec<_> =
                funnel.stock.orders_of(sale.no(), buyer).iter().map(|order| self.read(order)).collect();
            let theirs = model.orders.iter().filter(|order| order.sale == id && order.buyer == name);
            assert!(listed.iter().eq(theirs), "orders of {name} in {id}: {listed:?}");
        }
        let sums = model.sums.get(&Some(id.to_owned())).copied().unwrap_or_default();
        assert_eq!(funnel.tallies.of(Some(sale.no())).sums(), sums, "the tally of {id}");
    }

    fn prove(&self) {
        let report = self.house.prove(&self.orders);
        assert_eq!(report.orders, self.model.orders.len() as u64);
        let ids: HashSet<OrderId> = self.orders.iter().map(|order| order.terms.id).collect();
        assert_eq!(ids.len(), self.orders.len(), "every id once");
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_its_model_does(first in an_offer(SALES[0]), ops in vec(op(), 20..60)) {
        let mut pair = Pair::new();
        pair.apply(Op::Create(first));
        for op in ops {
            pair.apply(op);
        }
        pair.prove();
    }
}
