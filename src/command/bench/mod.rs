//! `doorbuster bench`: measures, and prints what came of it.

mod compare;
mod engine;
mod http;
mod ledger;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::{Exit, print};
use crate::bench::report::{Beside, Threshold, beside_page, percentiles_text};
use crate::cli::bench::{BenchCommand, BesideFiles};

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

/// Writes figures that stand beside each other wherever that was asked for.
fn write_beside(files: &BesideFiles, beside: &Beside<'_>, figures: &impl Serialize) -> Result<(), anyhow::Error> {
    if let Some(path) = &files.json {
        write_json(path, figures)?;
    }
    if let Some(path) = &files.html {
        write(path, &beside_page(beside))?;
    }
    for line in beside.lines.iter().filter(|_| files.hgrm.is_some()) {
        let path = files.hgrm.as_deref().map(|path| named_after(path, &line.name)).unwrap_or_default();
        write(&path, &percentiles_text(line.histogram))?;
    }
    Ok(())
}

/// `all.hgrm` for "all win, 1,000 buyers": `all.all-win-1000-buyers.hgrm`.
fn named_after(path: &Path, name: &str) -> PathBuf {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, ',' | '.'));
    let words: Vec<_> = words.map(|word| word.replace([',', '.'], "")).filter(|word| !word.is_empty()).collect();
    path.with_extension(format!("{}.hgrm", words.join("-")))
}

fn write_json(path: &Path, figures: &impl Serialize) -> Result<(), anyhow::Error> {
    write(path, &(serde_json::to_string_pretty(figures)? + "\n"))
}

fn write(path: &Path, text: &str) -> Result<(), anyhow::Error> {
    fs::write(path, text).with_context(|| format!("{} can't be written", path.display()))
}
