//! Everything that the ledger knows, also in PostgreSQL.
//!
//! The shop's other systems live there, and one disk is one disk. A shipper reads the log from SQLite by its dense numbers
//! and writes each stretch into PostgreSQL in one transaction: the events, and the orders, sales and items that they add
//! up to.
//!
//! Deliberately absent: anything that the sale waits for, unless the shop has asked for it (`ack = "postgres"`).

mod target;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

pub use target::{NodeId, Target, TargetFault};
