//! The one seam where the standard library's atomics become loom's.
//!
//! Lock-free rooms import from here and never from `std::sync::atomic`, so that the very code that runs in the shop is
//! the code that the models explore (`RUSTC_WORKSPACE_WRAPPER=$PWD/tests/loom-rustc cargo test --lib loom_`).
//!
//! **Invariant:** nothing but re-exports.

#[cfg(not(doorbuster_loom))]
pub(crate) use std::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    thread::yield_now,
};

#[cfg(doorbuster_loom)]
pub(crate) use loom::{
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    thread::yield_now,
};
