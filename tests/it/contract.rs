//! The contract's words, as assertions.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::Response;

/// Every refusal: layer, code, status, in the contract's order.
const REFUSALS: [(&str, &str, u16); 32] = [
    ("door", "malformed", 400),
    ("door", "invalid_field", 422),
    ("door", "not_found", 404),
    ("door", "method_not_allowed", 405),
    ("door", "too_large", 413),
    ("door", "unsupported_media_type", 415),
    ("door", "timeout", 408),
    ("door", "headers_too_large", 431),
    ("client", "pass_required", 401),
    ("client", "pass_invalid", 401),
    ("client", "pass_expired", 401),
    ("client", "challenge_invalid", 403),
    ("client", "challenge_expired", 403),
    ("access", "rate_limited", 429),
    ("sale", "sale_not_found", 404),
    ("sale", "item_not_found", 404),
    ("sale", "sale_not_open", 403),
    ("sale", "sale_paused", 403),
    ("sale", "sale_ended", 410),
    ("stock", "sold_out", 409),
    ("stock", "insufficient_stock", 409),
    ("stock", "limit_reached", 409),
    ("stock", "idempotency_mismatch", 422),
    ("stock", "in_progress", 409),
    ("ledger", "busy", 503),
    ("ledger", "not_stored", 503),
    ("ledger", "outcome_unknown", 503),
    ("orders", "order_not_found", 404),
    ("orders", "order_not_held", 409),
    ("orders", "order_expired", 409),
    // Ours, beyond the contract's table: of messages about payments.
    ("client", "signature_invalid", 401),
    ("client", "signature_stale", 400),
];

/// The answer is this refusal, in every word that the contract fixes; its body.
#[track_caller]
pub(crate) fn refused(response: &Response, code: &str) -> Value {
    let row = REFUSALS.iter().find(|(_, known, _)| *known == code);
    let (layer, _, status) = row.unwrap_or_else(|| panic!("{code} is not in the contract"));
    assert_eq!(response.code().as_deref(), Some(code), "{} {}", response.status, response.text());
    assert_eq!(response.status, *status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{code}");
    let body = response.json();
    assert_eq!(body["type"], json!(format!("/problems/{}", code.replace('_', "-"))), "{body}");
    assert_eq!(body["status"], json!(status), "{body}");
    assert_eq!(body["layer"], json!(layer), "{body}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    body
}

/// `Retry-After` is there, and is a time to wait.
#[track_caller]
pub(crate) fn retry_after_s(response: &Response) -> u64 {
    let value = response.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {}", response.text()));
    let seconds = value.parse().unwrap_or_else(|_| panic!("Retry-After: {value}"));
    assert!(seconds >= 1, "Retry-After: {value} is not a wait");
    seconds
}

/// A time as the contract writes it: RFC 3339 in UTC.
#[track_caller]
pub(crate) fn instant_of(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is not a time"));
    assert!(text.ends_with('Z'), "{text} is not in UTC");
    text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

/// The answer is a win that is on disk, or better; the order's id.
#[track_caller]
pub(crate) fn won(response: &Response) -> String {
    assert_eq!(response.status, 201, "{}", response.text());
    let body = response.json();
    assert!(body["stored"] == "disk" || body["stored"] == "postgres", "{body}");
    let order = body["order"].as_str().unwrap_or_else(|| panic!("no order in {body}"));
    assert_eq!(response.header("location"), Some(format!("/v1/orders/{order}").as_str()), "{body}");
    order.to_owned()
}

/// The list inside an answer that lists: the array itself, or its only array member.
#[track_caller]
pub(crate) fn listed(body: &Value) -> Vec<Value> {
    let array = body.as_array().or_else(|| body.as_object()?.values().find_map(Value::as_array));
    array.unwrap_or_else(|| panic!("no list in {body}")).clone()
}

/// One item's totals in an audit report or a public sale.
#[track_caller]
pub(crate) fn item_of<'a>(rows: &'a Value, sku: &str) -> &'a Value {
    let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["sku"] == sku));
    row.unwrap_or_else(|| panic!("no {sku} in {rows}"))
}
