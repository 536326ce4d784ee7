//! Units: never too many in buyers' hands, and nobody is sent away from free ones.

use std::collections::HashMap;
use std::time::Duration;

use super::{Case, Dossier, Noes, Rule};
use crate::order::OrderState;
use crate::torture::history::{Heard, Moment, Operation, Want};

/// The server's clock is read before and after its decision: nobody is robbed of his hold by less.
const GRAIN: Duration = Duration::from_millis(5);

/// Longer than the server is at work on anything, a death and a start, or a long freeze, in its middle included.
const AT_WORK: Duration = Duration::from_secs(8);

type Steps = Vec<(Moment, i64)>;

/// When an order's units were certainly its buyer's: each span from its beginning on, to its end where there is one.
fn certain(case: &Case<'_>, dossier: &Dossier<'_>) -> Vec<(Moment, Option<Moment>)> {
    let Some(first) = dossier.won.iter().map(|won| won.ended).min() else { return Vec::new() };
    let hold = case.history.terms.hold;
    let paid = dossier.paid.iter().filter(|paid| paid.is_yes()).map(|paid| paid.ended).min();
    let placed = may_be_placed(case, dossier).unwrap_or(first);
    let asked = |back: &[&Operation]| back.iter().filter(|back| back.code().is_none()).map(|back| back.begun).min();
    let (given_back, refunded) = (asked(&dossier.cancelled), asked(&dossier.refunded));
    let jumped = case.jump_after(placed).unwrap_or(Moment::MAX);
    // Also where nobody heard that it was paid: it may be refunded before its hold is over.
    let at_will = given_back.into_iter().chain(refunded).min().unwrap_or(Moment::MAX);
    let released = at_will.min(placed + hold.saturating_sub(GRAIN)).min(jumped);
    match paid {
        Some(paid) if paid <= released => vec![(first, refunded)],
        // It may have been given back, or run out, and been taken once more by a late payment.
        Some(paid) => vec![(first, Some(released)), (paid, refunded)],
        None => vec![(first, Some(released))],
    }
}

/// The earliest moment at which the order may have been placed: an attempt that nobody heard of may have been the one.
fn may_be_placed(case: &Case<'_>, dossier: &Dossier<'_>) -> Option<Moment> {
    let Want::Buy { buyer, key, .. } = &dossier.won.first()?.want else { return None };
    let attempts = case.attempts.get(&(buyer.as_str(), key.as_str()))?;
    attempts.iter().filter(|attempt| attempt.code().is_none()).map(|attempt| attempt.begun).min()
}

fn steps_of(case: &Case<'_>, dossier: &Dossier<'_>, steps: &mut Steps) {
    let Some(Want::Buy { units, .. }) = dossier.won.first().map(|won| &won.want) else { return };
    for (from, to) in certain(case, dossier) {
        if to.is_none_or(|to| to > from) {
            steps.push((from, i64::from(*units)));
            steps.extend(to.map(|to| (to, -i64::from(*units))));
        }
    }
}

/// The highest sum that is ever reached; what falls at an instant falls before what rises.
fn peak(mut steps: Steps) -> i64 {
    steps.sort_unstable();
    let (mut sum, mut peak) = (0, 0);
    for (_, step) in steps {
        sum += step;
        peak = peak.max(sum);
    }
    peak
}

/// H1.
pub(super) fn oversold(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    let terms = case.history.terms;
    let mut steps = Vec::new();
    case.orders.values().for_each(|dossier| steps_of(case, dossier, &mut steps));
    // Units that were put on sale are there from the moment at which somebody asked for it.
    for operation in &case.history.operations {
        if let (Want::Add(units), true) = (&operation.want, operation.code().is_none()) {
            steps.push((operation.begun, -i64::from(*units)));
        }
        // Units that were taken away are nobody's, as soon as that was said.
        if let (Want::Take(units), true) = (&operation.want, operation.is_yes()) {
            steps.push((operation.ended, i64::from(*units)));
        }
    }
    let most = peak(steps);
    if most > i64::from(terms.stock) {
        object(Rule::Oversold, format!("{most} units were in buyers' hands at once, of {}", terms.stock));
    }
}

/// H4.
pub(super) fn limit(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    let terms = case.history.terms;
    let mut by_buyer: HashMap<&str, Steps> = HashMap::new();
    for dossier in case.orders.values() {
        if let Some(Want::Buy { buyer, .. }) = dossier.won.first().map(|won| &won.want) {
            steps_of(case, dossier, by_buyer.entry(buyer).or_default());
        }
    }
    let mut finals: HashMap<&str, i64> = HashMap::new();
    for last in case.history.finals.iter().filter(|last| last.state.is_live()) {
        *finals.entry(&last.buyer).or_default() += i64::from(last.units);
    }
    let most = by_buyer.into_iter().map(|(buyer, steps)| (buyer, peak(steps))).chain(finals);
    for (buyer, units) in most.filter(|(_, units)| *units > i64::from(terms.limit_per_buyer)) {
        object(Rule::Limit, format!("{buyer} had {units} units at once, of {} allowed", terms.limit_per_buyer));
    }
}

