//! What payment providers say, and what becomes of orders by it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::contract::{refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const FORMER: &str = "whsec_Zm9ybWVyZm9ybWVyZm9ybWVyZm9ybWVy";

/// A shop's plan that believes both secrets.
pub(crate) fn plan(sale: Sale) -> Plan {
    plan_with_secrets(Plan::gateway()).sale(sale)
}

/// The same of any plan.
pub(crate) fn plan_with_secrets(plan: Plan) -> Plan {
    let plan = plan.set("payments.secret", &format!("\"{SECRET}\""));
    plan.set("payments.former_secret", &format!("\"{FORMER}\""))
}

fn shop_of(sale: Sale) -> Shop {
    Shop::open(&plan(sale))
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// A message, signed as in Standard Webhooks.
fn signed(secret: &str, id: &str, at_s: i64, body: &str) -> Request {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("Base64");
    let signature = STANDARD.encode(mac(&key, format!("{id}.{at_s}.{body}").as_bytes()));
    let request = Request::post("/v1/payments").body("application/json", body.as_bytes());
    let request = request.header("webhook-id", id).header("webhook-timestamp", &at_s.to_string());
    request.header("webhook-signature", &format!("v1,{signature}"))
}

fn body(kind: &str, order: &str, payment: &str, amount: &str) -> String {
    let amount = json!({ "amount": amount, "currency": "USD" });
    let data = json!({ "order": order, "payment": payment, "amount": amount });
    json!({ "type": format!("payment.{kind}"), "timestamp": Timestamp::now().to_string(), "data": data }).to_string()
}

/// A message that is all right: the money is that of one unit.
pub(crate) fn message(id: &str, kind: &str, (order, payment): (&str, &str)) -> Request {
    signed(SECRET, id, Timestamp::now().as_second(), &body(kind, order, payment, "129.00"))
}

fn tell(shop: &Shop, id: &str, kind: &str, about: (&str, &str)) -> Response {
    shop.ask(&message(id, kind, about))
}

fn held(shop: &Shop, buyer: &str) -> String {
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer(buyer)))
}

fn understood(response: &Response, state: &str) {
    assert_eq!((response.status, &response.json()["state"]), (200, &json!(state)), "{}", response.text());
}

fn orphaned(response: &Response, code: &str) {
    assert_eq!(refused(response, code)["orphaned"], true, "{}", response.text());
}

fn history(shop: &Shop, order: &str) -> Vec<Value> {
    let response = shop.office(Request::get(&format!("/v1/admin/orders/{order}")));
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["history"].as_array().expect("a history").clone()
}

fn kinds(shop: &Shop, order: &str) -> Vec<String> {
    history(shop, order).iter().map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[test]
fn without_a_secret_nobodys_word_counts() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5).hold("10m")));
    let order = held(&shop, "a");
    refused(&tell(&shop, "msg-1", "succeeded", (&order, "pay-1")), "signature_invalid");
}

#[test]
fn only_who_signs_in_time_is_believed() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = held(&shop, "a");
    let (now, body) = (Timestamp::now().as_second(), body("succeeded", &order, "pay-1", "129.00"));
    let unsigned = Request::post("/v1/payments").body("application/json", body.as_bytes());
    refused(&shop.ask(&unsigned), "signature_invalid");
    let other = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVy";
    let response = shop.ask(&signed(other, "msg-1", now, &body));
    refused(&response, "signature_invalid");
    assert!(response.header("www-authenticate").is_some(), "a 401 says how");
    for at_s in [now - 600, now + 600] {
        refused(&shop.ask(&signed(SECRET, "msg-1", at_s, &body)), "signature_stale");
    }
    refused(&shop.ask(&signed(SECRET, "msg-1", now, "{")), "malformed");
    refused(&shop.ask(&signed(SECRET, "msg-1", now, "[]")), "malformed");
    let misspelt = body.replace("\"payment\":", "\"paymnet\":");
    assert_eq!(
        refused(&shop.ask(&signed(SECRET, "msg-1", now, &misspelt)), "invalid_field")["pointer"],
        "/data/paymnet"
    );
    let large = signed(SECRET, "msg-1", now, &" ".repeat(70_000));
    refused(&shop.ask(&large), "too_large");
    let text = Request::post("/v1/payments").body("text/plain", body.as_bytes());
    refused(&shop.ask(&text), "unsupported_media_type");
    assert_eq!(kinds(&shop, &order), ["order.placed"], "nothing of that has changed anything");
    understood(&shop.ask(&signed(FORMER, "msg-1", now, &body)), "confirmed");
}

