//! Who only looks: event streams that are open beside the attempts.
//!
//! One thread reads whatever comes, and counts it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::CONNECT;
use super::aside::{Aside, Over};

/// How often the end is looked for.
const TICK: Duration = Duration::from_millis(100);
/// Several frames.
const READ_BYTES: usize = 4 * 1024;

/// Open streams.
#[derive(Debug)]
pub(super) struct Listeners(Aside<Heard>);

/// What came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Heard {
    /// Reads that brought something.
    pub(super) frames: u64,
    /// Streams that the server ended.
    pub(super) lost: u64,
}

impl Listeners {
    /// Opens so many streams of a sale.
    pub(super) fn open(shop: SocketAddr, sale: &str, count: usize) -> anyhow::Result<Self> {
        let request = format!("GET /v1/sales/{sale}/events HTTP/1.1\r\nHost: {shop}\r\n\r\n");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut streams = Vec::with_capacity(count);
        for index in 0..count {
            let mut stream = TcpStream::connect_timeout(&shop, CONNECT)?;
            stream.write_all(request.as_bytes())?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            streams.push(Some(stream));
        }
        Ok(Self(Aside::start("listeners", move |over| listen(&epoll, streams, over))?))
    }

    /// Hangs up.
    pub(super) fn close(self) -> Option<Heard> {
        self.0.end()
    }
}

fn listen(epoll: &OwnedFd, mut streams: Vec<Option<TcpStream>>, over: &Over) -> Heard {
    let mut heard = Heard::default();
    let mut events = Vec::with_capacity(streams.len().max(1));
    let mut bytes = [0; READ_BYTES];
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
    while !over.is_now() {
        events.clear();
        if epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)).is_err() {
            continue;
        }
        for event in &events {
            // What was put in were indices.
            let Some(stream) = usize::try_from(event.data.u64()).ok().and_then(|index| streams.get_mut(index)) else {
                continue;
            };
            match stream.as_mut().map(|stream| stream.read(&mut bytes)) {
                Some(Ok(1..)) => heard.frames += 1,
                Some(Err(fault)) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                None => {}
                Some(_) => {
                    *stream = None;
                    heard.lost += 1;
                }
            }
        }
    }
    heard
}
