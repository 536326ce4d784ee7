//! What clients ask for: what they want, and how it goes over the wire.

use super::history::Want;
use super::{BUYER_HEADER, SALE, SKU};
use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::orders::signature::{Keys, sign};

/// What a unit costs, as the shop is laid out.
const PRICE_USD: u32 = 129;

/// What is wanted, and the request for it.
pub(super) type Asking = (Want, Vec<u8>);

pub(super) fn buy((buyer, key): (&str, &str), units: u32) -> Asking {
    let path = format!("/v1/sales/{SALE}/items/{SKU}/orders");
    let headers = [(BUYER_HEADER, buyer), ("Idempotency-Key", key), ("Content-Type", "application/json")];
    let want = Want::Buy { buyer: buyer.to_owned(), key: key.to_owned(), units };
    (want, request("POST", &path, &headers, &format!("{{\"quantity\":{units}}}")))
}

pub(super) fn cancel(order: OrderId, buyer: &str) -> Asking {
    let path = format!("/v1/orders/{order}/cancel");
    (Want::Cancel(order), request("POST", &path, &[(BUYER_HEADER, buyer)], ""))
}

pub(super) fn refund(order: OrderId) -> Asking {
    let path = format!("/v1/admin/orders/{order}/refund");
    (Want::Refund(order), request("POST", &path, &[("Content-Type", "application/json")], "{\"restock\":true}"))
}

pub(super) fn look(order: OrderId, buyer: &str) -> Asking {
    let path = format!("/v1/orders/{order}");
    (Want::Look(order), request("GET", &path, &[(BUYER_HEADER, buyer)], ""))
}

/// A provider's word that an order is paid, signed.
pub(super) fn pay((order, units): (OrderId, u32), now: WallTime, keys: &Keys) -> Asking {
    let body = format!(
        "{{\"type\":\"payment.succeeded\",\"timestamp\":\"{now}\",\
         \"data\":{{\"order\":\"{order}\",\"payment\":\"p-{order}\",\
         \"amount\":{{\"amount\":\"{}.00\",\"currency\":\"USD\"}}}}}}",
        units * PRICE_USD
    );
    let id = format!("m-{order}-{}", now.micros());
    let signed = sign(&id, body.as_bytes(), now, keys);
    let headers = [
        ("webhook-id", id.as_str()),
        ("webhook-timestamp", &signed.timestamp),
        ("webhook-signature", &signed.signature),
        ("Content-Type", "application/json"),
    ];
    (Want::Pay(order), request("POST", "/v1/payments", &headers, &body))
}

/// A request as it goes over the wire. The office is open to whoever names this machine, and to nobody who names another.
pub(super) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{length}\r\n{body}").into_bytes()
}
