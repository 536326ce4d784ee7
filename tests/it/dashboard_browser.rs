//! The shopkeeper's whole way, in a real browser: from the first log-in over a sale made by hand to its end.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::chromium::{Chromium, DESK, PHONE};
use crate::contract::{listed, refused, won};
use crate::plan::{ADMIN_TOKEN, Plan, SALE, SKU, Sale};
use crate::relay::{Relay, Way};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// What lies in front: the dialog that was opened last, or the page.
const FRONT: &str = "([...document.querySelectorAll('dialog[open]')].pop() || document)";
/// A wrong password, and a price with too many decimals.
const REFUSED: [&str; 2] = ["status of 401", "status of 422"];

fn url(shop: &Shop) -> String {
    format!("http://{}/", shop.admin())
}

impl Chromium {
    /// Presses the button or link with this text, as somebody does who reads it.
    async fn press_on(&self, text: &str) {
        let find = format!(
            "[...{FRONT}.querySelectorAll('button, a, summary')].find((of) => of.offsetParent !== null && \
             of.textContent.trim() === {})",
            json!(text)
        );
        self.until(&find).await;
        // Not under the page's own head.
        let show = format!("const of = {find}; of.scrollIntoView({{ block: 'center' }}); return of");
        let button = self.driver.execute(show, Vec::new()).await.expect("a button");
        button.element().expect("an element").click().await.expect("a press");
    }

    async fn fill(&self, name: &str, text: &str) {
        let find = format!("{FRONT}.querySelector('[name=\"{name}\"]')");
        self.until(&find).await;
        let input = self.driver.execute(format!("return {find}"), Vec::new()).await.expect("a field");
        let input = input.element().expect("an element");
        input.clear().await.expect("it can be emptied");
        input.send_keys(text).await.expect("it can be filled");
    }

    async fn fill_search(&self, text: &str) {
        let search = self.driver.find(By::Css("input[type=search]")).await.expect("a field");
        search.send_keys(text.to_owned() + Key::Enter).await.expect("it can be filled");
    }

    pub(crate) async fn come_in(&self, shop: &Shop) {
        self.go(&url(shop)).await;
        self.fill("password", ADMIN_TOKEN).await;
        self.press_on("Come in").await;
        self.until("state.frame").await;
    }

    async fn until_no_dialog(&self) {
        self.until("!document.querySelector('dialog[open]')").await;
    }
}

fn sale_of(shop: &Shop, id: &str) -> Value {
    let sales = listed(&shop.office(Request::get("/v1/admin/sales")).json()["sales"]);
    sales.into_iter().find(|sale| sale["id"] == id).expect("such a sale")
}

