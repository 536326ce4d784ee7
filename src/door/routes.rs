//! Routes as data: what a listener answers to can be listed, and so be held to its description.
//!
//! **Invariant:** a router is made of such a list, and of nothing else.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use utoipa::openapi::HttpMethod;

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    /// As the document writes it.
    pub(super) fn in_document(self) -> HttpMethod {
        match self {
            Self::Get => HttpMethod::Get,
            Self::Post => HttpMethod::Post,
            Self::Patch => HttpMethod::Patch,
            Self::Delete => HttpMethod::Delete,
        }
    }

    fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// One route.
pub(super) struct Route<S> {
    #[cfg_attr(not(test), expect(dead_code, reason = "read by whoever holds routes and documents together"))]
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    answer: MethodRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    pub(super) fn new<H: Handler<T, S>, T: 'static>(verb: Verb, path: &'static str, handler: H) -> Self {
        Self { verb, path, answer: on(verb.filter(), handler) }
    }

    /// `GET`, and so `HEAD`.
    pub(super) fn get<H: Handler<T, S>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Verb::Get, path, handler)
    }

    /// `POST`
    pub(super) fn post<H: Handler<T, S>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self::new(Verb::Post, path, handler)
    }
}

/// The router of these routes.
pub(super) fn router<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.answer))
}
