//! One order's life, as those saw it who had to do with it.

use super::{Case, Dossier, Rule};
use crate::order::OrderState;
use crate::torture::history::{Heard, Operation};

/// H7.
pub(super) fn agreement(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    for (order, dossier) in &case.orders {
        let Some(last) = dossier.last else { continue };
        let is_done = |operations: &[&Operation]| operations.iter().any(|operation| operation.is_yes());
        let may_be_done = |operations: &[&Operation]| operations.iter().any(|operation| operation.code().is_none());
        let (paid, back, refunded) = (is_done(&dossier.paid), is_done(&dossier.cancelled), is_done(&dossier.refunded));
        let may_be_refunded = may_be_done(&dossier.refunded);
        if paid && !(last.state == OrderState::Confirmed || may_be_refunded && last.state == OrderState::Refunded) {
            object(Rule::Agreement, format!("order {order} was paid, and is {}", last.state.word()));
        }
        if back && last.state != OrderState::Cancelled {
            object(Rule::Agreement, format!("order {order} was given back, and is {}", last.state.word()));
        }
        if refunded && last.state != OrderState::Refunded {
            object(Rule::Agreement, format!("order {order} was refunded, and is {}", last.state.word()));
        }
        if !may_be_refunded && last.state == OrderState::Refunded {
            object(Rule::Agreement, format!("order {order} is refunded, and nobody asked for that"));
        }
        if !may_be_done(&dossier.paid) && matches!(last.state, OrderState::Confirmed | OrderState::Refunded) {
            object(Rule::Agreement, format!("order {order} is confirmed, and nobody's payment was taken"));
        }
        if !may_be_done(&dossier.cancelled) && last.state == OrderState::Cancelled {
            object(Rule::Agreement, format!("order {order} is cancelled, and nobody gave it back"));
        }
    }
}

/// How far an order is in its life: it never goes back.
fn age(state: OrderState) -> u8 {
    match state {
        OrderState::Held => 0,
        OrderState::Expired => 1,
        OrderState::Cancelled | OrderState::Confirmed => 2,
        OrderState::Refunded => 3,
    }
}

/// What somebody saw of the order's state.
fn seen(operation: &Operation) -> Option<OrderState> {
    match operation.heard {
        Heard::Yes { state, .. } => state,
        _ => None,
    }
}

/// H8.
pub(super) fn session(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    for (order, dossier) in &case.orders {
        let Dossier { won, paid, cancelled, refunded, looks, .. } = dossier;
        let acknowledged = won.iter().map(|won| won.ended).min();
        for look in looks.iter().filter(|look| acknowledged.is_some_and(|at| at < look.begun)) {
            if let Some(code @ ("order_not_found" | "not_found")) = look.code() {
                object(Rule::Session, format!("order {order} was acknowledged, and then {code}"));
            }
        }
        let all = won.iter().chain(paid).chain(cancelled).chain(refunded).chain(looks);
        let mut states: Vec<_> = all.filter_map(|of| seen(of).map(|state| (of, state))).collect();
        states.sort_by_key(|(of, _)| of.ended);
        // The oldest that was seen by somebody who had his answer before another one asked.
        let mut done = states.iter().peekable();
        let mut asked = states.iter().collect::<Vec<_>>();
        asked.sort_by_key(|(of, _)| of.begun);
        let mut oldest = 0;
        for (of, state) in asked {
            while let Some((_, before)) = done.next_if(|(before, _)| before.ended < of.begun) {
                oldest = oldest.max(age(*before));
            }
            if age(*state) < oldest {
                object(Rule::Session, format!("order {order} was seen {} after it had been more", state.word()));
            }
        }
    }
}
