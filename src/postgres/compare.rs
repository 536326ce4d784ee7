//! Does PostgreSQL have what the ledger has?
//!
//! The log is compared row by row; what it adds up to is folded anew, and compared with the tables. Deliberately absent:
//! trust in the tables of either side, and repair.
//!
//! **Invariant:** PostgreSQL is read in one snapshot, which begins after the ledger's end was read: a shop that serves and
//! ships has nothing to fear but its lag, which is waited for.

use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::cells::Stamp;
use super::fault::PostgresFault;
use super::fold::{Batch, EventCells, ItemCells, Names, OrderCells, SaleTerms};
use super::schema;
use super::session::{Access, Cursor, Session};
use super::target::{NodeId, Target};
use super::world::{Item, Sale, World};
use crate::ledger::Shift;
use crate::ledger::read::LedgerReader;
use crate::offer::Phase;
use crate::order::OrderState;

/// Rows that are compared at once: some megabytes.
const CHUNK_ROWS: usize = 5_000;
/// How long PostgreSQL may stay where it is before its lag is a difference: a shipper that works ships five times a second.
const LAG_PATIENCE: Duration = Duration::from_secs(2);
const LAG_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Whether PostgreSQL has what the ledger has.
    pub ok: bool,
    /// Events there.
    pub events: u64,
    /// Orders there.
    pub orders: u64,
    /// The last event's link there, in hexadecimal; zeros where there is none.
    pub head: String,
    /// The first difference.
    pub difference: Option<String>,
}

/// Compares PostgreSQL with a ledger, whether or not a server is writing it.
///
/// # Errors
/// [`PostgresFault`] where one of them can't be read.
pub fn compare(
    reader: &LedgerReader,
    (target, node): (&Target, &NodeId),
    patience: Duration,
) -> Result<Comparison, PostgresFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PostgresFault::Start)?;
    runtime.block_on(async {
        let session = Session::open(target, node, patience, Access::Read).await?;
        schema::check(&session.client).await?;
        let head = reader.head()?;
        wait_for(&session, head.seq).await?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                     SET LOCAL idle_in_transaction_session_timeout = 0";
        session.client.batch_execute(begin).await?;
        let there = session.last().await?;
        let mut world = World::default();
        let log = log_difference(&session, reader, there, &mut world).await?;
        let orders = world.orders.len() as u64;
        let difference = match log {
            Some(difference) => Some(difference),
            None => table_difference(&session, world).await?,
        };
        let behind = || {
            let what = format!("event {} and those behind it are not there: it ends with {}", there.seq + 1, there.seq);
            (there.seq < head.seq).then_some(what)
        };
        let difference = difference.or_else(behind);
        let hexadecimal = there.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let events = there.seq.unsigned_abs();
        Ok(Comparison { ok: difference.is_none(), events, orders, head: hexadecimal, difference })
    })
}

/// Waits until PostgreSQL has the log up to `seq`, as long as it comes closer.
async fn wait_for(session: &Session, seq: i64) -> Result<(), PostgresFault> {
    let (mut last, mut still) = (session.last().await?.seq, Duration::ZERO);
    while last < seq && still < LAG_PATIENCE {
        tokio::time::sleep(LAG_LOOK_INTERVAL).await;
        let now = session.last().await?.seq;
        still = if now > last { Duration::ZERO } else { still + LAG_LOOK_INTERVAL };
        last = now;
    }
    Ok(())
}

const EVENTS: &str = "SELECT seq, at, kind, sale, sku, order_id, quantity, detail::text, payload, hash \
                      FROM doorbuster.events WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// The first event that isn't the ledger's.
async fn log_difference(
    session: &Session,
    reader: &LedgerReader,
    there: Cursor,
    world: &mut World,
) -> Result<Option<String>, PostgresFault> {
    let (mut names, mut after) = (Names::default(), 0);
    while after < there.seq {
        let (mut batch, mut poison) = (Batch::default(), None);
        let left = usize::try_from(there.seq - after).unwrap_or(CHUNK_ROWS);
        reader.cargo(after, CHUNK_ROWS.min(left), |row, hash| {
            if poison.is_none() {
                poison = batch.take(&mut names, row, *hash).err();
            }
        })?;
        if let Some(poison) = poison {
            return Err(poison.into());
        }
        let rows_max = i64::try_from(CHUNK_ROWS).unwrap_or(i64::MAX);
        let cells =
            [(&session.node.as_str() as _, Type::TEXT), (&after as _, Type::INT8), (&rows_max as _, Type::INT8)];
        let rows = session.client.query_typed(EVENTS, &cells).await?;
        for (at, row) in rows.iter().enumerate() {
            let seq: i64 = row.try_get(0)?;
            match batch.events.get(at) {
                None => return Ok(Some(format!("event {seq} is not in the ledger"))),
                Some(event) if event.seq < seq => return Ok(Some(format!("event {} is not there", event.seq))),
                Some(event) if !is_same_event(event, row)? => return Ok(Some(format!("event {seq} is another one"))),
                Some(_) => {}
            }
        }
        // The rows of a snapshot go up to its end.
        let Some(last) = rows.last() else { return Ok(Some(format!("event {} is not there", after + 1))) };
        after = last.try_get(0)?;
        world.take(batch);
    }
    Ok(None)
}

