//! Floors: servers that do nothing but answer, for others to be measured beside.
//!
//! `cargo bench --bench floors -- epoll ADDR` answers every request with the bytes of a refusal, by epoll and nothing else;
//! `hyper` does so through hyper. Two threads each, as doorbuster has on two cores. Prints a line when it listens.
//!
//! Deliberately absent: everything that a server owes to its clients. The floor looks for the end of a head, and believes
//! that no body follows it in another segment.

#![expect(clippy::print_stdout, reason = "it tells whoever started it that it listens")]

use std::convert::Infallible;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustix::event::epoll;

/// As many as doorbuster has workers on a machine of two cores.
const THREADS: usize = 2;
/// A head of these tests is some hundred bytes.
const HEAD_BYTES_MAX: usize = 8192;
const BODY: &str = r#"{"type":"/problems/sold-out","title":"Sold out","status":409,"layer":"stock","code":"sold_out","detail":"Every unit is sold.","held_may_return":false}"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [kind, address] = arguments.as_slice() else {
        // `cargo bench` without a word, and `cargo test --benches`, have nothing to serve.
        println!("usage: floors epoll|hyper ADDR");
        return;
    };
    let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    let serve: fn(mpsc::Receiver<TcpStream>) = match kind.as_str() {
        "epoll" => serve_by_epoll,
        "hyper" => serve_by_hyper,
        _ => panic!("{kind:?} is neither \"epoll\" nor \"hyper\""),
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (give, take) = mpsc::channel();
            thread::spawn(move || serve(take));
            give
        })
        .collect();
    println!("listening on {}", listener.local_addr().expect("it is bound"));
    for (stream, thread) in listener.incoming().zip(threads.iter().cycle()) {
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("an open socket");
        thread.send(stream).expect("threads serve for ever");
    }
}

/// One thread waits for requests; another puts newcomers into the epoll instance that it waits on.
fn serve_by_epoll(streams: mpsc::Receiver<TcpStream>) {
    let poll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll instance"));
    let answer = format!(
        "HTTP/1.1 409 Conflict\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\n\
         content-length: {}\r\ndate: Sun, 22 Nov 2026 22:22:22 GMT\r\n\r\n{BODY}",
        BODY.len()
    );
    let (give, take) = mpsc::channel();
    let newcomers = Arc::clone(&poll);
    thread::spawn(move || {
        for (slot, stream) in streams.into_iter().enumerate() {
            let data = epoll::EventData::new_u64(slot as u64);
            epoll::add(&*newcomers, &stream, data, epoll::EventFlags::IN).expect("a new socket");
            give.send(stream).expect("the other thread serves for ever");
        }
    });
    let mut open: Vec<Option<TcpStream>> = Vec::new();
    let (mut events, mut head) = (Vec::with_capacity(256), [0; HEAD_BYTES_MAX]);
    loop {
        events.clear();
        match epoll::wait(&*poll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        for event in &events {
            let slot = usize::try_from(event.data.u64()).expect("a slot");
            // Its first bytes may be faster than the stream itself.
            while open.len() <= slot {
                open.push(Some(take.recv().expect("it is on its way")));
            }
            let Some(stream) = open[slot].as_mut() else { continue };
            match stream.read(&mut head) {
                Ok(length) if length > 0 => {
                    if head[..length].windows(4).any(|window| window == b"\r\n\r\n")
                        && stream.write_all(answer.as_bytes()).is_err()
                    {
                        open[slot] = None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => open[slot] = None,
            }
        }
    }
}

fn serve_by_hyper(streams: mpsc::Receiver<TcpStream>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (give, mut take) = tokio::sync::mpsc::unbounded_channel();
    thread::spawn(move || streams.into_iter().try_for_each(|stream| give.send(stream)));
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        while let Some(stream) = take.recv().await {
            stream.set_nonblocking(true).expect("an open socket");
            let stream = TokioIo::new(tokio::net::TcpStream::from_std(stream).expect("an open socket"));
            tokio::task::spawn_local(async move {
                let http = hyper::server::conn::http1::Builder::new();
                // A client that hangs up is no news.
                let _ = http.serve_connection(stream, service_fn(answer)).await;
            });
        }
    });
}

async fn answer(_: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY.as_bytes())));
    *response.status_mut() = StatusCode::CONFLICT;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
