//! The few refusals that need more than numbers: written when somebody is refused.

use hyper::StatusCode;
use serde::Serialize;

use super::{Also, Problem};

impl Problem {
    /// A field of the body is missing, unknown, or has a value that it can't have.
    pub(in crate::door) fn invalid_field(pointer: &str) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self::written(
            status,
            &Written {
                r#type: "/problems/invalid-field",
                title: "A field of the body is missing, unknown, or can't have this value",
                status: status.as_u16(),
                layer: "door",
                code: "invalid_field",
                pointer: Some(pointer),
                orders: None,
            },
        )
    }

    fn written(status: StatusCode, body: &Written<'_>) -> Self {
        // Texts and numbers can always be written.
        serde_json::to_vec(body)
            .map_or_else(|_| Self::internal(), |body| Self { status, body: body.into(), also: Also::Nothing })
    }

    /// The buyer's limit, with the live orders that use it up.
    pub(in crate::door) fn limit_reached(orders: &[String]) -> Self {
        let status = StatusCode::CONFLICT;
        Self::written(
            status,
            &Written {
                r#type: "/problems/limit-reached",
                title: "This buyer's limit doesn't allow that many units",
                status: status.as_u16(),
                layer: "stock",
                code: "limit_reached",
                pointer: None,
                orders: Some(orders),
            },
        )
    }
}

/// A problem that needs more than numbers.
#[derive(Serialize)]
struct Written<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    layer: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orders: Option<&'a [String]>,
}
