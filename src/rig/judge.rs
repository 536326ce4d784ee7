//! Were the promises kept? What the ledger says, held against what the clients were told.

use std::collections::{HashMap, HashSet};
use std::io::Cursor;
use std::path::Path;

use serde::Serialize;

use crate::ids::OrderId;
use crate::ledger::audit::{AuditReport, Invariant, audit};
use crate::ledger::read::LedgerReader;

/// An order that a client has read a yes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The client's own number for the buyer.
    pub buyer: u64,
    /// The order's id.
    pub order: OrderId,
    /// Its units.
    pub units: u32,
}

/// What the clients saw, as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// Units that a buyer may have.
    pub limit_per_buyer: u32,
    /// Units for which buyers who have none were told that all are gone.
    pub refused_units: u64,
}

/// What came of it; all four of the counts ought to be 0.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Units beyond those that there were, by the ledger or by what the clients were told.
    pub oversold: u64,
    /// Orders that were told twice, and units of a buyer beyond the limit.
    pub duplicates: u64,
    /// Acknowledged orders that aren't in the ledger.
    pub lost: u64,
    /// Units that are left, although buyers who have none were told that all are gone.
    pub undersold: u64,
    /// Orders that clients were told of.
    pub acknowledged: u64,
    /// The ledger's own proof.
    pub audit: AuditReport,
}

impl Verdict {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.audit.is_ok() && self.oversold + self.duplicates + self.lost + self.undersold == 0
    }
}

/// Judges a ledger that nobody writes to any more.
///
/// # Errors
/// Where the ledger can't be read.
pub fn judge(data_dir: &Path, acks: &[Acknowledged], expected: Expected) -> anyhow::Result<Verdict> {
    let lines: String = acks.iter().map(|ack| format!("{}\n", ack.order)).collect();
    let report = audit(&LedgerReader::open(data_dir)?, Some(Cursor::new(lines)))?;
    Ok(weigh(report, acks, expected))
}

fn weigh(audit: AuditReport, acks: &[Acknowledged], expected: Expected) -> Verdict {
    let (mut stock, mut available, mut taken) = (0, 0, 0);
    for item in &audit.items {
        stock += item.stock.max(0).unsigned_abs();
        available += item.available.max(0).unsigned_abs();
        taken += (item.held + item.confirmed).max(0).unsigned_abs();
    }
    let (mut orders, mut units_of, mut told, mut told_twice) = (HashSet::new(), HashMap::new(), 0, 0);
    for ack in acks {
        if orders.insert(ack.order) {
            told += u64::from(ack.units);
            *units_of.entry(ack.buyer).or_insert(0) += u64::from(ack.units);
        } else {
            told_twice += 1;
        }
    }
    let limit = u64::from(expected.limit_per_buyer);
    let beyond_limit: u64 = units_of.values().map(|units: &u64| units.saturating_sub(limit)).sum();
    let lost = audit.violations().iter().filter(|violation| violation.invariant == Invariant::I8).count();
    Verdict {
        oversold: taken.max(told).saturating_sub(stock),
        duplicates: told_twice + beyond_limit,
        lost: lost as u64,
        undersold: available.min(expected.refused_units),
        acknowledged: acks.len() as u64,
        audit,
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::{Acknowledged, Expected, Verdict, judge};
    use crate::ids::OrderId;
    use crate::ledger::fixture::{LedgerFixture, Row};

    const FAIR: Expected = Expected { limit_per_buyer: 1, refused_units: 0 };

    fn order(byte: u8) -> OrderId {
        let two = format!("{byte:02x}").repeat(2);
        OrderId::parse(&format!("{two}{two}-{two}-{two}-{two}-{two}{two}{two}")).expect("an id")
    }

    /// Three buyers who have read of one order each.
    fn three() -> Vec<Acknowledged> {
        (1..=3).map(|byte| Acknowledged { buyer: u64::from(byte), order: order(byte), units: 1 }).collect()
    }

    /// A ledger in which three of the units are sold, judged with what the clients say.
    fn verdict(stock: u32, acks: &[Acknowledged], expected: Expected) -> Verdict {
        let mut ledger = LedgerFixture::live(9, stock);
        for id in 1..=3 {
            ledger.append(&Row::order(0, 0, &format!("b-{id}")).with_id(id));
        }
        judge(ledger.dir(), acks, expected).expect("a verdict")
    }

    #[test]
    fn a_sale_in_which_everything_is_right_is_right() {
        let verdict = verdict(3, &three(), Expected { refused_units: 1_000, ..FAIR });
        assert!(verdict.is_ok(), "{verdict:?}");
        assert_eq!(verdict.acknowledged, 3);
    }

    #[test]
    fn an_order_that_the_ledger_does_not_have_is_lost() {
        let mut acks = three();
        acks.push(Acknowledged { buyer: 9, order: order(9), units: 1 });
        let verdict = verdict(9, &acks, FAIR);
        assert_eq!((verdict.lost, verdict.oversold, verdict.is_ok()), (1, 0, false));
    }

    #[test]
    fn more_units_than_there_were_are_oversold_whatever_the_ledger_says() {
        let mut acks = three();
        acks[0].units = 2;
        let verdict = verdict(3, &acks, Expected { limit_per_buyer: 2, ..FAIR });
        assert_eq!((verdict.oversold, verdict.is_ok()), (1, false));
    }

    #[test]
    fn an_order_told_to_two_and_a_buyer_with_two_are_duplicates() {
        let mut acks = three();
        acks.push(Acknowledged { buyer: 9, ..acks[0] });
        acks[2].buyer = acks[1].buyer;
        let verdict = verdict(3, &acks, FAIR);
        assert_eq!((verdict.duplicates, verdict.is_ok()), (2, false));
    }

    #[test]
    fn units_that_are_left_though_somebody_was_sent_away_for_them_are_undersold() {
        let undersold = |refused_units| verdict(5, &three(), Expected { refused_units, ..FAIR }).undersold;
        assert_eq!([0, 1, 9].map(undersold), [0, 1, 2]);
    }
}
