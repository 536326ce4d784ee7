//! Every refusal's answer, as a table: status, body, and what its headers add.
//!
//! What doesn't change is rendered before anybody asks. A refusal with a number in it is a template that is patched.
//!
//! **Invariant:** every refusal is matched by name: a new one that has no answer does not compile.

use bytes::Bytes;
use hyper::StatusCode;

use super::reply::whole_seconds;
use crate::access::{Limit, Throttled};
use crate::client::Unproven;
use crate::clock::WallTime;
use crate::funnel::Refusal;
use crate::ledger::Unwritten;
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

/// What a refusal's headers say beyond its type.
#[derive(Debug, Clone, Copy)]
pub(super) enum Also {
    /// Nothing.
    Nothing,
    /// When to come back, in seconds.
    RetryAfter(u64),
    /// Which limit was hit, and when to come back.
    Limit(Throttled),
    /// Which methods the path has.
    Allow(&'static str),
    /// That a pass goes into `Authorization`.
    Bearer,
    /// That the message has to be signed.
    Signature,
    /// That the connection ends.
    Close,
}

/// A refusal's answer.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    pub(super) also: Also,
}

/// The body of a problem (RFC 9457) whose every byte is known before anybody asks.
macro_rules! body {
    ($status:literal, $layer:literal, $code:literal, $slug:literal, $title:literal $(, $more:literal)?) => {
        concat!(
            r#"{"type":"/problems/"#, $slug, r#"","title":""#, $title, r#"","status":"#, $status, r#","layer":""#, $layer,
            r#"","code":""#, $code, r#"""#, $($more,)? "}"
        )
    };
}

/// A problem of that kind: its status by name and by number.
macro_rules! problem {
    ($name:ident, $($part:literal),+) => { Problem::fixed(StatusCode::$name, body!($($part),+)) };
}

// Below the macros, which they use.
mod after_the_win;
mod at_the_door;
mod written;

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

const MALFORMED: &str = body!(400, "door", "malformed", "malformed", "This isn't a request that can be read");
const TIMEOUT: &str = body!(408, "door", "timeout", "timeout", "The request came too slowly");
const HEADERS_TOO_LARGE: &str =
    body!(431, "door", "headers_too_large", "headers-too-large", "The request's head is too large");

impl Problem {
    const fn fixed(status: StatusCode, body: &'static str) -> Self {
        Self { status, body: Bytes::from_static(body.as_bytes()), also: Also::Nothing }
    }

    fn and(self, also: Also) -> Self {
        Self { also, ..self }
    }

    /// The answer to this refusal of a request that came at `now`.
    pub(super) fn of(refusal: Refusal, now: WallTime) -> Self {
        match refusal {
            Refusal::Door(unfit) => at_the_door::problem(unfit),
            Refusal::Client(unproven) => client(unproven),
            Refusal::Access(throttled) => access(throttled),
            Refusal::Sale(not_on_sale) => sale(not_on_sale, now),
            Refusal::Stock(unavailable) => stock(unavailable),
            Refusal::Ledger(unwritten) => ledger(unwritten, now),
        }
    }

    /// Our own mistake: the answer that nobody should ever see.
    pub(super) fn internal() -> Self {
        problem!(INTERNAL_SERVER_ERROR, 500, "door", "internal", "internal", "Our mistake")
    }
}

fn client(unproven: Unproven) -> Problem {
    match unproven {
        Unproven::PassRequired => {
            problem!(UNAUTHORIZED, 401, "client", "pass_required", "pass-required", "A pass for this sale is needed")
                .and(Also::Bearer)
        }
        Unproven::PassInvalid => {
            problem!(UNAUTHORIZED, 401, "client", "pass_invalid", "pass-invalid", "This is no pass for this sale")
                .and(Also::Bearer)
        }
        Unproven::PassExpired => {
            problem!(UNAUTHORIZED, 401, "client", "pass_expired", "pass-expired", "The pass has expired")
                .and(Also::Bearer)
        }
        Unproven::ChallengeInvalid => problem!(
            FORBIDDEN,
            403,
            "client",
            "challenge_invalid",
            "challenge-invalid",
            "This doesn't solve a challenge of this sale"
        ),
        Unproven::ChallengeExpired => {
            problem!(FORBIDDEN, 403, "client", "challenge_expired", "challenge-expired", "The challenge has expired")
        }
    }
}

