//! One connection of the crowd: as much HTTP/1.1 as its own server's answers need.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::answer::Answer;

/// Our own answers are far shorter.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

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

    /// Asks, waits for the answer, and makes something of it. Whether the request was carried out is unknown where it fails.
    pub(super) async fn ask<T>(&mut self, request: &str, made: impl FnOnce(&Answer<'_>) -> T) -> anyhow::Result<T> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.to).await?,
        };
        stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if let Some(answer) = Answer::read(&self.buffer)? {
                self.stream = Some(stream).filter(|_| !answer.is_last);
                return Ok(made(&answer));
            }
            anyhow::ensure!(self.buffer.len() < ANSWER_BYTES_MAX, "the answer has no end");
            anyhow::ensure!(stream.read_buf(&mut self.buffer).await? > 0, "hung up on");
        }
    }
}
