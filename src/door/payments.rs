//! `POST /v1/payments`: what the shop or its payment provider says about orders, signed.
//!
//! Deliberately absent: a limit of rate. A provider's messages come from a few addresses, all of them at once when a sale
//! is on, and what nobody has signed costs no more than one hash.
//!
//! **Invariant:** nothing of a message is believed before its signature is, and without a secret none is even read.

use std::fmt;

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;

use super::problems::Problem;
use super::reply::{self, Sheet};
use super::shop::{Here, Shop, into_response};
use super::views::IgnoredView;
use super::{body, orders};
use crate::cashier::Unmoved;
use crate::clock::WallTime;
use crate::funnel::Unfit;
use crate::holds;
use crate::orders::payment::{self, Ignored, Incoming, Provider, Unaccepted};
use crate::orders::signature::{Keys, Unsigned};

/// Whose word about payments counts: `[payments]`.
pub struct Payments {
    /// Who speaks.
    pub provider: Provider,
    /// What proves it; none: nobody's word counts.
    pub keys: Option<Keys>,
}

impl fmt::Debug for Payments {
    /// Without the keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Payments").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// `POST /v1/payments`
pub(super) async fn hear(State(shop): Here, request: axum::extract::Request) -> Response {
    match heard(&shop, request).await {
        Ok(answer) => answer,
        Err(problem) => orders::refused(problem),
    }
}

async fn heard(shop: &Shop, request: axum::extract::Request) -> Result<Response, Problem> {
    let Payments { provider, keys } = &shop.payments;
    let keys = keys.as_ref().ok_or_else(Problem::signature_invalid)?;
    let (parts, incoming) = request.into_parts();
    let now = || shop.clock.now().wall;
    let unfit = |unfit: Unfit| Problem::of(unfit.into(), now());
    if !body::is_json(&parts.headers) {
        return Err(unfit(Unfit::UnsupportedMediaType));
    }
    let bytes = body::read(&parts.headers, incoming).await.map_err(unfit)?;
    let header = |name: &'static str| parts.headers.get(name).map(|value| value.as_bytes());
    let said = payment::read(*provider, header, &bytes, now(), keys);
    let notice = match said.map_err(|unaccepted| unaccepted_problem(unaccepted, now()))? {
        Incoming::Notice(notice) => notice,
        Incoming::Ignored(why) => {
            if why == Ignored::NoOrder {
                tracing::warn!("a payment message names no order of ours: does the shop hand the order's id on?");
            }
            let answer = reply::json(Sheet::default(), StatusCode::OK, &IgnoredView { ignored: true });
            return Ok(into_response(answer));
        }
    };
    let done = holds::decided(|| shop.cashier.notice(&notice, now())).await;
    let done = done.map_err(|unmoved| match unmoved {
        Unmoved::WrongAmount { .. } => Problem::invalid_field(amount_pointer(*provider)),
        unmoved => Problem::of_unmoved(unmoved, now()),
    })?;
    Ok(orders::shown(shop, &done.order))
}

/// Where the amount stands in a provider's messages.
fn amount_pointer(provider: Provider) -> &'static str {
    match provider {
        Provider::Generic => "/data/amount",
        Provider::Stripe => "/data/object",
    }
}

fn unaccepted_problem(unaccepted: Unaccepted, now: WallTime) -> Problem {
    match unaccepted {
        Unaccepted::Unsigned(Unsigned::MissingHeader | Unsigned::BadSignature) => Problem::signature_invalid(),
        Unaccepted::Unsigned(Unsigned::Stale) => Problem::signature_stale(),
        Unaccepted::Malformed => Problem::of(Unfit::Malformed.into(), now),
        Unaccepted::InvalidField { pointer } => Problem::invalid_field(&pointer),
    }
}
