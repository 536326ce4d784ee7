//! Seeds, run.

#![expect(clippy::print_stdout, reason = "how many seeds, and what they did, is what a run is for")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::life::{End, live};
use super::world::{Promised, Sum, World};
use crate::ledger::row::EventKind;

/// Processes that follow each other over one disk.
const LIVES: usize = 4;
/// So many seeds take seconds in a build for development.
const SEEDS: u64 = 1_000;
/// Seeds that have found something, each with a word on it.
const KEPT: &str = include_str!("seeds.txt");
/// Enough failures to see what they have in common.
const FAILURES_MAX: usize = 5;

fn simulate(seed: u64, is_shown: bool) -> (u64, Sum) {
    let mut world = World::new(seed, is_shown);
    for _ in 0..LIVES {
        let end = live(&mut world);
        world.trace.line(&format!("{end:?}"));
        if end == End::Killed && world.dice.one_in(4) {
            // Nobody is there for longer than a hold lasts.
            world.clock.advance(std::time::Duration::from_secs(60));
        }
    }
    let World { disk, known, trace, mut sum, .. } = world;
    let acks: Vec<_> = known.iter().filter(|known| known.promised == Promised::Yes).collect();
    let refused: BTreeSet<_> =
        known.iter().filter(|known| known.promised == Promised::No).map(|known| *known.id.as_bytes()).collect();
    assert!(!disk.durable().orders.iter().any(|order| refused.contains(&order.id)), "a refused order is on disk");
    let report = disk.prove(acks.iter().map(|known| format!("{}\n", known.id)).collect());
    assert!(report.is_ok(), "{report}");
    sum.events = report.events;
    (trace.print(), sum)
}

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

fn kept() -> impl Iterator<Item = u64> {
    let lines = KEPT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().next().and_then(|seed| seed.parse().ok()).expect("a seed"))
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

#[test]
fn simulation_keeps_every_promise_under_every_seed() {
    if let Some(seed) = number_in("DOORBUSTER_TEST_SEED") {
        let (print, sum) = simulate(seed, true);
        println!("seed {seed}: {print:016x}, {sum:?}");
        return;
    }
    let begun = Instant::now();
    let seeds: Vec<u64> = kept().chain(0..number_in("DOORBUSTER_TEST_SEEDS").unwrap_or(SEEDS)).collect();
    let (next, total, failures) = (AtomicU64::new(0), Mutex::new(Sum::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                // Relaxed: a counter that hands out numbers.
                while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("a seed"))
                {
                    if failures.lock().len() >= FAILURES_MAX {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| simulate(*seed, false))) {
                        Ok((_, sum)) => *total.lock() += sum,
                        Err(panic) => failures.lock().push((*seed, message(&*panic).to_owned())),
                    }
                }
            });
        }
    });
    let (total, mut failures) = (total.into_inner(), failures.into_inner());
    failures.sort();
    println!(
        "simulation: {} seeds, {} steps, {} orders, {} events, {} kills, {} disk faults, {} bells, {} attempts before \
         them, {} quiet moments compared, {} violations, {:.1} s",
        seeds.len(),
        total.steps,
        total.orders,
        total.events,
        total.deaths,
        total.faults,
        total.bells,
        total.too_early,
        total.quiet_moments,
        failures.len(),
        begun.elapsed().as_secs_f64()
    );
    for (seed, what) in &failures {
        println!("DOORBUSTER_TEST_SEED={seed}: {what}");
    }
    for (kind, count) in EventKind::ALL.iter().zip(total.kinds) {
        println!("  {count} {}", kind.word());
        assert!(
            count > 0 || !failures.is_empty() || (seeds.len() as u64) < SEEDS,
            "no seed has led to {}",
            kind.word()
        );
    }
    assert!(failures.is_empty(), "{} of the seeds found something: the first is {}", failures.len(), failures[0].0);
    let has_bells = total.bells > 0 && total.too_early > 0;
    assert!(has_bells || (seeds.len() as u64) < SEEDS, "no seed has led to a bell, and to somebody before it");
}

#[test]
fn a_simulation_does_the_same_under_the_same_seed() {
    for seed in 0..50 {
        assert_eq!(simulate(seed, false), simulate(seed, false), "seed {seed}");
    }
}
