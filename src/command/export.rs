//! `doorbuster orders export`: orders for other programs.

use std::io;

use crate::cli::ExportArgs;
use crate::ledger::export::export;
use crate::ledger::orders::OrderFilter;
use crate::ledger::read::LedgerReader;

/// Prints the orders on stdout.
///
/// # Errors
/// Where not all orders could be printed.
pub fn run(args: &ExportArgs) -> Result<(), anyhow::Error> {
    let reader = LedgerReader::open(&super::data_dir(&args.data)?)?;
    let filter = OrderFilter { sale: args.sale.clone(), ..OrderFilter::default() };
    export(&reader, args.format, &filter, io::stdout().lock())?;
    Ok(())
}
