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
    response.json()["order"]["state"].clone()
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
fn a_hold_that_is_paid_is_confirmed_once_and_for_all() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = win(&shop, "ann");
    assert_eq!(fine(&tell(&shop, "m1", &says("started", &order, "p1", "129.00")))["state"], "held");
    let paid = says("succeeded", &order, "p1", "129.00");
    assert_eq!(fine(&tell(&shop, "m2", &paid))["state"], "confirmed");
    // The same message again, and the same news under another id: nothing more happens.
    assert_eq!(fine(&tell(&shop, "m2", &paid))["state"], "confirmed");
    assert_eq!(fine(&tell(&shop, "m3", &paid))["state"], "confirmed");
    assert_eq!(kinds_of(&shop, &order), ["order.placed", "payment.started", "order.confirmed"]);
    refused(&shop.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).buyer("ann")), "order_not_held");
    assert_eq!(shop.close().audit()["ok"], true);
}

#[test]
fn either_of_two_secrets_is_believed_while_one_replaces_the_other() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = win(&shop, "ann");
    let body = says("succeeded", &order, "p", "129.00");
    assert_eq!(fine(&shop.ask(&signed(FORMER_SECRET, now(), "m", &body)))["state"], "confirmed");
}

#[test]
fn what_cannot_be_believed_or_done_is_refused_and_changes_nothing() {
    let shop = shop_of(Sale::of(SALE, 5).hold("10m"));
    let order = win(&shop, "ann");
    let body = says("succeeded", &order, "p", "129.00");
    let stranger = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let hour = std::time::Duration::from_secs(3600);
    let an_hour_ago = WallTime::from_micros(now().micros() - 3_600_000_000);
    refused(&shop.ask(&Request::post("/v1/payments").json(&body)), "signature_invalid");
    refused(&shop.ask(&signed(stranger, now(), "m", &body)), "signature_invalid");
    refused(&shop.ask(&signed(SECRET, an_hour_ago, "m", &body)), "signature_stale");
    refused(&shop.ask(&signed(SECRET, now().after(hour), "m", &body)), "signature_stale");
    let nobodys = "01930000-0000-7000-8000-000000000000";
    refused(&tell(&shop, "m", &says("succeeded", nobodys, "p", "129.00")), "order_not_found");
    let wrong = refused(&tell(&shop, "m", &says("succeeded", &order, "p", "128.99")), "invalid_field");
    assert_eq!(wrong["pointer"], "/data/amount");
    refused(&tell(&shop, "m", &json!({ "type": "payment.succeeded", "extra": 1 })), "invalid_field");
    refused(&tell(&shop, "m", &json!([1])), "malformed");
    refused(&tell(&shop, "m", &says("refunded", &order, "p", "129.00")), "order_not_held");
    assert_eq!(kinds_of(&shop, &order), ["order.placed"], "none of this is in the log");
    assert_eq!(state_of(&shop, &order), "held");
    // The very message that was refused for its amount may still come right.
    assert_eq!(fine(&tell(&shop, "m", &body))["state"], "confirmed");
    refused(&tell(&shop, "m9", &says("succeeded", &order, "another", "129.00")), "order_not_held");
    assert_eq!(shop.close().audit()["ok"], true);
}

