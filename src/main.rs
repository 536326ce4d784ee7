//! Parses the command line, runs one command, and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

/// A win costs a tenth less CPU than with the C library's, a refusal a twentieth: the door's threads allocate what the
/// ledger's frees. Without huge pages (`no_thp`): the kernel clears two megabytes where somebody needs eight bytes, and in
/// the first second of a sale a hundredth of all attempts waited 15 to 28 ms for that, who wait 1 to 3 ms now; wins cost a
/// twentieth more CPU for it.
#[cfg(not(feature = "torture"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorbuster::command::run(&doorbuster::cli::Cli::parse()).into()
}
