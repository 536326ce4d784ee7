//! What the audit has to say: as JSON for programs, as text for people.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::row::Hash;
use crate::ids::{ItemNo, SaleNo};

/// Violations that are listed; the first ones tell what happened, a flood behind them tells nothing more.
const LISTED_MAX: usize = 100;

/// What must always be true: the contract's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
pub enum Invariant {
    /// Stock = available + held + confirmed, none below zero.
    I1,
    /// No buyer has more than the limit.
    I2,
    /// Order ids and idempotency keys are unique.
    I3,
    /// Orders follow the state machine.
    I4,
    /// Orders are won in the sale's live time.
    I5,
    /// The log is dense, chained, and never goes back in time.
    I6,
    /// What is shown is the fold of the log.
    I7,
    /// What was acknowledged is there.
    I8,
    /// A running server's memory is what the log says.
    I9,
    /// Sold out is said when, and only when, nothing is left.
    I10,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// What it goes against.
    pub invariant: Invariant,
    /// The event at which it shows; none where it isn't one event's.
    #[schema(required)]
    pub seq: Option<i64>,
    /// What was found.
    pub what: String,
}

/// Violations on their way into the report.
#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<Violation>,
    total: u64,
}

impl Findings {
    /// Notes a violation. Beyond the cap it is only counted, and not put into words.
    pub(super) fn note(&mut self, invariant: Invariant, seq: Option<i64>, what: impl FnOnce() -> String) {
        self.total += 1;
        if self.listed.len() < LISTED_MAX {
            self.listed.push(Violation { invariant, seq, what: what() });
        }
    }
}

/// What the log says of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ItemTotals {
    /// Its number; not part of the JSON.
    #[serde(skip)]
    pub item: ItemNo,
    /// Its sale's number; not part of the JSON.
    #[serde(skip)]
    pub sale_no: SaleNo,
    /// Its sale's public id.
    pub sale: String,
    /// Its public id.
    pub sku: String,
    /// Units put on sale, sold ones included. Below zero in a damaged ledger only, as all of these.
    pub stock: i64,
    /// Units nobody has.
    pub available: i64,
    /// Units that wait to be paid.
    pub held: i64,
    /// Units sold.
    pub confirmed: i64,
}

/// The verdict. Serialises as `audit --json` promises.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditReport {
    ok: bool,
    /// Events in the audited log.
    pub events: u64,
    /// Orders that were won in it.
    pub orders: u64,
    head: String,
    violations: Vec<Violation>,
    /// Where there are more violations than are listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    violations_total: Option<u64>,
    /// Every item's totals at the end of the log, in the order of their numbers.
    #[serde(rename = "sales")]
    pub items: Vec<ItemTotals>,
    /// The last event's number: what the totals are true of; 0 where the log is empty.
    #[serde(skip)]
    pub head_seq: i64,
    /// How many acknowledged orders were looked up; none where no list was given.
    #[serde(skip)]
    pub acks: Option<u64>,
}

impl AuditReport {
    pub(super) fn new(
        findings: Findings,
        events: u64,
        orders: u64,
        head_seq: i64,
        head: Hash,
        items: Vec<ItemTotals>,
        acks: Option<u64>,
    ) -> Self {
        let head = head.iter().map(|byte| format!("{byte:02x}")).collect();
        let Findings { listed: violations, total } = findings;
        let violations_total = (total > violations.len() as u64).then_some(total);
        Self { ok: total == 0, events, orders, head, violations, violations_total, items, head_seq, acks }
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ok
    }

    /// The last event's link, in hexadecimal; zeros where the log is empty.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The first violations, in the order of the log; at most a hundred.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations there are in all.
    #[must_use]
    pub fn violations_total(&self) -> u64 {
        self.violations_total.unwrap_or(self.violations.len() as u64)
    }

    /// Adds what was found by somebody who sees more than the log: I9.
    pub fn add(&mut self, violation: Violation) {
        let total = self.violations_total() + 1;
        self.ok = false;
        if self.violations.len() < LISTED_MAX {
            self.violations.push(violation);
        } else {
            self.violations_total = Some(total);
        }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, orders, head, .. } = self;
        if self.ok {
            writeln!(formatter, "proven: {events} events, {orders} orders, head {head}")?;
            writeln!(
                formatter,
                "  no oversell, no undersell, nobody beyond the limit, no order twice, none out of time;"
            )?;
            writeln!(formatter, "  the chain is whole, and what is shown is what the log adds up to")?;
        } else {
            let total = self.violations_total();
            writeln!(formatter, "NOT proven: {total} violations in {events} events, {orders} orders, head {head}")?;
            for Violation { invariant, seq, what } in &self.violations {
                match seq {
                    Some(seq) => writeln!(formatter, "  {invariant:?} at event {seq}: {what}")?,
                    None => writeln!(formatter, "  {invariant:?}: {what}")?,
                }
            }
            if let Some(total) = self.violations_total {
                writeln!(formatter, "  and {} more", total - self.violations.len() as u64)?;
            }
        }
        match self.acks {
            Some(acks) => writeln!(formatter, "  {acks} acknowledged orders were looked up")?,
            None => writeln!(formatter, "  acknowledged orders were not looked up: no list was given")?,
        }
        for ItemTotals { sale, sku, stock, available, held, confirmed, .. } in &self.items {
            writeln!(
                formatter,
                "  {sale} {sku}: stock {stock} = {available} available + {held} held + {confirmed} confirmed"
            )?;
        }
        Ok(())
    }
}
