//! The public listener: accepts connections, and deals them to the workers, the least busy first.
//!
//! There is no `SO_REUSEPORT`: a second shop
//! on the same port fails to bind, and closing the one socket resets nobody who waits in another's queue.
//!
//! **Invariant:** a connection has a place (over all, and for its address) before it is dealt out, and gives it back when it
//! ends, however it ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dashmap::DashMap;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::shop::Shop;
use super::worker::{LEAVING_GRACE, Worker, start_worker};
use crate::access::address_key;

/// How long accepting rests when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that the kernel may keep for us while we are busy: as many as Linux allows unless told otherwise
/// (`net.core.somaxconn`). Libraries ask for 128: when a bell rings the 129th would come again a second later.
const BACKLOG: u32 = 4096;

/// Busier than any worker that lives: one that has died is never the least busy.
const DEAD: usize = usize::MAX / 2;

/// Listens at an address.
///
/// # Errors
/// Where it is somebody else's, or no address of this machine.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the shop that was here before keep nobody from opening the next one.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Every worker has panicked: there is nobody to answer a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("every worker of the door has panicked")]
pub struct AllFell;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Over all. Beyond it nobody is accepted until somebody leaves: the kernel's queue waits.
    pub connections: usize,
    /// From one address; 0: no cap. Trusted proxies have none.
    pub connections_per_ip: usize,
    /// Worker threads, at least 1.
    pub threads: usize,
}

/// How many connections each address has: an address as `access` limits it, since who has one of a /64 has all of them.
#[derive(Default)]
struct Places(DashMap<u64, usize>);

impl Places {
    /// One more for this address, unless it has as many as it may; none: no cap.
    fn take(self: &Arc<Self>, of: IpAddr, cap: Option<usize>) -> Option<Taken> {
        let of = address_key(of);
        let mut count = self.0.entry(of).or_insert(0);
        if cap.is_some_and(|cap| *count >= cap) {
            return None;
        }
        *count += 1;
        Some(Taken { of, places: Arc::clone(self) })
    }
}

/// An address's place: given back when it is dropped.
struct Taken {
    of: u64,
    places: Arc<Places>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.places.0.remove_if_mut(&self.of, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
}

/// A connection's place, over all and for its address: given back when it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    _taken: Taken,
}

/// A connection that a worker is given.
pub(super) struct Dealt {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: Place,
}

/// The workers of the public listener.
pub struct Workers {
    workers: Vec<Worker>,
    places: Arc<Places>,
    room: Arc<Semaphore>,
    /// Says how long those inside have, once the house closes.
    leave_within: watch::Sender<Option<Duration>>,
    shop: Arc<Shop>,
    caps: Caps,
}

impl Workers {
    /// Starts the worker threads.
    ///
    /// # Errors
    /// Where the machine has no thread or no runtime to give.
    pub fn start(shop: &Arc<Shop>, caps: Caps) -> io::Result<Self> {
        let leave_within = watch::Sender::new(None);
        let workers = (0..caps.threads.max(1))
            .map(|number| start_worker(number, Arc::clone(shop), leave_within.subscribe()))
            .collect::<io::Result<_>>()?;
        let room = Arc::new(Semaphore::new(caps.connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { workers, places: Arc::default(), room, leave_within, shop: Arc::clone(shop), caps })
    }

    /// Accepts and deals out connections until `closing` resolves. Then those who wait in the kernel's queue are still
    /// taken, the socket is closed, and every connection may finish what it is at for as long as `closing` said; what is
    /// left then is cut.
    ///
    /// # Errors
    /// [`AllFell`], and nothing is waited for.
    pub async fn serve(self, listener: TcpListener, closing: impl Future<Output = Duration>) -> Result<(), AllFell> {
        let mut closing = std::pin::pin!(closing);
        let grace = loop {
            let next = async {
                let permit = Arc::clone(&self.room).acquire_owned().await;
                (permit, listener.accept().await)
            };
            tokio::select! {
                biased;
                grace = &mut closing => break grace,
                (permit, accepted) = next => match accepted {
                    Ok((stream, peer)) => self.admit(permit.ok(), stream.into_std(), peer)?,
                    // No descriptor, or the peer has gone already: resting costs the second nothing and cures the first.
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        };
        // Whoever has been accepted by the kernel has been promised an answer.
        if let Ok(listener) = listener.into_std() {
            for (stream, peer) in queued(&listener) {
                let stream = stream.set_nonblocking(true).map(|()| stream);
                self.admit(Arc::clone(&self.room).try_acquire_owned().ok(), stream, peer)?;
            }
        }
        self.leave(grace).await;
        Ok(())
    }

    fn admit(
        &self,
        permit: Option<OwnedSemaphorePermit>,
        stream: io::Result<std::net::TcpStream>,
        peer: SocketAddr,
    ) -> Result<(), AllFell> {
        // A socket that can't be set up has been closed by its peer, and dropping it is all there is to do.
        let Ok(stream) = stream else { return Ok(()) };
        let Some(place) = permit.and_then(|permit| self.place(permit, peer.ip())) else { return Ok(()) };
        // An answer is one small write: waiting for more to send would only delay it. Where even that can't be said, the
        // peer has gone.
        if stream.set_nodelay(true).is_err() {
            return Ok(());
        }
        deal_to(&self.workers, Dealt { stream, peer, place })
    }

    fn place(&self, permit: OwnedSemaphorePermit, of: IpAddr) -> Option<Place> {
        let cap = self.caps.connections_per_ip;
        let is_capped = cap > 0 && !self.shop.limits.load().address_rules.trusts(of);
        let taken = self.places.take(of, is_capped.then_some(cap))?;
        Some(Place { _permit: permit, _taken: taken })
    }

    async fn leave(self, grace: Duration) {
        self.leave_within.send_replace(Some(grace));
        let threads: Vec<_> = self.workers.into_iter().map(|worker| worker.thread).collect();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                // A worker's panic has been logged where it happened.
                let _ = thread.join();
            }
        });
        // The threads see to the grace themselves; this is for one that hangs.
        let _ = tokio::time::timeout(grace + LEAVING_GRACE + LEAVING_GRACE, joined).await;
    }
}

/// Gives a connection to the least busy worker that lives.
fn deal_to(workers: &[Worker], mut dealt: Dealt) -> Result<(), AllFell> {
    // Relaxed, here and below: a worker that looks a little less busy than it is gets one connection more.
    let busy = |worker: &&Worker| worker.busy.load(Ordering::Relaxed);
    while let Some(worker) = workers.iter().min_by_key(busy).filter(|worker| busy(worker) < DEAD) {
        worker.busy.fetch_add(1, Ordering::Relaxed);
        match worker.deals.send(dealt) {
            Ok(()) => return Ok(()),
            Err(SendError(back)) => {
                dealt = back;
                worker.busy.store(DEAD, Ordering::Relaxed);
            }
        }
    }
    Err(AllFell)
}

/// Those whom the kernel has accepted for us, from a listener that doesn't wait. No more than fit into its queue: who comes
/// while it is emptied takes the place of one who was promised nothing.
fn queued(listener: &std::net::TcpListener) -> impl Iterator<Item = (std::net::TcpStream, SocketAddr)> {
    let is_empty = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    std::iter::repeat_with(|| listener.accept())
        // The one beyond is Linux's own.
        .take(BACKLOG as usize + 1)
        .take_while(move |accepted| !accepted.as_ref().is_err_and(is_empty))
        // Who has left the queue again is followed by those behind.
        .filter_map(Result::ok)
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;
