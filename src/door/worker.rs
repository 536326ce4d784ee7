//! A worker: one thread with one single-threaded runtime, which answers its connections from beginning to end.
//!
//! **Invariant:** a connection counts as the worker's from being dealt until it has ended, however it ends.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinError;

use super::connection;
use super::listener::Dealt;
use super::service::Reception;
use super::shop::{self, Shop};
use super::sweep::Sweep;
use crate::ledger::{Bell, DeskId};

/// Largest head of a request: a cookie or two, a long key and a long pass fit several times; proxies pass on as much.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Most header lines of a request.
const HEADERS_MAX: usize = 64;
/// How long an idle connection may still send the request that was on its way when the house began to close.
pub(super) const LEAVING_GRACE: Duration = Duration::from_millis(500);

/// One worker, seen from the accepting thread.
pub(super) struct Worker {
    pub(super) deals: mpsc::UnboundedSender<Dealt>,
    pub(super) busy: Arc<AtomicUsize>,
    pub(super) thread: JoinHandle<()>,
}

/// Rings a worker's herald: one wake-up of the runtime for a whole commit.
struct HeraldBell(Arc<Notify>);

impl Bell for HeraldBell {
    fn ring(&self) {
        self.0.notify_one();
    }
}

/// Starts a worker.
pub(super) fn start_worker(
    number: usize,
    shop: Arc<Shop>,
    leave_within: watch::Receiver<Option<Duration>>,
) -> io::Result<Worker> {
    let (deals, dealt) = mpsc::unbounded_channel();
    let busy = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let room = Arc::clone(&busy);
    let thread = std::thread::Builder::new()
        .name(format!("door-{number}"))
        .spawn(move || runtime.block_on(work(shop, dealt, room, leave_within)))?;
    Ok(Worker { deals, busy, thread })
}

/// What the connections of one worker share.
pub(super) struct Desk {
    pub(super) shop: Arc<Shop>,
    pub(super) id: DeskId,
    sweep: Sweep,
    http: http1::Builder,
    busy: Arc<AtomicUsize>,
    /// Rung when a connection ends.
    ended: Notify,
}

async fn work(
    shop: Arc<Shop>,
    mut dealt: mpsc::UnboundedReceiver<Dealt>,
    busy: Arc<AtomicUsize>,
    mut leave_within: watch::Receiver<Option<Duration>>,
) {
    let bell = Arc::new(Notify::new());
    let id = shop.funnel.ledger.desk(Arc::new(HeraldBell(Arc::clone(&bell))));
    let sweep = Sweep::new(shop.deadlines);
    let desk = Arc::new(Desk { shop, id, sweep, http: http(), busy, ended: Notify::new() });
    let mut herald = tokio::spawn(announce(Arc::clone(&desk), bell));
    let mut sweep = tokio::spawn({
        let desk = Arc::clone(&desk);
        async move { desk.sweep.keep().await }
    });
    let rooms = shop::rooms(Arc::clone(&desk.shop));
    loop {
        tokio::select! {
            deal = dealt.recv() => match deal {
                Some(deal) => drop(tokio::spawn(serve(Arc::clone(&desk), rooms.clone(), deal))),
                None => break,
            },
            _ = leave_within.wait_for(Option::is_some) => break,
            fell = &mut herald => fall(fell),
            fell = &mut sweep => fall(fell),
        }
    }
    // Said before nobody dealt any more; never, where the listener broke down: nobody is left to wait for then.
    let grace = leave_within.wait_for(Option::is_some).await.ok().and_then(|grace| *grace).unwrap_or_default();
    // What was dealt before the socket closed is answered too.
    while let Ok(deal) = dealt.try_recv() {
        tokio::spawn(serve(Arc::clone(&desk), rooms.clone(), deal));
    }
    tokio::select! {
        _ = tokio::time::timeout(grace, leave(&desk)) => {}
        // Nobody would hear of his order any more.
        fell = &mut herald => fall(fell),
    }
    herald.abort();
    sweep.abort();
}

/// A worker without herald or sweep would leave winners waiting, and the slow for ever: it ends as they did, and the others
/// do its work.
fn fall(fell: Result<Infallible, JoinError>) {
    let Err(fault) = fell;
    tracing::error!(%fault, "a worker of the door has panicked: its connections end, the others go on");
    if let Ok(panic) = fault.try_into_panic() {
        std::panic::resume_unwind(panic);
    }
}

/// Wakes those whose orders have been committed.
async fn announce(desk: Arc<Desk>, bell: Arc<Notify>) -> Infallible {
    loop {
        bell.notified().await;
        desk.shop.funnel.ledger.wake_waiting(desk.id);
    }
}

/// Waits until the last connection has ended; those that idle are ended after a moment.
async fn leave(desk: &Desk) {
    let _ = tokio::time::timeout(LEAVING_GRACE, all_ended(desk)).await;
    desk.sweep.leave();
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
    let pulse = desk.sweep.begin();
    let reception = Reception::new(Arc::clone(&desk), Arc::clone(&pulse), rooms, peer.ip());
    connection::serve(&desk.http, stream, &pulse, reception).await;
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        // Who has said all that he has to say still wants to know what came of it. Nothing is read while an answer is due:
        // a peer that has gone altogether shows when it is written.
        .half_close(true)
        .writev(false);
    http
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[tokio::test]
    async fn a_worker_ends_with_what_it_cannot_do_without() {
        let fell: Result<Infallible, _> = tokio::spawn(async { panic!("the herald") }).await;
        assert!(catch_unwind(AssertUnwindSafe(|| fall(fell))).is_err());
    }
}
