//! `doorbuster bench compare`.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::bench::report::compare;
use crate::command::print;

/// Prints both, and their ratios.
///
/// # Errors
/// Where one of the files can't be read, or is no report.
pub(super) fn run(a: &Path, b: &Path) -> Result<(), anyhow::Error> {
    print(&compare(&read(a)?, &read(b)?).map_err(anyhow::Error::msg)?)
}

fn read(path: &Path) -> Result<Value, anyhow::Error> {
    let text = fs::read(path).with_context(|| format!("{} can't be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}
