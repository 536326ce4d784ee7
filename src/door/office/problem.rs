//! What the office answers when it can't do what it is asked.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::cashier::Unmoved;
use crate::keeper::Unchanged;
use crate::ledger::Unwritten;

/// A problem of the office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::door) enum Problem {
    Unauthorized,
    CrossSite,
    NotFound,
    MethodNotAllowed,
    Malformed,
    UnsupportedMediaType,
    TooManyTries,
    NoLedger,
    Internal,
    /// A field of the body: its pointer, and what would be right.
    Invalid {
        pointer: String,
        says: String,
    },
    Unchanged(Unchanged),
    Unmoved(Unmoved),
}

impl From<Unmoved> for Problem {
    fn from(unmoved: Unmoved) -> Self {
        match unmoved {
            Unmoved::Unwritten(unwritten) => Self::Unchanged(unwritten.into()),
            unmoved => Self::Unmoved(unmoved),
        }
    }
}

impl From<Unchanged> for Problem {
    fn from(unchanged: Unchanged) -> Self {
        Self::Unchanged(unchanged)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    layer: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<u32>,
}

impl Problem {
    /// Status, layer, code, title.
    fn words(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "admin", "unauthorized", "The admin's token or a session is needed")
            }
            Self::CrossSite => (StatusCode::FORBIDDEN, "admin", "cross_site", "Requests from other sites are refused"),
            Self::NotFound => (StatusCode::NOT_FOUND, "door", "not_found", "There is nothing here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "door", "method_not_allowed", "This method isn't for this path")
            }
            Self::Malformed => (StatusCode::BAD_REQUEST, "door", "malformed", "This isn't a request that can be read"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "door",
                "unsupported_media_type",
                "The body must be application/json",
            ),
            Self::TooManyTries => {
                (StatusCode::TOO_MANY_REQUESTS, "admin", "rate_limited", "Too many wrong passwords: wait a minute")
            }
            Self::NoLedger => (StatusCode::CONFLICT, "ledger", "no_ledger", "This server writes no ledger"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "door", "internal", "Our mistake"),
            Self::Invalid { .. } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "door",
                "invalid_field",
                "A field or parameter can't have this value",
            ),
            Self::Unchanged(unchanged) => unchanged_words(unchanged),
            Self::Unmoved(unmoved) => unmoved_words(*unmoved),
        }
    }
}

fn unchanged_words(unchanged: &Unchanged) -> (StatusCode, &'static str, &'static str, &'static str) {
    match unchanged {
        Unchanged::SaleNotFound => (StatusCode::NOT_FOUND, "sale", "sale_not_found", "There is no such sale"),
        Unchanged::ItemNotFound => (StatusCode::NOT_FOUND, "sale", "item_not_found", "The sale has no such item"),
        Unchanged::SaleExists => (StatusCode::CONFLICT, "sale", "sale_exists", "There is a sale with this id already"),
        Unchanged::ItemExists => {
            (StatusCode::CONFLICT, "sale", "item_exists", "The sale has an item with this sku already")
        }
        Unchanged::InvalidTransition { .. } => {
            (StatusCode::CONFLICT, "sale", "invalid_transition", "A sale in this phase can't do that")
        }
        Unchanged::BelowCommitted { .. } => {
            (StatusCode::CONFLICT, "stock", "below_committed", "More units are held and sold than would be left")
        }
        Unchanged::AboveMaximum => {
            (StatusCode::UNPROCESSABLE_ENTITY, "door", "invalid_field", "An item can't have that many units")
        }
        Unchanged::ClosesBeforeOpening => {
            (StatusCode::UNPROCESSABLE_ENTITY, "door", "invalid_field", "closes_at must be later than opens_at")
        }
        Unchanged::Unwritten(Unwritten::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ledger", "busy", "Too much at once: try again")
        }
        Unchanged::Unwritten(Unwritten::NotStored) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ledger", "not_stored", "Not stored, certainly: try again")
        }
        Unchanged::Unwritten(Unwritten::OutcomeUnknown) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ledger",
            "outcome_unknown",
            "Perhaps stored: look again after the restart",
        ),
    }
}

fn unmoved_words(unmoved: Unmoved) -> (StatusCode, &'static str, &'static str, &'static str) {
    match unmoved {
        Unmoved::NotFound => (StatusCode::NOT_FOUND, "orders", "order_not_found", "There is no such order"),
        Unmoved::NotHeld | Unmoved::Orphaned(_) => {
            (StatusCode::CONFLICT, "orders", "order_not_held", "An order that stands there can't do that")
        }
        Unmoved::Expired => {
            (StatusCode::CONFLICT, "orders", "order_expired", "The hold is over, and its units can't be had once more")
        }
        Unmoved::WrongAmount { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "door", "invalid_field", "The order costs something else")
        }
        Unmoved::Underway | Unmoved::Unwritten(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ledger", "busy", "Too much at once: try again")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, layer, code, title) = self.words();
        let (pointer, detail) = match &self {
            Self::Invalid { pointer, says } => (Some(pointer.as_str()), Some(says.as_str())),
            Self::Unchanged(Unchanged::AboveMaximum) => (Some("/add"), None),
            Self::Unchanged(Unchanged::ClosesBeforeOpening) => (Some("/closes_at"), None),
            _ => (None, None),
        };
        let phase = match &self {
            Self::Unchanged(Unchanged::InvalidTransition { phase }) => Some(phase.word()),
            _ => None,
        };
        let committed = match &self {
            Self::Unchanged(Unchanged::BelowCommitted { committed }) => Some(*committed),
            _ => None,
        };
        let r#type = format!("/problems/{}", code.replace('_', "-"));
        let body = Body { r#type, title, status: status.as_u16(), layer, code, pointer, detail, phase, committed };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"))),
            StatusCode::TOO_MANY_REQUESTS => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"))),
            _ => {}
        }
        response
    }
}
