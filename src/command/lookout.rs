//! Looks after tasks that must not end: one that panics would leave a house that looks well, and never ends a hold again.
//!
//! **Invariant:** where a task panics that the sale can't do without, the house closes, and the process ends with a failure;
//! any other is begun again.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

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

/// Until a task is begun again: a panic that comes at once each time fills no log.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Runs a task that nobody needs to buy, and runs it again where it panics.
pub(super) async fn begun_again<F: Future<Output = ()>>(what: &'static str, begin: impl Fn() -> F) {
    // Unwind safe: it begins from what is there.
    while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
        tracing::error!(what, "a task has panicked: it is begun again");
        tokio::time::sleep(BEGIN_AGAIN_AFTER).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_panics_is_begun_again_until_he_ends_as_he_should() {
        let begun = AtomicU32::new(0);
        let begin = || async { assert!(begun.fetch_add(1, Ordering::Relaxed) == 2, "not yet") };
        begun_again("a test", begin).await;
        assert_eq!(begun.into_inner(), 3);
    }

    #[tokio::test]
    async fn who_must_not_panic_tells_the_house() {
        let (fell, told) = watch::channel(false);
        watched("a test", async {}, fell.clone()).await;
        assert!(!*told.borrow());
        watched("a test", async { panic!("on purpose") }, fell).await;
        assert!(*told.borrow());
    }
}
