//! The door's own parsers, for [`crate::fuzz`].

use std::net::IpAddr;
use std::sync::LazyLock;

use axum::http::StatusCode;
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use serde_json::Value;

use super::assets::{Document, Kind};
use super::office::change::{Adjustment, parse};
use super::office::guard::{LogIn, names_this_machine};
use super::office::orders::{Refund, before_of, cursor_of};
use super::{attempt, body, host, identity, office};
use crate::config;
use crate::ids::Quantity;

pub(crate) fn quantity(bytes: &[u8]) {
    let Ok(quantity) = body::parse_quantity(bytes) else { return };
    assert!((1..=body::QUANTITY_MAX).contains(&quantity.units()));
    let written = format!("{{\"quantity\":{}}}", quantity.units());
    assert_eq!(body::parse_quantity(written.as_bytes()).map(Quantity::units), Ok(quantity.units()));
}

pub(crate) fn path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    if let Some(named) = attempt::named_by(path) {
        assert!(path.starts_with("/v1/sales/") && path.ends_with("/orders"), "{named:?}");
    }
}

pub(crate) fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    office::query::fuzzed(text);
}

pub(crate) fn cookies(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let headers: HeaderMap = [(header::COOKIE, value.clone()), (header::AUTHORIZATION, value)].into_iter().collect();
    for (sale, pass) in identity::cookies(&headers) {
        assert!(!sale.contains(&b'=') && !sale.contains(&b';') && !pass.contains(&b';'));
    }
    if let Some(pass) = identity::bearer(&headers) {
        assert!(pass.len() + 7 <= bytes.len());
    }
}

/// A host is one to everybody who reads URLs, and the machine's own names are few.
pub(crate) fn host(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let is_ours = names_this_machine(&HeaderMap::from_iter([(header::HOST, value)]));
    if !host::is_host(bytes) {
        return assert!(!is_ours, "what is no host names no machine");
    }
    let authority = Authority::try_from(bytes).expect("a host is an authority");
    let name = authority.host();
    assert!(!authority.as_str().contains('@') && bytes.starts_with(name.as_bytes()), "{authority}");
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_this_machine = name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback());
    assert_eq!(is_ours, is_this_machine, "{authority}");
}

/// What a client takes, and behind the end of the line what it has.
pub(crate) fn accept(bytes: &[u8]) {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::new(Kind::Css, "main { color: red }\n".repeat(50).as_bytes()));
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n').map(HeaderValue::from_bytes);
    let (Some(Ok(takes)), has) = (lines.next(), lines.next().and_then(Result::ok)) else { return };
    let mut headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, takes.clone())]);
    headers.extend(has.map(|has| (header::IF_NONE_MATCH, has)));
    let answer = |headers: &HeaderMap| DOCUMENT.answer(headers, HeaderValue::from_static("no-cache"));
    let first = answer(&headers);
    assert!(matches!(first.status(), StatusCode::OK | StatusCode::NOT_MODIFIED), "{}", first.status());
    if let Some(coding) = first.headers().get(header::CONTENT_ENCODING) {
        let said = takes.to_str().expect("what isn't text is taken for nothing").to_lowercase();
        assert!(said.contains('*') || said.contains(coding.to_str().expect("a word")), "{coding:?} for {said:?}");
    }
    headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
    assert_eq!(answer(&headers).status(), StatusCode::NOT_MODIFIED, "it has what it was given");
}

/// Whatever is taken for JSON says so, with UTF-8 as the only coding.
pub(crate) fn content_type(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    if !body::is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)])) {
        return;
    }
    let said: String = bytes.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let bare = said.replace([' ', '\t', '"'], "");
    let parameters = bare.strip_prefix("application/json").expect("its kind comes first").split(';');
    assert!(parameters.into_iter().all(|parameter| matches!(parameter, "" | "charset=utf-8")), "{said:?}");
}

/// Where a page of orders goes on: nothing but what another page has said.
pub(crate) fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(seq) = before_of(text) {
        assert!(seq > 0);
        assert_eq!(cursor_of(seq), text, "what is read is what was written");
    }
}

/// Bodies of the office.
pub(crate) fn admin(bytes: &[u8]) {
    let json = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let bytes = Bytes::copy_from_slice(bytes);
    let small = (
        parse::<Adjustment>(&json, &bytes).is_ok(),
        parse::<Refund>(&json, &bytes).is_ok(),
        parse::<LogIn>(&json, &bytes).is_ok(),
    );
    let Ok(body) = parse::<Value>(&json, &bytes) else { return assert_eq!(small, (false, false, false)) };
    config::fuzzed::declared(&body);
    let is_of = |names: &[&str]| body.as_object().is_some_and(|body| body.keys().all(|name| names.contains(&&**name)));
    for (is_taken, name) in [(small.0, "add"), (small.1, "restock"), (small.2, "password")] {
        assert!(!is_taken || is_of(&[name]), "{name}: {body}");
    }
}
