//! What was decided in; status, headers and body out.
//!
//! A refusal costs no allocation: its body is static, and its headers are written into the map that brought the
//! request's ([`Sheet`]), which hyper then uses for the connection's next request.
//!
//! **Invariant:** nothing that a request brought is in its answer's headers.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body as RoomBody;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::problems::{Also, Problem};
use super::views::OrderView;
use crate::access::Throttled;

/// A body: whole and ready, or whatever the rooms behind axum make.
pub(super) type Body = Either<Full<Bytes>, RoomBody>;
/// An answer.
pub(super) type Reply = Response<Body>;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// An order's body fits: it is written into memory that is asked for once.
const BODY_BYTES_USUAL: usize = 512;

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Where an answer's headers are written: a header map without headers.
#[derive(Debug, Default)]
pub(super) struct Sheet(HeaderMap);

impl Sheet {
    /// The request's own map, wiped: its memory serves again.
    pub(super) fn wiped(mut headers: HeaderMap) -> Self {
        headers.clear();
        Self(headers)
    }
}

fn whole(sheet: Sheet, status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    *headers = sheet.0;
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    reply
}

/// An answer in JSON.
pub(super) fn json(sheet: Sheet, status: StatusCode, value: &impl Serialize) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES_USUAL);
    match serde_json::to_writer(&mut body, value) {
        Ok(()) => whole(sheet, status, JSON, body.into()),
        // Only a map with keys that aren't texts can't be written, and no answer has one.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            problem(sheet, Problem::internal())
        }
    }
}

/// A refusal.
pub(super) fn problem(sheet: Sheet, Problem { status, body, also }: Problem) -> Reply {
    let mut reply = whole(sheet, status, PROBLEM_JSON, body);
    let headers = reply.headers_mut();
    match also {
        Also::Nothing => {}
        Also::RetryAfter(wait_s) => drop(headers.insert(header::RETRY_AFTER, seconds(wait_s))),
        Also::Limit(throttled) => insert_limit(headers, throttled),
        Also::Allow(methods) => drop(headers.insert(header::ALLOW, HeaderValue::from_static(methods))),
        Also::Bearer => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        // No scheme is registered for messages that are signed as in Standard Webhooks; a 401 has to name one.
        Also::Signature => {
            drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Webhook-Signature")))
        }
        Also::Close => drop(headers.insert(header::CONNECTION, HeaderValue::from_static("close"))),
    }
    reply
}

/// Draft RateLimit header fields: nothing remains; in `t` seconds the next attempt passes; `q` in every `w` seconds.
fn insert_limit(headers: &mut HeaderMap, Throttled { limit, quota, retry_after }: Throttled) {
    let (name, burst, retry_after_s) = (limit.word(), quota.burst(), whole_seconds(retry_after));
    let window_s = (f64::from(burst) / quota.rate_per_s()).ceil().max(1.0);
    headers.insert(header::RETRY_AFTER, seconds(retry_after_s));
    insert_text(headers, RATE_LIMIT, &format!("\"{name}\";r=0;t={retry_after_s}"));
    insert_text(headers, RATE_LIMIT_POLICY, &format!("\"{name}\";q={burst};w={window_s}"));
}

/// Whether an order is told to its buyer for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    First,
    Again,
}

/// A win or a replay, told with the status of the first answer.
pub(super) fn order(sheet: Sheet, status: StatusCode, view: &OrderView<'_>, told: Told) -> Reply {
    let mut reply = json(sheet, status, view);
    insert_text(reply.headers_mut(), header::LOCATION, &format!("/v1/orders/{}", view.order));
    if told == Told::Again {
        reply.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    reply
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    // Our own words and numbers: always a header's value.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

/// At least one second, rounded up: waiting exactly that long is enough.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

/// A number of seconds as a header's value; the common ones are made once.
fn seconds(number: u64) -> HeaderValue {
    /// Two minutes: limits and queues are refilled within that; schedules are further away and rarer.
    const COMMON: usize = 120;
    static VALUES: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| (0..=COMMON).map(HeaderValue::from).collect());
    usize::try_from(number).ok().and_then(|number| VALUES.get(number)).cloned().unwrap_or_else(|| number.into())
}
