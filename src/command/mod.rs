//! The commands, one file each: they read what was typed, call the house, and print.
//!
//! **Invariant:** results go to stdout, everything else to stderr; the outcome is one of the contract's exit codes.

pub mod audit;
pub mod backup;
pub mod bench;
pub mod completions;
pub mod config;
pub mod demo;
mod emptied;
mod exit;
pub mod export;
pub mod hash_password;
pub mod healthcheck;
mod logging;
mod lookout;
pub mod pass;
mod postgres;
pub mod restore;
pub mod serve;
mod signals;
mod wiring;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;
#[cfg(feature = "torture")]
mod torture;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;

pub use exit::Exit;

use crate::cli::{Cli, Command, DataArgs, OrdersCommand, PassCommand};
use crate::config::{Config, Environment};

/// Runs what was typed, and says on stderr why it failed, if it did.
#[must_use]
pub fn run(cli: &Cli) -> Exit {
    match outcome(cli) {
        Ok(exit) => exit,
        Err(error) => {
            let _ = writeln!(io::stderr(), "doorbuster: {error:#}");
            Exit::of(&error)
        }
    }
}

fn outcome(cli: &Cli) -> Result<Exit, anyhow::Error> {
    let environment = Environment::of_process();
    let cwd = std::env::current_dir().context("the working directory can't be read")?;
    let done = match &cli.command {
        Command::Serve(args) => return serve::run(args),
        Command::Demo(args) => return demo::run(args),
        Command::Bench(command) => return bench::run(command),
        #[cfg(feature = "torture")]
        Command::Torture(args) => return torture::run(args),
        Command::Audit(args) => return audit::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Orders(OrdersCommand::Export(args)) => export::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Pass(PassCommand::Issue(args)) => pass::run(args),
        Command::Config(command) => config::run(command, &environment, &cwd, &mut io::stdout().lock()),
        Command::HashPassword => hash_password::run(&mut io::stdin().lock(), &mut io::stdout().lock()),
        Command::Healthcheck(args) => healthcheck::run(args, &environment, &cwd),
        Command::Completions { shell } => {
            completions::run(*shell, &mut io::stdout().lock()).map_err(anyhow::Error::from)
        }
    };
    done.map(|()| Exit::OK)
}

/// The data directory that is meant. Where it is named there is no need of a configuration, which may be the very thing
/// that is broken.
fn data_dir(args: &DataArgs) -> Result<PathBuf, anyhow::Error> {
    if let Some(dir) = &args.data_dir {
        return Ok(dir.clone());
    }
    let cwd = std::env::current_dir().context("the working directory can't be read")?;
    Ok(Config::load(&args.config.overrides(), &Environment::of_process(), &cwd)?.config.ledger.data_dir)
}

/// Prints a result. That nobody listens any more is no failure.
fn print(text: &str) -> Result<(), anyhow::Error> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
