//! What the shop's people and developers get: orders listed, looked through, exported, moved by hand; the documents.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::contract::{refused, won};
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response};

fn order_of(shop: &Shop, sale: &str, buyer: &str) -> String {
    won(&shop.ask(&Request::attempt(sale, SKU).buyer(buyer)))
}

fn get(shop: &Shop, path: &str) -> Value {
    let response = shop.office(Request::get(path));
    assert_eq!(response.status, 200, "{path}: {}", response.text());
    response.json()
}

fn ids(page: &Value) -> Vec<String> {
    let orders = page["orders"].as_array().expect("orders");
    orders.iter().map(|order| order["order"].as_str().expect("an id").to_owned()).collect()
}

fn turn(shop: &Shop, order: &str, verb: &str, body: Option<Value>) -> Response {
    let request = Request::post(&format!("/v1/admin/orders/{order}/{verb}"));
    shop.office(body.map_or(request.clone(), |body| request.json(&body)))
}

fn stands(response: &Response, state: &str) {
    assert_eq!((response.status, &response.json()["state"]), (200, &json!(state)), "{}", response.text());
}

#[test]
fn a_buyer_gives_his_own_held_order_back_once() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 1).hold("10m")).sale(Sale::of("at-once", 1)));
    let order = order_of(&shop, SALE, "a");
    let cancel =
        |order: &str, buyer: &str| shop.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).buyer(buyer));
    refused(&cancel(&order, "b"), "order_not_found");
    refused(&cancel("no-uuid", "a"), "order_not_found");
    refused(&shop.ask(&Request::post(&format!("/v1/orders/{order}/cancel"))), "pass_required");
    stands(&cancel(&order, "a"), "cancelled");
    refused(&cancel(&order, "a"), "order_not_held");
    order_of(&shop, SALE, "b");
    refused(&cancel(&order_of(&shop, "at-once", "a"), "a"), "order_not_held");
    shop.home().audit();
}

#[test]
fn the_office_finds_orders_page_by_page() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 50).hold("10m")).sale(Sale::of("other", 50)));
    let mut placed = Vec::new();
    for buyer in 0..5 {
        placed.push(order_of(&shop, SALE, &format!("b-{buyer}")));
        placed.push(order_of(&shop, "other", "b&c=+"));
    }
    placed.reverse();
    let all = get(&shop, "/v1/admin/orders");
    assert_eq!((ids(&all), &all["next"]), (placed.clone(), &Value::Null));
    let (mut walked, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = get(&shop, &format!("/v1/admin/orders?limit=3&after={after}"));
        assert!(ids(&page).len() <= 3);
        walked.extend(ids(&page));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((walked, pages), (placed.clone(), 4));

    let found = |query: &str| ids(&get(&shop, &format!("/v1/admin/orders?{query}"))).len();
    assert_eq!((found("sale=other"), found("state=held"), found("sale=other&state=held")), (5, 5, 0));
    assert_eq!((found("buyer=b%26c%3D%2B"), found("buyer=b-3"), found("sku=unit"), found("sku=hat")), (5, 1, 10, 0));
    assert_eq!(found("sale=&state=&buyer=&sku=&after="), 10);
    let order = &all["orders"][0];
    assert_eq!((&order["sale"], &order["stored"], &order["payment"]), (&json!("other"), &json!("disk"), &Value::Null));

    let refused_for = |query: &str| {
        let response = shop.office(Request::get(&format!("/v1/admin/orders?{query}")));
        refused(&response, "invalid_field")["pointer"].as_str().expect("a pointer").to_owned()
    };
    for query in [
        "sael=x",
        "state=paid",
        "limit=0",
        "limit=501",
        "limit=many",
        "limit=",
        "limit=%2B5",
        "after=17",
        "buyer=a%20b",
        "sale=a&sale=b",
        "sku=%ff",
    ] {
        let name = query.split('=').next().expect("a name");
        assert_eq!(refused_for(query), format!("/{name}"), "{query}");
    }
    refused(&shop.office(Request::get("/v1/admin/orders?sale=nope")), "sale_not_found");
    assert_eq!(shop.ask_office(&Request::get("/v1/admin/orders")).status, 401);
    assert_eq!(shop.ask_office(&Request::get("/v1/admin/orders.csv")).status, 401);
}

