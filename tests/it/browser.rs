//! The buyer's whole way, in a real browser: before the bell, at it, through the challenge to the win and the payment,
//! and every way in which it ends otherwise.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::chromium::{Chromium, DESK, PHONE};
use crate::contract::{listed, won};
use crate::plan::{Plan, SALE, SKU, Sale, instant};
use crate::relay::{Relay, Way};
use crate::shop::Shop;
use crate::wire::Request;

const PAYMENT_URL: &str = "\"https://pay.example/?order={order}&signature={signature}\"";
const REFUSED: &str = "the server responded with a status of 409";

fn url(shop: &Shop) -> String {
    format!("http://{}", shop.public())
}

fn page(shop: &Shop, sale: &str) -> String {
    format!("{}/s/{sale}", url(shop))
}

fn plan() -> Plan {
    Plan::passes()
        .set("storefront.payment_url", PAYMENT_URL)
        .set("storefront.payment_link_secret", "\"a-secret-of-the-shop\"")
}

/// Somebody else, who is quicker.
fn somebody_buys(shop: &Shop, sale: &str) -> (String, String) {
    let pass = shop.pass(sale, "somebody");
    let order = won(&shop.ask(&Request::attempt(sale, SKU).bearer(&pass)));
    (order, pass)
}

fn orders(shop: &Shop) -> Vec<Value> {
    listed(&shop.office(Request::get("/v1/admin/orders")).json()["orders"])
}

