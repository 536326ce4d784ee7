//! Linearizability of small windows, exhaustively: is there an order of all operations, each at an instant within its
//! call, in which one buyer after the other would have heard just this?
//!
//! The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of what has been
//! tried ("Testing for linearizability", 2017). It takes exponential time: windows are a dozen operations.

use std::collections::{BTreeMap, HashSet};

use crate::ids::OrderId;
use crate::order::OrderState;
use crate::torture::history::{Heard, Operation, Terms, Want};

/// Most operations in a window: one bit for each.
pub const WINDOW_MAX: usize = 32;

/// An order, as one buyer after the other would see it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Order {
    id: OrderId,
    units: u32,
    is_held: bool,
}

/// A shop that serves one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Model<'a> {
    free: u32,
    /// By buyer and key.
    orders: BTreeMap<(&'a str, &'a str), Order>,
}

impl<'a> Model<'a> {
    fn has(&self, buyer: &str) -> u32 {
        self.orders.iter().filter(|((of, _), order)| *of == buyer && order.is_held).map(|(_, order)| order.units).sum()
    }

    fn order(&mut self, id: OrderId) -> Option<&mut Order> {
        self.orders.values_mut().find(|order| order.id == id)
    }

    /// The shop after an operation that was answered like this; none where it would have been answered otherwise.
    fn then(&self, case: &Case<'a>, nth: usize) -> Option<Self> {
        let operation = &case.operations[nth];
        let mut after = self.clone();
        let is_right = match (&operation.want, &operation.heard) {
            (Want::Buy { buyer, key, units }, heard) => return after.bought(case, nth, (buyer, key, *units), heard),
            (Want::Cancel(id), Heard::Yes { state: Some(OrderState::Cancelled), .. }) => after.give_back(*id),
            (Want::Cancel(id), Heard::No { code }) => code == "order_not_held" && !after.order(*id)?.is_held,
            (Want::Look(id), Heard::Yes { state: Some(state), .. }) => {
                let is_held = after.order(*id)?.is_held;
                *state == if is_held { OrderState::Held } else { OrderState::Cancelled }
            }
            _ => false,
        };
        is_right.then_some(after)
    }

    fn give_back(&mut self, id: OrderId) -> bool {
        let Some(order) = self.order(id) else { return false };
        let (was_held, units) = (std::mem::take(&mut order.is_held), order.units);
        self.free += units;
        was_held
    }

    fn bought(
        mut self,
        case: &Case<'a>,
        nth: usize,
        (buyer, key, units): (&'a str, &'a str, u32),
        heard: &Heard,
    ) -> Option<Self> {
        let limit = case.terms.limit_per_buyer;
        let known = self.orders.get(&(buyer, key));
        // Who asks twice at once, and looks for his order before there is one, is answered as if there was none.
        let asks_twice = case.undecided(nth, |of, under| (of, under) == (buyer, key)) > 0;
        let is_right = match (heard, known) {
            (Heard::Yes { order: Some(id), .. }, Some(known)) => known.id == *id && known.units == units,
            // The twin that he is told of may still be underway.
            (Heard::No { code }, known) if code == "idempotency_mismatch" => {
                known.is_some_and(|known| known.units != units) || asks_twice
            }
            (Heard::Yes { order: Some(id), .. }, None) => {
                let is_new = self.orders.values().all(|order| order.id != *id);
                if !is_new || self.free < units || self.has(buyer) + units > limit {
                    return None;
                }
                self.free -= units;
                self.orders.insert((buyer, key), Order { id: *id, units, is_held: true });
                true
            }
            (Heard::No { code }, known) if known.is_none() || asks_twice => match code.as_str() {
                "sold_out" => self.free == 0,
                "insufficient_stock" => (1..units).contains(&self.free),
                // An attempt that is being decided counts as far as it may still win.
                "limit_reached" => self.has(buyer) + case.undecided(nth, |of, _| of == buyer) + units > limit,
                "in_progress" => asks_twice,
                _ => false,
            },
            _ => false,
        };
        is_right.then_some(self)
    }
}

/// What is searched.
struct Case<'a> {
    terms: Terms,
    operations: &'a [Operation],
}

impl Case<'_> {
    /// Units of other attempts during this one.
    fn undecided(&self, nth: usize, is_of: impl Fn(&str, &str) -> bool) -> u32 {
        let this = &self.operations[nth];
        let others = self.operations.iter().enumerate().filter(|(other, _)| *other != nth).map(|(_, other)| other);
        let meanwhile = others.filter(|other| other.begun <= this.ended && this.begun <= other.ended);
        let units = |other: &Operation| match &other.want {
            Want::Buy { buyer, key, units } if is_of(buyer, key) => *units,
            _ => 0,
        };
        meanwhile.map(units).sum()
    }
}

