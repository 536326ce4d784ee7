//! A bad line to PostgreSQL: it carries everything, until it is told what to do to the next transaction.
//!
//! **Invariant:** an armed fault strikes once, and says when it has.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFault {
    /// The line is cut, and COMMIT never leaves.
    CutBeforeCommit,
    /// COMMIT leaves, the line is cut, and its answer never comes.
    CutAfterCommit,
    /// Nothing comes or goes any more, and nobody hangs up.
    Stall,
    /// The connection is reset in the middle of the rows.
    Reset,
    /// The shop's end is hung up on in the middle of the rows, the server's never hears of it, and waits for more.
    HalfOpen,
}

impl LineFault {
    pub(crate) const ALL: [Self; 5] =
        [Self::CutBeforeCommit, Self::CutAfterCommit, Self::Stall, Self::Reset, Self::HalfOpen];

    /// What the shop says when it strikes.
    fn trigger(self) -> &'static [u8] {
        match self {
            Self::CutBeforeCommit | Self::CutAfterCommit | Self::Stall => b"COMMIT\0",
            Self::Reset | Self::HalfOpen => b"PGCOPY\n",
        }
    }

    /// Where its moment ends in what the shop says.
    fn strikes_at(self, chunk: &[u8]) -> Option<usize> {
        let trigger = self.trigger();
        chunk.windows(trigger.len()).position(|window| window == trigger).map(|at| at + trigger.len())
    }
}

#[derive(Default)]
struct State {
    armed: Option<LineFault>,
    struck: u64,
    /// Connections that nobody may hang up.
    open: Vec<TcpStream>,
}

/// The line.
pub(crate) struct PgProxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl PgProxy {
    /// A line to this port.
    pub(crate) fn to(port: u16) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = socket.local_addr().expect("an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for shop in socket.incoming().flatten() {
                // A server that is down: the shop is hung up on.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let state = Arc::clone(&shared);
                thread::spawn(move || carry(shop, server, &state));
            }
        });
        Self { port: own, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The next transaction has this happen to it.
    pub(crate) fn arm(&self, fault: LineFault) {
        self.state.lock().expect("no panic there").armed = Some(fault);
    }

    /// How often a fault has struck.
    pub(crate) fn struck(&self) -> u64 {
        self.state.lock().expect("no panic there").struck
    }
}

fn carry(mut shop: TcpStream, mut server: TcpStream, state: &Mutex<State>) {
    let (Ok(mut from_server), Ok(mut to_shop)) = (server.try_clone(), shop.try_clone()) else { return };
    let stalled = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_stalled = Arc::clone(&stalled);
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut bytes) {
            // Relaxed: a byte more or less.
            if is_stalled.load(std::sync::atomic::Ordering::Relaxed) {
                continue;
            }
            if to_shop.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        if !is_stalled.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = to_shop.shutdown(Shutdown::Both);
        }
    });
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = shop.read(&mut bytes) {
        let chunk = &bytes[..count];
        let fault = strikes(state, chunk);
        match fault {
            None => {
                if server.write_all(chunk).is_err() {
                    break;
                }
            }
            Some(LineFault::CutBeforeCommit) => break,
            Some(LineFault::CutAfterCommit) => {
                // Relaxed: see above. What the server answers isn't carried any more.
                stalled.store(true, std::sync::atomic::Ordering::Relaxed);
                let _ = server.write_all(chunk);
                let _ = shop.shutdown(Shutdown::Both);
                // The server hears of the end after it has heard COMMIT.
                break;
            }
            Some(LineFault::Stall) => {
                stalled.store(true, std::sync::atomic::Ordering::Relaxed);
                // Until the shop has had enough.
                while let Ok(1..) = shop.read(&mut bytes) {}
                break;
            }
            // What the shop has sent and nobody reads turns the end into a reset.
            Some(LineFault::Reset) => break,
            Some(LineFault::HalfOpen) => {
                stalled.store(true, std::sync::atomic::Ordering::Relaxed);
                let begun = LineFault::HalfOpen.strikes_at(chunk).unwrap_or(chunk.len());
                let _ = server.write_all(&chunk[..begun]);
                if let Ok(end) = server.try_clone() {
                    state.lock().expect("no panic there").open.push(end);
                }
                let _ = shop.shutdown(Shutdown::Both);
                return;
            }
        }
    }
    let _ = shop.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// The armed fault, if this is what it waits for.
fn strikes(state: &Mutex<State>, chunk: &[u8]) -> Option<LineFault> {
    let mut state = state.lock().expect("no panic there");
    let fault = state.armed?;
    fault.strikes_at(chunk).map(|_| {
        state.armed = None;
        state.struck += 1;
        fault
    })
}
