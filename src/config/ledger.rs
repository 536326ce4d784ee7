//! From `[ledger]` to what is written down, and where.

use std::time::Duration;

use super::reader::Reader;
use super::{Ack, LedgerConfig, PostgresConfig, Secret, Store};
use crate::postgres::{NodeId, Target};

/// Longest that PostgreSQL may be silent: buyers who wait for it have given up by then.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

pub(super) fn ledger(reader: &mut Reader<'_>) -> LedgerConfig {
    let store = reader.word("ledger.store", [("sqlite", Store::Sqlite), ("none", Store::Nothing)]);
    let acks = [("disk", Ack::Disk), ("memory", Ack::Memory), ("postgres", Ack::Postgres)];
    let ack = reader.word("ledger.ack", acks);
    let postgres = postgres(reader);
    if ack == Ack::Postgres && postgres.is_none() {
        reader.complain("ledger.ack", "needs ledger.postgres.url, which is empty");
    }
    LedgerConfig {
        store,
        data_dir: reader.parsed("ledger.data_dir", "".into(), |text| {
            if text.is_empty() { Err("must name a directory".into()) } else { Ok(text.into()) }
        }),
        // What isn't stored anywhere isn't on disk, whatever the configuration says.
        ack: if store == Store::Nothing { Ack::Memory } else { ack },
        queue_orders: reader.whole("ledger.queue_orders", 1..=16_777_216),
        postgres,
    }
}

/// Where the log is shipped to. What is said of a URL doesn't repeat it.
fn postgres(reader: &mut Reader<'_>) -> Option<PostgresConfig> {
    let url = reader.read("ledger.postgres.url", None, |value| match value.as_str() {
        Some("") => Ok(None),
        Some(url) => Target::parse(url).map(|_| Some(Secret::new(url.into()))).map_err(|fault| fault.to_string()),
        None => Err("must be text in quotes".into()),
    });
    let node = reader.parsed("ledger.postgres.node", None, |text| {
        let node = NodeId::parse(text).ok_or("must be 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"")?;
        Ok(Some(node))
    });
    let timeout = reader.span("ledger.postgres.timeout", Duration::from_millis(100)..=TIMEOUT_MAX, "from 100ms to 60s");
    Some(PostgresConfig { url: url?, node: node?, timeout })
}
