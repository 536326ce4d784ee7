//! A ledger made anew from its own bytes.

use tempfile::TempDir;

use crate::ledger::FILE_NAME;
use crate::ledger::fixture::{LedgerFixture, Row};
use crate::ledger::rebuild::{Rebuild, RebuildFault};
use crate::ledger::row::EventKind;

/// The rows of a ledger as PostgreSQL keeps them.
fn rows(ledger: &LedgerFixture) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let each = |row: &crate::ledger::row::EventRow<'_>, hash: &crate::ledger::row::Hash| {
        let mut payload = Vec::new();
        row.write_payload(&mut payload);
        rows.push((payload, hash.to_vec()));
    };
    ledger.reader().cargo(0, 1_000, each).expect("a readable log");
    rows
}

fn ledger() -> LedgerFixture {
    let mut ledger = LedgerFixture::live(1, 10);
    ledger.append(&Row { item: Some(0), quantity: Some(5), ..Row::of(EventKind::StockAdded, 0) });
    ledger.append(&Row::of(EventKind::SaleEnded, 0));
    ledger
}

#[test]
fn a_ledger_that_is_made_anew_is_the_same_one() {
    let (ledger, dir) = (ledger(), TempDir::new().expect("a directory"));
    let mut rebuild = Rebuild::begin(dir.path()).expect("an empty directory");
    for (payload, hash) in rows(&ledger) {
        rebuild.add(&payload, &hash).expect("the next row");
    }
    assert!(!dir.path().join(FILE_NAME).exists(), "not before it is proven");
    let report = rebuild.finish().expect("a ledger");
    let head = ledger.reader().head().expect("a head");
    assert_eq!((report.is_ok(), report.head_seq), (true, head.seq));
    assert!(dir.path().join(FILE_NAME).exists() && !dir.path().join("restoring").exists());
    assert!(matches!(Rebuild::begin(dir.path()), Err(RebuildFault::Exists(_))));
}

#[test]
fn nothing_is_made_anew_beside_a_log_that_would_be_replayed_over_it() {
    for suffix in ["-wal", "-journal"] {
        let dir = TempDir::new().expect("a directory");
        let leftover = dir.path().join(format!("{FILE_NAME}{suffix}"));
        std::fs::write(&leftover, "of the ledger before").expect("a file");
        assert!(matches!(Rebuild::begin(dir.path()), Err(RebuildFault::Exists(path)) if path == leftover));
    }
}

#[test]
fn a_row_that_is_missing_changed_or_damaged_leaves_no_ledger() {
    let rows = rows(&ledger());
    let mut changed = rows.clone();
    changed[1].0[2] ^= 1;
    let mut relinked = rows.clone();
    relinked[2].1[0] ^= 1;
    let missing: Vec<_> = rows.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, row)| row.clone()).collect();
    for (rows, bad) in [(missing, 2), (changed, 2), (relinked, 3)] {
        let dir = TempDir::new().expect("a directory");
        let mut rebuild = Rebuild::begin(dir.path()).expect("an empty directory");
        let fault = rows.iter().find_map(|(payload, hash)| rebuild.add(payload, hash).err());
        assert!(matches!(fault, Some(RebuildFault::Row { seq, .. }) if seq == bad), "{fault:?}");
        drop(rebuild);
        assert!(!dir.path().join(FILE_NAME).exists());
    }
}