fn is_same_event(event: &EventCells, row: &Row) -> Result<bool, Error> {
    let Stamp(at_us) = row.try_get(1)?;
    Ok(event.at_us == at_us
        && event.kind == row.try_get::<_, &str>(2)?
        && event.sale == row.try_get::<_, &str>(3)?
        && event.sku.as_deref() == row.try_get(4)?
        && event.order == row.try_get::<_, Option<Uuid>>(5)?
        && event.quantity == row.try_get(6)?
        && event.detail.as_ref().map(|detail| detail.0.as_str()) == row.try_get(7)?
        && event.payload == row.try_get::<_, &[u8]>(8)?
        && event.hash[..] == *row.try_get::<_, &[u8]>(9)?)
}

async fn rows(session: &Session, sql: &str) -> Result<impl Stream<Item = Result<Row, Error>>, Error> {
    session.client.query_typed_raw(sql, [(session.node.as_str(), Type::TEXT)]).await
}

/// The first row of a table that isn't what the log adds up to.
async fn table_difference(session: &Session, mut world: World) -> Result<Option<String>, PostgresFault> {
    let sql = "SELECT no, id, title, opens_at, closes_at, limit_per_buyer, \
               (extract(epoch FROM hold) * 1000000)::bigint, phase FROM doorbuster.sales WHERE node = $1 ORDER BY no";
    let mut stream = pin!(rows(session, sql).await?);
    while let Some(row) = stream.next().await.transpose()? {
        let (no, sale) = sale_of(&row)?;
        if world.sales.remove(&no).as_ref() != Some(&sale) {
            return Ok(Some(format!("sale {:?} is not what the log adds up to", sale.terms.id)));
        }
    }
    let sql = "SELECT no, sale_no, sale, sku, title, price_minor, currency, stock, held, sold \
               FROM doorbuster.items WHERE node = $1 ORDER BY no";
    let mut stream = pin!(rows(session, sql).await?);
    while let Some(row) = stream.next().await.transpose()? {
        let no: i32 = row.try_get(0)?;
        let is_same = world.items.remove(&no).map(|item| is_same_item(&item, &row)).transpose()?;
        if is_same != Some(true) {
            let sku: String = row.try_get(3)?;
            return Ok(Some(format!("item {sku:?} is not what the log adds up to")));
        }
    }
    let sql = "SELECT id, seq, sale, sku, buyer, idempotency_key, quantity, price_minor, currency, state, placed_at, \
               stored_at, expires_at, late, payment FROM doorbuster.orders WHERE node = $1";
    let mut stream = pin!(rows(session, sql).await?);
    while let Some(row) = stream.next().await.transpose()? {
        let order = order_of(&row)?;
        if world.orders.remove(&order.id).as_ref() != Some(&order) {
            return Ok(Some(format!("order {} is not what the log adds up to", order.id)));
        }
    }
    let missing = world.sales.into_values().map(|sale| format!("sale {:?} is not there", sale.terms.id));
    let missing =
        missing.chain(world.items.into_values().map(|item| format!("item {:?} is not there", item.cells.sku)));
    let orders = world.orders.into_values().min_by_key(|order| order.seq);
    Ok(missing.chain(orders.map(|order| format!("order {} is not there", order.id))).next())
}

fn micros(row: &Row, column: usize) -> Result<Option<i64>, Error> {
    Ok(row.try_get::<_, Option<Stamp>>(column)?.map(|Stamp(micros)| micros))
}

fn sale_of(row: &Row) -> Result<(i32, Sale), Error> {
    let terms = SaleTerms {
        id: row.try_get(1)?,
        title: row.try_get(2)?,
        opens_at_us: micros(row, 3)?,
        closes_at_us: micros(row, 4)?,
        limit_per_buyer: row.try_get(5)?,
        hold_us: row.try_get(6)?,
    };
    // A word that isn't one is none of ours.
    let phase = Phase::of_word(row.try_get(7)?).map_or("", Phase::word);
    Ok((row.try_get(0)?, Sale { terms, phase }))
}

fn is_same_item(Item { cells, shift }: &Item, row: &Row) -> Result<bool, Error> {
    let there = ItemCells {
        no: row.try_get(0)?,
        sale_no: row.try_get(1)?,
        sale: row.try_get(2)?,
        sku: row.try_get(3)?,
        title: row.try_get(4)?,
        price_minor: row.try_get(5)?,
        currency: row.try_get(6)?,
        stock: cells.stock,
    };
    let shifted =
        Shift { held: row.try_get(8)?, sold: row.try_get(9)?, stock: row.try_get::<_, i64>(7)? - cells.stock };
    Ok(there == *cells && shifted == *shift)
}

fn order_of(row: &Row) -> Result<OrderCells, Error> {
    Ok(OrderCells {
        id: row.try_get(0)?,
        seq: row.try_get(1)?,
        sale: row.try_get(2)?,
        sku: row.try_get(3)?,
        buyer: row.try_get(4)?,
        key: row.try_get(5)?,
        quantity: row.try_get(6)?,
        price_minor: row.try_get(7)?,
        currency: row.try_get(8)?,
        state: OrderState::of_word(row.try_get(9)?).map_or("", OrderState::word),
        placed_at_us: row.try_get::<_, Stamp>(10)?.0,
        stored_at_us: row.try_get::<_, Stamp>(11)?.0,
        expires_at_us: micros(row, 12)?,
        late: row.try_get(13)?,
        payment: row.try_get(14)?,
    })
}
