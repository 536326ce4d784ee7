//! Another site's page in the browser of somebody who is logged in: whatever it makes that browser send, nothing changes.
//!
//! The cookie is `SameSite=Strict`, so such a request shouldn't carry it at all. Here it does, as from a browser that
//! doesn't know the word, or from a page of the same site: the office must not hang on that alone.

use serde_json::{Value, json};

use crate::contract::won;
use crate::plan::{ADMIN_TOKEN, Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response};

/// What pages of other sites are told apart by: each a set of headers beside `host: shop.test`.
const FOREIGN: [&[(&str, &str)]; 13] = [
    // Browsers before 2020 to 2023 say where a page comes from, and not how that stands to us.
    &[("origin", "https://evil.example")],
    &[("origin", "http://evil.example")],
    // A page in a sandbox, from a file, or behind a redirect.
    &[("origin", "null")],
    &[("origin", "http://admin.shop.test")],
    &[("origin", "http://shop.test.evil.example")],
    &[("origin", "http://evil.example/http://shop.test")],
    &[("origin", "http://evil.example@shop.test")],
    // The same machine, another program.
    &[("origin", "http://shop.test:3000")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://admin.shop.test")],
    // What isn't understood isn't trusted, whatever stands beside it.
    &[("sec-fetch-site", "cross-site"), ("origin", "http://shop.test")],
];

/// What the office's own page sends.
const OWN: [&[(&str, &str)]; 3] = [
    &[("origin", "http://shop.test")],
    &[("sec-fetch-site", "same-origin"), ("origin", "http://shop.test")],
    &[("sec-fetch-site", "same-origin")],
];

/// Bodies that a form can send without being asked about it first.
const SIMPLE: [(&str, &[u8]); 4] = [
    ("application/x-www-form-urlencoded", b"add=5"),
    ("application/x-www-form-urlencoded", br#"{"add":5,"x":"="}"#),
    ("multipart/form-data; boundary=b", b"--b\r\ncontent-disposition: form-data; name=add\r\n\r\n5\r\n--b--\r\n"),
    ("text/plain", br#"{"add":5}"#),
];

fn log_in(shop: &Shop) -> String {
    let begun = shop.ask_office(&Request::post("/v1/admin/session").json(&json!({ "password": ADMIN_TOKEN })));
    assert_eq!(begun.status, 204, "{}", begun.text());
    begun.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a session").to_owned()
}

/// Everything that changes something, of a shop with this order.
fn changes(order: &str) -> Vec<Request> {
    let sale = format!("/v1/admin/sales/{SALE}");
    let mut changes: Vec<_> = ["pause", "resume", "end"].map(|verb| Request::post(&format!("{sale}/{verb}"))).into();
    changes
        .extend(["confirm", "cancel", "refund"].map(|verb| Request::post(&format!("/v1/admin/orders/{order}/{verb}"))));
    changes.push(Request::post("/v1/admin/sales").json(&Sale::of("another", 1).to_json()));
    changes.push(Request::new("PATCH", &sale).json(&json!({ "title": "Sold to evil.example" })));
    changes.push(Request::post(&format!("{sale}/items/{SKU}/stock")).json(&json!({ "add": 5 })));
    changes.push(Request::post("/v1/admin/webhooks/0/retry"));
    changes.push(Request::new("DELETE", "/v1/admin/session"));
    changes
}

fn with(request: &Request, headers: &[(&str, &str)]) -> Request {
    headers.iter().fold(request.clone(), |request, (name, value)| request.header(name, value))
}

/// All that a change could change: the sales, the order, and the log itself.
fn state(shop: &Shop, session: &str, order: &str) -> (Value, Value, Value) {
    let look = |path: &str| {
        let response = shop.ask_office(&Request::get(path).header("cookie", session));
        assert_eq!(response.status, 200, "the session is still good: {}", response.text());
        response.json()
    };
    let audit = shop.home().audit();
    (look("/v1/admin/sales")["sales"].clone(), look(&format!("/v1/admin/orders/{order}")), audit["head"].clone())
}

#[track_caller]
fn is_refused(response: &Response, statuses: &[(u16, &str)], what: &Request) {
    let said = (response.status, response.code().unwrap_or_default());
    assert!(statuses.iter().any(|(status, code)| said == (*status, (*code).to_owned())), "{said:?} for {what:?}");
}

#[test]
fn no_other_sites_page_changes_anything_by_somebodys_session() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3).hold("10m")));
    let order = won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    let session = log_in(&shop);
    let before = state(&shop, &session, &order);
    for change in changes(&order) {
        let change = change.header("cookie", &session);
        for headers in FOREIGN {
            let request = with(&change, headers);
            is_refused(&shop.ask_office(&request), &[(403, "cross_site")], &request);
        }
    }
    // A form needs no leave of ours to be sent: neither to us, nor by a page that hides where it is from.
    let takes_a_body = [
        ("POST", format!("/v1/admin/sales/{SALE}/items/{SKU}/stock")),
        ("POST", format!("/v1/admin/orders/{order}/refund")),
        ("POST", "/v1/admin/sales".to_owned()),
        ("PATCH", format!("/v1/admin/sales/{SALE}")),
        ("POST", "/v1/admin/session".to_owned()),
    ];
    for (method, path) in takes_a_body {
        for (content_type, body) in SIMPLE {
            let form = Request::new(method, &path).body(content_type, body).header("cookie", &session);
            for headers in FOREIGN {
                let request = with(&form, headers);
                is_refused(&shop.ask_office(&request), &[(403, "cross_site")], &request);
            }
            for headers in OWN.into_iter().chain([&[][..]]) {
                let request = with(&form, headers);
                is_refused(&shop.ask_office(&request), &[(415, "unsupported_media_type")], &request);
            }
        }
    }
    assert_eq!(state(&shop, &session, &order), before, "something has changed");
}

#[test]
fn the_offices_own_page_changes_what_it_is_asked_to() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3)));
    let session = log_in(&shop);
    let path = format!("/v1/admin/sales/{SALE}/items/{SKU}/stock");
    for (times, headers) in (1..).zip(OWN) {
        let add = Request::post(&path).json(&json!({ "add": 5 })).header("cookie", &session);
        let added = shop.ask_office(&with(&add, headers));
        assert_eq!((added.status, &added.json()["stock"]), (200, &json!(3 + 5 * times)), "{}", added.text());
    }
    let rename = Request::new("PATCH", &format!("/v1/admin/sales/{SALE}")).json(&json!({ "title": "Ours" }));
    assert_eq!(shop.ask_office(&with(&rename.header("cookie", &session), OWN[1])).status, 200);
    let ended = with(&Request::new("DELETE", "/v1/admin/session").header("cookie", &session), OWN[1]);
    assert_eq!(shop.ask_office(&ended).status, 204);
    let look = Request::get("/v1/admin/sales").header("cookie", &session);
    assert_eq!(shop.ask_office(&look).status, 401, "whoever has logged out is out");
}
