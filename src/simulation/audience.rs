//! What buyers do: come, go on, hang up.

use super::life::{Ask, Life, Stage, Underway};
use super::waiting::{About, Waiter};
use super::world::{BUYERS, KEYS, SALE, SKUS};
use crate::client::Proof;
use crate::funnel::{Attempt, Descent, Refusal};
use crate::ids::{BuyerRef, KeyRef, Quantity};
use crate::ledger::DeskId;
use crate::offer::Phase;
use crate::order::Ack;
use crate::sale::{NotOnSale, Sale};
use crate::stock::{Stock, Wanted};
use std::net::{IpAddr, Ipv4Addr};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

impl Ask {
    fn key(self) -> Option<KeyRef<'static>> {
        self.key.map(|key| KeyRef::parse(key.as_bytes()).expect("a key"))
    }

    pub(super) fn wanted(self) -> Wanted<'static> {
        let quantity = Quantity::new(self.units).expect("at least one unit");
        Wanted { key: self.key(), quantity, ack: Ack::Disk }
    }
}

/// How an attempt went that nobody came between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The order with this number is on its way.
    Taken(usize),
    /// There is an order under the key.
    Again(usize),
    Refused(Refusal),
}

impl<'a> Life<'a, '_> {
    pub(super) fn an_ask(&mut self) -> Ask {
        let dice = &mut self.world.dice;
        let key = if dice.one_in(2) { Some(dice.pick(&KEYS)) } else { None };
        Ask { sku: dice.index(SKUS.len()), buyer: dice.pick(&BUYERS), key, units: dice.pick(&[1, 1, 1, 2, 3]) }
    }

    /// Somebody comes; whoever is let in is left waiting for his body.
    pub(super) fn arrive(&mut self) {
        let ask = self.an_ask();
        let answer = self.knock(ask);
        self.world.trace.line(&format!("{ask:?}: {answer:?}"));
    }

    /// None: he is let in.
    pub(super) fn knock(&mut self, ask: Ask) -> Option<Answer> {
        let funnel = self.funnel;
        let mut visit = funnel.tallies.of(funnel.sales.find_sale(SALE).map(Sale::no)).attempt();
        let proof = Proof::Vouched(BuyerRef::parse(ask.buyer.as_bytes()).expect("a buyer id"));
        let attempt = Attempt { address: HERE, aim: funnel.sales.aim(SALE, SKUS[ask.sku]), proof, key: ask.key() };
        let buffer = self.buffers.next().expect("as many buffers as attempts");
        match funnel.descend(attempt, buffer, self.world.clock.now()) {
            Ok(Descent::Open(entered)) => {
                assert_ne!(self.world.phase, Some(Phase::Scheduled), "{ask:?} is let in before the bell");
                self.is_in_time(ask);
                self.attempts.push(Underway { ask, visit, stage: Stage::Entered(entered) });
                None
            }
            Ok(Descent::Again(order, item)) => match Stock::check_replay(&order, item, ask.wanted().quantity) {
                Ok(()) => {
                    visit.replayed();
                    let number = self.world.numbers[&order.terms.id];
                    assert!(self.world.has(number, &["order.placed"]), "I8: #{number} is answered and not on disk");
                    Some(Answer::Again(number))
                }
                Err(refusal) => {
                    visit.refused(Refusal::from(refusal).layer());
                    Some(Answer::Refused(refusal.into()))
                }
            },
            Err(refusal) => {
                visit.refused(refusal.layer());
                self.world.sum.too_early += u64::from(matches!(refusal, Refusal::Sale(NotOnSale::NotOpen { .. })));
                Some(Answer::Refused(refusal))
            }
        }
    }

    /// Somebody who is underway goes one step on, or hangs up.
    pub(super) fn go_on(&mut self) {
        if self.attempts.is_empty() {
            return;
        }
        let nth = self.world.dice.index(self.attempts.len());
        let attempt = self.attempts.swap_remove(nth);
        let ask = attempt.ask;
        if self.world.dice.one_in(8) {
            drop(attempt);
            self.world.trace.line(&format!("{ask:?} hangs up"));
            return;
        }
        let answer = self.advance(attempt);
        self.world.trace.line(&format!("{ask:?} goes on: {answer:?}"));
        self.hear();
    }

    /// None: he has his claim and his place.
    pub(super) fn advance(&mut self, attempt: Underway<'a>) -> Option<Answer> {
        let Underway { ask, mut visit, stage } = attempt;
        let outcome = match stage {
            Stage::Entered(entered) => match self.funnel.reach(&entered, ask.wanted(), self.world.clock.now()) {
                Ok(reach) => {
                    self.is_in_time(ask);
                    self.attempts.push(Underway { ask, visit, stage: Stage::Reached(reach) });
                    return None;
                }
                Err(refusal) => Err(refusal),
            },
            Stage::Reached(reach) => self.funnel.grasp(reach, DeskId::NONE),
        };
        match outcome {
            Ok((order, receipt)) => {
                visit.handed_over();
                let number = self.world.handed_over(order.terms.id);
                self.waiters.push(Waiter::new(About::Placed(number), receipt));
                Some(Answer::Taken(number))
            }
            Err(refusal) => {
                visit.refused(refusal.layer());
                Some(Answer::Refused(refusal))
            }
        }
    }

    /// Nobody is let in behind the end, whether or not its timer is late; where it is being moved, he may be.
    fn is_in_time(&self, ask: Ask) {
        let closes_at = self.funnel.sales.find_sale(SALE).and_then(|sale| sale.terms().closes_at);
        let is_over = closes_at.is_some_and(|closes_at| self.world.now() >= closes_at);
        let is_being_moved = self.waiters.iter().any(|waiter| waiter.about == About::Sale);
        assert!(!is_over || is_being_moved, "{ask:?} is let in after {closes_at:?}");
    }

    /// Everybody who is underway gets what he can, or hangs up.
    pub(super) fn leave(&mut self) {
        while let Some(attempt) = self.attempts.pop() {
            if matches!(attempt.stage, Stage::Reached(_)) {
                self.advance(attempt);
            }
        }
        self.hear();
    }
}
