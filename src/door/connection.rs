//! One connection's life, and the deadlines that hyper doesn't keep.
//!
//! hyper's own header time-out costs a timer per request and closes without a word; it has none for a silent peer before
//! the first byte of an upgrade sniff, for a body, or for a reader that never reads. So the socket is wrapped: the wrapper
//! notes what the connection is waiting for, and a sweep a few times a second (see `listener`) looks at the notes. A
//! request costs a few stores, no timer.
//!
//! **Invariant:** no peer keeps a connection by doing nothing: each of its states has a deadline, and what is refused at
//! the head is refused in the contract's form.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::problems::raw;

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

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Waits {
    /// Its first byte.
    FirstByte = 0,
    /// The rest of a head.
    Head = 1,
    /// Us: a request is being answered.
    Answer = 2,
    /// The next request.
    NextRequest = 3,
    /// The body of an attempt.
    Body = 4,
    /// hyper, which has the answer and hasn't begun to write it.
    Written = 5,
}

impl Waits {
    const ALL: [Self; 6] = [Self::FirstByte, Self::Head, Self::Answer, Self::NextRequest, Self::Body, Self::Written];
}

/// What is known about a connection from outside its task. All of it is advice to the sweep, written by the connection's
/// own thread: hence relaxed.
#[derive(Debug)]
pub(super) struct Pulse {
    waits: AtomicU8,
    /// When `waits` last changed, or when something was last written: milliseconds of the worker's tick.
    since_ms: AtomicU64,
    /// Since when the peer hasn't taken what we write; 0 while it does.
    stuck_since_ms: AtomicU64,
    tick_ms: Arc<AtomicU64>,
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
            end: AtomicU8::new(NOT_YET),
            task: AtomicWaker::new(),
        }
    }

    fn waits(&self) -> Waits {
        Waits::ALL[usize::from(self.waits.load(Ordering::Relaxed))]
    }

    fn now_wait_for(&self, waits: Waits) {
        self.waits.store(waits as u8, Ordering::Relaxed);
        self.touch();
    }

    fn touch(&self) {
        self.since_ms.store(self.tick_ms.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// A request's head is whole: the house is at work.
    pub(super) fn answering(&self) {
        self.now_wait_for(Waits::Answer);
    }

    /// An attempt may still win, and its body is awaited.
    pub(super) fn awaiting_body(&self) {
        self.now_wait_for(Waits::Body);
    }

    /// The answer has been handed to hyper.
    pub(super) fn answered(&self) {
        self.now_wait_for(Waits::Written);
    }

    /// Called by the sweep: ends the connection where its peer is overdue.
    pub(super) fn check(&self, deadlines: &Deadlines, now_ms: u64) {
        let allowed = match self.waits() {
            Waits::FirstByte => Some(deadlines.first_byte),
            Waits::Head => Some(deadlines.head),
            Waits::Body => Some(deadlines.body),
            // The house answers for its own time; rooms that read bodies keep that deadline themselves.
            Waits::Answer | Waits::Written => None,
            Waits::NextRequest => Some(deadlines.idle),
        };
        let passed =
            |since_ms: u64, allowed: Duration| u128::from(now_ms.saturating_sub(since_ms)) > allowed.as_millis();
        let stuck_since_ms = self.stuck_since_ms.load(Ordering::Relaxed);
        let is_stuck = stuck_since_ms != 0 && passed(stuck_since_ms, deadlines.write);
        let is_late = allowed.is_some_and(|allowed| passed(self.since_ms.load(Ordering::Relaxed), allowed));
        if is_stuck || is_late {
            self.end(End::Overdue);
        }
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
}

/// A socket that notes what it is waiting for, and puts hyper's own bare refusals into the contract's form.
pub(super) struct Watched {
    io: TokioIo<TcpStream>,
    pulse: Arc<Pulse>,
    /// What is left to write of a refusal that stands in for hyper's.
    instead: &'static [u8],
}

impl Watched {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { io: TokioIo::new(stream), pulse, instead: &[] }
    }

    /// Tells a peer that never finished its head, as far as the socket takes it at once.
    pub(super) fn tell_timeout(self) {
        // Best effort: who doesn't read hasn't deserved more.
        let _ = self.io.into_inner().try_write(&raw::TIMEOUT);
    }

    /// hyper answers an unreadable head by itself, with a status and nothing else. Only such answers are written while a
    /// head is outstanding.
    fn stand_in(&self, bytes: &[u8]) -> Option<&'static [u8]> {
        let head_is_outstanding = matches!(self.pulse.waits(), Waits::FirstByte | Waits::Head | Waits::NextRequest);
        if !head_is_outstanding || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        match bytes.get(9..12)? {
            b"400" => Some(&raw::MALFORMED),
            b"414" | b"431" => Some(&raw::HEADERS_TOO_LARGE),
            _ => None,
        }
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(context, self.instead))?;
            self.instead = &self.instead[written..];
        }
        Poll::Ready(Ok(()))
    }

    fn note_write<T>(&self, result: &Poll<io::Result<T>>) {
        if result.is_ready() {
            self.pulse.stuck_since_ms.store(0, Ordering::Relaxed);
            match self.pulse.waits() {
                Waits::Written => self.pulse.now_wait_for(Waits::NextRequest),
                _ => self.pulse.touch(),
            }
        } else if self.pulse.stuck_since_ms.load(Ordering::Relaxed) == 0 {
            let now_ms = self.pulse.tick_ms.load(Ordering::Relaxed).max(1);
            self.pulse.stuck_since_ms.store(now_ms, Ordering::Relaxed);
        }
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        // The end of the stream looks like bytes from here; it ends the connection soon enough.
        if result.is_ready() && matches!(self.pulse.waits(), Waits::FirstByte | Waits::NextRequest) {
            self.pulse.now_wait_for(Waits::Head);
        }
        result
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(instead) = self.stand_in(bytes) {
            self.instead = instead;
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note_write(&result);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(instead) = slices.first().and_then(|first| self.stand_in(first)) {
            self.instead = instead;
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let result = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note_write(&result);
        result
    }
}
