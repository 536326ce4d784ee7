//! The office's listener: few people, so ordinary tasks and timers do; but they, too, may not keep a connection by doing
//! nothing.
//!
//! **Invariant:** a connection has a place before it is served; heads and bodies have deadlines.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::TimeoutBody;
use tower_service::Service;

use crate::door::connection::Deadlines;

/// Connections of the shop's people at the same time: a dashboard or two each, and whoever collects metrics.
const CONNECTIONS_MAX: usize = 256;
/// How long accepting rests when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers the office's people until `closing` resolves, and then until their connections have ended.
pub async fn serve(listener: TcpListener, routes: Router, deadlines: Deadlines, closing: impl Future<Output = ()>) {
    let (room, leaving) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), GracefulShutdown::new());
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
                (Ok(place), Ok((stream, _))) => answer(place, stream, routes.clone(), deadlines, &leaving),
                (_, accepted) => {
                    tracing::warn!(error = ?accepted.err(), "a connection of the office could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    leaving.shutdown().await;
}

fn answer(
    place: OwnedSemaphorePermit,
    stream: TcpStream,
    routes: Router,
    deadlines: Deadlines,
    leaving: &GracefulShutdown,
) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let request = request.map(|body| Body::new(TimeoutBody::new(deadlines.body, body)));
        routes.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also the longest pause between two requests.
        .header_read_timeout(deadlines.head.max(deadlines.idle))
        .serve_connection(TokioIo::new(stream), service);
    let connection = leaving.watch(connection);
    tokio::spawn(async move {
        // An error is a peer that broke off or was too slow.
        let _ = connection.await;
        drop(place);
    });
}
