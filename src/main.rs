//! Parses the command line, runs one command, and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

/// A win costs a tenth less CPU than with the C library's, a refusal a twentieth: the door's threads allocate what the
/// ledger's frees.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorbuster::command::run(&doorbuster::cli::Cli::parse()).into()
}
