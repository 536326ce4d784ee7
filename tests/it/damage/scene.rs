//! Shops whose files are damaged: one that is finished, as it was once and as it is, one that crashed, and another one.

use std::path::Path;

use serde_json::json;

use crate::contract::won;
use crate::home::Home;
use crate::payments::{message, plan};
use crate::plan::{SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::Request;

/// The ledger's file.
const DB: &str = "ledger.db";
/// Its write-ahead log.
pub(crate) const WAL: &str = "ledger.db-wal";

/// What lies in a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) db: Vec<u8>,
    /// None where there is no such file, or nothing in it, as whoever has only read leaves it.
    pub(crate) wal: Option<Vec<u8>>,
}

impl Files {
    pub(crate) fn of(dir: &Path) -> Self {
        let db = std::fs::read(dir.join(DB)).expect("the ledger is there");
        Self { db, wal: std::fs::read(dir.join(WAL)).ok().filter(|wal| !wal.is_empty()) }
    }

    pub(crate) fn lay_out(&self, dir: &Path) {
        std::fs::write(dir.join(DB), &self.db).expect("room for a ledger");
        if let Some(wal) = &self.wal {
            std::fs::write(dir.join(WAL), wal).expect("room for its log");
        }
    }
}

/// All that is damaged, or put in the wrong place.
pub(crate) struct Scene {
    /// A shop that sold out, was paid and closed. To be copied: also who only reads leaves a log there, of nothing.
    pub(crate) finished: Home,
    /// The same, when half had happened and it was closed for the first time.
    pub(crate) earlier: Files,
    /// The same, when it had gone on and crashed: the log has all since.
    pub(crate) crashed: Files,
    /// Another shop that crashed as soon as it had sold.
    pub(crate) other: Files,
}

impl Scene {
    pub(crate) fn play() -> Self {
        let home = Home::with(&plan(Sale::of(SALE, 6).hold("10m")).sale(Sale::of("second", 4)).text());
        let home = first_half(Shop::open_at(home)).close();
        let earlier = Files::of(&home.data());
        let home = second_half(Shop::open_at(home)).kill();
        let crashed = Files::of(&home.data());
        let finished = Shop::open_at(home).close();
        assert_eq!(Files::of(&finished.data()).wal, None, "an orderly end leaves no log");
        let other = Shop::open_at(Home::with(&plan(Sale::of(SALE, 9).hold("1h")).text()));
        (0..5).for_each(|buyer| drop(win(&other, SALE, &format!("other-{buyer}"))));
        let other = Files::of(&other.kill().data());
        Self { finished, earlier, crashed, other }
    }
}

fn win(shop: &Shop, sale: &str, buyer: &str) -> String {
    won(&shop.ask(&Request::attempt(sale, SKU).buyer(buyer).key("k")))
}

fn pay(shop: &Shop, kind: &str, order: &str) {
    let answer = shop.ask(&message(&format!("{kind}-{order}"), kind, (order, &format!("pay-{order}"))));
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn first_half(shop: Shop) -> Shop {
    let orders: Vec<_> = (0..4).map(|buyer| win(&shop, SALE, &format!("a-{buyer}"))).collect();
    pay(&shop, "succeeded", &orders[0]);
    pay(&shop, "started", &orders[1]);
    win(&shop, "second", "a-0");
    shop
}

/// All kinds of events, nearly; one sale ends sold out, one with something left.
fn second_half(shop: Shop) -> Shop {
    let orders: Vec<_> = (0..2).map(|buyer| win(&shop, SALE, &format!("b-{buyer}"))).collect();
    pay(&shop, "succeeded", &orders[0]);
    pay(&shop, "refunded", &orders[0]);
    let cancelled = shop.ask(&Request::post(&format!("/v1/orders/{}/cancel", orders[1])).buyer("b-1"));
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    pay(&shop, "failed", &win(&shop, SALE, "c-0"));
    let stock = |sale: &str, units: i32| {
        shop.change(&format!("/v1/admin/sales/{sale}/items/{SKU}/stock"), Some(&json!({ "add": units })));
    };
    stock(SALE, 2);
    for buyer in 0.. {
        let answer = shop.ask(&Request::attempt(SALE, SKU).buyer(&format!("d-{buyer}")));
        if answer.status == 409 {
            break;
        }
        pay(&shop, "succeeded", &won(&answer));
    }
    stock("second", -1);
    shop.turn("second", "pause");
    shop.turn("second", "resume");
    win(&shop, "second", "e-0");
    shop.turn("second", "end");
    shop
}
