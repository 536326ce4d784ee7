//! Who keeps the shop waiting: connections that are held open by saying and reading as little as possible.
//!
//! The kinds are those of Slowloris and its kin: a head that never ends, a body that never ends, answers that nobody
//! reads, and nothing at all. Each connection does its little once a second; whoever is hung up on comes again.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::CONNECT;
use super::aside::{Aside, Over};

/// Each connection has its turn once in so many ticks: few of them at a time, for they share the machine with who is measured.
const TURNS: usize = 200;
/// So that a turn comes once a second.
const TICK: Duration = Duration::from_millis(5);
/// The lowest priority that there is.
const LAST_IN_LINE: i32 = 19;
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

/// What they say.
#[derive(Debug)]
struct Words {
    head: String,
    body: String,
    page: String,
}

#[derive(Debug, Default)]
struct Counts {
    /// Connections that were made.
    made: AtomicU64,
    /// Connections that the server ended.
    cut_off: AtomicU64,
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
pub(super) struct SlowClients(Aside<Counts>);

impl SlowClients {
    /// Connects so many, a quarter of each kind.
    pub(super) fn open(shop: SocketAddr, sale: &str, sku: &str, count: usize) -> anyhow::Result<Self> {
        let post = format!("POST /v1/sales/{sale}/items/{sku}/orders HTTP/1.1\r\nHost: {shop}\r\n");
        let words = Words {
            body: format!("{post}Buyer-Id: slow\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"),
            head: format!("{post}X-Slow: "),
            page: format!("GET /s/{sale} HTTP/1.1\r\nHost: {shop}\r\n\r\n"),
        };
        let clients = (0..count).map(|number| Client::connect(shop, Kind::ALL[number % Kind::ALL.len()], &words));
        let clients = clients.collect::<std::io::Result<Vec<_>>>()?;
        Ok(Self(Aside::start("slow", move |over, counts| dawdle(shop, clients, &words, over, counts))?))
    }

    /// Lets go.
    pub(super) fn close(self) -> Dawdled {
        let counts = self.0.end();
        // Relaxed here and below: the thread has been joined, and counts order nothing.
        Dawdled { made: counts.made.load(Ordering::Relaxed), cut_off: counts.cut_off.load(Ordering::Relaxed) }
    }
}

/// One of them.
#[derive(Debug)]
struct Client {
    kind: Kind,
    /// None: nobody took the connection.
    stream: Option<TcpStream>,
}

impl Client {
    fn connect(shop: SocketAddr, kind: Kind, words: &Words) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&shop, CONNECT)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let first = match kind {
            Kind::Head => &words.head,
            Kind::Body => &words.body,
            Kind::Read => &words.page,
            Kind::Silent => "",
        };
        stream.write_all(first.as_bytes())?;
        Ok(Self { kind, stream: Some(stream) })
    }

    /// Does its little. Whether the connection is still there.
    fn take_turn(&mut self, words: &Words) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let (says, reads) = match self.kind {
            Kind::Head | Kind::Body => (&b"x"[..], READ_BYTES),
            Kind::Read => (words.page.as_bytes(), 1),
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

fn dawdle(shop: SocketAddr, mut clients: Vec<Client>, words: &Words, over: &Over, counts: &Counts) {
    // In life they have machines of their own: here they wait for who is measured, and not the other way round. On Linux it
    // is this thread's priority alone; where it can't be had, they are in the way a little more.
    let _ = rustix::process::nice(LAST_IN_LINE);
    let mut due = Instant::now();
    counts.made.fetch_add(clients.len() as u64, Ordering::Relaxed);
    for turn in (0..TURNS).cycle() {
        if over.is_now() {
            return;
        }
        for client in clients.iter_mut().skip(turn).step_by(TURNS) {
            if client.take_turn(words) {
                continue;
            }
            counts.cut_off.fetch_add(u64::from(client.stream.take().is_some()), Ordering::Relaxed);
            if let Ok(again) = Client::connect(shop, client.kind, words) {
                *client = again;
                counts.made.fetch_add(1, Ordering::Relaxed);
            }
        }
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