#[test]
fn the_office_exports_what_the_command_exports() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 50).hold("10m")).sale(Sale::of("other", 50)));
    order_of(&shop, SALE, "=1+1");
    let cancelled = order_of(&shop, SALE, "b");
    order_of(&shop, "other", "c");
    stands(&turn(&shop, &cancelled, "cancel", None), "cancelled");
    let csv = |query: &str| {
        let response = shop.office(Request::get(&format!("/v1/admin/orders.csv{query}")));
        assert_eq!(response.status, 200, "{}", response.text());
        assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")));
        response.text()
    };
    let exported = shop.home().run(&["orders", "export", "--format", "csv"]);
    assert_eq!(csv(""), String::from_utf8(exported.stdout).expect("text"));
    assert!(csv("").contains(",'=1+1,"), "no cell is a formula");
    assert_eq!((csv("?sale=other").lines().count(), csv("?state=cancelled").lines().count()), (2, 2));
    refused(&shop.office(Request::get("/v1/admin/orders.csv?sale=nope")), "sale_not_found");
    refused(&shop.office(Request::get("/v1/admin/orders.csv?buyer=b")), "invalid_field");
}

#[test]
fn the_office_moves_orders_by_hand_and_sees_their_lives() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 2).hold("10m")));
    let (kept, returned) = (order_of(&shop, SALE, "a"), order_of(&shop, SALE, "b"));
    refused(&turn(&shop, &kept, "refund", None), "order_not_held");
    stands(&turn(&shop, &kept, "confirm", None), "confirmed");
    stands(&turn(&shop, &kept, "confirm", None), "confirmed");
    refused(&turn(&shop, &kept, "cancel", None), "order_not_held");
    stands(&turn(&shop, &returned, "confirm", None), "confirmed");
    stands(&turn(&shop, &returned, "refund", Some(json!({ "restock": true }))), "refunded");
    stands(&turn(&shop, &kept, "refund", Some(json!({ "restock": false }))), "refunded");
    stands(&turn(&shop, &kept, "refund", None), "refunded");
    refused(&turn(&shop, &kept, "refund", Some(json!({ "restock": "yes" }))), "invalid_field");
    refused(&turn(&shop, &kept, "refund", Some(json!({ "amount": 1 }))), "invalid_field");
    refused(&turn(&shop, "0193a1b2-0000-7000-8000-000000000000", "confirm", None), "order_not_found");
    refused(&turn(&shop, "no-uuid", "cancel", None), "order_not_found");

    let life = get(&shop, &format!("/v1/admin/orders/{kept}"));
    assert_eq!((&life["order"], &life["state"]), (&json!(kept), &json!("refunded")));
    let events: Vec<_> =
        life["history"].as_array().expect("a history").iter().map(|event| (&event["kind"], &event["by"])).collect();
    let words = [("order.placed", "buyer"), ("order.confirmed", "admin"), ("order.refunded", "admin")];
    let words: Vec<_> = words.iter().map(|(kind, by)| (json!(kind), json!(by))).collect();
    assert_eq!(events, words.iter().map(|(kind, by)| (kind, by)).collect::<Vec<_>>());
    // One unit came back, the other is gone.
    let item = &get(&shop, "/v1/admin/sales")["sales"][0]["items"][0];
    assert_eq!((&item["stock"], &item["remaining"], &item["held"]), (&json!(1), &json!(1), &json!(0)));
    shop.home().audit();
}

