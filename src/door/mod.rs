//! The door: HTTP and nothing but HTTP. The only room that knows hyper and axum.
//!
//! Two listeners: the shop's, for everybody, and the office's, for the shop's people. What comes in is turned into the
//! house's words; what goes out is made in [`reply`], the only place with status codes.
//!
//! **Invariant:** no rule of selling is decided here.

mod assets;
mod attempt;
mod body;
mod connection;
mod extract;
#[cfg(any(test, feature = "torture"))]
pub(crate) mod fuzzed;
mod host;
mod identity;
mod listener;
mod office;
mod openapi;
mod orders;
mod pages;
mod passage;
mod payments;
mod problems;
mod pulse;
mod reply;
mod routes;
mod service;
mod shop;
mod stream;
mod sweep;
mod views;
mod worker;

pub use identity::IdentityMode;
pub use listener::{Caps, Workers, bind};
pub use office::{Credentials, Desk, Lately, Office, routes as office_routes, serve as serve_office};
pub use pages::{Looks, Storefront, Texts};
pub use payments::Payments;
pub use pulse::Deadlines;
pub use shop::{Limits, Shop};
pub use stream::Streams;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::header;

use crate::funnel::Funnel;
use crate::ledger::LedgerState;
use crate::order::Ack;
use crate::readiness::Readiness;

/// Tells the sales' event streams what changes, until the house closes.
pub async fn tell_streams(shop: Arc<Shop>) {
    stream::tell(shop).await;
}

/// Whether orders are taken, for load balancers.
fn ready(readiness: &Readiness, funnel: &Funnel) -> Response {
    let why = match funnel.ledger.health().state {
        _ if readiness.is_leaving() => "leaving",
        LedgerState::Writing if funnel.ack == Ack::Postgres && funnel.ledger.is_away() => "PostgreSQL is away",
        LedgerState::Writing => "ready",
        LedgerState::Refusing { .. } => "the ledger can't be written",
        LedgerState::Broken(_) => "the ledger can't be trusted",
    };
    let status = if why == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], format!("{why}\n")).into_response()
}
