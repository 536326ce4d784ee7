//! Before anything is sold: is the file what was written into it?
//!
//! What is read back at start is held against itself (`recovery.rs`), which leaves room for damage that contradicts
//! nothing: the stock of an item, a sale's limit, the name of a buyer. The audit leaves none, and costs two
//! microseconds an event. Here it objects to what only damage can have done; what else it has to say (a buyer with more
//! than the limit, an end of stock that wasn't said) is no reason to keep a shop closed.
//!
//! **Invariant:** a shop opens on doubt about none of its first [`PROVEN_MAX`] events; where there are more, on none about
//! what its totals add up to and about the end of the log.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::audit::{AuditFault, Invariant, audit};
use super::fault::LedgerFault;
use super::read::{LedgerReader, ReadFault};

/// Logs up to this many events are proven at each start: half a second, at most. Longer ones are the audit's, which
/// may run beside the shop.
const PROVEN_MAX: u64 = 200_000;

/// Proves that the ledger which is about to be served is whole.
///
/// # Errors
/// [`LedgerFault::Corrupt`] where it isn't.
pub(super) fn prove(dir: &Path, connection: &Connection, events: u64) -> Result<(), LedgerFault> {
    if events > PROVEN_MAX {
        tracing::info!(events, "the log is long: its end is proven now, all of it by the audit");
        return Ok(());
    }
    // Also the pages that nobody reads until something is written.
    let proving = || LedgerFault::while_doing("proving the ledger");
    let sql = "PRAGMA integrity_check(1)";
    let structure: String = connection.query_row(sql, [], |row| row.get(0)).map_err(proving())?;
    if structure != "ok" {
        return Err(LedgerFault::Corrupt { seq: None, why: structure.replace('\n', " ") });
    }
    let report = LedgerReader::open(dir).map_err(AuditFault::Read).and_then(|reader| audit(&reader, None::<io::Empty>));
    let report = report.map_err(|fault| match fault {
        AuditFault::Read(ReadFault::Sqlite(error) | ReadFault::Corrupt(error)) => proving()(error),
        other => LedgerFault::Corrupt { seq: None, why: other.to_string() },
    })?;
    let is_damage = |invariant| matches!(invariant, Invariant::I6 | Invariant::I7);
    match report.violations().iter().find(|violation| is_damage(violation.invariant)) {
        None => Ok(()),
        Some(violation) => Err(LedgerFault::Corrupt { seq: violation.seq, why: violation.what.clone() }),
    }
}
