//! A client that reads every word, and hangs up when it likes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_linger;

use super::history::Heard;
use crate::ids::OrderId;
use crate::order::OrderState;
use crate::rig::answer::Answer;

/// Longer than the server takes for anything, a stop by a signal included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The server's answers have a few hundred bytes.
const CHUNK_BYTES: usize = 4096;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// An answer.
    Answer { status: u16, order: Option<String>, state: Option<String>, code: Option<String> },
    /// Nobody was there to ask: certainly nothing has happened.
    Unasked,
    /// Asked, and nothing came back.
    Lost,
}

impl Reply {
    /// What it means. A fault of the server's is as good as nothing, but where the contract says that it is a no.
    pub(super) fn heard(&self, is_replay: bool) -> Heard {
        match self {
            Self::Answer { status: 200..300, order, state, .. } => Heard::Yes {
                order: order.as_deref().and_then(|text| OrderId::parse(text).ok()),
                state: state.as_deref().and_then(OrderState::of_word),
                is_replay,
            },
            Self::Answer { status, code, .. } => match code.as_deref() {
                Some("outcome_unknown") | None => Heard::Nothing,
                Some(code) if *status < 500 || matches!(code, "busy" | "not_stored") => {
                    Heard::No { code: code.to_owned() }
                }
                Some(_) => Heard::Nothing,
            },
            Self::Unasked => Heard::No { code: "nobody_there".into() },
            Self::Lost => Heard::Nothing,
        }
    }
}

/// How somebody ends a call to whom it takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HangUp {
    /// After so long.
    pub(super) after: Duration,
    /// By a reset, which the server meets wherever it is; otherwise by the polite end, which waits behind what was said.
    pub(super) is_reset: bool,
}

/// One client on one connection, which is made when it is needed.
#[derive(Debug)]
pub(super) struct Client {
    server: SocketAddr,
    stream: Option<TcpStream>,
    bytes: Vec<u8>,
}

impl Client {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, stream: None, bytes: Vec::new() }
    }

    /// Sends a request, and waits for its answer; where `hang_up` says so only as long.
    pub(super) fn ask(&mut self, request: &[u8], hang_up: Option<HangUp>) -> Reply {
        let Ok(mut stream) = self.stream.take().map_or_else(|| self.connect(), Ok) else { return Reply::Unasked };
        let reply = match stream.write_all(request) {
            Ok(()) => self.hear(&mut stream, hang_up.map_or(PATIENCE, |of| of.after)),
            Err(_) => None,
        };
        match reply {
            Some((reply, is_last)) => {
                self.stream = (!is_last).then_some(stream);
                reply
            }
            None => {
                if hang_up.is_some_and(|of| of.is_reset) {
                    // Nothing lingers, so the kernel sends a reset. Where it won't, the drop ends it politely.
                    let _ = set_socket_linger(&stream, Some(Duration::ZERO));
                }
                Reply::Lost
            }
        }
    }

    /// The last answer's body, where it was JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        let answer = Answer::read(&self.bytes).ok().flatten()?;
        serde_json::from_slice(answer.body).ok()
    }

    /// The answer, where it comes in time, and whether it is the connection's last.
    fn hear(&mut self, stream: &mut TcpStream, patience: Duration) -> Option<(Reply, bool)> {
        let deadline = Instant::now() + patience;
        self.bytes.clear();
        loop {
            match Answer::read(&self.bytes) {
                Ok(Some(answer)) => {
                    let text = |key| answer.text(key).map(str::to_owned);
                    let (order, state, code) = (text("order"), text("state"), text("code"));
                    return Some((Reply::Answer { status: answer.status, order, state, code }, answer.is_last));
                }
                Ok(None) => {}
                Err(_) => return None,
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
                return None;
            }
            let mut chunk = [0; CHUNK_BYTES];
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}
