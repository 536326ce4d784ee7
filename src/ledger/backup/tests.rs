use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::super::audit::audit;
use super::super::fixture::{LedgerFixture, Row};
use super::*;
use crate::ledger::FILE_NAME;

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::new().expect("a temporary directory")
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_copy_is_the_ledger_and_stands_alone() {
    let mut ledger = LedgerFixture::live(1, 5);
    ledger.append(&Row::order(0, 0, "ann"));
    let folder = folder();
    // Under the ledger's own name, so that the copy can be opened as a data directory.
    let head = backup(ledger.dir(), &folder.path().join(FILE_NAME)).expect("a backup");
    assert_eq!(head, ledger.reader().head().expect("a head"));
    assert_eq!(names(folder.path()), [FILE_NAME]);
    let report = audit(&LedgerReader::open(folder.path()).expect("a ledger"), None::<&[u8]>).expect("a verdict");
    assert!(report.is_ok(), "{report}");
    assert_eq!(report.orders, 1);
}

#[cfg(unix)]
#[test]
fn a_copy_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let to = folder.path().join("copy.db");
    backup(LedgerFixture::live(1, 5).dir(), &to).expect("a backup");
    assert_eq!(fs::metadata(to).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_empty_ledger_is_copied() {
    let folder = folder();
    let head = backup(LedgerFixture::new().dir(), &folder.path().join("copy.db")).expect("a backup");
    assert_eq!(head.seq, 0);
}

#[test]
fn what_exists_is_never_overwritten() {
    let ledger = LedgerFixture::live(1, 5);
    let folder = folder();
    let to = folder.path().join("copy.db");
    fs::write(&to, "precious").expect("a file");
    assert!(matches!(backup(ledger.dir(), &to), Err(BackupFault::Exists(path)) if path == to));
    assert_eq!(fs::read_to_string(&to).expect("a file"), "precious");
    assert_eq!(names(folder.path()), ["copy.db"]);
    let itself = ledger.dir().join(FILE_NAME);
    assert!(matches!(backup(ledger.dir(), &itself), Err(BackupFault::Exists(_))));

    let partial = folder.path().join("other.db.partial");
    fs::write(&partial, "somebody else's").expect("a file");
    let fault = backup(ledger.dir(), &folder.path().join("other.db"));
    assert!(matches!(fault, Err(BackupFault::Exists(path)) if path == partial));
    assert_eq!(names(folder.path()), ["copy.db", "other.db.partial"]);
}

#[test]
fn no_copy_is_made_beside_a_log_that_would_be_replayed_over_it() {
    let ledger = LedgerFixture::live(1, 5);
    for suffix in ["-wal", "-journal"] {
        let folder = folder();
        let leftover = folder.path().join(format!("copy.db{suffix}"));
        fs::write(&leftover, "of another ledger").expect("a file");
        let fault = backup(ledger.dir(), &folder.path().join("copy.db"));
        assert!(matches!(&fault, Err(BackupFault::Exists(path)) if *path == leftover), "{fault:?}");
        assert_eq!(names(folder.path()), [format!("copy.db{suffix}").as_str()]);
    }
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let ledger = LedgerFixture::live(1, 5);
    ledger.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let source = folder();
    let damaged = source.path().join(FILE_NAME);
    let mut bytes = fs::read(ledger.dir().join(FILE_NAME)).expect("a file");
    // The page of the events: the second, behind the schema's.
    bytes[4096..8192].fill(0xff);
    fs::write(damaged, bytes).expect("a file");
    let target = folder();
    let fault = backup(source.path(), &target.path().join("copy.db"));
    assert!(fault.is_err(), "{fault:?}");
    assert_eq!(names(target.path()), [""; 0]);
    let nowhere = target.path().join("missing").join("copy.db");
    assert!(matches!(backup(ledger.dir(), &nowhere), Err(BackupFault::Write(_))));
}

#[test]
fn a_copy_that_fails_half_way_leaves_nothing() {
    let ledger = LedgerFixture::live(1, 5);
    let target = folder();
    let to = target.path().join("copy.db");
    let place = Place::reserve(&to).expect("a place");
    assert_eq!(names(target.path()), ["copy.db", "copy.db.partial"]);
    fs::write(&place.partial, "half a copy").expect("a file");
    fs::write(target.path().join("copy.db.partial-journal"), "half a journal").expect("a file");
    drop(place);
    assert_eq!(names(target.path()), [""; 0]);
    assert!(backup(ledger.dir(), &to).is_ok(), "the name is free again");
}

/// Outcomes of a copy beside a writer: *a proven ledger as of one moment: required; half a transaction: forbidden*.
#[test]
fn a_ledger_that_is_being_written_is_copied_as_of_one_moment() {
    let mut ledger = LedgerFixture::live(1, 1_000_000);
    let dir = ledger.dir().to_owned();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            // Relaxed: only says when to stop.
            while !is_done.load(Ordering::Relaxed) {
                ledger.sql("BEGIN IMMEDIATE");
                for _ in 0..50 {
                    ledger.append(&Row::order(0, 0, &format!("b-{number}")));
                    number += 1;
                }
                ledger.sql("COMMIT");
            }
        });
        for _ in 0..10 {
            let folder = folder();
            let head = backup(&dir, &folder.path().join(FILE_NAME)).expect("a backup");
            let copy = LedgerReader::open(folder.path()).expect("a ledger");
            let report = audit(&copy, None::<&[u8]>).expect("a verdict");
            assert!(report.is_ok(), "{report}");
            assert_eq!(report.head_seq, head.seq);
            assert_eq!(report.orders % 50, 0, "whole transactions only");
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
