//! Whether the house takes orders: asked by load balancers, set by whoever opens and closes it.
//!
//! **Invariant:** once it is leaving, it never becomes ready again.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the house is closing. Whether the ledger can write is the ledger's to say.
#[derive(Debug, Default)]
pub struct Readiness {
    leaving: AtomicBool,
}

impl Readiness {
    /// The house is closing.
    pub fn leave(&self) {
        // Relaxed: a connection that reads it late gets one more ordinary answer.
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}
