//! What clients were told, and what the ledger has at the end.

use std::collections::{HashMap, HashSet};

use super::{Case, Rule};
use crate::torture::history::{Heard, Moment, Operation, Want};

fn order_of(operation: &Operation) -> Option<crate::ids::OrderId> {
    match operation.heard {
        Heard::Yes { order, .. } => order,
        _ => None,
    }
}

/// H2.
pub(super) fn durability(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    for (order, dossier) in &case.orders {
        match (dossier.won.first().map(|won| &won.want), dossier.last) {
            (Some(_), None) => object(Rule::Durability, format!("order {order} was acknowledged and is not there")),
            (Some(Want::Buy { buyer, key, units }), Some(last)) => {
                if (&last.buyer, &last.key, last.units) != (buyer, key, *units) {
                    object(Rule::Durability, format!("order {order} is another one than was acknowledged"));
                }
            }
            (_, Some(last)) => {
                let attempts = case.attempts.get(&(last.buyer.as_str(), last.key.as_str()));
                if !attempts.is_some_and(|attempts| attempts.iter().any(|attempt| attempt.is_unknown())) {
                    object(
                        Rule::Durability,
                        format!("order {order} is there, and its buyer was told no, or never asked"),
                    );
                }
            }
            (_, None) => {}
        }
    }
}

/// H3.
pub(super) fn idempotency(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    for ((buyer, key), attempts) in &case.attempts {
        let orders: HashSet<_> = attempts.iter().filter_map(|attempt| order_of(attempt)).collect();
        if orders.len() > 1 {
            object(Rule::Idempotency, format!("{buyer} got {} orders under the key {key}", orders.len()));
        }
    }
    let mut seen = HashMap::new();
    for last in &case.history.finals {
        if let Some(other) = seen.insert((&last.buyer, &last.key), last.order) {
            object(Rule::Idempotency, format!("orders {other} and {} are both under the key {}", last.order, last.key));
        }
    }
}

/// What the sale certainly was, and from when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Live,
    Paused,
    Unsure,
}

/// From each moment on, until the next one's: what the sale certainly was. The shopkeeper does one thing after the other.
fn phases(case: &Case<'_>) -> Vec<(Moment, Phase)> {
    let mut phases = vec![(Moment::ZERO, Phase::Live)];
    for operation in &case.history.operations {
        let becomes = match operation.want {
            Want::Pause => Phase::Paused,
            Want::Resume => Phase::Live,
            _ => continue,
        };
        phases.push((operation.begun, Phase::Unsure));
        if operation.is_yes() {
            phases.push((operation.ended, becomes));
        }
    }
    phases
}

/// H6.
pub(super) fn window(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    let phases = phases(case);
    for operation in &case.history.operations {
        let Want::Buy { buyer, .. } = &operation.want else { continue };
        let first = phases.partition_point(|(from, _)| *from <= operation.begun).saturating_sub(1);
        let stays = phases.get(first + 1).is_none_or(|(from, _)| *from > operation.ended);
        let phase = if stays { phases[first].1 } else { Phase::Unsure };
        match (&operation.heard, phase) {
            (Heard::Yes { is_replay: false, .. }, Phase::Paused) => {
                object(Rule::Window, format!("{buyer} bought at {:?}, in the middle of a pause", operation.ended));
            }
            (Heard::No { code }, Phase::Live) if code == "sale_paused" => {
                object(
                    Rule::Window,
                    format!("{buyer} was told of a pause at {:?}, and there was none", operation.ended),
                );
            }
            _ => {}
        }
    }
}

/// H10: of the attempts that nobody heard of, as many became orders as there are orders of theirs.
pub(super) fn unknown(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    let mut there: HashMap<(&str, &str), usize> = HashMap::new();
    for last in &case.history.finals {
        *there.entry((&last.buyer, &last.key)).or_default() += 1;
    }
    for ((buyer, key), attempts) in &case.attempts {
        let unknown = attempts.iter().filter(|attempt| attempt.is_unknown()).count();
        let known: HashSet<_> = attempts.iter().filter_map(|attempt| order_of(attempt)).collect();
        let orders = there.get(&(*buyer, *key)).copied().unwrap_or(0);
        if orders > unknown + known.len() {
            object(Rule::Unknown, format!("{buyer} has {orders} orders under {key}, of {unknown} attempts unheard of"));
        }
    }
}

/// Nobody who waits for PostgreSQL is told yes while it can't be reached, where he came after it was gone.
pub(super) fn cut_off(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    let operations = &case.history.operations;
    for gone in operations.iter().filter(|of| of.want == Want::CutOff) {
        let first = operations.partition_point(|of| of.begun <= gone.begun);
        let meanwhile = operations[first..].iter().take_while(|of| of.begun < gone.ended);
        for operation in meanwhile.filter(|of| of.ended < gone.ended) {
            if let (Want::Buy { buyer, .. }, Heard::Yes { is_replay: false, .. }) = (&operation.want, &operation.heard)
            {
                object(Rule::Postgres, format!("{buyer} was told yes at {:?}, and nobody could tell", operation.ended));
            }
        }
    }
}
