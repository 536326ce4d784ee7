//! `doorbuster bench ledger`.

use serde::Serialize;

use super::scratch::scratch;
use super::{held_against, write_beside};
use crate::bench::ledger::{BATCHES, BatchFigures, DiskFigures, measure, measure_disk};
use crate::bench::report::{Beside, Line, Origin, Unit};
use crate::cli::bench::LedgerArgs;
use crate::command::{Exit, print};

/// Prints what the disk does by itself, and a line for each size of a commit.
///
/// # Errors
/// Where the directory can't be written, or the figures can't.
pub(super) fn run(args: &LedgerArgs) -> Result<Exit, anyhow::Error> {
    let dir = scratch(&args.data_dir)?;
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
    let origin = Origin::here();
    write_beside(&args.files, &beside(&all, &disk, &origin), &Written { origin: &origin, disk: &disk, ledger: &all })?;
    let fastest = all.iter().max_by(|a, b| a.orders_per_s.total_cmp(&b.orders_per_s));
    let figures = fastest.map(|of| {
        let [p50, p99, max] = [of.commit.p50_us, of.commit.p99_us, of.commit.max_us].map(|us| us as f64);
        [("rate", of.orders_per_s), ("p50", p50), ("p99", p99), ("max", max)]
    });
    held_against(args.fail_if.as_ref(), figures.as_ref().map_or(&[], |figures| figures))
}

/// The file's JSON.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    origin: &'a Origin,
    disk: &'a DiskFigures,
    ledger: &'a [BatchFigures],
}

fn beside<'a>(all: &'a [BatchFigures], disk: &DiskFigures, origin: &'a Origin) -> Beside<'a> {
    let line = |of: &'a BatchFigures| Line {
        name: format!("{} orders in a commit", of.orders_per_commit),
        rate_per_s: of.orders_per_s,
        histogram: &of.histogram,
        is_drawn: true,
    };
    let note = format!(
        "A commit, from the first order's place in the queue to the last one's receipt. The disk by itself: {:.0} appends \
         a second, each synced, p50 {} µs, p99 {} µs.",
        disk.syncs_per_s, disk.sync.p50_us, disk.sync.p99_us
    );
    let lines = all.iter().map(line).collect();
    Beside { brand: "doorbuster bench ledger", what: "orders on disk", unit: Unit::Us, note, lines, origin }
}