fn access(throttled: Throttled) -> Problem {
    let problem = match throttled.limit {
        Limit::Ip => problem!(
            TOO_MANY_REQUESTS,
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests from this address",
            r#","limit":"ip""#
        ),
        Limit::Buyer => problem!(
            TOO_MANY_REQUESTS,
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests from this buyer",
            r#","limit":"buyer""#
        ),
        Limit::Sale => problem!(
            TOO_MANY_REQUESTS,
            429,
            "access",
            "rate_limited",
            "rate-limited",
            "Too many requests for this sale",
            r#","limit":"sale""#
        ),
    };
    problem.and(Also::Limit(throttled))
}

fn sale(not_on_sale: NotOnSale, now: WallTime) -> Problem {
    match not_on_sale {
        NotOnSale::SaleNotFound => {
            problem!(NOT_FOUND, 404, "sale", "sale_not_found", "sale-not-found", "There is no such sale")
        }
        NotOnSale::ItemNotFound => {
            problem!(NOT_FOUND, 404, "sale", "item_not_found", "item-not-found", "The sale has no such item")
        }
        NotOnSale::NotOpen { opens_at } => not_open(opens_at.unwrap_or(now), now),
        NotOnSale::Paused => problem!(FORBIDDEN, 403, "sale", "sale_paused", "sale-paused", "The sale is paused"),
        NotOnSale::Ended => problem!(GONE, 410, "sale", "sale_ended", "sale-ended", "The sale has ended"),
    }
}

fn not_open(opens_at: WallTime, now: WallTime) -> Problem {
    const HEAD: &str =
        body!(403, "sale", "sale_not_open", "sale-not-open", "The sale has not opened yet", r#","opens_at":""#);
    let body = [HEAD.trim_end_matches('}'), &opens_at.rfc3339(), "\"}"].concat();
    let also = Also::RetryAfter(whole_seconds(now.until(opens_at)));
    Problem { status: StatusCode::FORBIDDEN, body: body.into(), also }
}

fn stock(unavailable: Unavailable) -> Problem {
    match unavailable {
        Unavailable::SoldOut { held_may_return: true } => problem!(
            CONFLICT,
            409,
            "stock",
            "sold_out",
            "sold-out",
            "Sold out; held units may come back",
            r#","held_may_return":true"#
        ),
        Unavailable::SoldOut { held_may_return: false } => {
            problem!(CONFLICT, 409, "stock", "sold_out", "sold-out", "Sold out", r#","held_may_return":false"#)
        }
        Unavailable::InsufficientStock => problem!(
            CONFLICT,
            409,
            "stock",
            "insufficient_stock",
            "insufficient-stock",
            "There are fewer units left than that"
        ),
        Unavailable::LimitReached => Problem::limit_reached(&[]),
        Unavailable::IdempotencyMismatch => problem!(
            UNPROCESSABLE_ENTITY,
            422,
            "stock",
            "idempotency_mismatch",
            "idempotency-mismatch",
            "This key was used for another request"
        ),
        Unavailable::InProgress => problem!(
            CONFLICT,
            409,
            "stock",
            "in_progress",
            "in-progress",
            "The first request with this key is still being answered"
        )
        .and(Also::RetryAfter(1)),
    }
}

fn ledger(unwritten: Unwritten, now: WallTime) -> Problem {
    let problem = match unwritten {
        Unwritten::Busy => {
            problem!(SERVICE_UNAVAILABLE, 503, "ledger", "busy", "busy", "Too much at once: try again")
        }
        Unwritten::NotStored => {
            problem!(SERVICE_UNAVAILABLE, 503, "ledger", "not_stored", "not-stored", "Not stored, certainly: try again")
        }
        Unwritten::OutcomeUnknown => problem!(
            SERVICE_UNAVAILABLE,
            503,
            "ledger",
            "outcome_unknown",
            "outcome-unknown",
            "Perhaps stored: try again with the same key"
        ),
    };
    problem.and(Also::RetryAfter(jittered_s(now)))
}

/// One to three seconds, spread by the microsecond of asking, so that those who are turned away together don't come back
/// together.
fn jittered_s(now: WallTime) -> u64 {
    1 + now.micros().unsigned_abs() % 3
}
