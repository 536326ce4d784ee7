//! `doorbuster bench engine`.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use serde::Serialize;

use super::{held_against, write_beside};
use crate::bench::engine::{EngineFigures, EngineTerms, Mix, measure};
use crate::bench::report::{Beside, Line, Origin, Unit};
use crate::cli::bench::EngineArgs;
use crate::command::{Exit, print};

/// A crowd that fits every cache.
const FEW: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// Prints a line for each mix, number of buyers and number of threads.
///
/// # Errors
/// Where threads can't be started, or the figures can't be written.
pub(super) fn run(args: &EngineArgs) -> Result<Exit, anyhow::Error> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = args.threads.unwrap_or(cores);
    print("attempts decided in process: limits, sale, stock, the hand-over to the ledger; no sockets, no disk\n\n")?;
    print(&format!(
        "{:<14}{:>10}{:>9}{:>16}{:>14}{:>10}{:>12}\n",
        "mix", "buyers", "threads", "decisions/s", "ns/decision", "p50 ns", "p99.9 ns"
    ))?;
    let mut all = Vec::new();
    // Few, who fit every cache, and many, who don't.
    let crowds = if args.buyers > FEW { vec![FEW, args.buyers] } else { vec![args.buyers] };
    for buyers in crowds {
        for mix in Mix::ALL {
            for threads in counts(threads) {
                let figures = measure(mix, threads, EngineTerms { seconds: args.seconds, buyers })?;
                print(&line(&figures))?;
                all.push(figures);
            }
        }
    }
    let clock_ns = all.first().map_or(0, |figures| figures.clock_ns);
    let note = format!("in the percentiles are {clock_ns} ns of looking at the clock");
    print(&format!("\nns/decision is of one thread; {note}\n{}", allocations(&all)))?;
    let origin = Origin::here();
    write_beside(&args.files, &beside(&all, &origin, note), &Written { origin: &origin, engine: &all })?;
    held_against(args.fail_if.as_ref(), &worst(&all))
}

/// The file's JSON.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    origin: &'a Origin,
    engine: &'a [EngineFigures],
}

fn beside<'a>(all: &'a [EngineFigures], origin: &'a Origin, note: String) -> Beside<'a> {
    let line = |of: &'a EngineFigures| Line {
        name: format!("{}, {} buyers, {} thread{}", of.mix.words(), of.buyers, of.threads, plural(of.threads)),
        rate_per_s: of.decisions_per_s,
        histogram: &of.histogram,
        // Of all that fits the caches, and nobody disturbs.
        is_drawn: of.threads == 1 && all.first().is_some_and(|first| of.buyers == first.buyers),
    };
    let lines = all.iter().map(line).collect();
    Beside { brand: "doorbuster bench engine", what: "decisions", unit: Unit::Ns, note, lines, origin }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// How often each mix asks for memory, where somebody counts.
fn allocations(all: &[EngineFigures]) -> String {
    let of = |mix| all.iter().find(|of| of.mix == mix)?.allocations_per_decision;
    match (of(Mix::SoldOut), of(Mix::Limited), of(Mix::AllWin)) {
        (Some(sold_out), Some(limited), Some(win)) => {
            format!(
                "allocations: {sold_out:.2} where nothing is left, {limited:.2} where limited, {win:.2} for a win\n"
            )
        }
        _ => "allocations are counted by a test build: cargo run --release --features torture -- bench engine\n".into(),
    }
}

/// Of all lines the lowest rate, and the longest decisions in microseconds.
fn worst(all: &[EngineFigures]) -> [(&'static str, f64); 3] {
    let longest = |ns: fn(&EngineFigures) -> u64| all.iter().map(ns).max().map_or(f64::NAN, |ns| ns as f64 / 1e3);
    let rate = all.iter().map(|of| of.decisions_per_s).reduce(f64::min).unwrap_or(f64::NAN);
    [("rate", rate), ("p50", longest(|of| of.p50_ns)), ("p99.9", longest(|of| of.p999_ns))]
}

/// 1, 2, 4 … and the most.
fn counts(most: NonZeroUsize) -> Vec<usize> {
    let most = most.get();
    let mut counts: Vec<_> =
        std::iter::successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < most).collect();
    counts.push(most);
    counts
}

fn line(figures: &EngineFigures) -> String {
    let mut line = String::new();
    let EngineFigures { mix, threads, buyers, decisions_per_s, ns_per_decision, p50_ns, p999_ns, .. } = figures;
    // Writing into a string never fails.
    let _ = writeln!(
        line,
        "{:<14}{buyers:>10}{threads:>9}{decisions_per_s:>16.0}{ns_per_decision:>14.0}{p50_ns:>10}{p999_ns:>12}",
        mix.words()
    );
    line
}
