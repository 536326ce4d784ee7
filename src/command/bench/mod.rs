//! `doorbuster bench`: measures, and prints what came of it.

mod compare;
mod engine;
mod http;
mod ledger;

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::{Exit, print};
use crate::bench::report::Threshold;
use crate::cli::bench::BenchCommand;

/// Measures what was asked for.
///
/// # Errors
/// Where it can't be measured.
pub fn run(command: &BenchCommand) -> Result<Exit, anyhow::Error> {
    match command {
        BenchCommand::Engine(args) => engine::run(args),
        BenchCommand::Ledger(args) => ledger::run(args),
        BenchCommand::Http(args) => http::run(args),
        BenchCommand::Compare { a, b } => compare::run(a, b).map(|()| Exit::OK),
    }
}

/// [`Exit::MISSED`], and a word on it, where the figures are what they mustn't be.
fn held_against(threshold: Option<&Threshold>, figures: &[(&str, f64)]) -> Result<Exit, anyhow::Error> {
    match threshold {
        Some(threshold) if threshold.is_missed(figures) => {
            print(&format!("\n  MISSED: {}\n", threshold.text()))?;
            Ok(Exit::MISSED)
        }
        _ => Ok(Exit::OK),
    }
}

fn write_json(path: &Path, figures: &impl Serialize) -> Result<(), anyhow::Error> {
    write(path, &(serde_json::to_string_pretty(figures)? + "\n"))
}

fn write(path: &Path, text: &str) -> Result<(), anyhow::Error> {
    fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}
