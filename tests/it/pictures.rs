//! The README's pictures: the real pages, of a sale that is really going on. `tests/pictures` makes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::chromium::{Chromium, DESK, PHONE};
use crate::contract::won;
use crate::plan::{Plan, SALE, Sale};
use crate::shop::Shop;
use crate::wire::Request;

/// What is sold in the pictures.
const SNEAKER: &str = "sneaker-42";
/// Callers of the crowd, and how long each of them waits between two attempts.
const CALLERS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(6);
/// What moves has come to rest.
const UNTIL_STILL: Duration = Duration::from_secs(2);
/// So that the charts have something to show.
const UNTIL_LOOKED_AT: Duration = Duration::from_secs(25);

/// People and bots, until somebody says that it is enough.
fn crowd(shop: &Shop, is_over: &AtomicBool, caller: u32) {
    let pass = shop.pass(SALE, &format!("bot-{caller}"));
    let mut wire = shop.wire();
    // Relaxed: a flag that ends a loop.
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        // Two in three knock without a pass, or too often under the same one; every hundredth is a new buyer.
        let attempt = Request::attempt(SALE, SNEAKER).from(&format!("203.0.113.{caller}"));
        let attempt = match number % 100 {
            0 => attempt
                .bearer(&shop.pass(SALE, &format!("b-{caller}-{number}")))
                .from(&format!("10.0.{caller}.{}", number % 250)),
            of if of % 3 == 0 => attempt,
            _ => attempt.bearer(&pass),
        };
        let answer = wire.ask(&attempt);
        if answer.status == 201 && number % 300 != 0 {
            let order = won(&answer);
            shop.change(&format!("/v1/admin/orders/{order}/confirm"), None);
        }
        thread::sleep(PAUSE);
    }
}

#[test]
#[ignore = "makes the README's pictures: tests/pictures"]
fn the_readmes_pictures_are_made() {
    if std::env::var_os("DOORBUSTER_PICTURES").is_none() {
        return;
    }
    let plan = Plan::passes()
        .set("access.ip", "{ rate = 20, burst = 40 }")
        .set("access.buyer", "{ rate = 2, burst = 5 }")
        .set("client.challenge_digits", "2")
        .set("storefront.payment_url", "\"https://pay.example/?order={order}\"");
    let sale = Sale::new(SALE).titled("Sneaker launch").hold("10m").limit(1).item(SNEAKER, 1_000);
    let shop = &Shop::open(&plan.sale(sale));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let is_over = &is_over;
            scope.spawn(move || crowd(shop, is_over, caller));
        }
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let office = Chromium::open("en-US", (DESK.0, 1180)).await;
                office.come_in(shop).await;
                office.go(&format!("http://{}/#/sale/{SALE}", shop.admin())).await;
                let buyer = Chromium::open("en-US", PHONE).await;
                buyer.go(&format!("http://{}/s/{SALE}", shop.public())).await;
                buyer.until_door("live").await;
                buyer.picture("buyer-live").await;
                buyer.press().await;
                buyer.until_text("It’s yours, for now").await;
                buyer.value("(scrollTo(0, 0), 1)").await;
                tokio::time::sleep(UNTIL_STILL).await;
                buyer.picture("buyer-won").await;
                tokio::time::sleep(UNTIL_LOOKED_AT).await;
                office.picture("office").await;
                buyer.driver.clone().quit().await.expect("the browser ends");
                office.driver.clone().quit().await.expect("the browser ends");
            });
            is_over.store(true, Ordering::Relaxed);
        });
    });
}
