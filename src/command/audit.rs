//! `doorbuster audit`: is the ledger what it must be?

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use anyhow::Context;

use super::Exit;
use crate::cli::AuditArgs;
use crate::ledger::audit::audit;
use crate::ledger::read::LedgerReader;

/// Proves the ledger and prints the verdict on stdout: [`Exit::OK`], or [`Exit::VIOLATION`].
///
/// # Errors
/// Where there is no verdict.
pub fn run(args: &AuditArgs) -> Result<Exit, anyhow::Error> {
    let reader = LedgerReader::open(&super::data_dir(&args.data)?)?;
    let acks: Option<Box<dyn BufRead>> = match &args.acks {
        None => None,
        Some(path) if path.as_os_str() == "-" => Some(Box::new(io::stdin().lock())),
        Some(path) => {
            let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
            Some(Box::new(BufReader::new(file)))
        }
    };
    let report = audit(&reader, acks)?;
    let text = if args.json { serde_json::to_string(&report)? + "\n" } else { report.to_string() };
    super::print(&text)?;
    Ok(if report.is_ok() { Exit::OK } else { Exit::VIOLATION })
}
