//! Measures the house: what a decision costs, what this disk takes, and what a crowd at the door gets.
//!
//! Deliberately absent: anything that the shop needs to run. Nothing here is known to any other room but `command`.

pub mod engine;
pub mod house;
pub mod http;
pub mod ledger;
pub mod report;
