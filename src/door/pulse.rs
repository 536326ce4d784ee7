//! What is known about a connection from outside its task: what it waits for, and since when.
//!
//! hyper's own header time-out costs a timer per request and closes without a word; it has none for a silent peer before
//! the first byte of an upgrade sniff, for a body, or for a reader that never reads. So the connection's socket notes what
//! it is waiting for (see `connection`), and a sweep a few times a second looks at the notes (see `sweep`). A request costs
//! a few stores, no timer.
//!
//! **Invariant:** no peer keeps a connection by doing nothing: each of its states has a deadline, or is the house's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::body::Body;

/// How long each state of a connection may last.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// From accepting until the first byte.
    pub first_byte: Duration,
    /// From a head's first byte until its last.
    pub head: Duration,
    /// From asking for a body until its last byte.
    pub body: Duration,
    /// A write that the peer doesn't take.
    pub write: Duration,
    /// Between two requests.
    pub idle: Duration,
}

/// How long who has been refused may go on writing before the answer that says so: a round trip or two around the world.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Waits {
    /// Its first byte.
    FirstByte = 0,
    /// The rest of a head.
    Head = 1,
    /// Us: a request is being answered, or its answer is still being made while its beginning is on the wire.
    Answer = 2,
    /// The next request.
    NextRequest = 3,
    /// The body of a request.
    Body = 4,
    /// hyper, which has the whole answer and hasn't written all of it.
    Written = 5,
    /// The peer, who has been told that the connection ends, and may still be writing.
    Farewell = 6,
    /// Nobody: an event stream goes on for as long as somebody listens.
    Listener = 7,
}

impl Waits {
    const ALL: [Self; 8] = [
        Self::FirstByte,
        Self::Head,
        Self::Answer,
        Self::NextRequest,
        Self::Body,
        Self::Written,
        Self::Farewell,
        Self::Listener,
    ];
}

/// What is known about a connection from outside its task. All of it is advice to the sweep, written by the connection's
/// own thread: hence relaxed.
#[derive(Debug)]
pub(super) struct Pulse {
    waits: AtomicU8,
    /// When `waits` last changed: milliseconds of the sweep's tick.
    since_ms: AtomicU64,
    /// Since when the peer hasn't taken what we write; 0 while it does.
    stuck_since_ms: AtomicU64,
    tick_ms: Arc<AtomicU64>,
    /// Whether the peer may still be writing what nobody will read.
    is_unread: AtomicBool,
    /// [`NOT_YET`], or how the connection should end; written from outside its task.
    end: AtomicU8,
    task: AtomicWaker,
}

/// [`Pulse::end`] as long as the connection may go on.
const NOT_YET: u8 = 0;

/// How a connection comes to its end from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum End {
    /// Its peer was too slow.
    Overdue = 1,
    /// The house is closing.
    Leaving = 2,
}

impl Pulse {
    pub(super) fn new(tick_ms: Arc<AtomicU64>) -> Self {
        let since_ms = AtomicU64::new(tick_ms.load(Ordering::Relaxed));
        Self {
            waits: AtomicU8::new(Waits::FirstByte as u8),
            since_ms,
            stuck_since_ms: AtomicU64::new(0),
            tick_ms,
            is_unread: AtomicBool::new(false),
            end: AtomicU8::new(NOT_YET),
            task: AtomicWaker::new(),
        }
    }

    fn waits(&self) -> Waits {
        Waits::ALL[usize::from(self.waits.load(Ordering::Relaxed))]
    }

