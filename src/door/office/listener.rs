//! The office's listener: few people, so ordinary tasks do; but they, too, may not keep a connection by doing nothing.
//!
//! **Invariant:** a connection has a place before it is served; each of its states has a deadline.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

use crate::door::connection;
use crate::door::passage::{Heard, Told};
use crate::door::pulse::Deadlines;
use crate::door::sweep::Sweep;

/// Connections of the shop's people at the same time: a dashboard or two each, and whoever collects metrics.
const CONNECTIONS_MAX: u32 = 256;
/// How long accepting rests when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers the office's people until `closing` resolves, and then until their connections have ended.
pub async fn serve(listener: TcpListener, routes: Router, deadlines: Deadlines, closing: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let sweep = Arc::new(Sweep::new(deadlines));
    let keeping = tokio::spawn({
        let sweep = Arc::clone(&sweep);
        async move { sweep.keep().await }
    });
    let mut closing = std::pin::pin!(closing);
    loop {
        let next = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = &mut closing => break,
            (place, accepted) = next => match (place, accepted) {
                (Ok(place), Ok((stream, _))) => drop(tokio::spawn(answer(place, stream, routes.clone(), Arc::clone(&sweep)))),
                (_, accepted) => {
                    tracing::warn!(error = ?accepted.err(), "a connection of the office could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    sweep.leave();
    // When every place has been given back, everybody has gone.
    let _ = room.acquire_many(CONNECTIONS_MAX).await;
    keeping.abort();
}

async fn answer(_place: OwnedSemaphorePermit, stream: TcpStream, routes: Router, sweep: Arc<Sweep>) {
    let pulse = sweep.begin();
    let service = hyper::service::service_fn(|request: Request<Incoming>| {
        pulse.asked(request.body());
        let answering = routes.clone().call(request.map(|body| Body::new(Heard::new(body, Arc::clone(&pulse)))));
        let pulse = Arc::clone(&pulse);
        async move { answering.await.map(|reply| reply.map(|body| Told::by_and_by(body, pulse))) }
    });
    let mut http = http1::Builder::new();
    // The sweep keeps the head's deadline.
    http.header_read_timeout(None).half_close(true);
    connection::serve(&http, stream, &pulse, service).await;
}
