//! The answers to what isn't a request that the house can answer.

use hyper::StatusCode;

use super::{Also, MALFORMED, Problem, TIMEOUT};
use crate::funnel::{FieldName, Pointer, Unfit};

pub(super) fn problem(unfit: Unfit) -> Problem {
    match unfit {
        Unfit::Malformed => Problem::fixed(StatusCode::BAD_REQUEST, MALFORMED),
        Unfit::InvalidField { pointer: Pointer::Quantity } => problem!(
            UNPROCESSABLE_ENTITY,
            422,
            "door",
            "invalid_field",
            "invalid-field",
            "quantity must be a whole number from 1 to 1000000",
            r#","pointer":"/quantity""#
        ),
        Unfit::InvalidField { pointer: Pointer::Unknown(name) } => unknown_field(name),
        Unfit::NotFound => problem!(NOT_FOUND, 404, "door", "not_found", "not-found", "There is nothing here"),
        Unfit::MethodNotAllowed { allow } => problem!(
            METHOD_NOT_ALLOWED,
            405,
            "door",
            "method_not_allowed",
            "method-not-allowed",
            "This method isn't for this path"
        )
        .and(Also::Allow(allow)),
        Unfit::TooLarge => {
            problem!(PAYLOAD_TOO_LARGE, 413, "door", "too_large", "too-large", "The body is too large").and(Also::Close)
        }
        Unfit::UnsupportedMediaType => problem!(
            UNSUPPORTED_MEDIA_TYPE,
            415,
            "door",
            "unsupported_media_type",
            "unsupported-media-type",
            "The body must be application/json"
        ),
        Unfit::Timeout => Problem::fixed(StatusCode::REQUEST_TIMEOUT, TIMEOUT).and(Also::Close),
    }
}

fn unknown_field(name: FieldName) -> Problem {
    const HEAD: &str = body!(
        422,
        "door",
        "invalid_field",
        "invalid-field",
        "The body has a field that isn't known",
        r#","pointer":"/"#
    );
    let body = [HEAD.trim_end_matches('}'), name.as_str(), "\"}"].concat();
    Problem { status: StatusCode::UNPROCESSABLE_ENTITY, body: body.into(), also: Also::Nothing }
}
