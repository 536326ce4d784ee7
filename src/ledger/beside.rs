//! What lies beside the ledger's file: is the write-ahead log there its own?
//!
//! SQLite doesn't ask. A log with the right name is replayed over the file, whichever file it was written for, and a log
//! beside an empty file is removed. Both happen where somebody copies files about: a backup is put beside the log of
//! what was there before, a ledger is moved without its log.
//!
//! Absent: whose a log is where the file alone has no event yet, and whether there should be one where there is none.
//! No file can show that; a witness from outside can (the audit's list of acknowledged orders, PostgreSQL).
//!
//! **Invariant:** to be asked before anything is written or checkpointed: until then nothing is lost.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::fault::LedgerFault;
use super::page::Head;
use super::row::Hash;
use super::tail::check_tail;

/// What SQLite would replay over a file of this name, or roll back in it, whatever it belongs to.
pub(super) fn leftover(file: &Path) -> Option<PathBuf> {
    ["-wal", "-journal"].map(|suffix| beside(file, suffix)).into_iter().find(|path| path.exists())
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

/// The last event that the file has by itself, where there is a log beside it; to be looked for before SQLite opens it.
pub(super) fn look(file: &Path) -> Result<Option<Head>, LedgerFault> {
    let log = beside(file, "-wal");
    if length(&log)? == 0 {
        return Ok(None);
    }
    if length(file)? == 0 {
        let why = format!("{} is there, and the file that it belongs to is gone or empty", log.display());
        return Err(LedgerFault::Corrupt { seq: None, why });
    }
    // In the middle of a checkpoint the file alone means nothing: then there is nothing to compare.
    Ok(alone(file).ok().filter(|head| head.seq > 0))
}

fn length(path: &Path) -> Result<u64, LedgerFault> {
    match path.metadata() {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(LedgerFault::about(path)(error)),
    }
}

/// What the file ends with without its log: with its links, for a page of another time may be among its own.
fn alone(file: &Path) -> Result<Head, LedgerFault> {
    let reading = || LedgerFault::while_doing("reading the ledger without its log");
    // Immutable: the log isn't opened, and nothing is locked or made.
    let uri = format!("file:{}?immutable=1", percent_encode(file.as_os_str().as_bytes(), NON_ALPHANUMERIC));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags).map_err(reading())?;
    let sql = "SELECT coalesce(max(seq), 0) FROM events";
    let last = connection.query_row(sql, [], |row| row.get(0)).map_err(reading())?;
    check_tail(&connection, last)
}

/// What the file has by itself is still there when the log is read with it.
pub(super) fn compare(connection: &Connection, alone: Option<Head>) -> Result<(), LedgerFault> {
    let Some(Head { seq, hash, .. }) = alone else { return Ok(()) };
    let sql = "SELECT hash FROM events WHERE seq = ?1";
    let found: Option<Hash> = connection
        .query_row(sql, [seq], |row| row.get(0))
        .optional()
        .map_err(LedgerFault::while_doing("reading the ledger with its log"))?;
    if found == Some(hash) {
        return Ok(());
    }
    let why = "the write-ahead log beside the file belongs to another ledger, or to an earlier time of this one \
               (nothing of it was written into the file, which can be opened once the log is moved away)";
    Err(LedgerFault::Corrupt { seq: Some(seq), why: why.into() })
}