/// Whether one buyer after the other could have heard all this.
///
/// # Panics
/// Where there are more than [`WINDOW_MAX`] operations.
#[must_use]
pub fn is_linearizable(terms: Terms, operations: &[Operation]) -> bool {
    assert!(operations.len() <= WINDOW_MAX, "{} operations are no small window", operations.len());
    let case = Case { terms, operations };
    let mut tried = HashSet::new();
    let mut open = vec![(0_u64, Model { free: terms.stock, orders: BTreeMap::new() })];
    while let Some((done, model)) = open.pop() {
        let left = || (0..operations.len()).filter(|nth| done & (1 << nth) == 0);
        let Some(first_end) = left().map(|nth| operations[nth].ended).min() else { return true };
        // Next is whoever had begun before anybody of those left had his answer.
        for nth in left().filter(|nth| operations[*nth].begun <= first_end) {
            if let Some(after) = model.then(&case, nth) {
                let next = (done | 1 << nth, after);
                if tried.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    false
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::torture::checker::tests::{buy, no, operation, order, yes};

    const TERMS: Terms = Terms { stock: 2, limit_per_buyer: 2, hold: Duration::from_secs(3600) };

    fn won(number: u8, buyer: &str, at: (u64, u64)) -> Operation {
        operation(buy(buyer, "k", 1), at, yes(number, OrderState::Held))
    }

    fn refused(buyer: &str, units: u32, code: &str, at: (u64, u64)) -> Operation {
        operation(buy(buyer, "l", units), at, no(code))
    }

    fn back(number: u8, at: (u64, u64)) -> Operation {
        operation(Want::Cancel(order(number)), at, yes(number, OrderState::Cancelled))
    }

    #[test]
    fn three_of_two_units_are_one_too_many_unless_one_was_given_back_meanwhile() {
        let three = || vec![won(1, "a", (0, 10)), won(2, "b", (0, 10)), won(3, "c", (5, 30))];
        assert!(!is_linearizable(TERMS, &three()));
        let with = |back: Operation| [three(), vec![back]].concat();
        assert!(is_linearizable(TERMS, &with(back(1, (20, 40)))));
        assert!(!is_linearizable(TERMS, &with(back(1, (31, 40)))));
    }

    #[test]
    fn a_no_needs_an_instant_at_which_it_was_true() {
        let both = vec![won(1, "a", (0, 10)), won(2, "b", (20, 30))];
        let and = |of: Operation| is_linearizable(TERMS, &[both.clone(), vec![of]].concat());
        assert!(!and(refused("c", 1, "sold_out", (5, 15))) && and(refused("c", 1, "sold_out", (5, 25))));
        assert!(and(refused("c", 2, "insufficient_stock", (5, 15))) && !and(refused("c", 2, "sold_out", (5, 15))));
        assert!(!and(refused("a", 1, "limit_reached", (40, 50))) && and(refused("a", 2, "limit_reached", (40, 50))));
        assert!(!and(refused("c", 1, "in_progress", (5, 15))) && !and(refused("c", 1, "busy", (5, 15))));
    }

    #[test]
    fn a_key_has_one_order_and_a_look_sees_what_is() {
        let again = |number, at| won(number, "a", at);
        let history = |second| vec![won(1, "a", (0, 10)), second];
        assert!(is_linearizable(TERMS, &history(again(1, (20, 30)))));
        assert!(!is_linearizable(TERMS, &history(again(2, (20, 30)))));
        let look = |state, at| operation(Want::Look(order(1)), at, yes(1, state));
        let seen = |state, at| is_linearizable(TERMS, &[history(back(1, (20, 30))), vec![look(state, at)]].concat());
        assert!(seen(OrderState::Held, (12, 18)) && !seen(OrderState::Cancelled, (12, 18)));
        assert!(seen(OrderState::Held, (25, 35)) && seen(OrderState::Cancelled, (25, 35)));
        assert!(!seen(OrderState::Held, (31, 35)) && seen(OrderState::Cancelled, (31, 35)));
    }

    #[test]
    fn a_key_is_answered_for_what_it_was_asked_and_nothing_else() {
        let again = |units, heard| operation(buy("a", "k", units), (20, 30), heard);
        let history = |second| is_linearizable(TERMS, &[won(1, "a", (0, 10)), second]);
        assert!(history(again(2, no("idempotency_mismatch"))) && !history(again(2, yes(1, OrderState::Held))));
        assert!(history(again(1, yes(1, OrderState::Held))) && !history(again(1, no("idempotency_mismatch"))));
    }

    /// One after the other, each at an instant within its call.
    fn honest(steps: &[(u8, u8, u8, u8)]) -> Vec<Operation> {
        let (mut free, mut orders, mut operations) = (2_u32, Vec::<(u8, u32, bool)>::new(), Vec::new());
        for (&(kind, units, before, after), number) in steps.iter().zip(1_u8..) {
            let at = 1_000 + u64::from(number) * 20;
            let span = (at - u64::from(before), at + u64::from(after));
            let units = 1 + u32::from(units % 2);
            operations.push(match (kind % 2, orders.len()) {
                (1, 1..) => {
                    let count = orders.len();
                    let (id, units, is_held) = &mut orders[usize::from(kind / 2) % count];
                    let heard = if *is_held { yes(*id, OrderState::Cancelled) } else { no("order_not_held") };
                    free += if std::mem::take(is_held) { *units } else { 0 };
                    operation(Want::Cancel(order(*id)), span, heard)
                }
                _ => {
                    let heard = match free {
                        0 => no("sold_out"),
                        free if free < units => no("insufficient_stock"),
                        _ => yes(number, OrderState::Held),
                    };
                    if matches!(heard, Heard::Yes { .. }) {
                        free -= units;
                        orders.push((number, units, true));
                    }
                    operation(buy(&format!("b-{number}"), "k", units), span, heard)
                }
            });
        }
        operations
    }

    proptest! {
        #[test]
        fn what_an_honest_shop_answers_is_always_linearizable(
            steps in proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 1..12),
        ) {
            prop_assert!(is_linearizable(TERMS, &honest(&steps)));
        }

        #[test]
        fn one_order_more_than_there_were_units_never_is(
            steps in proptest::collection::vec(any::<(u8, u8, u8, u8)>(), 1..10),
        ) {
            let mut operations = honest(&steps);
            // Whoever comes when all is over finds what is left, and the next one nothing.
            let late = (1_u64 << 20, (1 << 20) + 1);
            operations.extend((100..103).map(|number| won(number, &format!("z-{number}"), late)));
            prop_assert!(!is_linearizable(TERMS, &operations));
        }
    }
}
