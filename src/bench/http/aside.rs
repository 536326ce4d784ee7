//! Work beside the attempts, on a thread of its own, until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The thread, and what it will have counted. It ends with its owner.
#[derive(Debug)]
pub(super) struct Aside<C> {
    thread: Option<JoinHandle<C>>,
    is_over: Arc<AtomicBool>,
}

/// How the thread learns that it is over.
#[derive(Debug)]
pub(super) struct Over(Arc<AtomicBool>);

impl Over {
    pub(super) fn is_now(&self) -> bool {
        // Relaxed: a flag that ends a loop.
        self.0.load(Ordering::Relaxed)
    }
}

impl<C: Send + 'static> Aside<C> {
    /// Starts it; `work` looks now and then whether it is over.
    pub(super) fn start(name: &str, work: impl FnOnce(&Over) -> C + Send + 'static) -> std::io::Result<Self> {
        let is_over = Arc::<AtomicBool>::default();
        let over = Over(Arc::clone(&is_over));
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(&over))?;
        Ok(Self { thread: Some(thread), is_over })
    }
}

impl<C> Aside<C> {
    /// Ends it: what it has counted; none where it has panicked, which has been heard on stderr.
    pub(super) fn end(mut self) -> Option<C> {
        self.join()
    }

    fn join(&mut self) -> Option<C> {
        // Relaxed: as above.
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl<C> Drop for Aside<C> {
    fn drop(&mut self) {
        self.join();
    }
}
