//! The line to PostgreSQL: it carries everything, until it is cut or held.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::Mutex;

use crate::postgres::{NodeId, Target};

/// How soon it is noticed that the line is well again.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// A page of orders.
const CHUNK_BYTES: usize = 16 * 1024;

/// How the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// It carries.
    Well,
    /// Nothing comes or goes, and nobody hangs up.
    Held,
    /// Whoever talks is hung up on, and nobody is let in.
    Cut,
}

#[derive(Debug)]
struct Shared {
    mood: Mood,
    /// Both ends of every connection.
    open: Vec<TcpStream>,
}

/// A PostgreSQL on this machine, reached over a line that can be broken.
#[derive(Debug)]
pub struct Line {
    url: String,
    direct: String,
    /// What tells these shops from those that used the same database before.
    prefix: u64,
    shared: Arc<Mutex<Shared>>,
}

impl Line {
    /// To the PostgreSQL of a URL such as `postgres://shop@127.0.0.1:5432/shop`. The line lasts as long as this process.
    ///
    /// # Errors
    /// In words that say what would be right.
    pub fn to(url: &str) -> anyhow::Result<Self> {
        let right = "must be a throw-away PostgreSQL on this machine: postgres://shop@127.0.0.1:5432/shop";
        let (user, rest) = url.split_once('@').context(right)?;
        let (place, database) = rest.split_once('/').context(right)?;
        let server: SocketAddr = place.parse().context(right)?;
        anyhow::ensure!(server.ip().is_loopback(), right);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let own = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared { mood: Mood::Well, open: Vec::new() }));
        let line = Self {
            url: format!("{user}@{own}/{database}"),
            direct: url.to_owned(),
            prefix: getrandom::u64().context("this machine has no randomness")?,
            shared: Arc::clone(&shared),
        };
        thread::Builder::new().name("line".into()).spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Who can't be carried is hung up on: so are those whom a broken line loses.
                let _ = carry(client, server, &shared);
            }
        })?;
        Ok(line)
    }

    /// Where a shop finds it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Where it is found however the line is.
    pub(super) fn target(&self) -> anyhow::Result<Target> {
        Ok(Target::parse(&self.direct)?)
    }

    /// Who the shop of a round is there.
    pub(super) fn node(&self, round: u32) -> anyhow::Result<NodeId> {
        NodeId::parse(&format!("torture-{:x}-{round}", self.prefix)).context("a node's name")
    }

    /// From now on it is like this.
    pub(super) fn set(&self, mood: Mood) {
        let mut shared = self.shared.lock();
        shared.mood = mood;
        if mood == Mood::Cut {
            for end in shared.open.drain(..) {
                hang_up(&end);
            }
        }
    }
}

fn carry(client: TcpStream, server: SocketAddr, shared: &Arc<Mutex<Shared>>) -> std::io::Result<()> {
    if shared.lock().mood == Mood::Cut {
        return Ok(());
    }
    let server = TcpStream::connect(server)?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        shared.lock().open.push(end.try_clone()?);
    }
    for (from, to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        let shared = Arc::clone(shared);
        thread::Builder::new().name("line".into()).spawn(move || {
            pass_on(&from, &to, &shared);
            hang_up(&from);
            hang_up(&to);
        })?;
    }
    Ok(())
}

/// Until one of both ends, or the line is cut.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream, shared: &Mutex<Shared>) {
    let mut bytes = [0; CHUNK_BYTES];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        while shared.lock().mood == Mood::Held {
            thread::sleep(LOOK_INTERVAL);
        }
        if shared.lock().mood == Mood::Cut || to.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

fn hang_up(end: &TcpStream) {
    // One that is gone already needs no more.
    let _ = end.shutdown(Shutdown::Both);
}
