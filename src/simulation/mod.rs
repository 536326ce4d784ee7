//! The real house under a seed: every floor, the keeper, the cashier and the ledger's own writer and fold, on one thread,
//! by a clock that only the seed moves, over a disk that fails as the seed says.
//!
//! The seed decides who does the next step: a buyer who has been let in, one who has his claim and his place in the queue
//! and not yet his units, the writer, which takes a batch of any size, somebody who waits, the keeper, the cashier, the
//! timers, the clock, the disk, or death. What dies leaves exactly what the disk has; a new house is built over it.
//!
//! `DOORBUSTER_TEST_SEEDS=100000` runs so many seeds; `DOORBUSTER_TEST_SEED=n` replays one and prints what happens.
//! Seeds that have found something are kept in `seeds.txt` and run first.
//!
//! **Invariant:** the same seed does the same, byte for byte.
//!
//! Absent: threads (the loom models') and what a power cut leaves of a file.

mod audience;
mod dice;
mod judge;
mod life;
mod nemesis;
mod tests;
mod waiting;
mod world;
