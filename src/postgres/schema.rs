//! The tables in PostgreSQL, and how they come to be.
//!
//! **Invariant:** one doorbuster at a time changes the schema, each version in one transaction; tables of a newer one are
//! left alone.

use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::fault::PostgresFault;

/// All versions of the schema, each the change from the one before it. What is published is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001.sql")];

/// The advisory lock that a change is made under: "doorbust" in ASCII, nobody else's by accident.
const LOCK: i64 = 0x646f_6f72_6275_7374;

fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Which version the tables are; 0 where there are none.
async fn version(client: &Client) -> Result<i32, PostgresFault> {
    let is_there = "SELECT to_regclass('doorbuster.migrations') IS NOT NULL";
    if !client.query_typed_one(is_there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM doorbuster.migrations";
    Ok(client.query_typed_one(newest, &[]).await?.try_get(0)?)
}

/// The tables are there, or it is said why not; whoever only reads needs no leave to make them.
pub(super) async fn check(client: &Client) -> Result<(), PostgresFault> {
    let (found, known) = (version(client).await?, newest());
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(PostgresFault::NewerSchema { found, known }),
        std::cmp::Ordering::Less => Err(PostgresFault::OlderSchema { found, known }),
    }
}

/// Makes the tables what they must be. Another doorbuster that is at it is waited for, no longer than `patience`.
pub(super) async fn migrate(client: &Client, patience: Duration) -> Result<(), PostgresFault> {
    let known = newest();
    let found = version(client).await?;
    if found > known {
        return Err(PostgresFault::NewerSchema { found, known });
    }
    if found == known {
        return Ok(());
    }
    // A table of a million orders may take longer to change than a batch does to write.
    let begin = format!("BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = {}", patience.as_millis());
    client.batch_execute(&begin).await?;
    client.execute_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    client
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS doorbuster; \
             CREATE TABLE IF NOT EXISTS doorbuster.migrations \
             (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    // Somebody else may have been faster.
    let found = version(client).await?;
    for (version, sql) in (1..).zip(MIGRATIONS).skip(usize::try_from(found).unwrap_or(0)) {
        tracing::info!(version, "the schema in PostgreSQL is made");
        client.batch_execute(sql).await?;
        let note = "INSERT INTO doorbuster.migrations (version) VALUES ($1)";
        client.execute_typed(note, &[(&version, Type::INT4)]).await?;
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}
