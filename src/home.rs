//! Where a thread is at home: which shard of a sharded counter it touches first.
//!
//! Absent: any say in how many shards there are. A counter with 2ⁿ shards takes the lowest n bits.
//!
//! **Invariant:** a thread's home never changes, and as many threads as there are shards, started one after the other,
//! have as many homes.

use std::sync::atomic::{AtomicUsize, Ordering};

// The standard library's, also under loom: a hint about caches decides nothing.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Relaxed: only the number matters, nothing is published with it.
    static HOME: usize = NEXT.fetch_add(1, Ordering::Relaxed);
}

/// This thread's home: handed out round-robin, the first time it asks.
pub(crate) fn home() -> usize {
    // A thread that is being torn down counts at the first shard: correct anywhere, only slower.
    HOME.try_with(|home| *home).unwrap_or(0)
}
