//! Opening the ledger only to read it, also beside a server that writes it.
//!
//! Deliberately absent: writing, checkpoints, and every use of the ledger's file other than through SQLite. Closing any
//! other descriptor of that file would drop the POSIX locks of the whole process, the running writer's included.
//!
//! **Invariant:** a reader never changes the ledger: the file is opened read-only, `query_only` refuses the rest, and
//! closing it leaves the write-ahead log to the writer.
//!
//! **Invariant:** a reader holds no read transaction longer than one statement or one explicit snapshot, so that the
//! writer's checkpoints are never held up for long.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{FromSqlResult, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Transaction};

use super::row::{EventRow, GENESIS, Hash};
use super::schema::{APPLICATION_ID, FILE_NAME, SCHEMA_VERSION};

/// A reader waits for somebody else only while the write-ahead log is being recovered after a crash, or removed by the
/// last one to close it: seconds for the longest log.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Every column of `events`, in the order of [`EventRow`], the hash last.
const COLUMNS: [&str; 15] = [
    "seq",
    "at_us",
    "kind",
    "sale",
    "item",
    "order_id",
    "buyer",
    "idempotency_key",
    "quantity",
    "price_minor",
    "placed_at_us",
    "expires_at_us",
    "ack",
    "detail",
    "hash",
];

const EVENTS: &str = "SELECT seq, at_us, kind, sale, item, order_id, buyer, idempotency_key, quantity, price_minor, \
     placed_at_us, expires_at_us, ack, detail, hash FROM events WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3";

/// Why the ledger cannot be read.
///
/// What a command says of it: [`NotFound`](Self::NotFound) and [`Sqlite`](Self::Sqlite) are runtime failures (exit 1);
/// [`Foreign`](Self::Foreign), [`UnknownVersion`](Self::UnknownVersion), [`Corrupt`](Self::Corrupt) and
/// [`Order`](Self::Order) say that the data is not what it should be (exit 65).
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// There is no such file.
    #[error("there is no ledger at {}: is this the data directory of a shop that has been started?", .0.display())]
    NotFound(PathBuf),
    /// The file is an SQLite database, but none of doorbuster's.
    #[error("{} is no ledger of doorbuster (application_id {application_id:#010x})", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it says it is.
        application_id: i32,
    },
    /// The ledger has tables that this doorbuster doesn't know.
    #[error("{} has schema version {version}, this doorbuster knows {SCHEMA_VERSION}", path.display())]
    UnknownVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        version: i32,
    },
    /// SQLite finds the file damaged, or no database at all.
    #[error("the ledger is damaged")]
    Corrupt(#[source] rusqlite::Error),
    /// An order's row cannot be what the writer wrote.
    #[error("the ledger is damaged: order at event {seq}: {what}")]
    Order {
        /// The row.
        seq: i64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Anything else that SQLite or the machine reports.
    #[error("the ledger cannot be read")]
    Sqlite(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for ReadFault {
    fn from(error: rusqlite::Error) -> Self {
        let is_damage = match &error {
            rusqlite::Error::SqliteFailure(failure, _) => {
                matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            }
            // The tables are STRICT: a cell of another type was not written by SQLite.
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => true,
            _ => false,
        };
        if is_damage { Self::Corrupt(error) } else { Self::Sqlite(error) }
    }
}

/// The log's last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 where the log is empty.
    pub seq: i64,
    /// Its link; [`GENESIS`] where the log is empty.
    pub hash: Hash,
}

/// What is wrong with a cell that cannot be read as its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadCell(pub(super) &'static str);

/// A row of `events` as it is stored: nothing in it has been believed yet.
#[derive(Debug)]
pub(super) struct StoredRow<'r> {
    pub(super) seq: i64,
    pub(super) event: Result<EventRow<'r>, BadCell>,
    pub(super) hash: Option<Hash>,
}

impl<'r> StoredRow<'r> {
    pub(super) fn of(row: &'r Row<'_>) -> Result<Self, ReadFault> {
        let seq = row.get(0)?;
        let hash = cell(row, 14, |value| value.as_blob()).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Self { seq, event: event(row, seq), hash })
    }
}