#[test]
fn a_payment_confirms_once_however_often_it_is_told() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = held(&shop, "a");
    understood(&tell(&shop, "msg-1", "started", (&order, "pay-1")), "held");
    understood(&tell(&shop, "msg-2", "failed", (&order, "pay-0")), "held");
    understood(&tell(&shop, "msg-3", "succeeded", (&order, "pay-1")), "confirmed");
    // Replayed, and told by another message.
    for message in ["msg-3", "msg-4"] {
        understood(&tell(&shop, message, "succeeded", (&order, "pay-1")), "confirmed");
    }
    orphaned(&tell(&shop, "msg-5", "succeeded", (&order, "pay-2")), "order_not_held");
    let shop = Shop::open_at(shop.close());
    understood(&tell(&shop, "msg-3", "succeeded", (&order, "pay-1")), "confirmed");
    understood(&tell(&shop, "msg-6", "refunded", (&order, "pay-1")), "refunded");
    understood(&tell(&shop, "msg-7", "refunded", (&order, "pay-1")), "refunded");
    let told =
        ["order.placed", "payment.started", "payment.failed", "order.confirmed", "payment.orphaned", "order.refunded"];
    assert_eq!(kinds(&shop, &order), told);
    let events = history(&shop, &order);
    assert_eq!((&events[0]["by"], &events[3]["by"]), (&json!("buyer"), &json!("payment")));
    let amount = json!({ "amount": "129.00", "currency": "USD" });
    assert_eq!((&events[3]["detail"]["payment"], &events[3]["detail"]["amount"]), (&json!("pay-1"), &amount));
    assert_eq!(events[5]["detail"]["restock"], false);
    shop.home().audit();
}

#[test]
fn money_must_be_the_orders_total_and_the_order_ours() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let (order, now) = (held(&shop, "a"), Timestamp::now().as_second());
    let dollars = body("succeeded", &order, "pay-1", "128.99");
    assert_eq!(refused(&shop.ask(&signed(SECRET, "msg-1", now, &dollars)), "invalid_field")["pointer"], "/data/amount");
    let euros = body("succeeded", &order, "pay-1", "129.00").replace("USD", "EUR");
    assert_eq!(refused(&shop.ask(&signed(SECRET, "msg-2", now, &euros)), "invalid_field")["pointer"], "/data/amount");
    let nobodys = "0193a1b2-0000-7000-8000-000000000000";
    refused(&tell(&shop, "msg-3", "succeeded", (nobodys, "pay-1")), "order_not_found");
    refused(&tell(&shop, "msg-4", "refunded", (&order, "pay-1")), "order_not_held");
    assert_eq!(kinds(&shop, &order), ["order.placed"]);
    // A message that was refused may be right the next time.
    understood(&tell(&shop, "msg-1", "succeeded", (&order, "pay-1")), "confirmed");
}

#[test]
fn money_for_what_was_given_back_is_said_and_resurrects_nothing() {
    let shop = shop_of(Sale::of(SALE, 1).hold("10m"));
    let order = held(&shop, "a");
    let response = shop.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).buyer("a"));
    assert_eq!((response.status, &response.json()["state"]), (200, &json!("cancelled")), "{}", response.text());
    orphaned(&tell(&shop, "msg-1", "succeeded", (&order, "pay-1")), "order_not_held");
    assert_eq!(kinds(&shop, &order), ["order.placed", "order.cancelled", "payment.orphaned"]);
    held(&shop, "b");
    shop.home().audit();
}

