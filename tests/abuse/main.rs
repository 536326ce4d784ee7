//! What abuse gets, measured: people and a bot farm in front of the real floors, in one process, by a clock that only the
//! test moves. What it prints with `--nocapture` is the table in `tests/README.md`.
//!
//! Simulated: how fast people and machines are, and how long a challenge takes them. Real: every answer that they get.
//!
//! Absent: sockets, and whatever tells people from machines by what they are.

#![allow(clippy::print_stdout, reason = "tables are what this is for")]

mod expediting;
mod house;
mod inventory;
mod scalping;
mod sniping;
