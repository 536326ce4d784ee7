//! The public listener: sockets in, answers out.
//!
//! One thread accepts and deals connections to the workers, the least busy first; each worker is one thread with one
//! single-threaded runtime and answers its connections from beginning to end. There is no `SO_REUSEPORT`: a second shop
//! on the same port fails to bind, and closing the one socket resets nobody who waits in another's queue.
//!
//! **Invariant:** a connection has a place (over all, and for its address) before it is dealt out, and gives it back when it
//! ends, however it ends.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use dashmap::DashMap;
use hyper::service::service_fn;
use hyper::{Request, body::Incoming, header};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::connection::{End, Pulse, Watched};
use super::shop::{self, Shop};
use crate::ledger::{Bell, DeskId};

/// Largest head of a request: a cookie or two, a long key and a long pass fit several times; proxies pass on as much.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Most header lines of a request.
const HEADERS_MAX: usize = 64;
/// How often deadlines are looked at: a peer gets up to this much more than his deadline.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);
/// How long accepting rests when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long an idle connection may still send the request that was on its way when the house began to close.
const LEAVING_GRACE: Duration = Duration::from_millis(500);

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
struct Place {
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

struct Dealt {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    place: Place,
}

/// One worker, seen from the accepting thread.
struct Worker {
    deals: mpsc::UnboundedSender<Dealt>,
    busy: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
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

/// Rings a worker's herald: one wake-up of the runtime for a whole commit.
struct HeraldBell(Arc<Notify>);

impl Bell for HeraldBell {
    fn ring(&self) {
        self.0.notify_one();
    }
}

fn start_worker(number: usize, shop: Arc<Shop>, leaving: watch::Receiver<bool>) -> io::Result<Worker> {
    let (deals, dealt) = mpsc::unbounded_channel();
    let busy = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let room = Arc::clone(&busy);
    let thread = std::thread::Builder::new()
        .name(format!("door-{number}"))
        .spawn(move || runtime.block_on(work(shop, dealt, room, leaving)))?;
    Ok(Worker { deals, busy, thread })
}

/// What the connections of one worker share.
struct Desk {
    shop: Arc<Shop>,
    id: DeskId,
    tick_ms: Arc<AtomicU64>,
    pulses: Mutex<Vec<Weak<Pulse>>>,
    busy: Arc<AtomicUsize>,
    /// Rung when a connection ends.
    ended: Notify,
}

async fn work(
    shop: Arc<Shop>,
    mut dealt: mpsc::UnboundedReceiver<Dealt>,
    busy: Arc<AtomicUsize>,
    mut leaving: watch::Receiver<bool>,
) {
    let bell = Arc::new(Notify::new());
    let id = shop.funnel.ledger.desk(Arc::new(HeraldBell(Arc::clone(&bell))));
    let (tick_ms, pulses) = (Arc::new(AtomicU64::new(1)), Mutex::default());
    let desk = Arc::new(Desk { shop, id, tick_ms, pulses, busy, ended: Notify::new() });
    let herald = tokio::spawn(announce(Arc::clone(&desk), bell));
    let sweep = tokio::spawn(sweep(Arc::clone(&desk)));
    let rooms = shop::rooms(Arc::clone(&desk.shop));
    loop {
        tokio::select! {
            deal = dealt.recv() => match deal {
                Some(deal) => drop(tokio::spawn(serve(Arc::clone(&desk), rooms.clone(), deal))),
                None => break,
            },
            _ = leaving.wait_for(|leaving| *leaving) => break,
        }
    }
    // What was dealt before the socket closed is answered too.
    while let Ok(deal) = dealt.try_recv() {
        tokio::spawn(serve(Arc::clone(&desk), rooms.clone(), deal));
    }
    let _ = tokio::time::timeout(desk.shop.deadlines.drain, leave(&desk)).await;
    herald.abort();
    sweep.abort();
}

/// Wakes those whose orders have been committed.
async fn announce(desk: Arc<Desk>, bell: Arc<Notify>) {
    loop {
        bell.notified().await;
        desk.shop.funnel.ledger.wake_waiting(desk.id);
    }
}

/// Keeps the deadlines of the worker's connections.
async fn sweep(desk: Arc<Desk>) {
    let began = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let now_ms = u64::try_from((ticks.tick().await - began).as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        desk.tick_ms.store(now_ms, Ordering::Relaxed);
        desk.pulses.lock().retain(|pulse| {
            let pulse = pulse.upgrade();
            if let Some(pulse) = &pulse {
                pulse.check(&desk.shop.deadlines, now_ms);
            }
            pulse.is_some()
        });
    }
}

/// Waits until the last connection has ended; those that idle are ended after a moment.
async fn leave(desk: &Desk) {
    let _ = tokio::time::timeout(LEAVING_GRACE, all_ended(desk)).await;
    for pulse in desk.pulses.lock().iter().filter_map(Weak::upgrade) {
        pulse.leave();
    }
    all_ended(desk).await;
}

async fn all_ended(desk: &Desk) {
    loop {
        let ended = desk.ended.notified();
        if desk.busy.load(Ordering::Relaxed) == 0 {
            return;
        }
        ended.await;
    }
}

/// Gives the worker's count back, however the connection ends.
struct Busy<'a>(&'a Desk);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.notify_one();
    }
}

async fn serve(desk: Arc<Desk>, rooms: Router, dealt: Dealt) {
    let _busy = Busy(&desk);
    let Dealt { stream, peer, place: _place } = dealt;
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let pulse = Arc::new(Pulse::new(Arc::clone(&desk.tick_ms)));
    desk.pulses.lock().push(Arc::downgrade(&pulse));
    let service = service_fn(|request: Request<Incoming>| {
        pulse.answering();
        let (desk, pulse, mut rooms) = (Arc::clone(&desk), Arc::clone(&pulse), rooms.clone());
        async move {
            let mut reply = shop::answer(&desk.shop, &mut rooms, desk.id, peer.ip(), request).await;
            if desk.shop.readiness.is_leaving() {
                reply.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
            }
            pulse.answered();
            Ok::<_, Infallible>(reply)
        }
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(Watched::new(stream, Arc::clone(&pulse)), service);
    loop {
        tokio::select! {
            biased;
            // An error is a peer that broke off or sent what can't be read: it has been answered, or can't be.
            _ = &mut connection => return,
            end = pulse.end() => match end {
                End::Leaving => std::pin::Pin::new(&mut connection).graceful_shutdown(),
                End::Overdue => break,
            },
        }
    }
    if pulse.owes_a_head() {
        connection.into_parts().io.tell_timeout();
    }
}
