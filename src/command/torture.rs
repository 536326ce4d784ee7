//! `doorbuster torture`.

use std::io::{self, Write as _};

use anyhow::Context as _;

use super::{Exit, print};
use crate::cli::{TortureArgs, TortureProfile};
use crate::torture::{Line, Rounds, torment};

/// Prints one line when it is over: [`Exit::OK`], or [`Exit::FAILURE`] where a promise was broken.
///
/// # Errors
/// Where a round can't be played.
pub(super) fn run(args: &TortureArgs) -> Result<Exit, anyhow::Error> {
    let (windows, rounds, operations, faults) = match args.profile {
        TortureProfile::Ci => (500, 2, 15_000, 11),
        TortureProfile::Nightly => (100_000, 20, 200_000, 50),
        TortureProfile::Release => (1_000_000, 200, 1_000_000, 200),
    };
    let temporary = tempfile::Builder::new().prefix("doorbuster-torture-").tempdir()?;
    let terms = Rounds {
        windows: args.windows.unwrap_or(windows),
        rounds: args.rounds.unwrap_or(rounds),
        operations: args.operations.unwrap_or(operations),
        faults: args.faults.unwrap_or(faults),
        seed: args.seed.map_or_else(getrandom::u64, Ok).context("this machine has no randomness")?,
        postgres: args.postgres.as_deref().map(Line::to).transpose().context("the URL of PostgreSQL")?,
        history: args.history.clone(),
        dir: args.data_dir.clone().unwrap_or_else(|| temporary.path().to_owned()),
    };
    // What is said here is for people; that nobody listens is no failure.
    let say = |words: String| drop(writeln!(io::stderr(), "{words}"));
    say(format!(
        "seed {}: {} windows, {} rounds of {} operations",
        terms.seed, terms.windows, terms.rounds, terms.operations
    ));
    let outcome = torment(&terms, |round, so_far| {
        let faults: Vec<_> = so_far.faults.iter().map(|(word, count)| format!("{word} {count}")).collect();
        say(format!(
            "round {}: {} operations so far, {} won, {} unknown, violations {}; {}",
            round + 1,
            so_far.operations,
            so_far.won,
            so_far.unknown,
            so_far.violations,
            faults.join(", ")
        ));
    });
    if outcome.as_ref().map_or(true, |of| of.violations > 0) {
        let kept = temporary.keep();
        say(format!("the last round's ledger is kept in {}", args.data_dir.as_ref().unwrap_or(&kept).display()));
    }
    let outcome = outcome?;
    print(&(serde_json::to_string(&outcome)? + "\n"))?;
    Ok(if outcome.violations == 0 { Exit::OK } else { Exit::FAILURE })
}
