//! One thread of clients: as many connections as it is given, each with one question at a time.
//!
//! An event loop over epoll and nothing else, because what the clients cost is taken from the machine that is measured.
//!
//! **Invariant:** every attempt that is due ends: in an answer, or counted as failed or given up.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::crowd::{Crowd, Visitor};
use super::request::Request;
use super::schedule::{Due, Schedule};
use super::told::{Ending, Endings, Told};
use crate::rig::answer::Answer;

/// Our own answers are some hundred bytes; they grow into more where they must.
const ANSWER_BYTES: usize = 2 * 1024;
/// An answer that has no end.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long the last answers are waited for. The server gives up sooner.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the onlookers are told, and ends are looked for.
const TICK: Duration = Duration::from_millis(100);
/// For a connection on this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// What is looked at while it runs.
#[derive(Debug, Default)]
pub(super) struct Board([AtomicU64; Ending::ALL.len()]);

impl Board {
    // Relaxed in both: figures for people to look at.
    fn add(&self, endings: &Endings) {
        for (count, more) in self.0.iter().zip(endings) {
            count.fetch_add(*more, Ordering::Relaxed);
        }
    }

    pub(super) fn endings(&self) -> Endings {
        std::array::from_fn(|at| self.0[at].load(Ordering::Relaxed))
    }
}

/// What all threads have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) shop: SocketAddr,
    pub(super) request: Request,
    pub(super) crowd: Crowd,
    pub(super) units: u32,
    pub(super) board: Board,
}

/// A question that waits for its answer.
#[derive(Debug, Clone, Copy)]
struct Asked {
    visitor: Visitor,
    intended: Instant,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    asked: Option<Asked>,
    buffer: Vec<u8>,
    len: usize,
}

/// One thread's clients.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    plan: &'a Plan,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    told: Told,
    out: Vec<u8>,
    begin: Instant,
}

impl<'a> Caller<'a> {
    /// Connects all of them.
    pub(super) fn connect(plan: &'a Plan, connections: usize) -> anyhow::Result<Self> {
        let mut caller = Self {
            plan,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::with_capacity(connections),
            free: (0..connections).collect(),
            told: Told::new()?,
            out: Vec::new(),
            begin: Instant::now(),
        };
        for index in 0..connections {
            let stream = caller.open(index)?;
            caller.connections.push(Connection { stream, asked: None, buffer: vec![0; ANSWER_BYTES], len: 0 });
        }
        Ok(caller)
    }

