//! `doorbuster bench ledger`.

use anyhow::Context;
use serde_json::json;

use crate::bench::ledger::{BATCHES, measure, measure_disk};
use crate::cli::bench::LedgerArgs;
use crate::command::print;

/// Prints what the disk does by itself, and a line for each size of a commit.
///
/// # Errors
/// Where the directory can't be written, or the figures can't.
pub(super) fn run(args: &LedgerArgs) -> Result<(), anyhow::Error> {
    let dir = tempfile::Builder::new().prefix("doorbuster-bench-").tempdir_in(&args.data_dir);
    let dir = dir.with_context(|| format!("{} can't be written", args.data_dir.display()))?;
    let disk = measure_disk(dir.path(), args.seconds)?;
    print(&format!(
        "the disk by itself: {:.0} appends a second, each synced: p50 {} µs, p99 {} µs, max {} µs\n\n",
        disk.syncs_per_s, disk.sync.p50_us, disk.sync.p99_us, disk.sync.max_us
    ))?;
    print(&format!("{:>14}{:>14}{:>12}{:>12}{:>12}\n", "orders/commit", "orders/s", "p50 µs", "p99 µs", "max µs"))?;
    let mut all = Vec::new();
    for size in BATCHES {
        let figures = measure(dir.path(), size, args.seconds)?;
        let commit = &figures.commit;
        print(&format!(
            "{size:>14}{:>14.0}{:>12}{:>12}{:>12}\n",
            figures.orders_per_s, commit.p50_us, commit.p99_us, commit.max_us
        ))?;
        all.push(figures);
    }
    match &args.json {
        Some(path) => super::write_json(path, &json!({ "disk": disk, "ledger": all })),
        None => Ok(()),
    }
}