fn attempt(shop: &Shop, buyer: &str) -> Request {
    Request::attempt("night-launch", "lamp").bearer(&shop.pass("night-launch", buyer))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn a_shopkeeper_goes_from_the_log_in_to_the_end_of_a_sale() {
    let shop = Shop::open(&Plan::passes());
    let browser = Chromium::open("en-US", DESK).await.allowing(&REFUSED);
    browser.go(&url(&shop)).await;
    browser.fill("password", "a guess").await;
    browser.press_on("Come in").await;
    browser.until_text("That isn’t it.").await;
    browser.fits_everybody("office-log-in").await;
    browser.come_in(&shop).await;
    browser.until_text("Your first sale").await;
    browser.fits_everybody("office-first").await;

    make_a_sale(&browser).await;
    let order = won(&shop.ask(&attempt(&shop, "a")));
    won(&shop.ask(&attempt(&shop, "b")));
    refused(&shop.ask(&Request::attempt("night-launch", "lamp")), "pass_required");
    browser.until_text("1 turned away").await;
    browser.until("document.querySelector('.through').textContent === '2'").await;
    browser.until("document.querySelector('.figure.left dd span').textContent === '2'").await;
    browser.press_on("Look again").await;
    browser.until("document.querySelectorAll('.orders tbody tr').length === 2").await;
    browser.fits_everybody("office-sale").await;

    browser.press_on("Pause").await;
    browser.until_text("Nobody can buy until you resume.").await;
    browser.fits_everybody("office-pause").await;
    browser.press_on("Pause").await;
    browser.until_text("Night launch is paused.").await;
    refused(&shop.ask(&attempt(&shop, "c")), "sale_paused");
    browser.until_no_dialog().await;
    browser.fits_everybody("office-paused").await;
    browser.press_on("Undo").await;
    eventually("the sale is on again", || sale_of(&shop, "night-launch")["phase"] == "live");
    browser.until_text("On now").await;

    browser.press_on("Change stock").await;
    browser.fill("/add", "6").await;
    browser.until_text("Then 10 are on sale in all, and 8 are left.").await;
    browser.fits_everybody("office-stock").await;
    browser.press_on("Do it").await;
    browser.until_text("6 more Lamp are for sale.").await;
    assert_eq!(sale_of(&shop, "night-launch")["items"][0]["stock"], 10);
    browser.until_no_dialog().await;
    browser.press_on("Undo").await;
    eventually("the stock of before", || sale_of(&shop, "night-launch")["items"][0]["stock"] == 4);

    change_terms(&browser, &shop).await;
    move_orders(&browser, &shop, &order).await;

    browser.press_on("End…").await;
    browser.press_on("End it").await;
    browser.until_text("Type night-launch, exactly.").await;
    browser.fits_everybody("office-end").await;
    browser.fill("id", "night-launch").await;
    browser.press_on("End it").await;
    browser.until_text("Over for good").await;
    assert_eq!(sale_of(&shop, "night-launch")["phase"], "ended");
    browser.until_no_dialog().await;
    browser.press_on("Leave").await;
    browser.until_text("You have left.").await;
    browser.driver.refresh().await.expect("a reload");
    browser.until_text("Password or token").await;
    browser.close().await;
    shop.home().audit();
}

async fn make_a_sale(browser: &Chromium) {
    browser.press_on("Create your first sale").await;
    browser.press_on("Look it over").await;
    browser.until_text("This is needed.").await;
    browser.fits_everybody("office-create").await;
    browser.fill("/title", "Night launch").await;
    browser.fill("/items/0/title", "Lamp").await;
    browser.fill("/items/0/price/amount", "49.999").await;
    browser.fill("/items/0/stock", "4").await;
    let at_once = "[...document.querySelectorAll('.radio')].find((of) => of.textContent === 'At once')";
    let at_once = browser.driver.execute(format!("return {at_once}"), Vec::new()).await.expect("a choice");
    at_once.element().expect("an element").click().await.expect("a press");
    browser.press_on("Look it over").await;
    browser.until_text("It opens the moment you press the button.").await;
    browser.fits_everybody("office-look").await;
    browser.press_on("Open it now").await;
    // The house knows better: dollars have two decimals. It is said where it is.
    let is_blamed =
        "document.activeElement.name === '/items/0/price/amount' && document.activeElement.ariaInvalid === 'true'";
    browser.until(is_blamed).await;
    browser.fill("/items/0/price/amount", "49.90").await;
    browser.press_on("Look it over").await;
    browser.press_on("Open it now").await;
    browser.until("location.hash === '#/sale/night-launch'").await;
    browser.until_text("On now").await;
}

async fn change_terms(browser: &Chromium, shop: &Shop) {
    browser.press_on("Change…").await;
    browser.fill("/title", "Night launch, again").await;
    browser.fill("/limit_per_buyer", "3").await;
    browser.fits_everybody("office-terms").await;
    browser.press_on("Change it").await;
    browser.until_text("Up to 3 per buyer").await;
    browser.until_no_dialog().await;
    let sale = sale_of(shop, "night-launch");
    assert_eq!(
        (&sale["title"], &sale["limit_per_buyer"], &sale["hold"]),
        (&json!("Night launch, again"), &json!(3), &json!("600s"))
    );
    browser.press_on("Undo").await;
    eventually("the terms of before", || sale_of(shop, "night-launch")["limit_per_buyer"] == 1);
}

async fn move_orders(browser: &Chromium, shop: &Shop, order: &str) {
    browser.fill_search(order).await;
    browser.until_text("What happened").await;
    browser.fits_everybody("office-order").await;
    browser.press_on("Cancel the order").await;
    browser.until_text("It can’t be undone.").await;
    browser.press_on("Cancel the order").await;
    browser
        .until(&format!("{FRONT}.querySelector('.history') && {FRONT}.querySelector('.history').children.length === 2"))
        .await;
    let state = |order: &str| shop.office(Request::get(&format!("/v1/admin/orders/{order}"))).json()["state"].clone();
    assert_eq!(state(order), "cancelled");
    browser.press_on("×").await;
    browser.until_no_dialog().await;
    // The list has heard of it.
    browser.until("document.querySelector('.pill[data-state=\"cancelled\"]')").await;
    let lines = "const done = arguments[0]; const link = [...document.querySelectorAll('a')].find((of) => of.textContent === \
                 'Download CSV'); fetch(link.href).then((of) => of.text()).then((text) => done([link.download, \
                 text.trim().split('\\n').length]))";
    let csv = browser.driver.execute_async(lines, Vec::new()).await.expect("an export").json().clone();
    assert_eq!(csv, json!(["orders.csv", 3]), "a head and two orders");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn a_shopkeeper_with_a_phone_sees_all_rooms_and_hears_when_nothing_comes() {
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3).hold("10m")).sale(Sale::of("other", 5)));
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer("a")));
    let relay = Relay::new(Way::To(shop.admin()));
    // That the session is over is heard by whoever asks first once the shop is back: the page, which is told in words, or
    // the stream or a question that was due, which get a 401.
    let browser = Chromium::open("en-US", PHONE).await.allowing(&["net::ERR_", "status of 401"]);
    browser.go(&relay.url()).await;
    browser.fill("password", ADMIN_TOKEN).await;
    browser.press_on("Come in").await;
    browser.until_text("2 of 3 left").await;
    browser.fits_everybody("office-overview-phone").await;
    browser.press_on("House").await;
    browser.press_on("Prove it now").await;
    browser.until_text("no unit sold twice, none lost").await;
    browser.fits_everybody("office-house-phone").await;
    browser.press_on("Orders").await;
    browser.until_text("Held").await;
    browser.fits_everybody("office-orders-phone").await;
    browser.go(&format!("{}/#/sale/{SALE}", relay.url())).await;
    browser.until_text("What is for sale").await;
    browser.fits_everybody("office-sale-phone").await;
    relay.turn(Way::Nowhere);
    let home = shop.kill();
    browser.until_text("Not live since").await;
    browser.fits_everybody("office-stale-phone").await;
    let shop = Shop::open_at(home);
    relay.turn(Way::To(shop.admin()));
    // Sessions don't outlive the server: it says so, and one comes in again.
    browser.until_text("Your session is over.").await;
    browser.fill("password", ADMIN_TOKEN).await;
    browser.press_on("Come in").await;
    browser.until_text("What is for sale").await;
    browser.until("document.getElementById('stale').hidden").await;
    browser.close().await;
    shop.home().audit();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: tests/run"]
