//! Parts of a request, taken out of it with complaints in our own form.
//!
//! **Invariant:** whatever can't be read is answered with a problem, never with a library's own words.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::problems::Problem;
use super::reply::{self, Sheet};
use super::shop::into_response;
use crate::clock::WallTime;
use crate::funnel::Unfit;

/// A request that can't be read: the same answer on both listeners.
pub(super) struct Unreadable(Unfit);

impl IntoResponse for Unreadable {
    fn into_response(self) -> Response {
        // No answer of the door's depends on the time.
        let problem = Problem::of(self.0.into(), WallTime::from_micros(0));
        into_response(reply::problem(Sheet::default(), problem))
    }
}

/// What a path names. A name that isn't text names nothing.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Unreadable;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unreadable> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(_) => Err(Unreadable(Unfit::NotFound)),
        }
    }
}

/// A whole body, within the size and time that its listener allows.
pub(super) struct Whole(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Whole {
    type Rejection = Unreadable;

    async fn from_request(request: Request, state: &S) -> Result<Self, Unreadable> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Unreadable(Unfit::TooLarge)),
            Err(_) => Err(Unreadable(Unfit::Malformed)),
        }
    }
}
