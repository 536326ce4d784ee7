//! What people see: the same bytes for everybody, so that a CDN can keep them.
//!
//! **Invariant:** a page says nothing about who asks; an asset's name changes with its bytes.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use hyper::header;

use super::assets::{Assets, Document, Kind};
use super::extract::Named;
use super::shop::{self, Here};
use crate::funnel::Unfit;

/// No script, no foreign origin, no frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The storefront's files.
struct Front {
    assets: Assets,
    page: Document,
}

static FRONT: LazyLock<Front> = LazyLock::new(|| {
    let mut assets = Assets::default();
    let style = assets.add("front", Kind::Css, include_bytes!("pages/front.css"));
    let page = include_str!("pages/front.html").replace("/assets/{{style}}", &style);
    let page = Document::new(Kind::Html, page.as_bytes())
        .with(header::CONTENT_SECURITY_POLICY, POLICY)
        .with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Front { assets, page }
});

/// The storefront.
pub(super) async fn front(headers: HeaderMap) -> Response {
    page(&headers)
}

/// A sale's page: the same one, whatever the sale.
pub(super) async fn sale(headers: HeaderMap) -> Response {
    page(&headers)
}

fn page(headers: &HeaderMap) -> Response {
    FRONT.page.answer(headers, HeaderValue::from_static("public, max-age=60"))
}

/// An asset: for ever the same under its name.
pub(super) async fn asset(State(shop): Here, Named(name): Named<String>, headers: HeaderMap) -> Response {
    FRONT.assets.answer(&name, &headers).unwrap_or_else(|| shop::refuse(&shop, Unfit::NotFound))
}
