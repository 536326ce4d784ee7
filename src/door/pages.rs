//! What people see: the same bytes for everybody, so that a CDN can keep them.
//!
//! **Invariant:** a page says nothing about who asks; an asset's name changes with its bytes.

use std::sync::LazyLock;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::header;
use sha2::{Digest, Sha256};

use super::extract::Named;
use super::shop::{self, Here};
use crate::funnel::Unfit;

/// No script, no foreign origin, no frame.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Bytes, and the hash that names them.
struct Embedded {
    bytes: String,
    hash: String,
}

impl Embedded {
    fn new(bytes: String) -> Self {
        let digest = Sha256::digest(bytes.as_bytes());
        // 64 bits tell versions of one file apart.
        let hash = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, hash }
    }
}

static STYLE: LazyLock<Embedded> = LazyLock::new(|| Embedded::new(include_str!("pages/front.css").into()));
static FRONT: LazyLock<Embedded> = LazyLock::new(|| {
    let style = format!("front.{}.css", STYLE.hash);
    Embedded::new(include_str!("pages/front.html").replace("{{style}}", &style))
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
    let etag = format!("\"{}\"", FRONT.hash);
    // Compared weakly (RFC 9110, 13.1.2): a proxy that compresses weakens the tag.
    let is_ours = |tag: &str| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*";
    let mut tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let known = tags.any(|tags| tags.split(',').any(is_ours));
    let caching = [(header::CACHE_CONTROL, "public, max-age=60".to_owned()), (header::ETAG, etag)];
    if known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let kind = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (caching, kind, FRONT.bytes.as_str()).into_response()
}

/// An asset: for ever the same under its name.
pub(super) async fn asset(State(shop): Here, Named(name): Named<String>) -> Response {
    if name != format!("front.{}.css", STYLE.hash) {
        return shop::refuse(&shop, Unfit::NotFound);
    }
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE.bytes.as_str()).into_response()
}
