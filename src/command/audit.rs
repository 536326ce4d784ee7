//! `doorbuster audit`: is the ledger what it must be?

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use anyhow::Context;

use super::Exit;
use super::postgres::{Meant, meant};
use crate::cli::AuditArgs;
use crate::ledger::audit::{AuditReport, audit};
use crate::ledger::read::LedgerReader;
use crate::postgres::{Comparison, compare};

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
    let comparison = args.postgres.as_ref().map(|url| {
        let Meant { target, node, patience } = meant(url, args.node.as_ref(), &args.data)?;
        Ok::<_, anyhow::Error>(compare(&reader, (&target, &node), patience)?)
    });
    let comparison = comparison.transpose()?;
    let is_ok = report.is_ok() && comparison.as_ref().is_none_or(|comparison| comparison.ok);
    super::print(&if args.json {
        json(&report, comparison.as_ref(), is_ok)?
    } else {
        text(&report, comparison.as_ref())
    })?;
    Ok(if is_ok { Exit::OK } else { Exit::VIOLATION })
}

fn json(report: &AuditReport, comparison: Option<&Comparison>, is_ok: bool) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(report)?;
    if let Some(comparison) = comparison {
        value["ok"] = is_ok.into();
        value["postgres"] = serde_json::to_value(comparison)?;
    }
    Ok(value.to_string() + "\n")
}

fn text(report: &AuditReport, comparison: Option<&Comparison>) -> String {
    let lines = comparison.map(|Comparison { events, orders, head, difference, .. }| match difference {
        None => format!("  PostgreSQL has the same: {events} events, {orders} orders, head {head}\n"),
        Some(difference) => format!("PostgreSQL DIFFERS: {difference}\n"),
    });
    report.to_string() + &lines.unwrap_or_default()
}
