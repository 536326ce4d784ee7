//! Parses the command line, runs one command, and turns its outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

/// A win costs a tenth less CPU than with the C library's, a refusal a twentieth: the door's threads allocate what the
/// ledger's frees. It doesn't ask for huge pages (`no_thp`), and `refuse_huge_pages` says why.
#[cfg(not(feature = "torture"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where a system gives huge pages to whoever doesn't ask for them (Debian's default), the kernel clears two megabytes where
/// somebody needs eight bytes: in the first second of a sale a hundredth of all attempts waited 15 to 28 ms for that, who
/// wait 1 to 3 ms without, and a connection that waits took 18.7 KB of memory and not 10.1. Wins cost a twentieth more CPU
/// for it.
fn refuse_huge_pages() {
    // A kernel that can't is as good as one that gives none: nothing depends on it but the figures above.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    refuse_huge_pages();
    doorbuster::command::run(&doorbuster::cli::Cli::parse()).into()
}