    fn open(&self, index: usize) -> anyhow::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.plan.shop, CONNECT)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        Ok(stream)
    }

    /// Makes the attempts that are due until there are no more, and hears the answers. Answers also when that was.
    pub(super) fn call(
        mut self,
        mut schedule: Schedule,
        begin: Instant,
    ) -> anyhow::Result<(Told, TcpStreams, Instant)> {
        self.begin = begin;
        let mut events = Vec::with_capacity(self.connections.len().max(1));
        let (mut reported, mut next_report) = (Endings::default(), begin);
        let mut deadline = None;
        loop {
            let now = Instant::now();
            if now >= next_report {
                self.report(&mut reported);
                next_report = now + TICK;
            }
            let sleep = match self.make_due(&mut schedule)? {
                Due::Over if self.free.len() == self.connections.len() => break,
                Due::Over => {
                    let deadline = *deadline.get_or_insert(now + PATIENCE);
                    if now >= deadline {
                        break;
                    }
                    TICK
                }
                Due::At(moment) => moment.saturating_duration_since(now).min(TICK),
                // Whoever waits for so long behind others has gone home.
                Due::Now { intended, .. } if now.saturating_duration_since(intended) > PATIENCE => {
                    self.told.unsent += schedule.rest();
                    schedule.end();
                    TICK
                }
                // Nobody is free: whoever answers next is.
                Due::Now { .. } => TICK,
            };
            self.hear(&mut events, sleep, &mut schedule)?;
        }
        for index in 0..self.connections.len() {
            if self.connections[index].asked.take().is_some() {
                self.told.fail("no answer in time", self.begin.elapsed());
            }
        }
        self.report(&mut reported);
        let streams = self.connections.into_iter().map(|connection| connection.stream).collect();
        Ok((self.told, streams, Instant::now()))
    }

    fn report(&self, reported: &mut Endings) {
        let mut news = self.told.endings;
        for (news, old) in news.iter_mut().zip(&*reported) {
            *news -= old;
        }
        self.plan.board.add(&news);
        *reported = self.told.endings;
    }

    /// Asks for everybody who is due, as long as a connection is free. Answers what comes next.
    fn make_due(&mut self, schedule: &mut Schedule) -> anyhow::Result<Due> {
        loop {
            let due = schedule.due(Instant::now());
            let Due::Now { number, intended } = due else { return Ok(due) };
            let Some(index) = self.free.pop_front() else { return Ok(due) };
            schedule.made();
            self.ask(index, number, intended)?;
        }
    }

    fn ask(&mut self, index: usize, number: u64, intended: Instant) -> anyhow::Result<()> {
        let visitor = self.plan.crowd.visitor(number);
        self.plan.request.put(visitor, &mut self.out);
        let connection = &mut self.connections[index];
        connection.asked = Some(Asked { visitor, intended });
        connection.len = 0;
        // One question at a time: it fits into an empty socket's buffer.
        match (&connection.stream).write_all(&self.out) {
            Ok(()) if visitor.waits => Ok(()),
            Ok(()) => {
                self.told.abandon(self.begin.elapsed());
                self.connections[index].asked = None;
                self.replace(index)
            }
            Err(_) => self.fail(index, "the connection was closed"),
        }
    }

    fn hear(&mut self, events: &mut Vec<epoll::Event>, sleep: Duration, schedule: &mut Schedule) -> anyhow::Result<()> {
        events.clear();
        let timeout = Timespec::try_from(sleep)?;
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(fault) => return Err(fault.into()),
        }
        for event in events.iter() {
            // What was put in were indices.
            let index = usize::try_from(event.data.u64())?;
            self.read(index)?;
            // At once, so that the server never waits for the rest of a round.
            self.make_due(schedule)?;
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        let read = (&connection.stream).read(&mut connection.buffer[connection.len..]);
        match read {
            Ok(1..) => {}
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Ok(0) | Err(_) => return self.fail(index, "the connection was closed"),
        }
        connection.len += read.unwrap_or(0);
        match Answer::read(&connection.buffer[..connection.len]) {
            Ok(Some(answer)) => {
                let is_last = answer.is_last;
                if let Some(Asked { visitor, intended }) = connection.asked.take() {
                    let now = Instant::now();
                    let whom = (self.plan.crowd, visitor, self.plan.units);
                    self.told.hear(&answer, whom, now - intended, now - self.begin);
                    if !is_last {
                        self.free.push_back(index);
                        return Ok(());
                    }
                }
                self.replace(index)
            }
            Ok(None) if connection.len < connection.buffer.len() => Ok(()),
            Ok(None) if connection.len < ANSWER_BYTES_MAX => {
                connection.buffer.resize(connection.len * 2, 0);
                Ok(())
            }
            Ok(None) | Err(_) => self.fail(index, "no HTTP came back"),
        }
    }

    /// The question on this connection stays without an answer.
    fn fail(&mut self, index: usize, why: &str) -> anyhow::Result<()> {
        if self.connections[index].asked.take().is_some() {
            self.told.fail(why, self.begin.elapsed());
            return self.replace(index);
        }
        // A connection that the server closed while nobody used it; it is free, and stays so.
        self.connections[index].stream = self.open(index)?;
        Ok(())
    }

    /// Another connection in the place of this one.
    fn replace(&mut self, index: usize) -> anyhow::Result<()> {
        // Dropping the old one takes it out of the epoll.
        let _ = self.connections[index].stream.shutdown(Shutdown::Both);
        self.connections[index].stream = self.open(index)?;
        self.free.push_back(index);
        Ok(())
    }
}

/// Connections that are kept open until all threads are done: closing them is the server's work as well.
pub(super) type TcpStreams = Vec<TcpStream>;