async fn names_that_would_like_to_be_markup_are_text_and_clocks_that_show_a_time_twice_are_asked_about() {
    let evil = "<script>alert(1)</script> \u{202e}\"quoted\" <img src=x onerror=alert(1)>";
    let shop = Shop::open(&Plan::gateway().sale(Sale::of(SALE, 3)));
    let mut sale = Sale::of("evil", 3).to_json();
    (sale["title"], sale["items"][0]["title"]) = (json!(evil), json!(evil));
    shop.change("/v1/admin/sales", Some(&sale));
    won(&shop.ask(&Request::attempt("evil", SKU).buyer("<b>")));
    let browser = Chromium::open("en-US", DESK).await;
    browser.come_in(&shop).await;
    browser.until_text("onerror=alert(1)").await;
    browser.go(&format!("{}#/sale/evil", url(&shop))).await;
    browser.until("document.querySelector('h1').textContent.includes('<script>')").await;
    assert_eq!(
        browser.value("document.images.length + document.querySelectorAll('main script').length").await,
        json!(0)
    );
    browser.fits_everybody("office-evil").await;
    let instants =
        |local: &str, zone: &str| format!("instantsOf('{local}', '{zone}').map((ms) => new Date(ms).toISOString())");
    for (local, zone, expected) in [
        ("2026-11-27T09:00", "America/New_York", json!(["2026-11-27T14:00:00.000Z"])),
        ("2026-11-01T01:30", "America/New_York", json!(["2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z"])),
        ("2027-03-14T02:30", "America/New_York", json!([])),
        ("2027-01-01T00:00", "Asia/Kathmandu", json!(["2026-12-31T18:15:00.000Z"])),
        ("2026-11-27T09:00", "UTC", json!(["2026-11-27T09:00:00.000Z"])),
    ] {
        assert_eq!(browser.value(&instants(local, zone)).await, expected, "{local} {zone}");
    }
    let written = browser.value("declared(Date.parse('2026-11-01T06:30:00Z'), 'America/New_York')").await;
    assert_eq!(written, json!("2026-11-01T01:30:00-05:00[America/New_York]"));
    schedule_a_sale(&browser).await;
    assert_eq!(sale_of(&shop, "ete")["opens_at"], "2035-11-04T06:30:00.000000Z");
    browser.close().await;
}

/// At half past one, the second time, in the night in which New York's clocks show it twice.
async fn schedule_a_sale(browser: &Chromium) {
    browser.value("(location.hash = '#/new', 1)").await;
    browser.fill("/title", "Été").await;
    browser.fill("/items/0/title", "Lamp").await;
    browser.fill("/items/0/price/amount", "49,90").await;
    let set = "const set = (selector, value) => { const of = document.querySelector(selector); of.value = value; \
               of.dispatchEvent(new Event('input')); }; set('.when input[type=date]', '2035-11-04'); \
               set('.when input[type=time]', '01:30'); set('.when .row select', 'America/New_York'); \
               set('.detail > .field select', '1');";
    browser.driver.execute(set, Vec::new()).await.expect("a time");
    browser.until_text("That night the clocks show this twice").await;
    browser.fits_everybody("office-schedule").await;
    browser.press_on("Look it over").await;
    browser.press_on("Schedule it").await;
    browser.until_text("Coming up").await;
}
