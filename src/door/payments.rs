//! `POST /v1/payments`: what the shop or its payment provider says about orders, signed.
//!
//! **Invariant:** nothing of a message is believed before its signature is.

use std::fmt;

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde_json::json;

use super::problems::Problem;
use super::reply::{self, Sheet};
use super::shop::{Here, into_response};
use super::{body, orders};
use crate::clock::WallTime;
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
    let (parts, incoming) = request.into_parts();
    let refuse = |problem| into_response(reply::problem(Sheet::default(), problem));
    let bytes = match body::read_in_time(&parts.headers, incoming, shop.deadlines.body).await {
        Ok(bytes) => bytes,
        Err(unfit) => return refuse(Problem::of(unfit.into(), shop.clock.now().wall)),
    };
    let now = shop.clock.now().wall;
    let header = |name: &'static str| parts.headers.get(name).map(|value| value.as_bytes());
    let Payments { provider, keys } = &shop.payments;
    let said = match keys {
        Some(keys) => payment::read(*provider, header, &bytes, now, keys),
        None => Err(Unaccepted::Unsigned(Unsigned::BadSignature)),
    };
    match said {
        Ok(Incoming::Notice(notice)) => {
            match holds::decided(|| shop.cashier.notice(&notice, shop.clock.now().wall)).await {
                Ok(done) => orders::shown(&shop, &done.order),
                Err(unmoved) => refuse(Problem::unmoved(unmoved, shop.clock.now().wall)),
            }
        }
        Ok(Incoming::Ignored(why)) => {
            if why == Ignored::NoOrder {
                tracing::warn!("a payment message names no order of ours: does the shop hand the order's id on?");
            }
            into_response(reply::json(Sheet::default(), StatusCode::OK, &json!({ "ignored": true })))
        }
        Err(unaccepted) => refuse(unaccepted_problem(unaccepted, now)),
    }
}

fn unaccepted_problem(unaccepted: Unaccepted, now: WallTime) -> Problem {
    match unaccepted {
        Unaccepted::Unsigned(Unsigned::MissingHeader | Unsigned::BadSignature) => Problem::signature_invalid(),
        Unaccepted::Unsigned(Unsigned::Stale) => Problem::signature_stale(),
        Unaccepted::Malformed => Problem::of(crate::funnel::Unfit::Malformed.into(), now),
        Unaccepted::InvalidField { pointer } => Problem::invalid_field(&pointer),
    }
}
