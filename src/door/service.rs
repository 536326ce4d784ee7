//! What hyper calls for each request of the public listener.
//!
//! Most answers are known when the call returns: they cost no task, no allocation and no future larger than themselves.
//! The others are futures of their own.
//!
//! **Invariant:** a connection's pulse says that an answer is due from here until hyper has the last byte of it.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::http::HeaderValue;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header;
use hyper::service::Service;
use hyper::{Request, Response};

use super::attempt;
use super::passage::{Heard, Told};
use super::problems::Problem;
use super::pulse::Pulse;
use super::reply::{self, Body, Reply, Sheet};
use super::shop;
use super::stream::Endless;
use super::worker::Desk;
use crate::funnel::Unfit;

/// Who answers one connection's requests.
pub(super) struct Reception {
    desk: Arc<Desk>,
    pulse: Arc<Pulse>,
    rooms: Router,
    peer: IpAddr,
}

/// What hyper is given.
type Answer = Response<Told<Body>>;

/// An answer, or what becomes one.
pub(super) enum Answering {
    /// It is known; none once it has been handed over.
    Now(Option<Answer>),
    /// It takes a body, the ledger or a room behind axum.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Future for Answering {
    type Output = Result<Answer, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(reply) => reply.take().map_or(Poll::Pending, |reply| Poll::Ready(Ok(reply))),
            Self::Later(later) => later.as_mut().poll(context).map(Ok),
        }
    }
}

impl Reception {
    pub(super) fn new(desk: Arc<Desk>, pulse: Arc<Pulse>, rooms: Router, peer: IpAddr) -> Self {
        Self { desk, pulse, rooms, peer }
    }

    fn now(&self, reply: Reply) -> Answering {
        Answering::Now(Some(finished(reply, &self.desk, &self.pulse)))
    }

    fn attempt(&self, request: Request<Incoming>) -> Answering {
        let (parts, body) = request.into_parts();
        let Some(named) = attempt::named_by(parts.uri.path()) else {
            return self.room(Request::from_parts(parts, body));
        };
        match attempt::at_the_head(&self.desk, self.peer, &parts, &named) {
            Err((refusal, now)) => {
                let problem = Problem::of(refusal, now.wall);
                let answering = self.now(reply::problem(Sheet::wiped(parts.headers), problem));
                let shop = &self.desk.shop;
                shop.funnel.pace.answered(now.mono, || shop.clock.now().mono);
                answering
            }
            Ok(undecided) => {
                let (desk, pulse) = (Arc::clone(&self.desk), Arc::clone(&self.pulse));
                let body = Heard::new(body, Arc::clone(&pulse));
                Answering::Later(Box::pin(async move {
                    let reply = attempt::decide(&desk, parts.headers, body, undecided).await;
                    finished(reply, &desk, &pulse)
                }))
            }
        }
    }

    fn unfit(&self, request: Request<Incoming>, unfit: Unfit) -> Answering {
        let (parts, _) = request.into_parts();
        if let Some(named) = attempt::named_by(parts.uri.path()) {
            attempt::count_unfit(&self.desk.shop, &named);
        }
        let now = self.desk.shop.clock.now().wall;
        let mut reply = reply::problem(Sheet::wiped(parts.headers), Problem::of(unfit.into(), now));
        // Whoever is in front may see another request behind this one than we do.
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        self.now(reply)
    }

    fn room(&self, request: Request<Incoming>) -> Answering {
        let (desk, pulse) = (Arc::clone(&self.desk), Arc::clone(&self.pulse));
        let (mut rooms, peer) = (self.rooms.clone(), self.peer);
        let request = request.map(|body| Heard::new(body, Arc::clone(&pulse)));
        Answering::Later(Box::pin(async move {
            let reply = shop::answer(&mut rooms, peer, request).await;
            finished(reply, &desk, &pulse)
        }))
    }
}

impl Service<Request<Incoming>> for Reception {
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        self.pulse.asked(request.body());
        match shop::fit(&request) {
            Ok(()) => self.attempt(request),
            Err(unfit) => self.unfit(request, unfit),
        }
    }
}

/// Goes to hyper: the connection's pulse and a closing house have to be told.
fn finished(mut reply: Reply, desk: &Desk, pulse: &Arc<Pulse>) -> Answer {
    if desk.shop.readiness.is_leaving() {
        reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if reply.extensions().get::<Endless>().is_some() {
        pulse.streaming();
    }
    reply.map(|body| match body {
        Either::Left(_) => {
            pulse.answered();
            Told::at_once(body)
        }
        Either::Right(_) => Told::by_and_by(body, Arc::clone(pulse)),
    })
}
