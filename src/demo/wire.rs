//! One connection of the crowd: as much HTTP/1.1 as its own server's answers need.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Our own answers are far shorter.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// A kept-alive connection, opened where it is needed.
pub(super) struct Wire {
    to: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn to(to: SocketAddr) -> Self {
        Self { to, stream: None, buffer: Vec::new() }
    }

    /// Asks, and waits for the answer. Whether the request was carried out is unknown where it fails.
    pub(super) async fn ask(&mut self, request: &str) -> anyhow::Result<Answer> {
        let outcome = self.exchange(request).await;
        if outcome.is_err() {
            self.stream = None;
        }
        outcome
    }

    async fn exchange(&mut self, request: &str) -> anyhow::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.to).await?,
        };
        stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if let Some((answer, is_last)) = read(&self.buffer)? {
                self.stream = Some(stream).filter(|_| !is_last);
                return Ok(answer);
            }
            anyhow::ensure!(self.buffer.len() < ANSWER_BYTES_MAX, "the answer has no end");
            anyhow::ensure!(stream.read_buf(&mut self.buffer).await? > 0, "hung up on");
        }
    }
}

/// The answer, and whether the connection ends with it; none while it isn't complete.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Option<(Answer, bool)>> {
    let Some(head_len) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_len]).context("the answer's head is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let status = status.context("no HTTP/1.1")?;
    let (mut length, mut is_last) = (0, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("content-length", value) => length = value.parse().context("no length")?,
            ("connection", value) => is_last = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let body = bytes.get(head_len + 4..).and_then(|rest| rest.get(..length));
    Ok(body.map(|body| (Answer { status, body: body.to_vec() }, is_last)))
}
