//! Receipt or refusal in; status, headers and body out. The only room with status codes.
//!
//! What doesn't change is rendered before anybody asks. A refusal with a number in it is a template that is patched.
//!
//! **Invariant:** every refusal is matched by name: a new one that has no answer does not compile.

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::Body as RoomBody;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::views::OrderView;
use crate::access::{Limit, Throttled};
use crate::client::Unproven;
use crate::clock::WallTime;
use crate::funnel::{FieldName, Pointer, Refusal, Unfit};
use crate::ledger::Unwritten;
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

/// A body: whole and ready, or whatever the rooms behind axum make.
pub(super) type Body = Either<Full<Bytes>, RoomBody>;
/// An answer.
pub(super) type Reply = Response<Body>;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A problem (RFC 9457) whose every byte is known before anybody asks.
macro_rules! problem {
    ($status:literal, $layer:literal, $code:literal, $slug:literal, $title:literal $(, $more:literal)?) => {
        concat!(
            r#"{"type":"/problems/"#, $slug, r#"","title":""#, $title, r#"","status":"#, $status, r#","layer":""#, $layer,
            r#"","code":""#, $code, r#"""#, $($more,)? "}"
        )
    };
}

/// Answers to requests that hyper turns away by itself, or that never became one: whole, because nothing else writes
/// them.
pub(super) mod raw {
    use std::sync::LazyLock;

    /// An answer's bytes, made when the first one is needed.
    pub(in super::super) type Raw = LazyLock<Vec<u8>>;

    fn raw(line: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        let head = "content-type: application/problem+json\r\nconnection: close\r\ncache-control: no-store";
        format!("HTTP/1.1 {line}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    }

    pub(in super::super) static MALFORMED: Raw = LazyLock::new(|| raw("400 Bad Request", super::MALFORMED));
    pub(in super::super) static TIMEOUT: Raw = LazyLock::new(|| raw("408 Request Timeout", super::TIMEOUT));
    pub(in super::super) static HEADERS_TOO_LARGE: Raw =
        LazyLock::new(|| raw("431 Request Header Fields Too Large", super::HEADERS_TOO_LARGE));
}

const MALFORMED: &str = problem!(400, "door", "malformed", "malformed", "This isn't a request that can be read");
const TIMEOUT: &str = problem!(408, "door", "timeout", "timeout", "The request came too slowly");
const HEADERS_TOO_LARGE: &str =
    problem!(431, "door", "headers_too_large", "headers-too-large", "The request's head is too large");

fn whole(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    reply
}

fn fixed(status: StatusCode, body: &'static str) -> Reply {
    whole(status, PROBLEM_JSON, Bytes::from_static(body.as_bytes()))
}

fn with(mut reply: Reply, name: HeaderName, value: HeaderValue) -> Reply {
    reply.headers_mut().insert(name, value);
    reply
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => whole(status, JSON, body.into()),
        // Only a map with keys that aren't texts can't be written, and no answer has one.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            fixed(StatusCode::INTERNAL_SERVER_ERROR, problem!(500, "door", "internal", "internal", "Our mistake"))
        }
    }
}

/// Who is refused, as far as an answer needs to know: what the numbers of a refusal don't say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// When the attempt was made.
    pub(super) now: WallTime,
}

/// A refusal's answer.
pub(super) fn refusal(refusal: Refusal, asked: Asked) -> Reply {
    match refusal {
        Refusal::Door(unfit) => door(unfit),
        Refusal::Client(unproven) => client(unproven),
        Refusal::Access(throttled) => access(throttled),
        Refusal::Sale(not_on_sale) => sale(not_on_sale, asked),
        Refusal::Stock(unavailable) => stock(unavailable),
        Refusal::Ledger(unwritten) => ledger(unwritten, asked),
    }
}

fn door(unfit: Unfit) -> Reply {
    match unfit {
        Unfit::Malformed => fixed(StatusCode::BAD_REQUEST, MALFORMED),
        Unfit::InvalidField { pointer: Pointer::Quantity } => fixed(
            StatusCode::UNPROCESSABLE_ENTITY,
            problem!(
                422,
                "door",
                "invalid_field",
                "invalid-field",
                "quantity must be a whole number from 1 to 1000000",
                r#","pointer":"/quantity""#
            ),
        ),
        Unfit::InvalidField { pointer: Pointer::Unknown(name) } => unknown_field(name),
        Unfit::NotFound => {
            fixed(StatusCode::NOT_FOUND, problem!(404, "door", "not_found", "not-found", "There is nothing here"))
        }
        Unfit::MethodNotAllowed { allow } => with(
            fixed(
                StatusCode::METHOD_NOT_ALLOWED,
                problem!(405, "door", "method_not_allowed", "method-not-allowed", "This method isn't for this path"),
            ),
            header::ALLOW,
            HeaderValue::from_static(allow),
        ),
        Unfit::TooLarge => with(
            fixed(
                StatusCode::PAYLOAD_TOO_LARGE,
                problem!(413, "door", "too_large", "too-large", "The body is too large"),
            ),
            header::CONNECTION,
            HeaderValue::from_static("close"),
        ),
        Unfit::UnsupportedMediaType => fixed(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            problem!(
                415,
                "door",
                "unsupported_media_type",
                "unsupported-media-type",
                "The body must be application/json"
            ),
        ),
        Unfit::Timeout => {
            with(fixed(StatusCode::REQUEST_TIMEOUT, TIMEOUT), header::CONNECTION, HeaderValue::from_static("close"))
        }
        Unfit::HeadersTooLarge => fixed(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, HEADERS_TOO_LARGE),
    }
}

