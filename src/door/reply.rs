//! What was decided in; status, headers and body out.
//!
//! A refusal costs no allocation: its body is static, and its headers are written into the map that brought the
//! request's ([`Sheet`]), which hyper then uses for the connection's next request.
//!
//! **Invariant:** nothing that a request brought is in its answer's headers.

use std::fmt;
use std::io::Write as _;
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
use crate::access::{Limit, Throttled};

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
    if let Some(value) = nothing_remains(limit, retry_after_s) {
        headers.insert(RATE_LIMIT, value);
    }
    insert_text(headers, RATE_LIMIT_POLICY, format_args!("\"{name}\";q={burst};w={window_s}"));
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
    insert_text(reply.headers_mut(), header::LOCATION, format_args!("/v1/orders/{}", view.order));
    if told == Told::Again {
        reply.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    reply
}

fn insert_text(headers: &mut HeaderMap, name: HeaderName, text: fmt::Arguments<'_>) {
    if let Some(value) = value_of(text) {
        headers.insert(name, value);
    }
}

/// A header's value, which is copied into memory of its own once. Our own words and numbers fit, and always are one.
fn value_of(text: fmt::Arguments<'_>) -> Option<HeaderValue> {
    /// A name, three numbers and what is between them.
    const BYTES_MAX: usize = 96;
    let mut bytes = [0; BYTES_MAX];
    let mut rest = bytes.as_mut_slice();
    rest.write_fmt(text).ok()?;
    let length = BYTES_MAX - rest.len();
    HeaderValue::from_bytes(&bytes[..length]).ok()
}

/// At least one second, rounded up: waiting exactly that long is enough.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

/// A number of seconds as a header's value. What is usual is cut out of a text that is made once: a value that shares its
/// memory by counting who has it would have all threads count in one place.
fn seconds(number: u64) -> HeaderValue {
    /// Almost three hours: limits and queues are refilled within that, and who waits for a sale to open comes in its last
    /// hours. Longer waits are rarer, and cost an allocation.
    const USUAL: u64 = 10_000;
    static USUALS: LazyLock<Texts> = LazyLock::new(|| Texts::new((0..USUAL).map(|number| number.to_string())));
    USUALS.value(number).unwrap_or_else(|| number.into())
}

/// That nothing remains of a limit for so many seconds.
fn nothing_remains(limit: Limit, wait_s: u64) -> Option<HeaderValue> {
    /// Two minutes: a bucket that takes longer to drip is a rare one.
    const USUAL: u64 = 120;
    static USUALS: LazyLock<[Texts; 3]> = LazyLock::new(|| {
        // In the order in which they are declared: a limit is its own index.
        [Limit::Ip, Limit::Buyer, Limit::Sale]
            .map(|limit| Texts::new((0..USUAL).map(|wait_s| format!("\"{}\";r=0;t={wait_s}", limit.word()))))
    });
    let written = || value_of(format_args!("\"{}\";r=0;t={wait_s}", limit.word()));
    USUALS[limit as usize].value(wait_s).or_else(written)
}

/// Many short texts in one, which lasts: header values are cut out of it for nothing.
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn new(texts: impl Iterator<Item = String>) -> Self {
        let (mut all, mut ends) = (String::new(), vec![0]);
        for text in texts {
            all.push_str(&text);
            ends.push(all.len());
        }
        Self { all, ends }
    }

    fn value(&'static self, number: u64) -> Option<HeaderValue> {
        let number = usize::try_from(number).ok()?;
        let text = self.all.get(*self.ends.get(number)?..*self.ends.get(number + 1)?)?;
        Some(HeaderValue::from_static(text))
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_digits_however_long_it_is() {
        for wait_s in [0, 1, 9, 10, 119, 120, 121, 9_999, 10_000, 10_001, 1_000_000, u64::MAX] {
            assert_eq!(seconds(wait_s).to_str().ok(), Some(wait_s.to_string().as_str()));
            for limit in [Limit::Ip, Limit::Buyer, Limit::Sale] {
                let told = format!("\"{}\";r=0;t={wait_s}", limit.word());
                assert_eq!(nothing_remains(limit, wait_s).as_ref().map(HeaderValue::as_bytes), Some(told.as_bytes()));
            }
        }
    }

    #[test]
    fn the_longest_policy_fits() {
        let text = format!("\"buyer\";q={};w={}", u32::MAX, f64::from(u32::MAX) / 0.0001);
        assert_eq!(value_of(format_args!("{text}")).as_ref().map(HeaderValue::as_bytes), Some(text.as_bytes()));
    }
}
