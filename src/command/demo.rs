//! `doorbuster demo`: a flash sale to look at.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};

use super::Exit;
use super::signals::{Ending, Heard, Signals};
use crate::cli::DemoArgs;
use crate::demo::{DemoTerms, play};

/// Plays a sale and tells it on stdout: [`Exit::OK`], or [`Exit::FAILURE`] where a promise was broken.
///
/// # Errors
/// Where it can't be played to the end.
pub fn run(args: &DemoArgs) -> Result<Exit, anyhow::Error> {
    let terms = DemoTerms { buyers: args.buyers, stock: args.stock, seconds: args.seconds };
    let waits = !args.no_wait && io::stdout().is_terminal() && io::stdin().is_terminal();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let is_looking = Cell::new(false);
        let look = async {
            if waits {
                is_looking.set(true);
                let _ = super::print("\nThe shop stays open: look around. Ctrl-C ends it.\n\n");
                // Where there are no signals there is nothing to wait for.
                let _ = tokio::signal::ctrl_c().await;
            }
        };
        let mut signals = Signals::new(false)?;
        let interrupted = async {
            loop {
                match signals.next().await {
                    // While somebody looks around it is how he goes on.
                    Heard::End(Ending::Interrupt) if is_looking.get() => {}
                    Heard::End(_) | Heard::Reload => return,
                }
            }
        };
        let verdict = tokio::select! {
            verdict = play(terms, look) => verdict?,
            // What was begun is taken down all the same.
            () = interrupted => return Ok(Exit::FAILURE),
        };
        Ok(if verdict.is_ok() { Exit::OK } else { Exit::FAILURE })
    })
}
