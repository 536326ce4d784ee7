//! What was typed behind `doorbuster bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::bench::http::Proof;
use crate::bench::http::Target;
use crate::bench::http::crowd::Behaviour;
use crate::bench::report::Threshold;
use crate::ids::{SaleId, Sku};

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Decisions a second without sockets and disk: what the floors cost by themselves
    Engine(EngineArgs),
    /// Orders a second that this disk takes, by the size of a commit
    Ledger(LedgerArgs),
    /// A crowd at the door: the real server over HTTP, and the ledger's word on it afterwards
    Http(Box<HttpArgs>),
    /// Two reports of `bench http --json` beside each other
    Compare {
        /// The first report: what the other is a ratio of
        a: PathBuf,
        /// The second report
        b: PathBuf,
    },
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
    /// What else is written
    #[command(flatten)]
    pub files: BesideFiles,
    /// End with 99 if this is so of the slowest line: 'rate < 1000000 or p99.9 > 50us'
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Option<Threshold>,
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
    /// What else is written
    #[command(flatten)]
    pub files: BesideFiles,
    /// End with 99 if this is so of the fastest size: 'rate < 100000 or p99 > 50ms'
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Option<Threshold>,
}

/// Where figures that stand beside each other are written as well.
#[derive(Debug, Clone, Args)]
pub struct BesideFiles {
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write a page to show around
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also write the percentiles, as HdrHistogram's tools read them: a file for each line, named after it (all.hgrm:
    /// all.sold-out-….hgrm)
    #[arg(long, value_name = "FILE")]
    pub hgrm: Option<PathBuf>,
}

/// Flags of `bench http`.
#[derive(Debug, Clone, Args)]
pub struct HttpArgs {
    /// How long attempts are made; with --ramp: at each rate
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds)]
    pub seconds: Duration,
    /// Client threads
    #[arg(long, value_name = "N", default_value = "1")]
    pub threads: NonZeroUsize,
    /// Connections of all client threads
    #[arg(long, value_name = "N", default_value = "64")]
    pub connections: NonZeroUsize,
    /// Attempts a second, whatever the answers do [default: each connection asks again when it has its answer]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// Find the highest rate that holds, from --rate or 1,000 on, and say what breaks beyond it
    #[arg(long, conflicts_with = "crowd")]
    pub ramp: bool,
    /// With --ramp: a rate holds as long as the p99 is no longer
    #[arg(long, value_name = "MS", default_value = "50", value_parser = milliseconds)]
    pub p99_limit: Duration,
    /// How people behave
    #[arg(long, value_enum, default_value = "even")]
    pub crowd: Behaviour,
    /// How many different people there are [default: 1000000; hammer: 10000; bell: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=16_000_000))]
    pub buyers: Option<u64>,
    /// Units on sale
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::offer::STOCK_MAX)))]
    pub stock: u32,
    /// Units that each of them may have
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Units in each attempt
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub quantity: u32,
    /// People who only look: open event streams beside the attempts
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub listeners: u32,
    /// People who keep the shop waiting: connections that say a byte a second, or read one, or are silent
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub slow: u32,
    /// How they show who they are
    #[arg(long, value_enum, default_value = "header")]
    pub identity: Proof,
    /// What has happened before a buyer is told yes
    #[arg(long, value_enum, default_value = "disk")]
    pub ack: Promise,
    /// The server's worker threads; 0: one for each core
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u16).range(..=1024))]
    pub server_threads: u16,
    /// A server that runs already, on this machine: http://127.0.0.1:8080 [default: one is started]
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    pub target: Option<std::net::SocketAddr>,
    /// With --target: what is wanted there
    #[arg(long, value_name = "ID", requires = "target", value_parser = |text: &str| SaleId::parse(text))]
    pub sale: Option<SaleId>,
    /// With --target: of this item
    #[arg(long, value_name = "SKU", requires = "target", value_parser = |text: &str| Sku::parse(text))]
    pub sku: Option<Sku>,
    /// On which disk: a directory, in which a new one is made and removed. With --target: where its ledger lies, to be
    /// checked against what buyers were told
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Also write all there is to say to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write a page to show around
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also write the percentiles, as HdrHistogram's tools read them
    #[arg(long, value_name = "FILE")]
    pub hgrm: Option<PathBuf>,
    /// End with 99 if this is so: 'p99 > 5ms or failed > 0'
    #[arg(long, value_name = "EXPR")]
    pub fail_if: Option<Threshold>,
}

/// What has happened before a buyer is told yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Promise {
    /// It is in memory
    Memory,
    /// It is on disk
    Disk,
}

fn rate(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|rate| (0.1..=10_000_000.0).contains(rate));
    parsed.ok_or_else(|| "must be a number of attempts a second from 0.1 to 10000000".into())
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let parsed = text.trim_end_matches("ms").parse().ok().filter(|ms| (0.1..=60_000.0).contains(ms));
    parsed
        .map(|ms: f64| Duration::from_secs_f64(ms / 1e3))
        .ok_or_else(|| "must be a number of milliseconds from 0.1 to 60000".into())
}

/// Seconds, with a fraction if need be.
fn seconds(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    parsed.map(Duration::from_secs_f64).ok_or_else(|| "must be a number of seconds from 0.01 to 86400".into())
}