fn unknown_field(name: FieldName) -> Reply {
    const HEAD: &str = problem!(
        422,
        "door",
        "invalid_field",
        "invalid-field",
        "The body has a field that isn't known",
        r#","pointer":"/"#
    );
    let body = [HEAD.trim_end_matches('}'), name.as_str(), "\"}"].concat();
    whole(StatusCode::UNPROCESSABLE_ENTITY, PROBLEM_JSON, body.into())
}

fn client(unproven: Unproven) -> Reply {
    let bearer = |reply| with(reply, header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    match unproven {
        Unproven::PassRequired => bearer(fixed(
            StatusCode::UNAUTHORIZED,
            problem!(401, "client", "pass_required", "pass-required", "A pass for this sale is needed"),
        )),
        Unproven::PassInvalid => bearer(fixed(
            StatusCode::UNAUTHORIZED,
            problem!(401, "client", "pass_invalid", "pass-invalid", "This is no pass for this sale"),
        )),
        Unproven::PassExpired => bearer(fixed(
            StatusCode::UNAUTHORIZED,
            problem!(401, "client", "pass_expired", "pass-expired", "The pass has expired"),
        )),
        Unproven::ChallengeInvalid => fixed(
            StatusCode::FORBIDDEN,
            problem!(
                403,
                "client",
                "challenge_invalid",
                "challenge-invalid",
                "This doesn't solve a challenge of this sale"
            ),
        ),
        Unproven::ChallengeExpired => fixed(
            StatusCode::FORBIDDEN,
            problem!(403, "client", "challenge_expired", "challenge-expired", "The challenge has expired"),
        ),
    }
}

fn access(throttled: Throttled) -> Reply {
    let body = match throttled.limit {
        Limit::Ip => problem!(
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests from this address",
            r#","limit":"ip""#
        ),
        Limit::Buyer => problem!(
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests from this buyer",
            r#","limit":"buyer""#
        ),
        Limit::Sale => problem!(
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests for this sale",
            r#","limit":"sale""#
        ),
    };
    let retry_after_s = whole_seconds(throttled.retry_after);
    let mut reply = with(fixed(StatusCode::TOO_MANY_REQUESTS, body), header::RETRY_AFTER, seconds(retry_after_s));
    let name = throttled.limit.word();
    let quota = throttled.quota;
    // Draft RateLimit header fields: nothing remains; in `t` seconds the next attempt passes; `q` in every `w` seconds.
    let window_s = (f64::from(quota.burst()) / quota.rate_per_s()).ceil().max(1.0);
    insert_text(&mut reply, RATE_LIMIT, &format!("\"{name}\";r=0;t={retry_after_s}"));
    insert_text(&mut reply, RATE_LIMIT_POLICY, &format!("\"{name}\";q={};w={window_s}", quota.burst()));
    reply
}

fn sale(not_on_sale: NotOnSale, asked: Asked) -> Reply {
    match not_on_sale {
        NotOnSale::SaleNotFound => fixed(
            StatusCode::NOT_FOUND,
            problem!(404, "sale", "sale_not_found", "sale-not-found", "There is no such sale"),
        ),
        NotOnSale::ItemNotFound => fixed(
            StatusCode::NOT_FOUND,
            problem!(404, "sale", "item_not_found", "item-not-found", "The sale has no such item"),
        ),
        NotOnSale::NotOpen { opens_at } => not_open(opens_at.unwrap_or(asked.now), asked),
        NotOnSale::Paused => {
            fixed(StatusCode::FORBIDDEN, problem!(403, "sale", "sale_paused", "sale-paused", "The sale is paused"))
        }
        NotOnSale::Ended => {
            fixed(StatusCode::GONE, problem!(410, "sale", "sale_ended", "sale-ended", "The sale has ended"))
        }
    }
}

fn not_open(opens_at: WallTime, asked: Asked) -> Reply {
    const HEAD: &str = r#"{"type":"/problems/sale-not-open","title":"The sale has not opened yet","status":403,"layer":"sale","code":"sale_not_open","opens_at":""#;
    let opens = opens_at.rfc3339();
    let mut body = String::with_capacity(HEAD.len() + opens.len() + 2);
    body.push_str(HEAD);
    body.push_str(&opens);
    body.push_str("\"}");
    let retry_after_s = whole_seconds(asked.now.until(opens_at));
    with(whole(StatusCode::FORBIDDEN, PROBLEM_JSON, body.into()), header::RETRY_AFTER, seconds(retry_after_s))
}

fn stock(unavailable: Unavailable) -> Reply {
    match unavailable {
        Unavailable::SoldOut { held_may_return: true } => fixed(
            StatusCode::CONFLICT,
            problem!(
                409,
                "stock",
                "sold_out",
                "sold-out",
                "Sold out; held units may come back",
                r#","held_may_return":true"#
            ),
        ),
        Unavailable::SoldOut { held_may_return: false } => fixed(
            StatusCode::CONFLICT,
            problem!(409, "stock", "sold_out", "sold-out", "Sold out", r#","held_may_return":false"#),
        ),
        Unavailable::InsufficientStock => fixed(
            StatusCode::CONFLICT,
            problem!(409, "stock", "insufficient_stock", "insufficient-stock", "There are fewer units left than that"),
        ),
        Unavailable::LimitReached => limit_reached(&[]),
        Unavailable::IdempotencyMismatch => fixed(
            StatusCode::UNPROCESSABLE_ENTITY,
            problem!(
                422,
                "stock",
                "idempotency_mismatch",
                "idempotency-mismatch",
                "This key was used for another request"
            ),
        ),
        Unavailable::InProgress => with(
            fixed(
                StatusCode::CONFLICT,
                problem!(
                    409,
                    "stock",
                    "in_progress",
                    "in-progress",
                    "The first request with this key is still being answered"
                ),
            ),
            header::RETRY_AFTER,
            seconds(1),
        ),
    }
}

/// The buyer's limit, with the live orders that use it up: the one refusal that needs more than numbers.
pub(super) fn limit_reached(orders: &[String]) -> Reply {
    #[derive(Serialize)]
    struct LimitReached<'a> {
        r#type: &'a str,
        title: &'a str,
        status: u16,
        layer: &'a str,
        code: &'a str,
        orders: &'a [String],
    }
    let problem = LimitReached {
        r#type: "/problems/limit-reached",
        title: "This buyer's limit doesn't allow that many units",
        status: StatusCode::CONFLICT.as_u16(),
        layer: "stock",
        code: "limit_reached",
        orders,
    };
    with(json(StatusCode::CONFLICT, &problem), header::CONTENT_TYPE, PROBLEM_JSON)
}

fn ledger(unwritten: Unwritten, asked: Asked) -> Reply {
    let body = match unwritten {
        Unwritten::Busy => problem!(503, "ledger", "busy", "busy", "Too much at once: try again"),
        Unwritten::NotStored => problem!(503, "ledger", "not_stored", "not-stored", "Not stored, certainly: try again"),
        Unwritten::OutcomeUnknown => {
            problem!(503, "ledger", "outcome_unknown", "outcome-unknown", "Perhaps stored: try again with the same key")
        }
    };
    with(fixed(StatusCode::SERVICE_UNAVAILABLE, body), header::RETRY_AFTER, seconds(jittered_s(asked.now)))
}

/// An order that isn't there, or isn't this buyer's: one answer for both.
pub(super) fn order_not_found() -> Reply {
    fixed(
        StatusCode::NOT_FOUND,
        problem!(404, "orders", "order_not_found", "order-not-found", "There is no such order"),
    )
}

/// Whether an order is told to its buyer for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    First,
    Again,
}