/// What the page knows of its own orders.
async fn own(browser: &Chromium) -> Vec<String> {
    let ids = browser.value("state.orders.map((order) => order.order)").await;
    ids.as_array().expect("orders").iter().map(|id| id.as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn a_buyer_goes_from_before_the_bell_to_the_payment() {
    let opens_at = instant(Timestamp::now() + 12.seconds());
    let sale = Sale::new(SALE).item("size-41", 3).item(SKU, 3).limit(1).hold("10m").opens_at(&opens_at);
    let shop = Shop::open(&plan().sale(sale));
    let browser = Chromium::open("en-US", PHONE).await;
    browser.go(&page(&shop, SALE)).await;
    browser.until_door("scheduled").await;
    // The challenge is solved before it matters.
    browser.until_text("You are checked in").await;
    browser.fits_everybody("scheduled").await;
    browser.driver.find_all(thirtyfour::By::Css("#items input")).await.expect("two")[1]
        .click()
        .await
        .expect("a choice");
    browser.until_door("live").await;
    browser.fits_everybody("live").await;
    browser.press().await;
    browser.until_text("It’s yours, for now").await;
    browser.until("document.querySelector('.pay').href.startsWith('https://pay.example/?order=')").await;
    browser.fits_everybody("held").await;
    assert_eq!(browser.value("document.activeElement.textContent").await, json!("It’s yours, for now"));
    let order = own(&browser).await.remove(0);
    let link = browser.value("document.querySelector('.pay').href").await;
    let link = link.as_str().expect("a link");
    assert!(link.contains(&order) && link.len() > 64 + order.len(), "{link}");
    // A reload finds it again.
    browser.driver.refresh().await.expect("a reload");
    browser.until_text("Time left to pay").await;
    shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
    browser.until_text("Your order is confirmed.").await;
    browser.fits_everybody("confirmed").await;
    assert_eq!((orders(&shop).len(), &orders(&shop)[0]["sku"]), (1, &json!(SKU)));
    browser.close().await;
    shop.home().audit();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn every_other_end_has_words_of_its_own() {
    let shop =
        Shop::open(&plan().sale(Sale::of(SALE, 1).hold("10m")).sale(Sale::of("few", 1)).sale(Sale::of("more", 5)));
    let browser = Chromium::open("en-US", PHONE).await.allowing(&[REFUSED]);
    browser.go(&page(&shop, SALE)).await;
    browser.until_door("live").await;
    browser.until("passIsGood()").await;
    let (order, pass) = somebody_buys(&shop, SALE);
    browser.until_door("waiting").await;
    browser.until_text("may come back").await;
    browser.fits_everybody("waiting").await;
    let given = shop.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).bearer(&pass));
    assert_eq!(given.status, 200, "{}", given.text());
    browser.until_text("One has come back.").await;
    shop.turn(SALE, "pause");
    browser.until_door("paused").await;
    browser.fits_everybody("paused").await;
    shop.turn(SALE, "resume");
    browser.until_door("live").await;
    // An answer that was underway for longer, or that a CDN had kept: the stream has said more since.
    let old = json!({
        "title": "Launch", "phase": "paused", "server_time": "2026-01-01T00:00:00Z", "limit_per_buyer": 1,
        "items": [{ "sku": "unit", "title": "Renamed", "remaining": 0, "held_may_return": true }],
    });
    let seen = browser.value(&format!("(takeSale({old}), [state.sale.phase, itemOf('unit')])")).await;
    assert_eq!(seen[0], "live", "{seen:#}");
    assert_eq!((&seen[1]["remaining"], &seen[1]["title"]), (&json!(1), &json!("Renamed")), "{seen:#}");
    // A frame that tells two things at once.
    let frame = |phase, remaining| json!({ "phase": phase, "items": [{ "sku": "unit", "remaining": remaining }] });
    let (told, now) = (frame("paused", 7), frame("live", 1));
    let seen = browser.value(&format!("(takePulse({told}), [state.sale.phase, itemOf('unit').remaining])")).await;
    assert_eq!(seen, json!(["paused", 7]));
    browser.value(&format!("(takePulse({now}), 1)")).await;
    browser.press().await;
    browser.until_text("It’s yours, for now").await;
    // Given back: asked twice, and then for sale again.
    for _ in 0..2 {
        browser.driver.find(thirtyfour::By::Css(".give")).await.expect("a button").click().await.expect("a press");
    }
    browser.until_text("Given back").await;
    browser.until_door("live").await;
    browser.fits_everybody("given-back").await;
    // A moment too late: the page's own knowledge is old.
    let (_, _) = somebody_buys(&shop, SALE);
    browser.value("(takePulse({ phase: 'live', items: [{ sku: 'unit', remaining: 1 }] }), press(), 1)").await;
    browser.until_door("waiting").await;
    shop.turn(SALE, "end");
    browser.until_door("ended").await;
    browser.fits_everybody("ended").await;

    browser.go(&page(&shop, "few")).await;
    browser.until_door("live").await;
    somebody_buys(&shop, "few");
    browser.until_door("sold_out").await;
    browser.fits_everybody("sold-out").await;

    let nowhere = Chromium::open("en-US", DESK).await.allowing(&["status of 404"]);
    nowhere.go(&page(&shop, "no-such-sale")).await;
    nowhere.until_text("There is no such sale").await;
    nowhere.fits_everybody("missing").await;
    nowhere.go(&url(&shop)).await;
    nowhere.until_text("On sale").await;
    nowhere.fits_everybody("list").await;
    nowhere.close().await;
    browser.close().await;
    shop.home().audit();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn two_tabs_are_one_buyer_with_one_order() {
    let shop = Shop::open(&plan().sale(Sale::of(SALE, 9).limit(1)));
    let browser = Chromium::open("en-US", DESK).await.allowing(&[REFUSED]);
    browser.go(&page(&shop, SALE)).await;
    let first = browser.driver.window().await.expect("a window");
    let second = browser.driver.new_tab().await.expect("a tab");
    browser.driver.switch_to_window(second).await.expect("the tab");
    browser.go(&page(&shop, SALE)).await;
    browser.press().await;
    browser.until_text("Your order is confirmed.").await;
    let order = own(&browser).await;
    browser.was_silent().await;
    browser.driver.switch_to_window(first).await.expect("the tab");
    browser.until_text("Your order is confirmed.").await;
    assert_eq!((own(&browser).await, orders(&shop).len()), (order, 1));
    browser.fits_everybody("limited").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn one_press_is_one_order_though_answers_are_lost_and_the_server_is_killed() {
    let shop = Shop::open(&plan().sale(Sale::of(SALE, 9).limit(2).hold("10m")));
    let relay = Relay::new(Way::To(shop.public()));
    let browser = Chromium::open("en-US", PHONE).await.allowing(&["net::ERR_"]);
    browser.go(&format!("{}/s/{SALE}", relay.url())).await;
    browser.until_door("live").await;
    browser.until("passIsGood()").await;
    relay.turn(Way::LosingOrders(shop.public()));
    browser.press().await;
    browser.until_text("Connection lost").await;
    browser.fits_everybody("lost").await;
    relay.turn(Way::Nowhere);
    let shop = Shop::open_at(shop.kill());
    relay.turn(Way::To(shop.public()));
    browser.until_text("It’s yours, for now").await;
    assert_eq!((own(&browser).await.len(), orders(&shop).len()), (1, 1));
    // And where nobody was there at all: a reload later, the same press is still on its way.
    relay.turn(Way::Nowhere);
    let home = shop.kill();
    browser.press().await;
    browser.until("state.step === 'lost'").await;
    let shop = Shop::open_at(home);
    relay.turn(Way::To(shop.public()));
    browser.driver.refresh().await.expect("a reload");
    browser.until("state.orders.length === 2 && !state.step").await;
    assert_eq!(orders(&shop).len(), 2);
    browser.close().await;
    shop.home().audit();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn offline_is_said_and_ends_by_itself() {
    let shop = Shop::open(&plan().sale(Sale::of(SALE, 9)));
    let browser = Chromium::open("en-US", PHONE).await.allowing(&["net::ERR_"]);
    browser.go(&page(&shop, SALE)).await;
    browser.until_door("live").await;
    browser.until("passIsGood()").await;
    let network = |is_offline: bool| json!({ "offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", network(true)).await;
    browser.until_text("No connection").await;
    browser.press().await;
    browser.until_text("Connection lost").await;
    browser.fits_everybody("offline").await;
    browser.devtools("Network.emulateNetworkConditions", network(false)).await;
    browser.until_text("Your order is confirmed.").await;
    assert_eq!(orders(&shop).len(), 1);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn a_sale_in_another_language_with_a_title_that_would_like_to_be_markup() {
    let shop = Shop::open(&plan().sale(Sale::of(SALE, 9)));
    let evil = "<script>alert(1)</script> \u{202e}\"quoted\" <img src=x onerror=alert(1)> ";
    let browser = Chromium::open("zh-CN", PHONE).await;
    browser.go(&page(&shop, SALE)).await;
    browser.until_text("立即抢购").await;
    assert_eq!(browser.value("document.documentElement.lang").await, json!("zh"));
    browser.fits_everybody("chinese").await;
    // Longer than the shop would let it be.
    let title = json!(evil.repeat(10_000 / evil.len()));
    browser.value(&format!("(state.sale.title = {title}, state.sale.items[0].title = {title}, render(), 1)")).await;
    assert_eq!(browser.value("document.getElementById('title').textContent").await, title);
    assert_eq!(
        browser.value("document.images.length + document.querySelectorAll('main script').length").await,
        json!(0)
    );
    browser.fits_everybody("long-title").await;
    browser.press().await;
    browser.until_text("抢到了").await;
    browser.close().await;
}

/// What a buyer waits for: printed, for the notes. A slow machine is no fault.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn what_a_buyer_waits_for_is_measured() {
    let shop = Shop::open(&plan().sale(Sale::of(SALE, 9)));
    let browser = Chromium::open("en-US", PHONE).await;
    browser.devtools("Network.enable", json!({})).await;
    // WebPageTest's "3G": 1.6 Mbit/s down, 768 kbit/s up, 300 ms there and back.
    let slow = json!({ "offline": false, "latency": 300, "downloadThroughput": 200_000, "uploadThroughput": 96_000 });
    browser.devtools("Network.emulateNetworkConditions", slow).await;
    let mut usable_ms = Vec::new();
    for _ in 0..5 {
        browser.devtools("Network.clearBrowserCache", json!({})).await;
        browser.go(&page(&shop, SALE)).await;
        browser.until("performance.getEntriesByName('usable').length").await;
        let ms = browser.value("performance.getEntriesByName('usable')[0].startTime").await;
        usable_ms.push(ms.as_f64().expect("milliseconds"));
    }
    let fast = json!({ "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    browser.devtools("Network.emulateNetworkConditions", fast).await;
    let work = "const done = arguments[0]; (async () => { const took = []; for (let i = 0; i < 25; i += 1) { \
                const { json } = await ask(inSale('/challenge'), { method: 'POST' }); const began = performance.now(); \
                await solve(json.parameters); took.push(performance.now() - began); } done(took); })();";
    let took = browser.driver.execute_async(work, Vec::new()).await.expect("work").json().clone();
    let mut work_ms: Vec<f64> = took.as_array().expect("spans").iter().filter_map(Value::as_f64).collect();
    for (what, spans) in [("usable on 3G", &mut usable_ms), ("proof of work", &mut work_ms)] {
        spans.sort_by(f64::total_cmp);
        let (median, last) = (spans[spans.len() / 2], spans[spans.len() - 1]);
        eprintln!("{what}: median {median:.0} ms, longest of {} {last:.0} ms", spans.len());
    }
    browser.close().await;
}

/// A shop's own page, on an origin of its own.
fn host_of(page: impl Fn() -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    // Ends with the tests' process.
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            let page = page();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close";
            let _ = write!(client, "{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        }
    });
    origin
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn a_shops_own_page_shows_the_sale_in_a_frame_and_no_other_page_does() {
    let shop_url = Arc::new(Mutex::new(String::new()));
    let known = Arc::clone(&shop_url);
    let page = move || {
        let url = known.lock().expect("no panic there");
        let script = format!("<script src=\"{url}/embed.js\" data-sale=\"{SALE}\" data-title=\"A sale\"></script>");
        format!("<!doctype html><html lang=\"en\"><title>A shop</title><main><h1>A shop</h1>{script}</main></html>")
    };
    let (own_page, other_page) = (host_of(page.clone()), host_of(page));
    let origins = format!("[\"{own_page}\"]");
    let shop = Shop::open(&plan().set("storefront.allowed_origins", &origins).sale(Sale::of(SALE, 9).limit(1)));
    *shop_url.lock().expect("no panic there") = url(&shop);
    let browser = Chromium::open("en-US", DESK).await;
    browser.go(&own_page).await;
    browser.driver.enter_frame(0).await.expect("a frame");
    browser.press().await;
    browser.until_text("Your order is confirmed.").await;
    let token = browser.value("state.pass.token").await;
    assert!(token.as_str().is_some_and(|token| token.len() > 20), "the pass is carried by hand: {token}");
    browser.driver.enter_default_frame().await.expect("the page around it");
    browser.until("document.querySelector('iframe').style.height.endsWith('px')").await;
    browser.picture("embedded").await;
    browser.close().await;

    let browser = Chromium::open("en-US", DESK).await;
    browser.go(&other_page).await;
    let said = browser.driver.browser_log().await.expect("a log");
    assert!(said.iter().any(|entry| entry.message.contains("frame-ancestors")), "{said:?}");
    browser.close().await;
}
