//! A connection to PostgreSQL, and where the log ends there.
//!
//! **Invariant:** where the log ends is read from PostgreSQL, under the lock of the node's row, before anything is written:
//! a transaction of an earlier connection that may still commit is waited for.

use std::time::Duration;

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::fault::PostgresFault;
use super::schema;
use super::target::{NodeId, Target};
use super::tls::Tls;
use crate::ledger::row::{GENESIS, Hash};

/// The kernel counts in whole seconds.
const KEEPALIVE_MIN: Duration = Duration::from_secs(1);

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The last event's number; 0 where there is none.
    pub(super) seq: i64,
    /// Its link; [`GENESIS`] where there is none.
    pub(super) hash: Hash,
}

const LAST: &str = "SELECT seq, hash FROM doorbuster.events WHERE node = $1 ORDER BY seq DESC LIMIT 1";

/// When a transaction is on PostgreSQL's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before it is said to be committed, and with it all that were committed before.
    Now,
    /// Soon. Where PostgreSQL crashes first, its log ends before, which the next connection sees.
    Later,
}

/// A connection as PostgreSQL knows it: a process's number is used again, one that began at this moment is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backend {
    pid: i32,
    began: String,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To ship.
    Write,
    /// To compare or restore: a standby will do.
    Read,
}

/// An open connection of one node.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) node: NodeId,
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // A connection whose other end is silent would never end by itself.
        self.connection.abort();
    }
}

impl Session {
    /// Connects; every statement may take `patience`, and a server that hears nothing of us ends what we have begun.
    ///
    /// # Errors
    /// [`PostgresFault`]; to be asked within a time limit, for a host may be silent at any point.
    pub(super) async fn open(
        target: &Target,
        node: &NodeId,
        patience: Duration,
        access: Access,
    ) -> Result<Self, PostgresFault> {
        let mut config = target.config.clone();
        if config.get_application_name().is_none() {
            config.application_name("doorbuster");
        }
        config
            .connect_timeout(patience)
            .keepalives(true)
            .keepalives_idle(patience.max(KEEPALIVE_MIN))
            .keepalives_interval(KEEPALIVE_MIN)
            .keepalives_retries(4)
            .tcp_user_timeout(patience * 2)
            .target_session_attrs(match access {
                // Of several hosts the one that takes orders.
                Access::Write => TargetSessionAttrs::ReadWrite,
                Access::Read => TargetSessionAttrs::Any,
            });
        let (client, connection) = config.connect(Tls::of(target)?).await?;
        let connection = tokio::spawn(async move {
            // Whoever uses the client hears of it.
            let _ = connection.await;
        });
        let session = Self { client, node: node.clone(), connection };
        let (millis, seconds) = (patience.as_millis(), patience.as_secs().max(1));
        // Whoever is told yes is told so of something that is on PostgreSQL's disk, whatever its default is.
        let settings = format!(
            "SET search_path = pg_catalog; SET client_min_messages = warning; SET statement_timeout = {millis}; \
             SET lock_timeout = {millis}; SET idle_in_transaction_session_timeout = {}; \
             SET tcp_keepalives_idle = {seconds}; SET tcp_keepalives_interval = {seconds}; SET tcp_keepalives_count = 3; \
             SET default_transaction_isolation = 'read committed'; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local')",
            millis * 2
        );
        session.client.batch_execute(&settings).await?;
        Ok(session)
    }

    /// The tables are there, and the node is known; where its log ends.
    ///
    /// # Errors
    /// [`PostgresFault`].
    pub(super) async fn ready(&self, patience: Duration) -> Result<Cursor, PostgresFault> {
        schema::migrate(&self.client, patience).await?;
        let enrol = "INSERT INTO doorbuster.nodes (node) VALUES ($1) ON CONFLICT DO NOTHING";
        self.client.execute_typed(enrol, &[(&self.node.as_str(), Type::TEXT)]).await?;
        let cursor = self.begin(Durability::Now).await?;
        self.client.batch_execute("COMMIT").await?;
        Ok(cursor)
    }

    /// Begins a transaction in which nobody else writes this node's rows. Says where its log ends.
    ///
    /// # Errors
    /// [`PostgresFault`]; then the session is of no use any more.
    pub(super) async fn begin(&self, durability: Durability) -> Result<Cursor, PostgresFault> {
        let (client, node) = (&self.client, self.node.as_str());
        // One way there and back for all three; a statement of its own for the end of the log, so that what the lock was
        // waited for is seen.
        let begin = match durability {
            Durability::Now => "BEGIN",
            Durability::Later => "BEGIN; SET LOCAL synchronous_commit = off",
        };
        let lock = "UPDATE doorbuster.nodes SET shipped_at = now() WHERE node = $1";
        let (lock_node, last_node) = ([(&node as _, Type::TEXT)], [(&node as _, Type::TEXT)]);
        let ((), locked, last) = tokio::try_join!(
            client.batch_execute(begin),
            client.execute_typed(lock, &lock_node),
            client.query_typed_opt(LAST, &last_node),
        )?;
        if locked != 1 {
            return Err(PostgresFault::Diverged(format!("its row of node {node} is gone")));
        }
        cursor(last.as_ref())
    }

    /// Where the node's log ends, without a lock: for whoever reads.
    ///
    /// # Errors
    /// [`PostgresFault`].
    pub(super) async fn last(&self) -> Result<Cursor, PostgresFault> {
        cursor(self.client.query_typed_opt(LAST, &[(&self.node.as_str(), Type::TEXT)]).await?.as_ref())
    }

    /// Which one this is.
    ///
    /// # Errors
    /// [`PostgresFault`].
    pub(super) async fn backend(&self) -> Result<Backend, PostgresFault> {
        let own = "SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let row = self.client.query_typed_one(own, &[]).await?;
        Ok(Backend { pid: row.try_get(0)?, began: row.try_get(1)? })
    }

    /// Ends an earlier connection of ours. Where something between us and PostgreSQL has lost one end of it and keeps the
    /// other, its transaction holds its locks for ever: no time limit of PostgreSQL's counts while it waits for a COPY's rows.
    ///
    /// # Errors
    /// [`PostgresFault`].
    pub(super) async fn end(&self, former: &Backend) -> Result<(), PostgresFault> {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start::text = $2";
        self.client.query_typed(end, &[(&former.pid, Type::INT4), (&former.began, Type::TEXT)]).await?;
        Ok(())
    }

    /// Asks for a sign of life.
    ///
    /// # Errors
    /// [`PostgresFault`].
    pub(super) async fn greet(&self) -> Result<(), PostgresFault> {
        Ok(self.client.check_connection().await?)
    }
}

fn cursor(row: Option<&Row>) -> Result<Cursor, PostgresFault> {
    let Some(row) = row else { return Ok(Cursor { seq: 0, hash: GENESIS }) };
    let (seq, hash): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
    let hash = hash.try_into().map_err(|_| PostgresFault::Diverged(format!("event {seq} has no link")))?;
    Ok(Cursor { seq, hash })
}
