//! Is the ledger's file empty although it wasn't? By itself it can't tell: a new one begins with an empty file, too.

use std::path::Path;

use crate::client::SECRET_FILE;
use crate::ledger::{FILE_NAME, LedgerFault};

/// A shop makes its secret after its ledger: an empty file beside a secret has lost what was in it.
///
/// # Errors
/// [`LedgerFault::Corrupt`], then.
pub(super) fn refuse_an_emptied_ledger(data_dir: &Path) -> Result<(), LedgerFault> {
    let file = data_dir.join(FILE_NAME);
    let is_empty = file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    if !is_empty || !data_dir.join(SECRET_FILE).exists() {
        return Ok(());
    }
    let (file, secret) = (file.display(), SECRET_FILE);
    let why = format!("{file} is empty, and {secret} beside it says that a shop was opened here (or remove both)");
    Err(LedgerFault::Corrupt { seq: None, why })
}
