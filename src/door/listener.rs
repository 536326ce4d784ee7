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
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::shop::Shop;
use super::worker::{LEAVING_GRACE, Worker, start_worker};

/// How long accepting rests when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// A connection's place: given back when it is dropped.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    of: IpAddr,
    places: Arc<DashMap<IpAddr, usize>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.remove_if_mut(&self.of, |_, count| {
            *count -= 1;
            *count == 0
        });
    }
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
    places: Arc<DashMap<IpAddr, usize>>,
    room: Arc<Semaphore>,
    leaving: watch::Sender<bool>,
    shop: Arc<Shop>,
    caps: Caps,
}

impl Workers {
    /// Starts the worker threads.
    ///
    /// # Errors
    /// Where the machine has no thread or no runtime to give.
    pub fn start(shop: &Arc<Shop>, caps: Caps) -> io::Result<Self> {
        let leaving = watch::Sender::new(false);
        let workers = (0..caps.threads.max(1))
            .map(|number| start_worker(number, Arc::clone(shop), leaving.subscribe()))
            .collect::<io::Result<_>>()?;
        let room = Arc::new(Semaphore::new(caps.connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { workers, places: Arc::default(), room, leaving, shop: Arc::clone(shop), caps })
    }

    /// Accepts and deals out connections until `closing` resolves; then those who wait in the kernel's queue are still
    /// taken, and the socket is closed.
    pub async fn accept(&self, listener: tokio::net::TcpListener, closing: impl Future<Output = ()>) {
        let mut closing = std::pin::pin!(closing);
        loop {
            let next = async {
                let permit = Arc::clone(&self.room).acquire_owned().await;
                (permit, listener.accept().await)
            };
            tokio::select! {
                biased;
                () = &mut closing => break,
                (permit, accepted) = next => self.deal_or_pause(permit.ok(), accepted).await,
            }
        }
        // Whoever has been accepted by the kernel has been promised an answer.
        while let Ok(Ok(accepted)) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
            self.deal_or_pause(Arc::clone(&self.room).try_acquire_owned().ok(), Ok(accepted)).await;
        }
    }

    async fn deal_or_pause(&self, permit: Option<OwnedSemaphorePermit>, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, peer)) => {
                if let Some(place) = permit.and_then(|permit| self.place(permit, peer.ip())) {
                    self.deal(stream, peer, place);
                }
            }
            // No descriptor, or the peer has gone already: resting costs the second nothing and cures the first.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    fn place(&self, permit: OwnedSemaphorePermit, of: IpAddr) -> Option<Place> {
        let mut count = self.places.entry(of).or_insert(0);
        let cap = self.caps.connections_per_ip;
        if cap > 0 && *count >= cap && !self.shop.limits.load().address_rules.trusts(of) {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place { _permit: permit, of, places: Arc::clone(&self.places) })
    }

    fn deal(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // An answer is one small write: waiting for more to send would only delay it. A socket that can't be set up has
        // been closed by its peer, and dropping it is all there is to do.
        let Ok(stream) = stream.set_nodelay(true).and_then(|()| stream.into_std()) else { return };
        // Relaxed: a worker that looks a little less busy than it is gets one connection more.
        let least_busy = self.workers.iter().min_by_key(|worker| worker.busy.load(Ordering::Relaxed));
        if let Some(worker) = least_busy {
            worker.busy.fetch_add(1, Ordering::Relaxed);
            // Fails only when the worker has died, and then there is nobody to answer.
            let _ = worker.deals.send(Dealt { stream, peer, place });
        }
    }

    /// Lets every connection finish what it is at, for as long as `grace`; what is left then is cut.
    pub async fn leave(self, grace: Duration) {
        self.leaving.send_replace(true);
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