    fn now_wait_for(&self, waits: Waits) {
        self.waits.store(waits as u8, Ordering::Relaxed);
        self.since_ms.store(self.tick_ms.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// A request's head is whole, and has such a body behind it: the house is at work.
    pub(super) fn asked(&self, body: &impl Body) {
        self.is_unread.store(!body.is_end_stream(), Ordering::Relaxed);
        self.now_wait_for(Waits::Answer);
    }

    /// A request can't be answered before its body is there, and it is awaited.
    pub(super) fn awaiting_body(&self) {
        self.now_wait_for(Waits::Body);
    }

    /// The answer is an event stream.
    pub(super) fn streaming(&self) {
        self.now_wait_for(Waits::Listener);
    }

    /// Whether the answer is an event stream that goes on.
    pub(super) fn is_streaming(&self) -> bool {
        self.waits() == Waits::Listener
    }

    /// The answer's last byte has been handed to hyper.
    pub(super) fn answered(&self) {
        self.now_wait_for(Waits::Written);
    }

    /// The body is there, or isn't awaited any more.
    pub(super) fn heard_out(&self) {
        if self.waits() == Waits::Body {
            self.now_wait_for(Waits::Answer);
        }
    }

    /// The body is there, to its last byte.
    pub(super) fn has_read(&self) {
        self.is_unread.store(false, Ordering::Relaxed);
        self.heard_out();
    }

    /// What the peer says from here on is read by nobody.
    pub(super) fn leaves_unread(&self) {
        self.is_unread.store(true, Ordering::Relaxed);
    }

    /// Whether the peer may still be writing what nobody will read: hyper doesn't say what it has read of a body that the
    /// house let go of.
    pub(super) fn is_unread(&self) -> bool {
        self.is_unread.load(Ordering::Relaxed)
    }

    /// Bytes have come from the peer, or his end of stream, which looks like bytes: that ends the connection soon enough.
    pub(super) fn heard(&self) {
        if matches!(self.waits(), Waits::FirstByte | Waits::NextRequest) {
            self.now_wait_for(Waits::Head);
        }
    }

    /// Nothing is left to write.
    pub(super) fn flushed(&self) {
        if self.waits() == Waits::Written {
            self.now_wait_for(Waits::NextRequest);
        }
    }

    /// The peer has, or hasn't, taken what was to be written.
    pub(super) fn wrote(&self, is_taken: bool) {
        if is_taken {
            self.stuck_since_ms.store(0, Ordering::Relaxed);
        } else if self.stuck_since_ms.load(Ordering::Relaxed) == 0 {
            self.stuck_since_ms.store(self.tick_ms.load(Ordering::Relaxed).max(1), Ordering::Relaxed);
        }
    }

    /// The peer has been told that the connection ends.
    pub(super) fn hung_up(&self) {
        self.now_wait_for(Waits::Farewell);
    }

    /// Whether no head is whole: hyper's own refusals are written then, and no others.
    pub(super) fn is_between_heads(&self) -> bool {
        matches!(self.waits(), Waits::FirstByte | Waits::Head | Waits::NextRequest)
    }

    /// Called by the sweep: ends the connection where its peer is overdue, and says so.
    pub(super) fn check(&self, deadlines: &Deadlines, now_ms: u64) -> bool {
        let allowed = match self.waits() {
            Waits::FirstByte => Some(deadlines.first_byte),
            Waits::Head => Some(deadlines.head),
            Waits::Body => Some(deadlines.body),
            // The house answers for its own time; rooms that read bodies keep that deadline themselves.
            Waits::Answer | Waits::Written | Waits::Listener => None,
            Waits::NextRequest => Some(deadlines.idle),
            Waits::Farewell => Some(FAREWELL),
        };
        let passed =
            |since_ms: u64, allowed: Duration| u128::from(now_ms.saturating_sub(since_ms)) > allowed.as_millis();
        let stuck_since_ms = self.stuck_since_ms.load(Ordering::Relaxed);
        let is_stuck = stuck_since_ms != 0 && passed(stuck_since_ms, deadlines.write);
        let is_late = allowed.is_some_and(|allowed| passed(self.since_ms.load(Ordering::Relaxed), allowed));
        let is_overdue = is_stuck || is_late;
        if is_overdue {
            self.end(End::Overdue);
        }
        is_overdue
    }

    /// Called when the house closes: the connection ends after the answer that it may be waiting for.
    pub(super) fn leave(&self) {
        self.end(End::Leaving);
    }

    fn end(&self, end: End) {
        // Release: pairs with the acquire of `poll_end`, as a wake-up does.
        self.end.store(end as u8, Ordering::Release);
        self.task.wake();
    }

    #[cfg(test)]
    pub(super) fn is_to_end(&self) -> bool {
        self.end.load(Ordering::Relaxed) != NOT_YET
    }

    /// Ready, once for each reason, when the connection should end.
    pub(super) fn poll_end(&self, context: &Context<'_>) -> Poll<End> {
        self.task.register(context.waker());
        if self.end.load(Ordering::Relaxed) == NOT_YET {
            return Poll::Pending;
        }
        match self.end.swap(NOT_YET, Ordering::Acquire) {
            NOT_YET => Poll::Pending,
            end if end == End::Leaving as u8 => Poll::Ready(End::Leaving),
            _ => Poll::Ready(End::Overdue),
        }
    }

    /// Whether the peer began a request and never finished it, so that it should be told.
    pub(super) fn owes_a_timeout(&self) -> bool {
        matches!(self.waits(), Waits::Head | Waits::Body)
    }

    /// Whether the peer hasn't taken all that was to be written: more would land in the middle of an answer.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck_since_ms.load(Ordering::Relaxed) != 0
    }
}
