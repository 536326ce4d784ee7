//! `doorbuster restore`: a ledger from what was shipped to PostgreSQL.

use std::io::{self, Write};

use super::postgres::{Meant, meant};
use crate::cli::RestoreArgs;
use crate::client::SECRET_FILE;
use crate::postgres::{Restored, restore};

/// Makes the ledger, prints its proof on stdout, and says on stderr what nobody but the lost machine knew.
///
/// # Errors
/// Where no ledger was made; then there is none.
pub fn run(args: &RestoreArgs) -> Result<(), anyhow::Error> {
    let dir = super::data_dir(&args.data)?;
    let Meant { target, node, patience } = meant(&args.from_postgres, args.node.as_ref(), &args.data)?;
    let Restored { report, last_at } = restore((&target, &node), patience, &dir)?;
    super::print(&report.to_string())?;
    let (shown, seq) = (dir.display(), report.head_seq);
    let mut lines = vec![
        format!("restored to {shown}: all that node {node} has shipped to {target}, up to event {seq} of {last_at}"),
        "what PostgreSQL was never told is not in it:".into(),
        format!(
            "  - whatever happened after event {seq}: orders that were promised with ack = \"disk\" or \"memory\" and not"
        ),
        "    shipped before the disk was lost are not known here".into(),
        "  - how far the messages to the shop had got: webhooks hear of what happens from now on".into(),
    ];
    if !dir.join(SECRET_FILE).exists() {
        lines.push(
            "  - the key that signs passes: `serve` makes a new one, and passes given out before are void;".into(),
        );
        lines.push(format!("    who has a copy of the old {SECRET_FILE} puts it into {shown} first"));
    }
    // Nobody listens: nothing is lost.
    let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
    Ok(())
}
