//! `completions`: what a shell has to know to finish a line.

use std::io::{self, Write};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

/// Prints completions for a shell.
///
/// # Errors
/// Where `out` can't be written to.
pub fn run(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // Into memory first: the generator panics where it can't write, to a closed pipe for example.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "doorbuster", &mut script);
    out.write_all(&script)
}
