//! Judges a history from the clients' side alone: what nobody could have seen if every promise was kept.
//!
//! The server's inside isn't looked at. An operation takes effect at an instant between its beginning and its end, or, where
//! nothing was heard, at any instant after its beginning or never; a rule objects only where no choice of instants would do.
//! Rules H1 to H10 are those of black-box checkers for inventories, sold out being legal where at some instant within the
//! call too few units were free, units of an attempt that is still undecided not being free.
//!
//! **Invariant:** a history in which every promise was kept is never objected to.

mod agreement;
pub mod linear;
mod order_by_order;
mod units;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::history::{CLOCK_WRONG_BY, Final, Heard, History, Moment, Operation, Want};
use crate::ids::OrderId;

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Rule {
    /// Never more units in buyers' hands than there are.
    #[serde(rename = "H1 oversold")]
    Oversold,
    /// A yes is in the ledger, and nothing that nobody asked for.
    #[serde(rename = "H2 durability")]
    Durability,
    /// One key, one order.
    #[serde(rename = "H3 idempotency")]
    Idempotency,
    /// Never more than the limit for a buyer.
    #[serde(rename = "H4 limit")]
    Limit,
    /// Nobody is sent away for units that were free all the time.
    #[serde(rename = "H5 false no")]
    FalseNo,
    /// Nothing is sold in a pause, and nobody is told of one that isn't.
    #[serde(rename = "H6 window")]
    Window,
    /// What was decided stays decided.
    #[serde(rename = "H7 agreement")]
    Agreement,
    /// Who looks sees what was, in its order.
    #[serde(rename = "H8 session")]
    Session,
    /// Enough buyers leave nothing.
    #[serde(rename = "H9 exactness")]
    Exactness,
    /// What nobody heard of was done once or not at all.
    #[serde(rename = "H10 unknown")]
    Unknown,
    /// A small window could have been seen one after the other.
    #[serde(rename = "linearizability")]
    Linearizability,
    /// The ledger's own proof.
    #[serde(rename = "audit")]
    Audit,
    /// What the server remembers is what its ledger says.
    #[serde(rename = "I9 memory")]
    Memory,
    /// What is behind the ledger has what the ledger has, before anybody who waits for it is told.
    #[serde(rename = "postgres")]
    Postgres,
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// Which.
    pub rule: Rule,
    /// How.
    pub what: String,
}

/// The operations on one order, as the rules look at it.
#[derive(Debug, Default)]
pub(super) struct Dossier<'a> {
    /// The attempts that were answered with it.
    pub(super) won: Vec<&'a Operation>,
    pub(super) paid: Vec<&'a Operation>,
    pub(super) cancelled: Vec<&'a Operation>,
    pub(super) refunded: Vec<&'a Operation>,
    pub(super) looks: Vec<&'a Operation>,
    pub(super) last: Option<&'a Final>,
}

/// A history, sorted for the rules.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) history: &'a History,
    pub(super) orders: HashMap<OrderId, Dossier<'a>>,
    /// The attempts of each buyer under each key.
    pub(super) attempts: HashMap<(&'a str, &'a str), Vec<&'a Operation>>,
    /// When the server's clock was set, one after the other.
    jumps: Vec<(Moment, Moment)>,
    /// What there is at the end under each buyer's key.
    at_last: HashMap<(&'a str, &'a str), OrderId>,
}

impl<'a> Case<'a> {
    fn of(history: &'a History) -> Self {
        let mut case = Self {
            history,
            orders: HashMap::new(),
            attempts: HashMap::new(),
            jumps: Vec::new(),
            at_last: HashMap::new(),
        };
        for operation in &history.operations {
            match &operation.want {
                Want::Buy { buyer, key, .. } => {
                    case.attempts.entry((buyer, key)).or_default().push(operation);
                    if let Heard::Yes { order: Some(order), .. } = operation.heard {
                        case.orders.entry(order).or_default().won.push(operation);
                    }
                }
                Want::Pay(order) => case.orders.entry(*order).or_default().paid.push(operation),
                Want::Cancel(order) => case.orders.entry(*order).or_default().cancelled.push(operation),
                Want::Refund(order) => case.orders.entry(*order).or_default().refunded.push(operation),
                Want::Look(order) => case.orders.entry(*order).or_default().looks.push(operation),
                Want::SetClock(_) => case.jumps.push((operation.begun, operation.ended)),
                Want::Pause | Want::Resume | Want::Add(_) | Want::Take(_) | Want::CutOff => {}
            }
        }
        for last in &history.finals {
            case.orders.entry(last.order).or_default().last = Some(last);
            case.at_last.insert((&last.buyer, &last.key), last.order);
        }
        case
    }

    /// From when on a hold that begins at a moment may have ended early, because the clock was set; none: never.
    pub(super) fn jump_after(&self, moment: Moment) -> Option<Moment> {
        let next = self.jumps.partition_point(|(_, ended)| *ended < moment);
        self.jumps.get(next).map(|(begun, _)| *begun)
    }

    /// By how much a hold may last longer, because the clock was set back.
    pub(super) fn holds_last_longer_by(&self) -> Duration {
        if self.jumps.is_empty() { Duration::ZERO } else { 2 * CLOCK_WRONG_BY }
    }

    /// What an attempt has come to at the end, whether or not anybody was told.
    pub(super) fn order_of(&self, attempt: &Operation) -> Option<OrderId> {
        let Want::Buy { buyer, key, .. } = &attempt.want else { return None };
        self.at_last.get(&(buyer.as_str(), key.as_str())).copied()
    }
}

/// Noes for want of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noes {
    /// All that the fifth rule looked at.
    pub judged: u64,
    /// Those of them that one more free unit would have shown to be wrong; of the others somebody's unit was undecided.
    pub to_the_unit: u64,
}

/// What comes of a history.
#[derive(Debug)]
pub struct Judgement {
    /// Everything that is wrong with it; nothing where every promise was kept.
    pub objections: Vec<Objection>,
    /// How sharply its noes were looked at.
    pub noes: Noes,
}

/// Looks at a history by every rule.
#[must_use]
pub fn judge(history: &History) -> Judgement {
    let case = Case::of(history);
    let mut objections = Vec::new();
    let mut object = |rule, what: String| objections.push(Objection { rule, what });
    units::oversold(&case, &mut object);
    agreement::durability(&case, &mut object);
    agreement::idempotency(&case, &mut object);
    units::limit(&case, &mut object);
    let noes = units::false_no(&case, &mut object);
    agreement::window(&case, &mut object);
    order_by_order::agreement(&case, &mut object);
    order_by_order::session(&case, &mut object);
    units::exactness(&case, &mut object);
    agreement::unknown(&case, &mut object);
    agreement::cut_off(&case, &mut object);
    objections.sort_by_key(|objection| objection.rule);
    Judgement { objections, noes }
}
