//! The door's own parsers, for [`crate::fuzz`].

use hyper::header::{self, HeaderMap, HeaderValue};

use super::{attempt, body, identity, office};
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