#[test]
fn without_a_ledger_the_office_says_so_and_still_shows_an_order() {
    let shop = Shop::open(&Plan::gateway().set("ledger.store", r#""none""#).sale(Sale::of(SALE, 2)));
    let order = shop.ask(&Request::attempt(SALE, SKU).buyer("a")).json()["order"].as_str().expect("an id").to_owned();
    for path in ["/v1/admin/orders", "/v1/admin/orders.csv"] {
        let response = shop.office(Request::get(path));
        assert_eq!((response.status, response.code().as_deref()), (409, Some("no_ledger")), "{}", response.text());
    }
    let life = get(&shop, &format!("/v1/admin/orders/{order}"));
    assert_eq!((&life["order"], &life["stored"], &life["history"]), (&json!(order), &json!("memory"), &json!([])));
}

#[test]
fn each_listener_describes_itself() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 2)));
    let paths = |response: Response| -> BTreeSet<String> {
        assert_eq!(response.status, 200, "{}", response.text());
        let document = response.json();
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        document["paths"].as_object().expect("paths").keys().cloned().collect()
    };
    let public = paths(shop.ask(&Request::get("/openapi.json")));
    let office = paths(shop.ask_office(&Request::get("/openapi.json")));
    assert!(
        public.contains("/v1/sales/{sale}/items/{sku}/orders") && public.iter().all(|path| !path.contains("admin"))
    );
    assert!(office.contains("/v1/admin/orders/{order}/refund"));
}

#[test]
fn what_a_path_names_in_bytes_that_are_no_text_is_not_found() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 2)));
    refused(&shop.ask(&Request::get("/v1/sales/%ff")), "not_found");
    refused(&shop.office(Request::post("/v1/admin/sales/%ff/pause")), "not_found");
    let large = Request::post("/v1/admin/sales").body("application/json", &vec![b' '; 2 << 20]);
    refused(&shop.office(large), "too_large");
}

#[test]
fn whatever_the_office_is_asked_wrongly_is_named_by_its_pointer() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5)));
    let order = order_of(&shop, SALE, "a");
    let (stock, refund) =
        (format!("/v1/admin/sales/{SALE}/items/{SKU}/stock"), format!("/v1/admin/orders/{order}/refund"));
    let (sales, sale) = ("/v1/admin/sales", format!("/v1/admin/sales/{SALE}"));
    let cases = [
        ("POST", &*stock, r#"{"add":"1"}"#, "/add"),
        ("POST", &stock, r#"{"add":1.5}"#, "/add"),
        ("POST", &stock, "{}", "/add"),
        ("POST", &stock, r#"{"add":1,"a/b":1}"#, "/a~1b"),
        ("POST", &refund, r#"{"restock":"yes"}"#, "/restock"),
        ("POST", sales, r#"{"id":"new"}"#, "/items"),
        ("POST", sales, r#"{"id":"new","items":[{"sku":"a b"}]}"#, "/items/0/sku"),
        ("POST", sales, r#"{"id":"new","name":"x"}"#, "/name"),
        ("PATCH", &sale, r#"{"title":null}"#, "/title"),
        ("PATCH", &sale, r#"{"id":"other"}"#, "/id"),
    ];
    for (method, path, body, pointer) in cases {
        let problem = refused(
            &shop.office(Request::new(method, path).body("application/json", body.as_bytes())),
            "invalid_field",
        );
        assert_eq!(problem["pointer"], pointer, "{method} {path} {body}: {problem:#}");
        assert!(!problem["detail"].to_string().contains("[["), "that is how a file says it: {problem:#}");
    }
    // Who says something twice says nothing.
    for (method, path, body) in [
        ("POST", &*stock, r#"{"add":1,"add":2}"#),
        ("POST", sales, r#"{"id":"one","id":"two","items":[]}"#),
        ("PATCH", &sale, r#"{"title":"one","title":"two"}"#),
    ] {
        let request = Request::new(method, path).body("application/json", body.as_bytes());
        refused(&shop.office(request), "malformed");
    }
    assert_eq!(get(&shop, sales)["sales"].as_array().map(Vec::len), Some(1));
    assert_eq!(shop.sale(SALE)["items"][0]["remaining"], 4, "and nothing has happened");
}

#[test]
fn a_sale_whose_opening_is_brought_forward_is_open_when_the_office_hears_of_it() {
    for opens_at in [Value::Null, json!("2020-01-01T00:00:00Z")] {
        let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 5).opens_at("2099-01-01T00:00:00Z")));
        refused(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")), "sale_not_open");
        let change = Request::new("PATCH", &format!("/v1/admin/sales/{SALE}")).json(&json!({ "opens_at": opens_at }));
        let changed = shop.office(change);
        assert_eq!((changed.status, &changed.json()["phase"]), (200, &json!("live")), "{}", changed.text());
        order_of(&shop, SALE, "a");
    }
}
