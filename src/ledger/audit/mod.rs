//! The proof: is the ledger what it must be?
//!
//! Reads the log from its first event, folds it without looking at the tables that the writer keeps, and holds each
//! event against the contract's invariants. What a running server has in memory (I9) is compared by whoever has both:
//! [`AuditReport::items`] is the log's side. Deliberately absent: repair, and trust in anything the writer computed but
//! the words of its rows.
//!
//! What no log can show by itself: that its end was cut off together with all tables. That takes a witness from
//! outside: the acknowledged order ids (I8), or the head of an earlier audit.
//!
//! **Invariant:** only reads, in transactions of [`CHUNK_ROWS`] at most until it has caught up, so that a live server's
//! write-ahead log is never pinned for long. The end of the log and the tables are compared in one snapshot.
//!
//! **Invariant:** damage is a finding, never a crash: a row that makes no sense is reported and passed over.

mod acks;
mod decode;
mod fold;
mod moves;
mod order;
mod report;
mod sale;
mod tables;

use std::io::BufRead;

use self::acks::Acks;
use self::fold::Fold;
/// For [`crate::fuzz`]: a list of acknowledged orders has at most as many as it has lines.
#[cfg(any(test, feature = "torture"))]
pub(crate) fn fuzzed_acks(bytes: &[u8]) {
    let acks = acks::Acks::read(bytes).expect("bytes in memory are read");
    assert!(acks.count() <= bytes.split(|byte| *byte == b'\n').count() as u64);
}

/// For [`crate::fuzz`]: each item's stock, and how many of that are held and sold; none where something is wrong.
#[cfg(any(test, feature = "torture"))]
pub(crate) fn fuzzed_log(rows: &[super::row::EventRow<'_>]) -> Option<Vec<[i64; 3]>> {
    let (mut fold, mut head) = (Fold::new(), super::row::GENESIS);
    for row in rows {
        head = row.link(&head);
        fold.take(&super::read::StoredRow { seq: row.seq, event: Ok(*row), hash: Some(head) });
    }
    fold.finish();
    let report = fold.into_report(None);
    let totals = |item: &ItemTotals| [item.stock, item.held, item.confirmed];
    report.violations().is_empty().then(|| report.items.iter().map(totals).collect())
}

pub use self::report::{AuditReport, Invariant, ItemTotals, Violation};
use super::read::{LedgerReader, ReadFault};

/// Rows in one read transaction: some 20 to 40 ms, in which a busy writer adds a few megabytes to its log.
const CHUNK_ROWS: i64 = 10_000;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// The list of acknowledged orders cannot be read.
    #[error("the list of acknowledged orders cannot be read")]
    Acks(#[source] std::io::Error),
}

/// Proves the ledger, or says what is wrong with it.
///
/// `acks` has one acknowledged order's id on each line. It is read to its end first, so that on a live server every
/// order that it names was promised before the audited end of the log.
///
/// # Errors
/// [`AuditFault`] where ledger or list cannot be read. A violation is no fault: it is in the report.
pub fn audit<R: BufRead>(reader: &LedgerReader, acks: Option<R>) -> Result<AuditReport, AuditFault> {
    let acks = acks.map(Acks::read).transpose().map_err(AuditFault::Acks)?;
    let mut fold = Fold::new();
    let next = fold_chunks(reader, &mut fold, reader.last_seq()?)?;
    // What was written meanwhile, and the tables, are seen as of one moment.
    let snapshot = reader.snapshot()?;
    if let Some(next) = next {
        reader.events(next, i64::MAX, -1, |row| fold.take(row))?;
    }
    fold.finish();
    tables::compare(&mut fold, reader)?;
    drop(snapshot);
    if let Some(acks) = &acks {
        acks.check(&mut fold);
    }
    Ok(fold.into_report(acks.map(|acks| acks.count())))
}

/// What the log says of every item up to and including event `seq`, in the order of their numbers: what a running server compares
/// its counters with.
///
/// # Errors
/// [`AuditFault`] where the ledger cannot be read.
pub fn totals_at(reader: &LedgerReader, seq: i64) -> Result<Vec<ItemTotals>, AuditFault> {
    let mut fold = Fold::new();
    fold_chunks(reader, &mut fold, seq)?;
    Ok(fold.into_report(None).items)
}

/// Folds the log up to `last` in short read transactions. Answers where it goes on; none at the end of all numbers.
fn fold_chunks(reader: &LedgerReader, fold: &mut Fold, last: i64) -> Result<Option<i64>, ReadFault> {
    // Not 1: a row before the first is a violation that must be seen.
    let mut next = i64::MIN;
    loop {
        let mut seq_read = None;
        let rows = reader.events(next, last, CHUNK_ROWS, |row| {
            seq_read = Some(row.seq);
            fold.take(row);
        })?;
        match seq_read.map(|seq| seq.checked_add(1)) {
            Some(Some(after)) => next = after,
            Some(None) => return Ok(None),
            None => {}
        }
        if rows < CHUNK_ROWS {
            return Ok(Some(next));
        }
    }
}

#[cfg(test)]
mod tests;