#[test]
fn money_that_comes_late_buys_what_is_free_and_nothing_else() {
    let shop = shop_of(Sale::of(SALE, 1).hold("1s"));
    let order = held(&shop, "a");
    let state = || shop.ask(&Request::get(&format!("/v1/orders/{order}")).buyer("a")).json()["state"].clone();
    eventually("the hold runs out", || state() == "expired");
    refused(&tell(&shop, "msg-1", "started", (&order, "pay-1")), "order_expired");
    let cancel = Request::post(&format!("/v1/orders/{order}/cancel")).buyer("a");
    refused(&shop.ask(&cancel), "order_expired");
    let other = held(&shop, "b");
    understood(&tell(&shop, "msg-b", "succeeded", (&other, "pay-b")), "confirmed");
    orphaned(&tell(&shop, "msg-2", "succeeded", (&order, "pay-1")), "order_expired");
    assert_eq!(kinds(&shop, &order), ["order.placed", "order.expired", "payment.orphaned"]);
    shop.change(&format!("/v1/admin/sales/{SALE}/items/{SKU}/stock"), Some(&json!({ "add": 1 })));
    let response = tell(&shop, "msg-3", "succeeded", (&order, "pay-3"));
    understood(&response, "confirmed");
    assert_eq!(response.json()["late"], true);
    shop.home().audit();
}

#[test]
fn stripes_own_events_are_understood() {
    const STRIPE: &str = "whsec_0123456789abcdef0123456789abcdef";
    let plan = Plan::gateway().set("payments.provider", r#""stripe""#);
    let plan = plan.set("payments.secret", &format!("\"{STRIPE}\""));
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 1).hold("10m")));
    let order = held(&shop, "a");
    let tell = |id: &str, kind: &str, amount: i64| {
        let object = json!({
            "id": "cs_test_1", "object": "checkout.session", "client_reference_id": order, "amount_total": amount,
            "currency": "usd", "payment_status": "paid", "payment_intent": "pi_1", "metadata": {},
        });
        let event = json!({ "id": id, "object": "event", "type": kind, "created": 1, "data": { "object": object } });
        let (body, now) = (event.to_string(), Timestamp::now().as_second());
        let hex: String = mac(STRIPE.as_bytes(), format!("{now}.{body}").as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let request = Request::post("/v1/payments").body("application/json; charset=utf-8", body.as_bytes());
        shop.ask(&request.header("stripe-signature", &format!("t={now},v1={hex}")))
    };
    let response = tell("evt_0", "customer.created", 12_900);
    assert_eq!((response.status, response.json()), (200, json!({ "ignored": true })));
    let paid = "checkout.session.completed";
    assert_eq!(refused(&tell("evt_1", paid, 1), "invalid_field")["pointer"], "/data/object");
    understood(&tell("evt_2", paid, 12_900), "confirmed");
    understood(&tell("evt_2", paid, 12_900), "confirmed");
}

#[test]
fn the_payment_of_an_order_that_was_confirmed_by_hand_is_its_only_one() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = held(&shop, "a");
    shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
    understood(&tell(&shop, "msg-1", "succeeded", (&order, "pay-1")), "confirmed");
    understood(&tell(&shop, "msg-2", "succeeded", (&order, "pay-1")), "confirmed");
    let shop = Shop::open_at(shop.close());
    orphaned(&tell(&shop, "msg-3", "succeeded", (&order, "pay-2")), "order_not_held");
    assert_eq!(kinds(&shop, &order), ["order.placed", "order.confirmed", "payment.noted", "payment.orphaned"]);
    let seen = shop.office(Request::get(&format!("/v1/admin/orders/{order}"))).json();
    assert_eq!(seen["payment"], "pay-1", "{seen}");
    assert_eq!(shop.close().audit()["ok"], true);
}