/// H5; and how many noes it looked at, how sharply.
pub(super) fn false_no(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) -> Noes {
    let mut noes = Noes::default();
    for (operation, free) in certainly_free_for(case) {
        noes.judged += 1;
        noes.to_the_unit += u64::from(free >= 0);
        let Want::Buy { units, buyer, .. } = &operation.want else { continue };
        if free >= i64::from(*units) {
            let code = operation.code().unwrap_or_default();
            object(
                Rule::FalseNo,
                format!("{buyer} was told {code} at {:?}, with {units} free all the time", operation.ended),
            );
        }
    }
    noes
}

/// The attempts that were told that nothing is left, and how many units were certainly free all the time meanwhile; negative
/// where more may have been taken than there are. What may have been taken at a moment: whatever was asked for by then and
/// has not certainly failed, or come back.
fn certainly_free_for<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a Operation, i64)> {
    let mut taken: Steps = Vec::new();
    for operation in &case.history.operations {
        match (&operation.want, &operation.heard) {
            (Want::Buy { units, .. }, heard) => {
                taken.push((operation.begun, i64::from(*units)));
                if let Some(free) = certainly_free(case, operation, heard) {
                    taken.push((free.max(operation.begun), -i64::from(*units)));
                }
            }
            (Want::Add(units), Heard::Yes { .. }) => taken.push((operation.ended, -i64::from(*units))),
            (Want::Take(units), heard) => {
                taken.push((operation.begun, i64::from(*units)));
                if matches!(heard, Heard::No { .. }) {
                    taken.push((operation.ended, -i64::from(*units)));
                }
            }
            _ => {}
        }
    }
    // What rises at an instant rises before what falls.
    taken.sort_unstable_by_key(|(moment, step)| (*moment, -step));
    let levels: Steps = taken
        .into_iter()
        .scan(0, |sum, (moment, step)| {
            *sum += step;
            Some((moment, *sum))
        })
        .collect();
    let stock = i64::from(case.history.terms.stock);
    case.history.operations.iter().filter_map(move |operation| {
        let Want::Buy { units, .. } = &operation.want else { return None };
        operation.code().filter(|code| matches!(*code, "sold_out" | "insufficient_stock"))?;
        // The attempt itself was no hindrance to itself.
        let most = most_between(&levels, operation.begun, operation.ended) - i64::from(*units);
        Some((operation, stock - most))
    })
}

/// When the units of an attempt were certainly nobody's, if ever.
fn certainly_free(case: &Case<'_>, operation: &Operation, heard: &Heard) -> Option<Moment> {
    let order = match heard {
        Heard::No { .. } => return Some(operation.ended),
        Heard::Yes { order, .. } => (*order)?,
        // It came to nothing, or to an order that is there at the end.
        Heard::Nothing => match case.order_of(operation) {
            None => return Some(operation.ended + AT_WORK),
            Some(order) => order,
        },
    };
    let dossier = case.orders.get(&order)?;
    // The first answer has its units; others with the same order have none of their own.
    if operation.is_yes() && !std::ptr::eq(*dossier.won.first()?, operation) {
        return Some(operation.ended);
    }
    let is_over = |look: &&&Operation| {
        matches!(look.heard, Heard::Yes { state: Some(OrderState::Expired | OrderState::Cancelled), .. })
    };
    let given_back = dossier.cancelled.iter().filter(|back| back.is_yes()).map(|back| back.ended);
    let known = given_back.chain(dossier.looks.iter().filter(is_over).map(|look| look.ended)).min();
    let at_last = match dossier.last?.state {
        // Also where it was given back or ran out meanwhile, and was paid late.
        OrderState::Held | OrderState::Confirmed => return None,
        OrderState::Refunded => {
            return dossier.refunded.iter().filter(|back| back.is_yes()).map(|back| back.ended).min();
        }
        OrderState::Expired => {
            operation.ended + AT_WORK + case.history.terms.hold + case.holds_last_longer_by() + AT_WORK
        }
        OrderState::Cancelled => dossier.cancelled.iter().map(|back| back.ended + AT_WORK).max()?,
    };
    Some(known.map_or(at_last, |known| known.min(at_last)))
}

/// The highest level within a span, that at its beginning included.
fn most_between(levels: &Steps, from: Moment, to: Moment) -> i64 {
    let first = levels.partition_point(|(moment, _)| *moment < from);
    let before = first.checked_sub(1).map_or(0, |last| levels[last].1);
    levels[first..].iter().take_while(|(moment, _)| *moment <= to).map(|(_, level)| *level).fold(before, i64::max)
}

/// H9.
pub(super) fn exactness(case: &Case<'_>, object: &mut impl FnMut(Rule, String)) {
    if !case.history.was_bought_out {
        return;
    }
    let stock = i64::from(case.history.terms.stock);
    let (mut least, mut most) = (stock, stock);
    for operation in &case.history.operations {
        let units = match operation.want {
            Want::Add(units) => i64::from(units),
            Want::Take(units) => -i64::from(units),
            _ => continue,
        };
        match operation.heard {
            Heard::Yes { .. } => (least, most) = (least + units, most + units),
            Heard::Nothing => (least, most) = (least + units.min(0), most + units.max(0)),
            Heard::No { .. } => {}
        }
    }
    let live = case.history.finals.iter().filter(|last| last.state.is_live());
    let live: i64 = live.map(|last| i64::from(last.units)).sum();
    if !(least..=most).contains(&live) {
        object(Rule::Exactness, format!("{live} units are sold of {least} to {most}, though more were wanted"));
    }
}
