//! Which PostgreSQL a command means.

use std::time::Duration;

use anyhow::Context;

use crate::cli::DataArgs;
use crate::config::{Config, Environment};
use crate::postgres::{NodeId, Target};

/// How long a command waits for PostgreSQL, and what a node is called, where no configuration says so.
const PATIENCE: Duration = Duration::from_secs(5);
const NODE: &str = "main";

/// A PostgreSQL, and who this shop is there.
pub(super) struct Meant {
    pub(super) target: Target,
    pub(super) node: NodeId,
    pub(super) patience: Duration,
}

/// What was typed, and what wasn't as it is configured. Where all is typed there is no need of a configuration, which may be
/// lost with the ledger.
pub(super) fn meant(url: &str, node: Option<&NodeId>, data: &DataArgs) -> Result<Meant, anyhow::Error> {
    let typed = if url.is_empty() { None } else { Some(Target::parse(url).context("the URL of PostgreSQL")?) };
    let needs_config = typed.is_none() || (node.is_none() && data.data_dir.is_none());
    let configured = if needs_config {
        let cwd = std::env::current_dir().context("the working directory can't be read")?;
        Config::load(&data.config.overrides(), &Environment::of_process(), &cwd)?.config.ledger.postgres
    } else {
        None
    };
    let patience = configured.as_ref().map_or(PATIENCE, |postgres| postgres.timeout);
    let node = node.cloned().or_else(|| configured.as_ref().map(|postgres| postgres.node.clone()));
    let node = node.or_else(|| NodeId::parse(NODE)).context("no node is named")?;
    let target = match (typed, configured) {
        (Some(target), _) => target,
        (None, Some(postgres)) => Target::parse(postgres.url.expose())?,
        (None, None) => anyhow::bail!("no PostgreSQL is configured: name one"),
    };
    Ok(Meant { target, node, patience })
}
