//! The ledger's file: how it is opened, checked, made and kept tidy. How pages are written into it is `append.rs`.
//!
//! **Invariant:** this is the only connection that writes or checkpoints.
//!
//! **Invariant:** nothing is confirmed that isn't synced: WAL with `synchronous=FULL`, set here and read back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::append::Deltas;
use super::beside;
use super::fault::{LedgerFault, Meaning, full_disk, meaning};
use super::lock::sync_dir;
use super::page::Page;
use super::schema::{APPLICATION_ID, FILE_NAME, SCHEMA, SCHEMA_VERSION};
use super::store::{Failure, Store};
use crate::failpoint::{self, Point};
use crate::order::Stored;

/// Older ones have the WAL-reset bug: two connections that write or checkpoint at once may corrupt the file.
const SQLITE_NEEDED: (i32, &str) = (3_051_003, "3.51.3");
/// How long somebody else's lock is waited for. Ours is the only writer: only a tool that doesn't belong here has one.
const BUSY_TIMEOUT: Duration = Duration::from_millis(200);
/// SQLite's default, which is also the file systems': a torn write is never more than one page.
const PAGE_BYTES: u64 = 4096;
/// A frame of the WAL: a page and its 24-byte header.
const FRAME_BYTES: u64 = PAGE_BYTES + 24;
/// So much WAL is worth a checkpoint while few are waiting: measured, 4 MiB take 13 ms once in 30,000 orders, and four
/// times as much takes four times as long, for a saving of 0.05 µs an order.
const TIDY_FRAMES: u64 = (4 << 20) / PAGE_BYTES;
/// So much WAL is checkpointed whoever waits, for reading and restarting get slower with it.
const TIDY_AT_LAST_FRAMES: u64 = (64 << 20) / PAGE_BYTES;
/// So many are few: they fit the commit that follows.
const FEW_WAITING: u64 = 1024;

/// The open ledger.
#[derive(Debug)]
pub(super) struct Sqlite {
    pub(super) connection: Connection,
    pub(super) deltas: Deltas,
    /// From so many frames on the next checkpoint is tried: one that a reader holds up isn't tried at each commit.
    tidy_from: u64,
    /// Made just now: there is nothing that was found.
    is_new: bool,
}

impl Sqlite {
    /// Opens the ledger in `dir`, or makes one.
    pub(super) fn open(dir: &Path) -> Result<Self, LedgerFault> {
        let (needed, needed_text) = SQLITE_NEEDED;
        if rusqlite::version_number() < needed {
            return Err(LedgerFault::OldSqlite { found: rusqlite::version(), needed: needed_text });
        }
        let file = dir.join(FILE_NAME);
        let alone = beside::look(&file)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            // One thread at a time has it: the type says so, no mutex has to.
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&file, flags).map_err(LedgerFault::while_doing("opening the ledger"))?;
        let setting_up = || LedgerFault::while_doing("setting the ledger up");
        // Who is refused leaves file and log as they were.
        checkpoint_on_close(&connection, false).map_err(setting_up())?;
        // SQLite is content to read where it couldn't open for writing, and the shop would refuse everybody for ever.
        if connection.is_readonly("main").map_err(setting_up())? {
            let source = std::io::Error::other("it can only be read: it could not be opened for writing");
            return Err(LedgerFault::Io { path: file, source });
        }
        let is_new = is_new(&connection, &file)?;
        if connection.is_readonly("main").map_err(setting_up())? {
            let why = "its header says that a newer SQLite wrote it, or that nobody may".into();
            return Err(LedgerFault::UnknownSchema { file, why });
        }
        checkpoint_on_close(&connection, is_new).map_err(setting_up())?;
        beside::compare(&connection, alone)?;
        configure(&connection).map_err(setting_up())?;
        read_back(&connection)?;
        if is_new {
            create(&connection).map_err(LedgerFault::while_doing("creating the ledger"))?;
        }
        // SQLite syncs the directory for journals, not for the file itself.
        sync_dir(dir)?;
        Ok(Self { connection, deltas: Deltas::default(), tidy_from: TIDY_FRAMES, is_new })
    }

    /// To be called when what was found is believed, and before anybody is told of it: a log that is another's is not
    /// written into the file.
    ///
    /// What a process that died of a failed sync has left may be in memory only: copied into the file and synced anew, it
    /// is either on disk or said not to be.
    pub(super) fn keep_what_was_found(&self) -> Result<(), LedgerFault> {
        let connection = &self.connection;
        if self.is_new {
            return Ok(());
        }
        checkpoint_on_close(connection, true).map_err(LedgerFault::while_doing("setting the ledger up"))?;
        let frames = checkpoint(connection, "RESTART").map_err(LedgerFault::while_doing("checkpointing the ledger"))?;
        if frames.written > 0 {
            begin_log_anew(connection).map_err(LedgerFault::while_doing("beginning the log anew"))?;
        }
        Ok(())
    }

    /// A new ledger that nothing keeps: for simulations, which lose power by forgetting everything but this.
    #[cfg(any(test, feature = "torture"))]
    pub(super) fn in_memory() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.pragma_update(None, "foreign_keys", true)?;
        create(&connection)?;
        Ok(Self { connection, deltas: Deltas::default(), tidy_from: TIDY_FRAMES, is_new: true })
    }
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<T> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Whether the file is empty; a fault where it is somebody else's. Changes nothing.
fn is_new(connection: &Connection, file: &Path) -> Result<bool, LedgerFault> {
    let unknown = |why: String| LedgerFault::UnknownSchema { file: file.to_path_buf(), why };
    let look = || -> rusqlite::Result<(i32, i32, i64)> {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma(connection, "application_id")?, pragma(connection, "user_version")?, tables))
    };
    match look() {
        Ok((0, 0, 0)) => Ok(true),
        Ok((APPLICATION_ID, SCHEMA_VERSION, _)) => Ok(false),
        Ok((APPLICATION_ID, version, _)) => {
            Err(unknown(format!("its schema is version {version}, this doorbuster knows {SCHEMA_VERSION}")))
        }
        Ok(_) => Err(unknown("it is another application's database".into())),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(unknown("it is no SQLite database".into()))
        }
        Err(error) => Err(LedgerFault::while_doing("looking at the ledger")(error)),
    }
}

