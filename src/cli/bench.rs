//! What was typed behind `doorbuster bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Decisions a second without sockets and disk: what the floors cost by themselves
    Engine(EngineArgs),
    /// Orders a second that this disk takes, by the size of a commit
    Ledger(LedgerArgs),
}

/// Flags of `bench engine`.
#[derive(Debug, Clone, Args)]
pub struct EngineArgs {
    /// How long each figure is measured
    #[arg(long, value_name = "N", default_value = "1", value_parser = seconds)]
    pub seconds: Duration,
    /// Most threads; 1 and all up to here are measured [default: one for each core]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Different buyers who come, again and again; a second figure is made with 1,000 if these are more
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub buyers: NonZeroUsize,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Flags of `bench ledger`.
#[derive(Debug, Clone, Args)]
pub struct LedgerArgs {
    /// How long each figure is measured
    #[arg(long, value_name = "N", default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
    /// On which disk: a directory, in which a new one is made and removed
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub data_dir: PathBuf,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Seconds, with a fraction if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    parsed.map(Duration::from_secs_f64).ok_or_else(|| "must be a number of seconds from 0.01 to 86400".into())
}
