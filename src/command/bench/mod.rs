//! `doorbuster bench`: measures, and prints what came of it.

mod compare;
mod engine;
mod http;
mod ledger;

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::Exit;
use crate::cli::bench::BenchCommand;

/// Measures what was asked for.
///
/// # Errors
/// Where it can't be measured.
pub fn run(command: &BenchCommand) -> Result<Exit, anyhow::Error> {
    match command {
        BenchCommand::Engine(args) => engine::run(args).map(|()| Exit::OK),
        BenchCommand::Ledger(args) => ledger::run(args).map(|()| Exit::OK),
        BenchCommand::Http(args) => http::run(args),
        BenchCommand::Compare { a, b } => compare::run(a, b).map(|()| Exit::OK),
    }
}

fn write_json(path: &Path, figures: &impl Serialize) -> Result<(), anyhow::Error> {
    write(path, &(serde_json::to_string_pretty(figures)? + "\n"))
}

fn write(path: &Path, text: &str) -> Result<(), anyhow::Error> {
    fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}
