//! `doorbuster pass issue`: signed passes, for load tests and support staff.

use std::fmt::Write;

use crate::cli::PassIssueArgs;
use crate::client::{Passes, Secret};
use crate::clock::Clock;
use crate::ids::BuyerRef;

/// Passes that are printed at once.
const CHUNK: u32 = 4096;

/// Prints passes, one a line. The key must be there: `serve` makes it.
///
/// # Errors
/// Where a numbered buyer's name is too long, or the key can't be read.
pub fn run(args: &PassIssueArgs) -> Result<(), anyhow::Error> {
    let passes = Passes::new(&Secret::load(&super::data_dir(&args.data)?)?);
    let expires_at = Clock::system().now().wall.after(args.ttl);
    let mint = |buyer: &str| -> Result<String, anyhow::Error> {
        let buyer = BuyerRef::parse(buyer.as_bytes()).map_err(|error| anyhow::anyhow!("--buyer {error}"))?;
        Ok(passes.mint(&args.sale, buyer, expires_at).token)
    };
    let Some(count) = args.count else {
        return super::print(&(mint(&args.buyer)? + "\n"));
    };
    let mut lines = String::new();
    for number in 1..=count {
        writeln!(lines, "{}", mint(&format!("{}-{number}", args.buyer))?)?;
        if number % CHUNK == 0 || number == count {
            super::print(&lines)?;
            lines.clear();
        }
    }
    Ok(())
}
