//! One connection, from its first byte to its last.
//!
//! hyper speaks HTTP; the socket beneath it is wrapped, and tells the connection's [`Pulse`] what it sees.
//!
//! **Invariant:** what is refused at the head is refused in the contract's form, and who is refused while he still writes
//! can read why: the connection is half closed, and what he writes is thrown away until he has heard.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Incoming};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::problems::raw;
use super::pulse::{End, Pulse};

/// Serves a connection until it ends, by its peer, its deadlines or the closing house.
pub(super) async fn serve<S, B>(http: &http1::Builder, stream: TcpStream, pulse: &Arc<Pulse>, service: S)
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static,
{
    let mut connection = http.serve_connection(Watched::new(stream, Arc::clone(pulse)), service);
    let untold = poll_fn(|context| {
        let end = pulse.poll_end(context);
        // Before hyper reads on: what comes too late isn't carried out, for nobody would be told what became of it.
        if end == Poll::Ready(End::Overdue) {
            return Poll::Ready(pulse.owes_a_timeout().then_some(&raw::TIMEOUT));
        }
        let mut ended = Pin::new(&mut connection).poll(context);
        // After it has read on: what has come already is answered, whoever is leaving.
        if ended.is_pending() && end == Poll::Ready(End::Leaving) {
            Pin::new(&mut connection).graceful_shutdown();
            ended = Pin::new(&mut connection).poll(context);
        }
        let ended = ready!(ended);
        // Another error is a peer that broke off, or one that has been answered.
        let is_unread = ended.is_err_and(|error| error.is_parse());
        Poll::Ready(is_unread.then_some(&raw::MALFORMED))
    });
    if let Some(answer) = untold.await {
        connection.into_parts().io.tell(answer);
    }
}

/// A socket that tells the connection's pulse what it sees, and puts hyper's own bare refusals into the contract's form.
struct Watched {
    io: TokioIo<TcpStream>,
    pulse: Arc<Pulse>,
    /// A refusal that stands in for hyper's, and how much of it is written.
    instead: Option<(&'static [u8], usize)>,
    /// How much of what nobody reads has been thrown away, once the connection is half closed.
    thrown_away: Option<usize>,
}

/// Most that is read from who has been refused: the largest body and more. Who writes on has decided not to listen.
const THROWN_AWAY_MAX: usize = 256 * 1024;

impl Watched {
    fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { io: TokioIo::new(stream), pulse, instead: None, thrown_away: None }
    }

    /// Tells a peer, who has heard nothing about it yet, how his request ends, as far as the socket takes it at once.
    fn tell(self, answer: &'static [u8]) {
        if self.instead.is_none() && !self.pulse.is_stuck() {
            // Best effort: who doesn't read hasn't deserved more.
            let _ = self.io.into_inner().try_write(answer);
        }
    }

    /// hyper answers an unreadable head by itself, with a status and nothing else. Only such answers are written while a
    /// head is outstanding.
    fn stand_in(&self, bytes: &[u8]) -> Option<&'static [u8]> {
        if !self.pulse.is_between_heads() || !bytes.starts_with(b"HTTP/1.") {
            return None;
        }
        match bytes.get(9..12)? {
            b"400" => Some(&raw::MALFORMED),
            b"414" | b"431" => Some(&raw::HEADERS_TOO_LARGE),
            _ => None,
        }
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((bytes, written)) = &mut self.instead else { return Poll::Ready(Ok(())) };
        while *written < bytes.len() {
            let result = Pin::new(&mut self.io).poll_write(context, &bytes[*written..]);
            self.pulse.wrote(result.is_ready());
            *written += ready!(result)?;
        }
        Poll::Ready(Ok(()))
    }

    /// hyper reads nothing while it answers, and a stream's next frame may be long in coming: so that nobody's stream goes
    /// on for a page that was left, its end is looked for here. Nobody who listens to a stream ends his half of it.
    fn look_for_the_listener(&self, context: &mut Context<'_>) -> io::Result<()> {
        match self.io.inner().poll_peek(context, &mut tokio::io::ReadBuf::new(&mut [0])) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Ready(Ok(_)) | Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(error),
        }
    }

    /// A socket that is closed over unread bytes resets its peer, who may lose the answer by it.
    fn poll_hear_out(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut memory = [std::mem::MaybeUninit::uninit(); 4096];
        while let Some(thrown_away) = &mut self.thrown_away
            && *thrown_away < THROWN_AWAY_MAX
        {
            let mut bytes = ReadBuf::uninit(&mut memory);
            match ready!(Pin::new(&mut self.io).poll_read(context, bytes.unfilled())) {
                Ok(()) if !bytes.filled().is_empty() => *thrown_away += bytes.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        if result.is_ready() {
            self.pulse.heard();
        }
        result
    }
}

impl Write for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(instead) = self.stand_in(bytes) {
            self.instead = Some((instead, 0));
            self.pulse.leaves_unread();
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        self.pulse.wrote(result.is_ready());
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        ready!(Pin::new(&mut self.io).poll_flush(context))?;
        self.pulse.flushed();
        if self.pulse.is_streaming() {
            self.look_for_the_listener(context)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(context))?;
        if self.thrown_away.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
            if !self.pulse.is_unread() {
                return Poll::Ready(Ok(()));
            }
            self.thrown_away = Some(0);
            self.pulse.hung_up();
        }
        self.poll_hear_out(context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::pulse::Deadlines;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DEADLINES: Deadlines =
        Deadlines { first_byte: SECOND, head: SECOND, body: SECOND, write: SECOND, idle: SECOND };

    /// A request that has come, and that nobody has read yet: who asks, and whom.
    async fn asked() -> (TcpStream, TcpStream, Arc<Pulse>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut peer = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("somebody listens");
        let (stream, _) = listener.accept().await.expect("a connection");
        peer.write_all(b"GET / HTTP/1.1\r\nhost: s\r\n\r\n").await.expect("the socket takes it");
        stream.readable().await.expect("it has come");
        (peer, stream, Arc::new(Pulse::new(Arc::new(AtomicU64::new(1)))))
    }

    #[tokio::test]
    async fn what_has_come_before_the_house_closes_is_answered() {
        let (mut peer, stream, pulse) = asked().await;
        pulse.leave();
        let service =
            service_fn(|_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(String::from("yes"))) });
        serve(&http1::Builder::new(), stream, &pulse, service).await;
        let mut heard = String::new();
        peer.read_to_string(&mut heard).await.expect("no reset");
        assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with("yes"), "{heard}");
    }

    #[tokio::test]
    async fn what_comes_after_the_deadline_is_not_carried_out() {
        let (_peer, stream, pulse) = asked().await;
        assert!(pulse.check(&DEADLINES, 10_000), "too late, said before anybody has read it");
        let asked = AtomicU64::new(0);
        let service = service_fn(|_: Request<Incoming>| {
            asked.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<Result<Response<String>, Infallible>>()
        });
        serve(&http1::Builder::new(), stream, &pulse, service).await;
        assert_eq!(asked.into_inner(), 0, "who would hear of what became of it?");
    }
}
