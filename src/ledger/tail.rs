//! The end of the log: whether it is chained, and where it ends.
//!
//! **Invariant:** what the writer chains the next row to has itself been checked.

use rusqlite::Connection;

use super::fault::LedgerFault;
use super::page::Head;
use super::recovery::{Flaw, bytes, integer, number, some, text};
use super::row::{EventRow, Hash};

/// So many of the last events have their chain checked at start: what a crash could have torn, many times over, and a
/// few milliseconds.
const CHAIN_TAIL: i64 = 4096;

/// The end of the log is chained; where it ends.
pub(super) fn check_tail(connection: &Connection, last: i64) -> Result<Head, LedgerFault> {
    let mut head = Head::START;
    let walked = walk_tail(connection, (last - CHAIN_TAIL).max(0), &mut head);
    walked.map(|()| head).map_err(|flaw| flaw.at(Some(head.seq + 1)))
}

fn walk_tail(connection: &Connection, from: i64, head: &mut Head) -> Result<(), Flaw> {
    let sql = "SELECT seq, at_us, kind, sale, item, order_id, buyer, idempotency_key, quantity, price_minor, \
               placed_at_us, expires_at_us, ack, detail, hash FROM events WHERE seq >= ?1 ORDER BY seq";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([from])?;
    while let Some(row) = rows.next()? {
        let event = EventRow {
            seq: number(row, 0)?,
            at_us: number(row, 1)?,
            kind: some(text(row, 2)?, "an event has no kind")?,
            sale: number(row, 3)?,
            item: integer(row, 4)?,
            order_id: bytes(row, 5)?,
            buyer: text(row, 6)?,
            idempotency_key: text(row, 7)?,
            quantity: integer(row, 8)?,
            price_minor: integer(row, 9)?,
            placed_at_us: integer(row, 10)?,
            expires_at_us: integer(row, 11)?,
            ack: text(row, 12)?,
            detail: text(row, 13)?,
        };
        let hash: Hash = some(bytes(row, 14)?.and_then(|hash| hash.try_into().ok()), "a hash is malformed")?;
        // The first row of a tail only lends its hash: what it is chained to isn't read.
        if event.seq != from && event.link(&head.hash) != hash {
            return Err(Flaw::Wrong("the chain is broken"));
        }
        if event.at_us < head.at_us {
            return Err(Flaw::Wrong("time goes back"));
        }
        *head = Head { seq: event.seq, at_us: event.at_us, hash };
    }
    Ok(())
}
