//! Everything that the ledger knows, also in PostgreSQL.
//!
//! The shop's other systems live there, and one disk is one disk. A shipper reads the log from SQLite by its dense numbers
//! and writes each stretch into PostgreSQL in one transaction: the events, and the orders, sales and items that they add
//! up to.
//!
//! Deliberately absent: anything that the sale waits for, unless the shop has asked for it (`ack = "postgres"`).

mod cells;
mod compare;
mod fault;
mod fold;
mod loader;
mod pace;
mod restore;
mod schema;
mod session;
mod shipper;
mod status;
mod target;
mod tls;
mod voyage;
mod world;
mod write;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

/// For [`crate::fuzz`]: each item's stock, and how many of that are held and sold; none where a row can't be folded.
#[cfg(any(test, feature = "torture"))]
pub(crate) fn fuzzed_log(rows: &[crate::ledger::row::EventRow<'_>]) -> Option<Vec<[i64; 3]>> {
    let (mut names, mut batch, mut world) = <(fold::Names, fold::Batch, world::World)>::default();
    for row in rows {
        batch.take(&mut names, row, crate::ledger::row::GENESIS).ok()?;
    }
    world.take(batch);
    let items = world.items.values();
    Some(items.map(|item| [item.cells.stock + item.shift.stock, item.shift.held, item.shift.sold]).collect())
}

pub use compare::{Comparison, compare};
pub use fault::PostgresFault;
pub use fold::Poison;
pub use restore::{RestoreFault, Restored, restore};
pub use shipper::{Shipper, ShippingTerms};
pub use status::{ShippingState, ShippingStatus};
pub use target::{NodeId, Target, TargetFault};
pub use tls::TlsFault;
