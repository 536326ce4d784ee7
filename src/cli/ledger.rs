//! What was typed behind the commands that read the ledger or make one.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};

use super::DataArgs;
use crate::ids::SaleId;
use crate::ledger::export::Format;
use crate::postgres::{NodeId, Target, TargetFault};

/// What to do with orders.
#[derive(Debug, Subcommand)]
pub enum OrdersCommand {
    /// Print orders as CSV or JSON lines, also while the server runs
    Export(ExportArgs),
}

/// Flags of `audit`.
#[derive(Debug, Clone, Default, Args)]
pub struct AuditArgs {
    /// Where the ledger is.
    #[command(flatten)]
    pub data: DataArgs,
    /// Orders that were acknowledged, one id a line; all must be in the ledger ("-": standard input)
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// Compare PostgreSQL with the ledger as well: the one that is named, else the configured one
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", value_parser = postgres)]
    pub postgres: Option<String>,
    /// Who this shop is there [default: as configured]
    #[arg(long, value_name = "ID", requires = "postgres", value_parser = node)]
    pub node: Option<NodeId>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// A URL, or nothing: the configured one.
fn postgres(text: &str) -> Result<String, TargetFault> {
    if text.is_empty() { Ok(String::new()) } else { Target::parse(text).map(|_| text.to_owned()) }
}

fn node(text: &str) -> Result<NodeId, &'static str> {
    NodeId::parse(text).ok_or("must be 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"")
}

/// Flags of `restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The PostgreSQL that was shipped to: the one that is named, else the configured one
    #[arg(long, value_name = "URL", required = true, num_args = 0..=1, default_missing_value = "", value_parser = postgres)]
    pub from_postgres: String,
    /// Who this shop is there [default: as configured]
    #[arg(long, value_name = "ID", value_parser = node)]
    pub node: Option<NodeId>,
    /// Where the ledger goes; must not have one.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Flags of `orders export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Where the ledger is.
    #[command(flatten)]
    pub data: DataArgs,
    /// In which form
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = PossibleValuesParser::new(["csv", "jsonl"]).map(format))]
    pub format: Format,
    /// Of this sale only
    #[arg(long, value_name = "ID", value_parser = |text: &str| SaleId::parse(text))]
    pub sale: Option<SaleId>,
}

// The parser lets through nothing else than the two words.
#[expect(clippy::needless_pass_by_value, reason = "the parser hands the word over")]
fn format(word: String) -> Format {
    if word == "csv" { Format::Csv } else { Format::Jsonl }
}

/// Flags of `backup`.
#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// Where the copy goes; must not be there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the ledger is.
    #[command(flatten)]
    pub data: DataArgs,
}
