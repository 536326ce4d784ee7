//! Parses the command line, runs one command, and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    doorbuster::command::run(&doorbuster::cli::Cli::parse()).into()
}
