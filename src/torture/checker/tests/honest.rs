//! Whatever an honest shop does, the judge has nothing against it; and he misses what was taken away.

use proptest::prelude::*;

use super::super::{Rule, judge};
use super::{HOLD_MS, buy, last, ms, no, operation, yes};
use crate::order::OrderState::{Cancelled, Confirmed, Held, Refunded};
use crate::torture::history::{Final, Heard, History, Terms, Want};

/// What a shop does that keeps every promise: one thing after the other, each at an instant within its call.
fn honest(steps: Vec<(u8, u8, u16, u16)>, stock: u32) -> History {
    let terms = Terms { stock, limit_per_buyer: 2, hold: ms(HOLD_MS) };
    let (mut free, mut operations, mut finals): (u32, Vec<_>, Vec<Final>) = (stock, vec![], vec![]);
    for ((kind, which, before, after), number) in steps.into_iter().zip(0_u64..) {
        // Instants are five apart; a call begins up to sixty before its instant, and ends up to sixty after it.
        let at = 100 + number * 5;
        let span = (at - u64::from(before % 60), at + u64::from(after % 60));
        let is_unheard = after % 7 == 0;
        let hear = |heard| if is_unheard { Heard::Nothing } else { heard };
        let nth = usize::from(which) % finals.len().max(1);
        if kind % 3 == 0 || finals.is_empty() {
            let (buyer, key) = (format!("b-{}", which % 20), format!("k-{number}"));
            let has: u32 = finals.iter().filter(|of| of.buyer == buyer && of.state.is_live()).map(|of| of.units).sum();
            let want = buy(&buyer, &key, 1);
            let heard = if has >= 2 {
                no("limit_reached")
            } else if free == 0 {
                no("sold_out")
            } else {
                free -= 1;
                let id = (finals.len() + 1) as u8;
                finals.push(last(id, &buyer, &key, 1, Held));
                yes(id, Held)
            };
            operations.push(operation(want, span, hear(heard)));
            continue;
        }
        let of = &mut finals[nth];
        let id = of.order;
        let (want, heard) = match (kind % 3, of.state) {
            (1, Held) => {
                of.state = Confirmed;
                (Want::Pay(id), Heard::Yes { order: Some(id), state: Some(Confirmed), is_replay: false })
            }
            (2, Held) => {
                (of.state, free) = (Cancelled, free + 1);
                (Want::Cancel(id), Heard::Yes { order: Some(id), state: Some(Cancelled), is_replay: false })
            }
            (2, Confirmed) => {
                (of.state, free) = (Refunded, free + 1);
                (Want::Refund(id), Heard::Yes { order: Some(id), state: Some(Refunded), is_replay: false })
            }
            (_, state) => (Want::Look(id), Heard::Yes { order: Some(id), state: Some(state), is_replay: false }),
        };
        operations.push(operation(want, span, hear(heard)));
    }
    operations.sort_by_key(|operation| operation.begun);
    History { terms, operations, finals, was_bought_out: false }
}

proptest! {
    /// Spans are short beside the hold, so that none runs out.
    #[test]
    fn a_shop_that_keeps_every_promise_is_never_objected_to(
        steps in proptest::collection::vec(any::<(u8, u8, u16, u16)>(), 1..150),
        stock in 1_u32..20,
    ) {
        let history = honest(steps, stock);
        prop_assert_eq!(judge(&history).objections, vec![]);
    }

    #[test]
    fn an_order_that_was_told_and_is_taken_away_is_always_missed(
        steps in proptest::collection::vec(any::<(u8, u8, u16, u16)>(), 1..150),
        which in any::<usize>(),
    ) {
        let mut history = honest(steps, 10);
        let told: Vec<_> = history.operations.iter().filter_map(|of| match (&of.want, &of.heard) {
            (Want::Buy { .. }, Heard::Yes { order, .. }) => *order,
            _ => None,
        }).collect();
        prop_assume!(!told.is_empty());
        history.finals.retain(|last| last.order != told[which % told.len()]);
        prop_assert!(judge(&history).objections.iter().any(|objection| objection.rule == Rule::Durability));
    }
}
