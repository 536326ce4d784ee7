//! What a browser is sent, byte by byte: the buyers' page, its files, and where an order is paid.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::contract::{item_of, refused, won};
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

/// All that a browser loads before it asks for the sale, compressed.
const WEIGHT_MAX_BYTES: usize = 40 * 1024;

fn plan() -> Plan {
    Plan::gateway().sale(Sale::of(SALE, 1).hold("10m"))
}

fn get(shop: &Shop, path: &str, coding: &str) -> Response {
    shop.ask(&Request::get(path).header("accept-encoding", coding))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.header(name).unwrap_or_default()
}

/// The files that a page names.
fn assets(page: &str) -> BTreeSet<String> {
    let paths = page.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next());
    paths.map(|name| format!("/assets/{name}")).collect()
}

fn named(page: &str, end: &str) -> String {
    assets(page).into_iter().find(|path| path.ends_with(end)).expect("a file")
}

#[test]
fn a_page_is_the_same_for_everybody_and_is_not_sent_twice() {
    let shop = Shop::open(&plan());
    let page = get(&shop, "/", "");
    assert_eq!((page.status, header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!((header(&page, "cache-control"), header(&page, "vary")), ("public, max-age=60", "accept-encoding"));
    let cookie = Request::get(&format!("/s/{SALE}?utm=1")).buyer("b-1").header("cookie", "a=b");
    for other in [shop.ask(&cookie), get(&shop, "/s/no-such-sale", "")] {
        assert_eq!((other.status, &other.body), (200, &page.body));
        assert!(other.header("set-cookie").is_none());
    }
    let soon = |path: &str| header(&get(&shop, path, ""), "link").to_owned();
    assert_eq!(soon("/"), "</v1/sales>; rel=preload; as=fetch; crossorigin");
    assert_eq!(soon("/s/launch"), "</v1/sales/launch>; rel=preload; as=fetch; crossorigin");
    assert_eq!(soon("/s/a%3E%0Db"), "", "nothing unchecked goes into a header");
    for coding in ["", "gzip", "br"] {
        let etag = header(&get(&shop, "/", coding), "etag").to_owned();
        assert!(etag.starts_with('"'), "{etag} is strong");
        let again = Request::get("/").header("accept-encoding", coding).header("if-none-match", &etag);
        let again = shop.ask(&again);
        assert_eq!((again.status, again.body.len(), header(&again, "etag")), (304, 0, etag.as_str()));
    }
}

#[test]
fn everything_that_a_browser_loads_is_small_named_by_its_bytes_and_kept_for_ever() {
    let shop = Shop::open(&plan());
    let page = get(&shop, "/", "").text();
    assert_eq!(assets(&page).len(), 5, "{page}");
    for coding in ["br", "gzip"] {
        let mut weight = get(&shop, "/", coding).body.len();
        for path in assets(&page) {
            let (plain, squeezed) = (get(&shop, &path, "identity"), get(&shop, &path, coding));
            assert_eq!((plain.status, squeezed.status), (200, 200), "{path}");
            assert_eq!(header(&squeezed, "cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(header(&squeezed, "x-content-type-options"), "nosniff");
            assert!(squeezed.body.len() <= plain.body.len());
            weight += squeezed.body.len();
        }
        eprintln!("page, style, scripts and texts as {coding}: {weight} bytes");
        assert!(weight <= WEIGHT_MAX_BYTES, "{coding}: {weight} bytes");
    }
    for path in ["/assets/store.0000000000000000.js", "/assets/store.js", "/assets/..%2fconfig.toml"] {
        refused(&shop.ask(&Request::get(path)), "not_found");
    }
    let embed = get(&shop, "/embed.js", "br");
    assert_eq!((embed.status, header(&embed, "content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(header(&embed, "cache-control"), "public, max-age=3600");
}

#[test]
fn a_page_runs_nothing_but_its_own_files_and_is_framed_by_whom_the_shop_names() {
    let policy = |plan: &Plan| header(&Shop::open(plan).ask(&Request::get("/")), "content-security-policy").to_owned();
    let nobody = policy(&plan());
    for part in
        ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(nobody.contains(part), "{nobody}");
    }
    assert!(!nobody.contains("unsafe") && !nobody.contains('*') && !nobody.contains("http"), "{nobody}");
    let origins = r#"["https://shop.example", "https://www.shop.example:8443"]"#;
    let some = policy(&plan().set("storefront.allowed_origins", origins));
    assert!(some.ends_with("frame-ancestors https://shop.example https://www.shop.example:8443"), "{some}");
    let page = Shop::open(&plan()).ask(&Request::get("/")).text();
    for inline in ["style=", "onclick", "<style", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[test]
fn a_shops_own_looks_are_taken_over_without_a_restart() {
    let home = Home::with("");
    let looks = home.path().join("looks");
    fs::create_dir(&looks).expect("a directory");
    let write = |name: &str, text: &str| fs::write(looks.join(name), text).expect("a file");
    write("style.css", ":root { --light: #0af }");
    write("texts.de.json", r#"{ "sold_out": "Ausverkauft" }"#);
    home.write_config(&plan().set("storefront.theme_dir", "\"looks\"").text());
    let shop = Shop::open_at(home);
    let page = shop.ask(&Request::get("/")).text();
    let (style, texts) = (named(&page, ".css"), named(&page, ".json"));
    assert!(shop.ask(&Request::get(&style)).text().ends_with(":root { --light: #0af }"));
    let texts: Value = shop.ask(&Request::get(&texts)).json();
    assert_eq!((&texts["de"]["sold_out"], &texts["en"]["sold_out"]), (&json!("Ausverkauft"), &json!("Sold out")));

    write("style.css", ":root { --light: #0b0 }");
    shop.signal("HUP");
    let next = || named(&shop.ask(&Request::get("/")).text(), ".css");
    eventually("the new style", || next() != style);
    assert!(shop.ask(&Request::get(&next())).text().ends_with("#0b0 }"));
    assert_eq!(shop.ask(&Request::get(&style)).status, 200, "pages of before still find theirs");

    write("texts.de.json", "{");
    shop.signal("HUP");
    eventually("a complaint", || shop.said().contains("must be a JSON object of texts"));
    let home = shop.close();
    let refused = home.serve_to_the_end();
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("storefront.theme_dir") && said.contains("texts.de.json"), "{said}");
}

#[test]
fn a_held_order_is_paid_where_the_shop_says() {
    let link = "\"https://pay.example/{sale}?order={order}&total={amount}{currency}&by={signature}\"";
    let with_link =
        plan().set("storefront.payment_url", link).set("storefront.payment_link_secret", "\"0123456789abcdef\"");
    let shop = Shop::open(&with_link);
    let order = won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    let ask = |shop: &Shop, order: &str, buyer: &str| {
        shop.ask(&Request::get(&format!("/v1/orders/{order}/payment")).buyer(buyer))
    };
    let answer = ask(&shop, &order, "a");
    let url = answer.json()["url"].as_str().expect("a link").to_owned();
    let (before, signature) = url.split_once("&by=").expect("a signature");
    assert_eq!(before, format!("https://pay.example/{SALE}?order={order}&total=129.00USD"));
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    refused(&ask(&shop, &order, "b"), "order_not_found");
    let item = item_of(&shop.sale(SALE)["items"], SKU).clone();
    assert_eq!((&item["remaining"], &item["held_may_return"]), (&json!(0), &json!(true)));
    shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
    refused(&ask(&shop, &order, "a"), "order_not_held");
    assert_eq!(item_of(&shop.sale(SALE)["items"], SKU)["held_may_return"], json!(false));

    let shop = Shop::open(&plan());
    let order = won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    assert_eq!(ask(&shop, &order, "a").json(), json!({ "url": null }));
}