#[test]
fn without_a_secret_nobodys_word_counts() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5).hold("10m")));
    let order = win(&shop, "ann");
    refused(&tell(&shop, "m", &says("succeeded", &order, "p", "129.00")), "signature_invalid");
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
fn a_late_payment_without_a_unit_is_written_down_and_has_to_be_refunded() {
    let shop = shop_of(Sale::of(SALE, 1).hold("1s"));
    let order = win(&shop, "ann");
    eventually("the unit to come back", || remaining(&shop) == 1);
    let other = win(&shop, "bob");
    fine(&tell(&shop, "b", &says("succeeded", &other, "pb", "129.00")));
    let problem = refused(&tell(&shop, "a", &says("succeeded", &order, "pa", "129.00")), "order_expired");
    assert_eq!(problem["orphaned"], true);
    assert_eq!(kinds_of(&shop, &order), ["order.placed", "order.expired", "payment.orphaned"]);
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

#[test]
fn the_office_confirms_cancels_and_refunds_by_hand() {
    let shop = shop_of(Sale::of(SALE, 3).hold("10m").limit(3));
    let orders: Vec<String> = ["a", "b", "c"].iter().map(|buyer| win(&shop, buyer)).collect();
    let act = |order: &str, verb: &str, body: Option<Value>| {
        let request = Request::post(&format!("/v1/admin/orders/{order}/{verb}"));
        shop.office(body.map_or(request.clone(), |body| request.json(&body)))
    };
    assert_eq!(fine(&act(&orders[0], "confirm", None))["state"], "confirmed");
    assert_eq!(fine(&act(&orders[0], "confirm", None))["state"], "confirmed", "twice is fine");
    refused(&act(&orders[0], "cancel", None), "order_not_held");
    assert_eq!(fine(&act(&orders[1], "cancel", None))["state"], "cancelled");
    assert_eq!(remaining(&shop), 1);
    refused(&act(&orders[1], "refund", Some(json!({ "restock": true }))), "order_not_held");
    fine(&act(&orders[2], "confirm", None));
    assert_eq!(fine(&act(&orders[0], "refund", Some(json!({ "restock": true }))))["state"], "refunded");
    assert_eq!(remaining(&shop), 2);
    assert_eq!(fine(&act(&orders[2], "refund", Some(json!({ "restock": false }))))["state"], "refunded");
    assert_eq!(remaining(&shop), 2, "this unit is gone for good");
    assert_eq!(act(&orders[2], "refund", Some(json!({ "restock": 1 }))).status, 422);
    refused(&act("01930000-0000-7000-8000-000000000000", "confirm", None), "order_not_found");
    assert_eq!(fine(&shop.office(Request::get("/v1/admin/audit")))["violations"], json!([]));
    let report = shop.close().audit();
    let item = item_of(&report["sales"], SKU);
    assert_eq!((&item["stock"], &item["available"]), (&json!(2), &json!(2)), "{report:#}");
}

#[test]
fn the_office_lists_orders_in_pages_and_takes_them_along_as_a_spreadsheet() {
    let shop = shop_of(Sale::of(SALE, 9).hold("10m"));
    let orders: Vec<String> = ["=cmd", "b", "c"].iter().map(|buyer| win(&shop, buyer)).collect();
    fine(&shop.office(Request::post(&format!("/v1/admin/orders/{}/confirm", orders[1]))));
    let list = |query: &str| fine(&shop.office(Request::get(&format!("/v1/admin/orders{query}"))));
    let ids = |body: &Value| -> Vec<String> {
        let orders = body["orders"].as_array().expect("a list");
        orders.iter().map(|order| order["order"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(&list("")), orders);
    assert_eq!(ids(&list("?state=confirmed")), orders[1..2]);
    assert_eq!(ids(&list("?sale=nowhere")), Vec::<String>::new());
    assert_eq!(ids(&list(&format!("?sale={SALE}&buyer=c"))), orders[2..]);
    let first = list("?limit=2");
    assert_eq!(ids(&first), orders[..2]);
    let second = list(&format!("?limit=2&after={}", first["next"].as_str().expect("there is more")));
    assert_eq!((ids(&second), &second["next"]), (orders[2..].to_vec(), &Value::Null));
    for (query, pointer) in [("?state=gone", "/state"), ("?limit=0", "/limit"), ("?after=x", "/after"), ("?page=2", "")]
    {
        let response = shop.office(Request::get(&format!("/v1/admin/orders{query}")));
        assert_eq!((response.status, &response.json()["pointer"]), (422, &json!(pointer)), "{query}");
    }
    let csv = shop.office(Request::get("/v1/admin/orders.csv?state=held"));
    assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8; header=present")));
    let text = csv.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("order,sale,sku,"), "{text}");
    assert!(lines[1].contains(",'=cmd,"), "no cell is a formula: {text}");
    assert_eq!(shop.ask_office(&Request::get("/v1/admin/orders")).status, 401);
    assert_eq!(shop.office(Request::get("/v1/admin/orders.csv?sale=nowhere")).status, 404);
}
