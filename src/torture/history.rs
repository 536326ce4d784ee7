//! What clients did, and what they heard of it: every operation, in the order in which it began.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::ids::OrderId;
use crate::order::OrderState;

/// A point of the history's one clock: since its beginning.
pub type Moment = Duration;

/// Most by which the server's clock is set wrong, either way: holds are longer than nothing and shorter than this.
pub const CLOCK_WRONG_BY: Duration = Duration::from_secs(8);

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "wants", content = "what")]
pub enum Want {
    /// Units, under a key.
    Buy {
        /// Who.
        buyer: String,
        /// The idempotency key.
        key: String,
        /// How many.
        units: u32,
    },
    /// To say that an order is paid.
    Pay(#[serde(serialize_with = "as_text")] OrderId),
    /// To give an order back.
    Cancel(#[serde(serialize_with = "as_text")] OrderId),
    /// To look at an order.
    Look(#[serde(serialize_with = "as_text")] OrderId),
    /// The shop gives a paid order's money back, and its units are for sale again.
    Refund(#[serde(serialize_with = "as_text")] OrderId),
    /// The shopkeeper stops the sale.
    Pause,
    /// The shopkeeper lets it go on.
    Resume,
    /// The shopkeeper puts units on sale.
    Add(u32),
    /// The shopkeeper takes units away.
    Take(u32),
    /// PostgreSQL can't be reached, from the beginning of this to its end, and buyers wait for it.
    CutOff,
    /// The server's wall clock is set to show so much more than it should.
    SetClock(i64),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "heard")]
pub enum Heard {
    /// It was done.
    Yes {
        /// The order that it is about.
        #[serde(serialize_with = "maybe_as_text")]
        order: Option<OrderId>,
        /// How that stands.
        #[serde(serialize_with = "as_word")]
        state: Option<OrderState>,
        /// Whether it was the answer of an earlier attempt.
        is_replay: bool,
    },
    /// It was certainly not done.
    No {
        /// Why, in the contract's word.
        code: String,
    },
    /// It may have been done.
    Nothing,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Which client's; after it has heard nothing it is another one.
    pub client: u32,
    /// What it wanted.
    #[serde(flatten)]
    pub want: Want,
    /// Before it was sent.
    #[serde(serialize_with = "as_us", rename = "begun_us")]
    pub begun: Moment,
    /// After the answer was read, or given up.
    #[serde(serialize_with = "as_us", rename = "ended_us")]
    pub ended: Moment,
    /// What came back.
    #[serde(flatten)]
    pub heard: Heard,
}

impl Operation {
    /// Whether it was done.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        matches!(self.heard, Heard::Yes { .. })
    }

    /// Whether nobody knows.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.heard == Heard::Nothing
    }

    /// The code of a no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.heard {
            Heard::No { code } => Some(code),
            _ => None,
        }
    }
}

/// An order as the ledger has it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    /// Its id.
    pub order: OrderId,
    /// Whose it is.
    pub buyer: String,
    /// Under which key.
    pub key: String,
    /// How many units.
    pub units: u32,
    /// How it stands.
    pub state: OrderState,
}

/// What was there at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Units on sale.
    pub stock: u32,
    /// Units that each buyer may have.
    pub limit_per_buyer: u32,
    /// How long an order is held at least.
    pub hold: Duration,
}

/// All there is to judge.
#[derive(Debug, Clone)]
pub struct History {
    /// What was there.
    pub terms: Terms,
    /// What was done.
    pub operations: Vec<Operation>,
    /// What is there now.
    pub finals: Vec<Final>,
    /// Whether at the end buyers who have nothing asked until they were told that all is gone.
    pub was_bought_out: bool,
}

/// The one clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// It begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    #[must_use]
    pub fn now(self) -> Moment {
        self.0.elapsed()
    }
}

fn as_us<S: serde::Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(moment.as_micros()).unwrap_or(u64::MAX))
}

fn as_text<S: serde::Serializer>(order: &OrderId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(order)
}

fn maybe_as_text<S: serde::Serializer>(order: &Option<OrderId>, serializer: S) -> Result<S::Ok, S::Error> {
    order.as_ref().map(ToString::to_string).serialize(serializer)
}

fn as_word<S: serde::Serializer>(state: &Option<OrderState>, serializer: S) -> Result<S::Ok, S::Error> {
    state.map(OrderState::word).serialize(serializer)
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    #[test]
    fn whatever_anybody_wants_can_be_written_down() {
        let order = OrderId::parse("01010101-0101-0101-0101-010101010101").expect("an id");
        let buy = Want::Buy { buyer: "b".into(), key: "k".into(), units: 1 };
        let of_orders = [Want::Pay(order), Want::Cancel(order), Want::Refund(order), Want::Look(order)];
        let of_the_shop = [Want::Pause, Want::Resume, Want::Add(1), Want::Take(1), Want::CutOff, Want::SetClock(-1)];
        for want in [buy].into_iter().chain(of_orders).chain(of_the_shop) {
            let (begun, ended) = (Moment::ZERO, Moment::ZERO);
            let operation = Operation { client: 0, want, begun, ended, heard: Heard::No { code: "busy".into() } };
            let line = serde_json::to_value(&operation).unwrap_or_else(|fault| panic!("{operation:?}: {fault}"));
            assert!(line["wants"].is_string() && line["heard"] == "no" && line["code"] == "busy", "{line}");
        }
    }
}
