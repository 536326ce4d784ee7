//! The answer that somebody waits for: a future without a runtime.
//!
//! A commit decides hundreds of orders at once. Their tasks live on a few runtimes, and waking each task from the
//! writer's thread would cost a wake-up of its runtime each; so the writer leaves the wakers at the runtime's desk and
//! rings once, and the runtime wakes its tasks itself.
//!
//! **Invariant:** a receipt is told exactly one outcome, and always one: a promise that is dropped says *unknown*.
//!
//! **Invariant:** no lost wake-up: outcome and waker lie under one lock; whoever comes second finds the other's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Unwritten;
use crate::order::Stored;

#[cfg(doorbuster_loom)]
pub(super) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(doorbuster_loom))]
pub(super) use parking_lot::{Mutex, MutexGuard};

#[cfg(not(doorbuster_loom))]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
#[cfg(doorbuster_loom)]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("a model doesn't panic under a lock")
}

/// What a receipt is told.
pub(super) type Told = Result<Stored, Unwritten>;

#[derive(Debug)]
enum Ticket {
    /// Nothing is decided; whoever has asked last is to be woken.
    Open(Option<Waker>),
    Told(Told),
}

#[derive(Debug)]
struct Shared {
    desk: DeskId,
    ticket: Mutex<Ticket>,
}

impl Shared {
    fn tell(&self, told: Told) -> Option<Waker> {
        match std::mem::replace(&mut *lock(&self.ticket), Ticket::Told(told)) {
            Ticket::Open(waker) => waker,
            Ticket::Told(_) => None,
        }
    }
}

/// What became of an event, as soon as it is known. Dropping it changes nothing: the event is on its way.
#[must_use = "what the ledger says about the event"]
#[derive(Debug)]
pub struct Receipt(Answer);

#[derive(Debug)]
enum Answer {
    Known(Told),
    Awaited(Arc<Shared>),
}

impl Receipt {
    /// A receipt for what is known already.
    pub(super) fn known(told: Told) -> Self {
        Self(Answer::Known(told))
    }

    /// What is known by now, without waiting.
    #[must_use]
    pub fn peek(&self) -> Option<Result<Stored, Unwritten>> {
        match &self.0 {
            Answer::Known(told) => Some(*told),
            Answer::Awaited(shared) => match &*lock(&shared.ticket) {
                Ticket::Open(_) => None,
                Ticket::Told(told) => Some(*told),
            },
        }
    }
}

impl Future for Receipt {
    type Output = Result<Stored, Unwritten>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = match &self.0 {
            Answer::Known(told) => return Poll::Ready(*told),
            Answer::Awaited(shared) => shared,
        };
        match &mut *lock(&shared.ticket) {
            Ticket::Told(told) => Poll::Ready(*told),
            Ticket::Open(waker) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                    *waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

/// The writer's half of a receipt.
#[derive(Debug)]
pub(super) struct Promise(Option<Arc<Shared>>);

impl Promise {
    /// A promise, and the receipt for it.
    pub(super) fn new(desk: DeskId) -> (Self, Receipt) {
        let shared = Arc::new(Shared { desk, ticket: Mutex::new(Ticket::Open(None)) });
        (Self(Some(Arc::clone(&shared))), Receipt(Answer::Awaited(shared)))
    }

    /// Tells the outcome. Whom to wake, and at which desk, is the caller's next step.
    pub(super) fn keep(mut self, told: Told) -> Option<(DeskId, Waker)> {
        let shared = self.0.take()?;
        shared.tell(told).map(|waker| (shared.desk, waker))
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take()
            && let Some(waker) = shared.tell(Err(Unwritten::OutcomeUnknown))
        {
            waker.wake();
        }
    }
}

/// Something that can be rung from any thread: the way into a runtime.
pub trait Bell: Send + Sync {
    /// Says that wakers have been left at the desk. Must not block; may come once too often.
    fn ring(&self);
}

/// Which desk a receipt's task is woken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskId(usize);

impl DeskId {
    /// No desk: the writer wakes the task itself.
    pub const NONE: Self = Self(usize::MAX);
}

struct Desk {
    bell: Arc<dyn Bell>,
    /// Wakers of tasks whose receipts have been told; left by the writer, taken by the runtime.
    waiting: Mutex<Vec<Waker>>,
}

/// The desks of all runtimes.
#[derive(Default)]
pub(super) struct Desks(boxcar::Vec<Desk>);

impl Desks {
    pub(super) fn open(&self, bell: Arc<dyn Bell>) -> DeskId {
        DeskId(self.0.push(Desk { bell, waiting: Mutex::new(Vec::new()) }))
    }

    /// Wakes everybody who waits at a desk.
    pub(super) fn wake_waiting(&self, desk: DeskId) {
        let Some(desk) = self.0.get(desk.0) else { return };
        let mut wakers = std::mem::take(&mut *lock(&desk.waiting));
        wakers.drain(..).for_each(Waker::wake);
        let mut waiting = lock(&desk.waiting);
        // The buffer goes back, unless the writer has begun a new one.
        if waiting.capacity() == 0 {
            *waiting = wakers;
        }
    }
}

/// The writer's tray: wakers of one batch, sorted by desk.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    direct: Vec<Waker>,
    by_desk: Vec<Vec<Waker>>,
}

impl Outbox {
    /// Tells an outcome; whoever waits for it is woken with the others.
    pub(super) fn tell(&mut self, promise: Promise, told: Told) {
        if let Some((desk, waker)) = promise.keep(told) {
            self.put(desk, waker);
        }
    }

    pub(super) fn put(&mut self, desk: DeskId, waker: Waker) {
        if desk == DeskId::NONE {
            self.direct.push(waker);
            return;
        }
        if self.by_desk.len() <= desk.0 {
            self.by_desk.resize_with(desk.0 + 1, Vec::new);
        }
        self.by_desk[desk.0].push(waker);
    }

    /// Leaves the wakers at their desks and rings once at each.
    pub(super) fn deliver(&mut self, desks: &Desks) {
        self.direct.drain(..).for_each(Waker::wake);
        for (index, wakers) in self.by_desk.iter_mut().enumerate().filter(|(_, wakers)| !wakers.is_empty()) {
            match desks.0.get(index) {
                Some(desk) => {
                    lock(&desk.waiting).append(wakers);
                    // After the lock is free: whoever answers the bell finds them.
                    desk.bell.ring();
                }
                // Another ledger's desk: no bell of ours.
                None => wakers.drain(..).for_each(Waker::wake),
            }
        }
    }
}
