//! Looks after tasks that must not end: one that panics would leave a house that looks well, and never ends a hold again.
//!
//! **Invariant:** where such a task panics, the house closes, and the process ends with a failure.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::sync::watch;

/// Runs a task, and says so where it panics.
pub(super) async fn watched(what: &'static str, task: impl Future<Output = ()>, fell: watch::Sender<bool>) {
    // Unwind safe: nothing that the task has touched is used again, but to close the house.
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        tracing::error!(what, "a task that the house can't do without has panicked: closing");
        fell.send_replace(true);
    }
}
