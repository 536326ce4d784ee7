//! An order after the win: paid, run out, given back, refunded, and looked after by the shop's people.

use doorbuster::clock::WallTime;
use doorbuster::orders::signature::{Key, Keys, sign};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::contract::{item_of, refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const FORMER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn plan(sale: Sale) -> Plan {
    let plan = Plan::gateway().sale(sale);
    plan.set("payments.secret", &format!("\"{SECRET}\"")).set("payments.former_secret", &format!("\"{FORMER_SECRET}\""))
}

fn shop_of(sale: Sale) -> Shop {
    Shop::open(&plan(sale))
}

fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

fn win(shop: &Shop, buyer: &str) -> String {
    won(&shop.ask(&attempt(buyer)))
}

fn now() -> WallTime {
    WallTime::from_micros(Timestamp::now().as_microsecond())
}

/// A message about a payment, signed with this secret at that time.
fn signed(secret: &str, at: WallTime, id: &str, body: &Value) -> Request {
    let bytes = body.to_string().into_bytes();
    let keys = Keys::new(Key::parse(secret).expect("a secret"), None);
    let signed = sign(id, &bytes, at, &keys);
    Request::post("/v1/payments")
        .header("webhook-id", id)
        .header("webhook-timestamp", &signed.timestamp)
        .header("webhook-signature", &signed.signature)
        .body("application/json", &bytes)
}

fn says(kind: &str, order: &str, payment: &str, amount: &str) -> Value {
    json!({
        "type": format!("payment.{kind}"),
        "timestamp": Timestamp::now().to_string(),
        "data": { "order": order, "payment": payment, "amount": { "amount": amount, "currency": "USD" } },
    })
}

fn tell(shop: &Shop, id: &str, body: &Value) -> Response {
    shop.ask(&signed(SECRET, now(), id, body))
}

#[track_caller]
fn state_of(shop: &Shop, order: &str) -> Value {
    let response = shop.office(Request::get(&format!("/v1/admin/orders/{order}")));
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["state"].clone()
}

fn kinds_of(shop: &Shop, order: &str) -> Vec<String> {
    let body = shop.office(Request::get(&format!("/v1/admin/orders/{order}"))).json();
    let history = body["history"].as_array().expect("a history");
    history.iter().map(|told| told["kind"].as_str().expect("a kind").to_owned()).collect()
}

fn remaining(shop: &Shop) -> Value {
    item_of(&shop.sale(SALE)["items"], SKU)["remaining"].clone()
}

#[track_caller]
fn fine(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

#[test]
fn a_buyer_gives_his_own_hold_back_and_nobody_elses() {
    let shop = shop_of(Sale::of(SALE, 1).hold("10m").limit(1));
    let order = win(&shop, "ann");
    let cancel = Request::post(&format!("/v1/orders/{order}/cancel"));
    refused(&shop.ask(&attempt("bob")), "sold_out");
    refused(&shop.ask(&cancel.clone().buyer("bob")), "order_not_found");
    refused(&shop.ask(&Request::post("/v1/orders/nonsense/cancel").buyer("ann")), "order_not_found");
    assert_eq!(fine(&shop.ask(&cancel.clone().buyer("ann")))["state"], "cancelled");
    refused(&shop.ask(&cancel.buyer("ann")), "order_not_held");
    win(&shop, "bob");
    assert_eq!(shop.close().audit()["ok"], true);
}

#[test]
fn a_hold_that_runs_out_is_for_sale_again_and_a_late_payment_gets_a_unit_if_there_is_one() {
    let shop = shop_of(Sale::of(SALE, 1).hold("1s"));
    let order = win(&shop, "ann");
    eventually("the hold to run out", || state_of(&shop, &order) == "expired");
    eventually("the unit to come back", || remaining(&shop) == 1);
    refused(&tell(&shop, "s", &says("started", &order, "p", "129.00")), "order_expired");
    let paid = fine(&tell(&shop, "m", &says("succeeded", &order, "p", "129.00")));
    assert_eq!((&paid["state"], &paid["late"]), (&json!("confirmed"), &json!(true)));
    refused(&shop.ask(&attempt("bob")), "sold_out");
    assert_eq!(kinds_of(&shop, &order), ["order.placed", "order.expired", "order.confirmed"]);
    assert_eq!(shop.close().audit()["ok"], true);
}

#[test]
fn a_restart_leaves_a_hold_time_to_be_paid_and_remembers_what_was_said() {
    let shop = shop_of(Sale::of(SALE, 3).hold("1s"));
    let (late, paid) = (win(&shop, "ann"), win(&shop, "bob"));
    let body = says("succeeded", &paid, "p", "129.00");
    fine(&tell(&shop, "m", &body));
    let home = shop.kill();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let shop = Shop::open_at(home);
    // The deadline passed while the shop was closed: there is a minute's grace.
    assert_eq!(state_of(&shop, &late), "held");
    assert_eq!(fine(&tell(&shop, "m", &body))["state"], "confirmed");
    assert_eq!(kinds_of(&shop, &paid), ["order.placed", "order.confirmed"]);
    assert_eq!(fine(&tell(&shop, "n", &says("succeeded", &late, "q", "129.00")))["state"], "confirmed");
}
