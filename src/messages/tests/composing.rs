//! From events to messages.

use std::sync::Arc;

use serde_json::{Value, json};

use super::house::{NOON, terms};
use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::ledger::post::Told;
use crate::messages::Kind;
use crate::messages::message::{self, Message, Subject, Unspoken};
use crate::order::Order;

fn order_event<'a>(kind: &'a str, order: &Order, detail: Option<&'a str>) -> Told<'a> {
    Told {
        seq: 7,
        at: NOON,
        kind,
        sale: "launch",
        sku: Some("shoe"),
        order: Some(order.terms.id),
        expires_at: order.terms.expires_at,
        detail,
        link: [0xab; 32],
    }
}

fn sale_event<'a>(kind: &'a str, sku: Option<&'a str>) -> Told<'a> {
    Told { seq: 7, at: NOON, kind, sale: "launch", sku, order: None, expires_at: None, detail: None, link: [0xab; 32] }
}

fn compose(event: &Told<'_>, order: Option<&Arc<Order>>) -> Result<Option<Message>, Unspoken> {
    let find = |id: OrderId| order.filter(|order| order.terms.id == id).cloned();
    let kind = Kind::of_event(event);
    kind.map(|kind| message::compose(kind, event, find)).transpose()
}

fn said(event: &Told<'_>, order: Option<&Arc<Order>>) -> Value {
    let message = compose(event, order).expect("a message").expect("a kind that is told of");
    serde_json::from_slice(&message.body).expect("JSON")
}

fn order(hold: Option<WallTime>) -> Arc<Order> {
    Arc::new(Order::place(terms("b-17", hold)))
}

#[test]
fn a_placed_order_is_held_until_its_deadline_or_confirmed_where_it_has_none() {
    let held = order(Some(NOON.after(std::time::Duration::from_secs(600))));
    let message = said(&order_event("order.placed", &held, None), Some(&held));
    let expected = json!({
        "type": "order.held", "timestamp": "2027-01-15T08:00:00.000000Z",
        "data": {
            "order": held.terms.id.to_string(), "sale": "launch", "sku": "shoe", "quantity": 2, "buyer": "b-17",
            "state": "held", "price": { "amount": "129.00", "currency": "USD" },
            "total": { "amount": "258.00", "currency": "USD" }, "placed_at": "2027-01-15T08:00:00.000000Z",
            "expires_at": "2027-01-15T08:10:00.000000Z", "stored": "disk",
        },
    });
    assert_eq!(message, expected);
    let confirmed = order(None);
    let message = said(&order_event("order.placed", &confirmed, None), Some(&confirmed));
    assert_eq!((&message["type"], &message["data"]["state"]), (&json!("order.confirmed"), &json!("confirmed")));
    assert_eq!(message["data"]["expires_at"], Value::Null);
}

#[test]
fn what_becomes_of_an_order_is_told_with_who_decided_it() {
    let order = order(Some(NOON));
    for state in ["confirmed", "cancelled", "expired", "refunded"] {
        let (kind, detail) =
            (format!("order.{state}"), r#"{"by":"payment","message":"in-1","payment":"pi_1","late":true}"#);
        let message = said(&order_event(&kind, &order, Some(detail)), Some(&order));
        let data = &message["data"];
        assert_eq!((&message["type"], &data["state"]), (&json!(kind), &json!(state)));
        assert_eq!((&data["by"], &data["payment"], &data["late"]), (&json!("payment"), &json!("pi_1"), &json!(true)));
        assert_eq!(data.get("message"), None, "whose id the provider's message had is the house's own business");
    }
}

#[test]
fn money_without_an_order_is_told_with_its_amount_and_no_state() {
    let order = order(Some(NOON));
    let detail = r#"{"by":"payment","payment":"pi_2","amount_minor":25800,"currency":"USD","reason":"expired"}"#;
    let message = said(&order_event("payment.orphaned", &order, Some(detail)), Some(&order));
    assert_eq!(message["data"]["paid"], json!({ "amount": "258.00", "currency": "USD" }));
    assert_eq!((&message["data"]["reason"], message["data"].get("state")), (&json!("expired"), None));
}

#[test]
fn sales_are_told_of_by_their_id_and_a_sold_out_item_by_its_sku_too() {
    for kind in ["sale.opened", "sale.paused", "sale.resumed", "sale.ended"] {
        let message = said(&sale_event(kind, None), None);
        assert_eq!((&message["type"], &message["data"]), (&json!(kind), &json!({ "sale": "launch" })));
    }
    let message = said(&sale_event("stock.sold_out", Some("shoe")), None);
    assert_eq!(message["type"], "sale.sold_out");
    assert_eq!(message["data"], json!({ "sale": "launch", "sku": "shoe" }));
}

#[test]
fn nobody_is_told_of_the_rest() {
    for kind in ["sale.created", "sale.changed", "stock.added", "stock.taken", "payment.started", "payment.failed"] {
        assert_eq!(compose(&sale_event(kind, Some("shoe")), None), Ok(None), "{kind}");
    }
}

#[test]
fn every_word_is_a_kind_and_every_kind_a_word() {
    for kind in Kind::ALL {
        assert_eq!(Kind::of_word(kind.word()), Some(kind));
    }
    assert_eq!(Kind::of_word("order.placed"), None);
}

#[test]
fn the_id_is_the_events_own_and_has_no_full_stop() {
    let order = order(None);
    let event = order_event("order.placed", &order, None);
    let message = compose(&event, Some(&order)).expect("a message").expect("a kind");
    assert_eq!((message.id.as_str(), message.seq), ("msg_abababababababab_7", 7));
    assert_eq!(message.subject, Subject::Order(*order.terms.id.as_bytes()));
    assert_eq!(compose(&event, Some(&order)).expect("a message"), Some(message), "the same, whenever it is made");
    assert_ne!(message::id(7, &[0xab; 32]), message::id(7, &[0xac; 32]), "after another past it is another event");
}

#[test]
fn an_event_that_lacks_what_it_should_have_is_a_fault_and_no_panic() {
    let order = order(None);
    let event = order_event("order.placed", &order, None);
    assert_eq!(compose(&event, None), Err(Unspoken::NoOrder));
    assert_eq!(compose(&Told { order: None, ..event }, Some(&order)), Err(Unspoken::NoOrder));
    assert_eq!(compose(&Told { sku: None, ..event }, Some(&order)), Err(Unspoken::NoItem));
    assert_eq!(compose(&Told { detail: Some("{"), ..event }, Some(&order)), Err(Unspoken::Detail));
    assert_eq!(compose(&sale_event("stock.sold_out", None), None), Err(Unspoken::NoItem));
}
