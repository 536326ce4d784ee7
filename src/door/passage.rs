//! Bodies on their way through the door: they tell the connection's pulse what is awaited from whom.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::pulse::Pulse;

/// An answer's body. hyper lets go of it when it has taken the last of it: until then the answer is ours to finish.
pub(super) struct Told<B> {
    body: B,
    /// None where hyper takes all of it in one go, and has been said to have it.
    pulse: Option<Arc<Pulse>>,
}

impl<B> Told<B> {
    /// A body that is there.
    pub(super) fn at_once(body: B) -> Self {
        Self { body, pulse: None }
    }

    /// A body that may still be in the making.
    pub(super) fn by_and_by(body: B, pulse: Arc<Pulse>) -> Self {
        Self { body, pulse: Some(pulse) }
    }
}

impl<B> Drop for Told<B> {
    fn drop(&mut self) {
        if let Some(pulse) = &self.pulse {
            pulse.answered();
        }
    }
}

impl<B: Body + Unpin> Body for Told<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that has one deadline for all of it, from being asked for until its last byte: the connection's.
pub(super) struct Heard {
    body: Incoming,
    pulse: Arc<Pulse>,
    is_awaited: bool,
}

impl Heard {
    pub(super) fn new(body: Incoming, pulse: Arc<Pulse>) -> Self {
        Self { body, pulse, is_awaited: false }
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.pulse.heard_out();
    }
}

impl Body for Heard {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if !self.is_awaited {
            self.is_awaited = true;
            self.pulse.awaiting_body();
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match frame {
            Some(Err(_)) => self.pulse.heard_out(),
            Some(Ok(_)) if !self.body.is_end_stream() => {}
            Some(Ok(_)) | None => self.pulse.has_read(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
