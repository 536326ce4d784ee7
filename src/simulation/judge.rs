//! What must be true while nothing is underway: memory is what the log says, and a limit, a shelf and a key are answered
//! by what the log says.

use super::audience::Answer;
use super::life::{Ask, Life, ROUNDS_MAX};
use super::world::{BUYERS, Known, Promised, SALE, SKUS};
use crate::clock::WallTime;
use crate::funnel::Refusal;
use crate::ids::{BuyerRef, OrderId};
use crate::ledger::imagined::{Durable, Luck};
use crate::ledger::{LedgerState, Unwritten};
use crate::offer::Phase;

/// When a hold is looked at again whose end somebody was about to prevent.
const LOOK_AGAIN_US: i64 = 1_000_000;

pub(super) fn is_live(state: &str) -> bool {
    matches!(state, "held" | "confirmed")
}

impl Life<'_, '_> {
    /// A new process knows every order that was acknowledged, and none that was refused. What nobody knew, it knows.
    pub(super) fn remember(&mut self) {
        for (number, Known { id, promised }) in self.world.known.iter().enumerate() {
            match (promised, self.funnel.orders.find(*id).is_some()) {
                (Promised::Yes, false) => panic!("I8: #{number} was acknowledged and is gone"),
                (Promised::No, true) => panic!("#{number} was refused and is there"),
                _ => {}
            }
        }
    }

    /// Lets everything come to an end, sees whether all is as it must be, and asks for what can be foretold.
    pub(super) fn be_quiet(&mut self) {
        if !self.settle() {
            return;
        }
        self.compare();
        let ask = self.an_ask();
        let expected = self.foretell(ask, &self.world.disk.durable());
        let answer = match self.knock(ask) {
            Some(answer) => answer,
            None => self.go_all_the_way(),
        };
        let told = match &answer {
            // A new order has no number before.
            Answer::Taken(_) => Answer::Taken(0),
            // For how long he has to wait, the tests of that floor tell.
            Answer::Refused(Refusal::Access(_)) if self.may_have_to_wait(ask) => expected[0].clone(),
            other => other.clone(),
        };
        self.world.trace.line(&format!("{ask:?}, alone: {answer:?}"));
        assert!(expected.contains(&told), "{ask:?} is told {told:?} and should be told {expected:?}");
        self.hear();
    }

    fn go_all_the_way(&mut self) -> Answer {
        let entered = self.attempts.pop().expect("somebody who was let in");
        if let Some(answer) = self.advance(entered) {
            return answer;
        }
        let reached = self.attempts.pop().expect("somebody who has his place");
        self.advance(reached).expect("an answer")
    }