/// A win or a replay, told with the status of the first answer.
pub(super) fn order(status: StatusCode, view: &OrderView, told: Told) -> Reply {
    let mut reply = json(status, view);
    insert_text(&mut reply, header::LOCATION, &format!("/v1/orders/{}", view.order));
    if told == Told::Again {
        reply.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    reply
}

fn insert_text(reply: &mut Reply, name: HeaderName, text: &str) {
    // Our own words and numbers: always a header's value.
    if let Ok(value) = HeaderValue::from_str(text) {
        reply.headers_mut().insert(name, value);
    }
}

/// At least one second, rounded up: waiting exactly that long is enough.
fn whole_seconds(span: Duration) -> u64 {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).max(1)
}

/// One to three seconds, spread by the microsecond of asking, so that those who are turned away together don't come back
/// together.
fn jittered_s(now: WallTime) -> u64 {
    1 + now.micros().unsigned_abs() % 3
}

/// A number of seconds as a header's value; the common ones are made once.
fn seconds(number: u64) -> HeaderValue {
    /// Two minutes: limits and queues are refilled within that; schedules are further away and rarer.
    const COMMON: usize = 120;
    static VALUES: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| (0..=COMMON).map(HeaderValue::from).collect());
    usize::try_from(number).ok().and_then(|number| VALUES.get(number)).cloned().unwrap_or_else(|| number.into())
}
