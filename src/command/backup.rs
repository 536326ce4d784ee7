//! `doorbuster backup`: a consistent copy of the ledger.

use crate::cli::BackupArgs;
use crate::ledger::backup::backup;

/// Copies the ledger and says on stdout how far the copy goes.
///
/// # Errors
/// Where there is no copy.
pub fn run(args: &BackupArgs) -> Result<(), anyhow::Error> {
    let head = backup(&super::data_dir(&args.data)?, &args.file)?;
    super::print(&format!("{}: {} events\n", args.file.display(), head.seq))
}