    /// Everybody gets his answer. False: the ledger is broken.
    fn settle(&mut self) -> bool {
        self.world.trace.line("quiet");
        self.leave();
        self.world.disk.set_luck(Luck::Good);
        self.writer.probe();
        let mut rounds = 0;
        loop {
            self.writer.turn();
            self.hear();
            if matches!(self.funnel.ledger.health().state, LedgerState::Broken(_)) {
                self.world.trace_disk();
                return false;
            }
            if self.waiters.is_empty() && self.funnel.ledger.health().underway == 0 {
                break;
            }
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "somebody waits for ever: {} do", self.waiters.len());
        }
        self.world.trace_disk();
        true
    }

    /// Nothing is underway: memory and log agree.
    pub(super) fn compare(&mut self) {
        self.world.sum.quiet_moments += 1;
        let durable = self.world.disk.durable();
        let funnel = self.funnel;
        assert_eq!(funnel.ledger.health().underway, 0, "places are left behind");
        let Some(sale) = funnel.sales.find_sale(SALE) else { return assert!(durable.sales.is_empty()) };
        let (terms, on_disk) = (sale.terms(), &durable.sales[0]);
        assert_eq!((sale.phase().word(), terms.limit_per_buyer), (&*on_disk.phase, on_disk.limit_per_buyer), "terms");
        let times = [terms.opens_at, terms.closes_at].map(|at| at.map(WallTime::micros));
        assert_eq!(times, [on_disk.opens_at_us, on_disk.closes_at_us], "when it opens and ends");
        for (sku, (stock, held, sold)) in SKUS.iter().zip(&durable.items) {
            let (_, item) = funnel.sales.find(SALE, sku).expect("the sale");
            let units = self.keeper.units(item.expect("the item"));
            let expected = (*stock, stock - held - sold, *held);
            assert_eq!((units.stock, units.remaining, units.held), expected, "I9: stock, remaining, held of {sku}");
        }
        for name in BUYERS {
            let buyer = BuyerRef::parse(name.as_bytes()).expect("a buyer id");
            let theirs = durable.orders.iter().filter(|order| order.buyer == name && is_live(&order.state));
            let units: u32 = theirs.map(|order| order.units).sum();
            assert_eq!(funnel.stock.units_of(sale.no(), buyer), units, "I9: units of {name}");
        }
        assert_eq!(funnel.orders.len(), durable.orders.len(), "I9: orders in the book");
        let (next, latest) = (self.cashier.next_deadline(), self.world.latest.micros());
        for order in &durable.orders {
            let id = OrderId::from_bytes(order.id);
            let number = self.world.numbers[&id];
            let found = funnel.orders.find(id).expect("the book has the order");
            assert_eq!(found.state().word(), order.state, "I9: the state of #{number}");
            if order.state == "held" {
                let deadline = found.deadline().expect("a hold ends").micros();
                let is_watched = next.is_some_and(|next| next.micros() <= deadline.max(latest) + LOOK_AGAIN_US);
                assert!(is_watched, "the hold of #{number} ends at {deadline} and is looked at {next:?}");
            }
        }
        let sums = funnel.tallies.total();
        let refused: u64 = sums.refused.iter().sum();
        assert_eq!(sums.attempts, refused + sums.won + sums.replayed, "the tally adds up: {sums:?}");
    }

    /// Whether one of his holds ran out, and such a buyer has to wait.
    fn may_have_to_wait(&self, ask: Ask) -> bool {
        !self.world.cool_down.is_zero() && self.world.disk.has("order.expired", None, Some(ask.buyer))
    }

    /// What somebody has to be told who comes now, when nothing else happens: one of these.
    fn foretell(&self, ask: Ask, durable: &Durable) -> Vec<Answer> {
        use crate::sale::NotOnSale::{Ended, NotOpen, Paused};
        use crate::stock::Unavailable::{IdempotencyMismatch, InsufficientStock, LimitReached, SoldOut};
        let refused = |refusal: Refusal| vec![Answer::Refused(refusal)];
        let theirs = durable.orders.iter().filter(|order| order.buyer == ask.buyer);
        let item = u32::try_from(ask.sku).expect("an item");
        if let Some(twin) = ask.key.and_then(|key| theirs.clone().find(|order| order.key.as_deref() == Some(key))) {
            let number = self.world.numbers[&OrderId::from_bytes(twin.id)];
            let is_same = (twin.item, twin.units) == (item, ask.units);
            return if is_same { vec![Answer::Again(number)] } else { refused(IdempotencyMismatch.into()) };
        }
        let sale = &durable.sales[0];
        let is_over = sale.closes_at_us.is_some_and(|closes_at| self.world.now().micros() >= closes_at);
        match Phase::of_word(&sale.phase).expect("a phase") {
            Phase::Scheduled => {
                return refused(NotOpen { opens_at: sale.opens_at_us.map(WallTime::from_micros) }.into());
            }
            Phase::Paused => return refused(Paused.into()),
            Phase::Ended => return refused(Ended.into()),
            Phase::Live if is_over => return refused(Ended.into()),
            Phase::Live => {}
        }
        let (stock, held, sold) = durable.items[ask.sku];
        let available = stock - held - sold;
        let live: u32 = theirs.filter(|order| is_live(&order.state)).map(|order| order.units).sum();
        let is_beyond_limit = live + ask.units > sale.limit_per_buyer;
        if available == 0 {
            return refused(SoldOut { held_may_return: held > 0 }.into());
        }
        if is_beyond_limit {
            refused(LimitReached.into())
        } else if !matches!(self.funnel.ledger.health().state, LedgerState::Writing) {
            refused(Unwritten::NotStored.into())
        } else if ask.units > available {
            refused(InsufficientStock.into())
        } else {
            vec![Answer::Taken(0)]
        }
    }
}
