//! Who keeps the shop waiting: connections that are held open by saying and reading as little as possible.
//!
//! The kinds are those of Slowloris and its kin: a head that never ends, a body that never ends, answers that nobody
//! reads, and nothing at all. Each connection does its little once a second; whoever is hung up on comes again.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::CONNECT;
use super::aside::{Aside, Over};
use super::caller::Plan;
use super::crowd::Visitor;

/// Each connection has its turn once in so many ticks: few of them at a time, as if they knew nothing of each other.
const TURNS: usize = 1_000;
/// So that a turn comes once a second.
const TICK: Duration = Duration::from_millis(1);
/// The lowest priority that there is.
const LAST_IN_LINE: i32 = 19;
/// The beginning of a line that never ends.
const HEAD: &[u8] = b"X-Slow: ";
/// The end of a head whose body takes a quarter of an hour.
const BODY: &[u8] = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n";
/// Whatever a server says before it hangs up.
const READ_BYTES: usize = 4 * 1024;

/// How a client keeps a server waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A byte of the head at a time.
    Head,
    /// A byte of the body at a time.
    Body,
    /// Asks for more than it reads.
    Read,
    /// Says nothing.
    Silent,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Head, Self::Body, Self::Read, Self::Silent];
}

/// What came of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dawdled {
    /// Connections that they made, each of them an attempt at most.
    pub(super) made: u64,
    /// How often the server hung up on them.
    pub(super) cut_off: u64,
}

/// Open connections of such clients.
#[derive(Debug)]
pub(super) struct SlowClients(Aside<Dawdled>);

impl SlowClients {
    /// Connects so many, a quarter of each kind: each of them somebody else, from somewhere else.
    pub(super) fn open(plan: &Plan, sale: &str, count: usize) -> anyhow::Result<Self> {
        let clients = (0..count).map(|number| Client::new(plan, sale, number)).collect::<std::io::Result<Vec<_>>>()?;
        let shop = plan.shop;
        Ok(Self(Aside::start("slow", move |over| dawdle(shop, clients, over))?))
    }

    /// Lets go.
    pub(super) fn close(self) -> Option<Dawdled> {
        self.0.end()
    }
}

/// One of them.
#[derive(Debug)]
struct Client {
    kind: Kind,
    /// What it begins with.
    first: Vec<u8>,
    /// None: nobody took the connection.
    stream: Option<TcpStream>,
}

impl Client {
    fn new(plan: &Plan, sale: &str, number: usize) -> std::io::Result<Self> {
        let kind = Kind::ALL[number % Kind::ALL.len()];
        let number = number as u64;
        let [.., a, b, c] = number.to_be_bytes();
        // Not where the crowd comes from: what is held against these is not held against those.
        let address = Ipv4Addr::new(11, a, b, c);
        let mut first = Vec::new();
        match kind {
            Kind::Head | Kind::Body => {
                let visitor = Visitor { buyer: number % plan.crowd.numbers(), address, waits: true };
                plan.request.put_head(visitor, &mut first);
                first.extend_from_slice(if kind == Kind::Head { HEAD } else { BODY });
            }
            Kind::Read => {
                let shop = plan.shop;
                let page = format!("GET /s/{sale} HTTP/1.1\r\nHost: {shop}\r\nX-Forwarded-For: {address}\r\n\r\n");
                first.extend_from_slice(page.as_bytes());
            }
            Kind::Silent => {}
        }
        let mut client = Self { kind, first, stream: None };
        client.connect(plan.shop)?;
        Ok(client)
    }

    fn connect(&mut self, shop: SocketAddr) -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&shop, CONNECT)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.first)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Does its little. Whether the connection is still there.
    fn take_turn(&mut self) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let (says, reads) = match self.kind {
            Kind::Head | Kind::Body => (&b"x"[..], READ_BYTES),
            Kind::Read => (&self.first[..], 1),
            Kind::Silent => (&b""[..], READ_BYTES),
        };
        let waits = |fault: &std::io::Error| matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        // A part of a request is as good as the whole: the next turn goes on with nonsense, and that is slow, too.
        let was_taken = says.is_empty() || !stream.write(says).is_err_and(|fault| !waits(&fault));
        let mut bytes = [0; READ_BYTES];
        was_taken
            && match stream.read(&mut bytes[..reads]) {
                Ok(count) => count > 0,
                Err(fault) => waits(&fault),
            }
    }
}

fn dawdle(shop: SocketAddr, mut clients: Vec<Client>, over: &Over) -> Dawdled {
    // In life they have machines of their own: here they wait for who is measured, and not the other way round. On Linux it
    // is this thread's priority alone; where it can't be had, they are in the way a little more.
    let _ = rustix::process::nice(LAST_IN_LINE);
    let mut due = Instant::now();
    let mut dawdled = Dawdled { made: clients.len() as u64, cut_off: 0 };
    for turn in (0..TURNS).cycle() {
        if over.is_now() {
            break;
        }
        for client in clients.iter_mut().skip(turn).step_by(TURNS) {
            if client.take_turn() {
                continue;
            }
            dawdled.cut_off += u64::from(client.stream.take().is_some());
            dawdled.made += u64::from(client.connect(shop).is_ok());
        }
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    dawdled
}
