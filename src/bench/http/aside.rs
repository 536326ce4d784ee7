//! Work beside the attempts, on a thread of its own, until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// The thread, and what it counts. It ends with its owner.
#[derive(Debug)]
pub(super) struct Aside<C> {
    thread: Option<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    counts: Arc<C>,
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

impl<C: Default + Send + Sync + 'static> Aside<C> {
    /// Starts it; `work` looks now and then whether it is over.
    pub(super) fn start(name: &str, work: impl FnOnce(&Over, &C) + Send + 'static) -> std::io::Result<Self> {
        let (is_over, counts) = (Arc::<AtomicBool>::default(), Arc::<C>::default());
        let (over, counted) = (Over(Arc::clone(&is_over)), Arc::clone(&counts));
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(&over, &counted))?;
        Ok(Self { thread: Some(thread), is_over, counts })
    }

    /// Ends it: what it has counted.
    pub(super) fn end(mut self) -> Arc<C> {
        self.join();
        Arc::clone(&self.counts)
    }
}

impl<C> Aside<C> {
    fn join(&mut self) {
        // Relaxed: as above; whoever reads the counts has joined the thread.
        self.is_over.store(true, Ordering::Relaxed);
        // One that has panicked has been heard on stderr.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl<C> Drop for Aside<C> {
    fn drop(&mut self) {
        self.join();
    }
}
