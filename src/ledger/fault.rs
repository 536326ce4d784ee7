//! What can go wrong with a ledger before it writes, said so that whoever reads it at night knows what to do.
//!
//! **Invariant:** every fault has one exit code, the contract's.

use std::io;
use std::path::PathBuf;

use rusqlite::{Error as SqliteError, ErrorCode, ffi};

use super::health::Breakage;

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// Another process has this data directory.
    #[error("the data directory {} is in use by another doorbuster", .dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// A file system that doesn't keep what it confirms, or doesn't lock what it says is locked.
    #[error(
        "the data directory {} is on {file_system}, which a ledger cannot be trusted to: \
         use a local disk (in a container: a named volume)", .dir.display()
    )]
    FileSystem {
        /// The data directory.
        dir: PathBuf,
        /// Its file system's name, as the kernel says it.
        file_system: String,
    },
    /// The disk failed to sync: nothing that it says now can be believed.
    #[error("the disk cannot be trusted while {doing}: {source}")]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: SqliteError,
    },
    /// The same, of a file or directory that isn't SQLite's to sync.
    #[error("the disk cannot be trusted: {} can't be synced: {source}", .path.display())]
    Unsynced {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It broke while the first events of this run were written.
    #[error("the ledger broke while the shop was being opened: the next start finds out what is written")]
    Broken(Breakage),
    /// A file that isn't a ledger, or one of a newer doorbuster.
    #[error("{} is no ledger that this doorbuster knows: {why}", .file.display())]
    UnknownSchema {
        /// The ledger's file.
        file: PathBuf,
        /// What was found.
        why: String,
    },
    /// The ledger contradicts itself.
    #[error("the ledger is corrupt{}: {why}; restore a backup", at(.seq))]
    Corrupt {
        /// The first event that is wrong, where it is one event's fault.
        seq: Option<i64>,
        /// What is wrong.
        why: String,
    },
    /// An SQLite that is known to corrupt files has been linked.
    #[error("SQLite {found} may corrupt the ledger: at least {needed} is needed")]
    OldSqlite {
        /// The version that was linked.
        found: &'static str,
        /// The oldest that is good.
        needed: &'static str,
    },
    /// Anything else that SQLite says.
    #[error("the ledger failed while {doing}: {source}")]
    Sqlite {
        /// What was being done.
        doing: &'static str,
        /// What SQLite says.
        source: SqliteError,
    },
    /// Anything else that the operating system says.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The writer's thread could not be started.
    #[error("the ledger's writer could not be started: {0}")]
    Thread(io::Error),
}

fn at(seq: &Option<i64>) -> String {
    seq.map_or_else(String::new, |seq| format!(" at event {seq}"))
}

impl LedgerFault {
    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::UnknownSchema { .. } | Self::Corrupt { .. } => 65,
            Self::InUse { .. } => 73,
            Self::FileSystem { .. } | Self::Disk { .. } | Self::Unsynced { .. } => 74,
            Self::Broken(breakage) => breakage.exit_code(),
            Self::OldSqlite { .. } | Self::Sqlite { .. } | Self::Io { .. } | Self::Thread(_) => 1,
        }
    }

    /// For `map_err`: what SQLite said while something was being done.
    pub(super) fn while_doing(doing: &'static str) -> impl FnOnce(SqliteError) -> Self {
        move |source| match &source {
            _ if is_damage(&source) => Self::Corrupt { seq: None, why: format!("while {doing}: {source}") },
            _ if failed_to_sync(&source) => Self::Disk { doing, source },
            _ => Self::Sqlite { doing, source },
        }
    }

    /// For `map_err`: what the operating system said about a file.
    pub(super) fn about(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Whether what is read isn't what was written. That our own words are no SQL (`SQLITE_ERROR`) is the tables' fault, not
/// theirs: a column has lost its name, or the file its format.
fn is_damage(error: &SqliteError) -> bool {
    match error {
        SqliteError::SqliteFailure(failure, _) | SqliteError::SqlInputError { error: failure, .. } => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        }
        SqliteError::FromSqlConversionFailure(..)
        | SqliteError::InvalidColumnType(..)
        | SqliteError::IntegralValueOutOfRange(..)
        | SqliteError::QueryReturnedNoRows
        | SqliteError::Utf8Error(..) => true,
        _ => false,
    }
}

fn failed_to_sync(error: &SqliteError) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    matches!(extended, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

/// What an error of SQLite means for the events that were being written, if they can be shown not to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// One of the events may not be: the others can be written without it.
    BadEvent,
    /// The disk has no room, or may not be written: nothing was.
    Refused,
    /// They may be on disk and may not be.
    Unknown,
}

/// What an error says of the transaction that it ended. A list of what is known to be harmless; the rest is unknown.
///
/// Not harmless though it looks like a full disk: `IOERR_SHMSIZE`. The index of the log grows after the log was synced,
/// so the transaction that this error ends is on disk, and a restart would find it.
pub(super) fn meaning(error: &SqliteError) -> Meaning {
    let Some(error) = error.sqlite_error() else { return Meaning::Unknown };
    match (error.code, error.extended_code) {
        // The log has lines that this writer hasn't written: somebody else writes here.
        (_, ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID) => Meaning::Unknown,
        (ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch, _) => Meaning::BadEvent,
        (ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::DatabaseBusy, _)
        | (ErrorCode::SystemIoFailure, ffi::SQLITE_IOERR_WRITE) => Meaning::Refused,
        _ => Meaning::Unknown,
    }
}

/// What SQLite says of a full disk; for the failpoints.
pub(super) fn full_disk() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), Some("failpoint".into()))
}