/// Whether the log is written into the file, and removed, when the last connection to it is closed.
fn checkpoint_on_close(connection: &Connection, does: bool) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !does).map(drop)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    log_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Only macOS has these: there fsync alone leaves data in the disk's cache.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // A checkpoint inside COMMIT would make one buyer in a thousand wait for all the others.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Pages of somebody else's making are checked before they are believed.
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// To the statement's end: it has its row before it is committed, and who stops there doesn't hear of a failed sync. Nor
/// would reading it back tell: SQLite then says "wal" of a file that isn't.
fn log_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

fn read_back(connection: &Connection) -> Result<(), LedgerFault> {
    let doing = || LedgerFault::while_doing("reading the ledger's settings back");
    let journal: String = pragma(connection, "journal_mode").map_err(doing())?;
    let synchronous: i64 = pragma(connection, "synchronous").map_err(doing())?;
    let autocheckpoint: i64 = pragma(connection, "wal_autocheckpoint").map_err(doing())?;
    let foreign_keys: i64 = pragma(connection, "foreign_keys").map_err(doing())?;
    // 2 is FULL.
    if (journal.as_str(), synchronous, autocheckpoint, foreign_keys) == ("wal", 2, 0, 1) {
        return Ok(());
    }
    let path = connection.path().map(PathBuf::from).unwrap_or_default();
    let what = format!(
        "the ledger's settings don't hold: journal_mode={journal} synchronous={synchronous} \
         wal_autocheckpoint={autocheckpoint} foreign_keys={foreign_keys}"
    );
    Err(LedgerFault::Io { path, source: std::io::Error::other(what) })
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    if failpoint::fails(Point::FirstStart) {
        return Err(full_disk());
    }
    transaction.commit()
}

/// Frames of the WAL after a checkpoint.
struct Frames {
    /// All of them.
    written: u64,
    /// Those that aren't in the file yet.
    waiting: u64,
}

/// A checkpoint of this mode. Never `TRUNCATE`: a power cut may leave a file that shrinks at any length between the old
/// and the new (btrfs cuts it off in steps), and the beginning of an old WAL, replayed over a newer file, brings back
/// what its pages were earlier.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Frames> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    // −1 and −1 where there is no WAL yet.
    let (log, done): (i64, i64) = statement.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))?;
    if mode != "NOOP" {
        failpoint::pass(Point::CheckpointMid);
    }
    let frames = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(Frames { written: frames(log), waiting: frames(log - done) })
}

/// Writes a header and a frame that changes nothing over the beginning of a WAL that is in the file as a whole, and syncs
/// them: its other frames mean nothing from here on. Where some of them were in memory only, for a sync had failed, a
/// power cut would otherwise leave the others to be replayed over the newer file.
fn begin_log_anew(connection: &Connection) -> rusqlite::Result<()> {
    let write = || {
        let transaction = connection.unchecked_transaction()?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        transaction.commit()
    };
    match write() {
        // A full disk is the writer's to deal with: the shop opens, and says so to its buyers.
        Err(error) if meaning(&error) == Meaning::Refused => {
            tracing::warn!(%error, "the ledger's log cannot be begun anew for now");
            Ok(())
        }
        written => written,
    }
}

/// A checkpoint that failed has lost nothing: the WAL still has it all. Unless a sync failed.
fn checkpoint_failure(error: &rusqlite::Error) -> Option<Failure> {
    match meaning(error) {
        Meaning::Refused => {
            tracing::warn!(%error, "the ledger cannot be checkpointed for now");
            None
        }
        Meaning::BadEvent | Meaning::Unknown => Some(Failure::Unknown(format!("checkpointing: {error}"))),
    }
}

impl Store for Sqlite {
    fn safety(&self) -> Stored {
        Stored::Disk
    }

    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        self.write_page(page)
    }

    fn probe(&mut self) -> Result<(), Failure> {
        self.write_nothing()
    }

    fn tidy(&mut self, waiting: u64) -> Result<u64, Failure> {
        let connection = &self.connection;
        let left = |mode| checkpoint(connection, mode).map(|frames| frames.waiting);
        let frames = match left("NOOP") {
            Ok(frames) if frames < self.tidy_from => frames,
            Ok(frames) if waiting > FEW_WAITING && frames < self.tidy_from.max(TIDY_AT_LAST_FRAMES) => frames,
            Ok(_) => match left("PASSIVE") {
                Ok(frames) => {
                    self.tidy_from = frames + TIDY_FRAMES;
                    frames
                }
                Err(error) => checkpoint_failure(&error).map_or(Ok(0), Err)?,
            },
            Err(error) => checkpoint_failure(&error).map_or(Ok(0), Err)?,
        };
        Ok(frames * FRAME_BYTES)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        // A reader may hold it up: then the next start does it. Whoever closes the file last removes the WAL, at once.
        match checkpoint(&self.connection, "FULL") {
            Ok(_) => Ok(()),
            Err(error) => checkpoint_failure(&error).map_or(Ok(()), Err),
        }
    }
}