fn cell<'r, T>(
    row: &'r Row<'_>,
    index: usize,
    read: impl FnOnce(ValueRef<'r>) -> FromSqlResult<T>,
) -> Result<T, BadCell> {
    row.get_ref(index).ok().and_then(|value| read(value).ok()).ok_or(BadCell(COLUMNS[index]))
}

fn event<'r>(row: &'r Row<'_>, seq: i64) -> Result<EventRow<'r>, BadCell> {
    let number = |index| cell(row, index, |value| value.as_i64_or_null());
    let text = |index| cell(row, index, |value| value.as_str_or_null());
    Ok(EventRow {
        seq,
        at_us: cell(row, 1, |value| value.as_i64())?,
        kind: cell(row, 2, |value| value.as_str())?,
        sale: cell(row, 3, |value| value.as_i64())?,
        item: number(4)?,
        order_id: cell(row, 5, |value| value.as_blob_or_null())?,
        buyer: text(6)?,
        idempotency_key: text(7)?,
        quantity: number(8)?,
        price_minor: number(9)?,
        placed_at_us: number(10)?,
        expires_at_us: number(11)?,
        ack: text(12)?,
        detail: text(13)?,
    })
}

/// A ledger that is open for reading.
#[derive(Debug)]
pub struct LedgerReader {
    pub(super) connection: Connection,
}

impl LedgerReader {
    /// Opens the ledger of a data directory, whether or not a server is writing it.
    ///
    /// # Errors
    /// [`ReadFault`] where there is none, or it isn't one of ours.
    pub fn open(data_dir: &Path) -> Result<Self, ReadFault> {
        Self::open_file(&data_dir.join(FILE_NAME))
    }

    /// Opens a ledger's file under any name: a backup.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_file(path: &Path) -> Result<Self, ReadFault> {
        if !path.is_file() {
            return Err(ReadFault::NotFound(path.into()));
        }
        // No URI: a path is a path, whatever it begins with. No mutex: the connection has one owner.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        let application_id = pragma("application_id")?;
        if application_id != APPLICATION_ID {
            return Err(ReadFault::Foreign { path: path.into(), application_id });
        }
        let version = pragma("user_version")?;
        if version != SCHEMA_VERSION {
            return Err(ReadFault::UnknownVersion { path: path.into(), version });
        }
        Ok(Self { connection })
    }

    /// The log's last row, as far as it is committed by now.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn head(&self) -> Result<Head, ReadFault> {
        let mut statement = self.connection.prepare_cached("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")?;
        let head = statement.query_row((), |row| Ok(Head { seq: row.get(0)?, hash: row.get(1)? })).optional()?;
        Ok(head.unwrap_or(Head { seq: 0, hash: GENESIS }))
    }

    /// The log's last row's number, whatever else is in that row; 0 where the log is empty.
    pub(crate) fn last_seq(&self) -> Result<i64, ReadFault> {
        Ok(self.connection.query_row("SELECT coalesce(max(seq), 0) FROM events", (), |row| row.get(0))?)
    }

    /// The link of one row; none where there is no such row.
    pub(super) fn hash_at(&self, seq: i64) -> Result<Option<Hash>, ReadFault> {
        let mut statement = self.connection.prepare_cached("SELECT hash FROM events WHERE seq = ?1")?;
        Ok(statement.query_row([seq], |row| row.get(0)).optional()?)
    }

    /// From now until the returned value is dropped, this reader sees the ledger as it is now.
    pub(super) fn snapshot(&self) -> Result<Transaction<'_>, ReadFault> {
        Ok(self.connection.unchecked_transaction()?)
    }

    /// Shows the rows from `first` to `last`, at most `rows_max` of them (negative: all), in one read transaction, and
    /// says how many there were.
    pub(super) fn events(
        &self,
        first: i64,
        last: i64,
        rows_max: i64,
        mut each: impl FnMut(&StoredRow<'_>),
    ) -> Result<i64, ReadFault> {
        let mut statement = self.connection.prepare_cached(EVENTS)?;
        let mut rows = statement.query((first, last, rows_max))?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            each(&StoredRow::of(row)?);
            count += 1;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
