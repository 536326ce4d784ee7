//! A ledger from PostgreSQL alone, for a machine that has lost its own.
//!
//! **Invariant:** what is restored is what was shipped, proven by the chain and by the audit; nothing else is made up.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio_postgres::types::Type;

use super::cells::Stamp;
use super::fault::PostgresFault;
use super::schema;
use super::session::{Access, Session};
use super::target::{NodeId, Target};
use crate::clock::WallTime;
use crate::ledger::audit::AuditReport;
use crate::ledger::rebuild::{Rebuild, RebuildFault};

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    /// PostgreSQL can't be read.
    #[error(transparent)]
    Postgres(#[from] PostgresFault),
    /// The ledger can't be made.
    #[error(transparent)]
    Rebuild(#[from] RebuildFault),
    /// Nothing was ever shipped from there.
    #[error("PostgreSQL has no events of node {node}; it has those of: {known}")]
    NothingThere {
        /// Who was asked for.
        node: NodeId,
        /// Who there is.
        known: String,
    },
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The proof.
    pub report: AuditReport,
    /// When the last event was written down.
    pub last_at: WallTime,
}

/// Makes a ledger in a directory that has none.
///
/// # Errors
/// [`RestoreFault`]; then the directory still has none.
pub fn restore((target, node): (&Target, &NodeId), patience: Duration, dir: &Path) -> Result<Restored, RestoreFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(PostgresFault::Start)?;
    runtime.block_on(async {
        let session = Session::open(target, node, patience, Access::Read).await?;
        schema::check(&session.client).await?;
        if session.last().await?.seq == 0 {
            let known = known_nodes(&session).await?;
            return Err(RestoreFault::NothingThere { node: node.clone(), known });
        }
        let mut rebuild = Rebuild::begin(dir)?;
        let last_at = refill(&session, &mut rebuild).await?;
        Ok(Restored { report: rebuild.finish()?, last_at })
    })
}

async fn known_nodes(session: &Session) -> Result<String, PostgresFault> {
    let rows = session.client.query_typed("SELECT node FROM doorbuster.nodes ORDER BY node", &[]).await?;
    let names = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    Ok(names.join(", "))
}

async fn refill(session: &Session, rebuild: &mut Rebuild) -> Result<WallTime, RestoreFault> {
    let postgres = PostgresFault::Postgres;
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
                 SET LOCAL idle_in_transaction_session_timeout = 0";
    session.client.batch_execute(begin).await.map_err(postgres)?;
    let sql = "SELECT payload, hash, at FROM doorbuster.events WHERE node = $1 ORDER BY seq";
    let rows = session.client.query_typed_raw(sql, [(session.node.as_str(), Type::TEXT)]).await.map_err(postgres)?;
    let mut rows = pin!(rows);
    let mut last_at = WallTime::from_micros(0);
    while let Some(row) = rows.next().await.transpose().map_err(postgres)? {
        rebuild.add(row.try_get(0).map_err(postgres)?, row.try_get(1).map_err(postgres)?)?;
        last_at = WallTime::from_micros(row.try_get::<_, Stamp>(2).map_err(postgres)?.0);
    }
    Ok(last_at)
}
