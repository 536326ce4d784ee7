//! Messages to the shop, from the real binary to receivers on this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::contract::{refused, won};
use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale, WEBHOOK_SECRET};
use crate::receiver::{Answer, Receiver};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

fn plan(receiver: &Receiver, stock: u32) -> Plan {
    Plan::gateway().sale(Sale::of(SALE, stock)).webhook(&receiver.url())
}

fn buy(shop: &Shop, buyer: &str) -> String {
    won(&shop.ask(&Request::attempt(SALE, SKU).buyer(buyer)))
}

/// The ids under which each order was told of.
fn ids_by_order(receiver: &Receiver) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in receiver.messages() {
        if let Some(order) = message.order() {
            ids.entry(order.into()).or_default().insert(message.id);
        }
    }
    ids
}

/// Every order in the ledger, whether its buyer knows of it or not.
fn exported(home: &Home) -> BTreeSet<String> {
    let output = home.run(&["orders", "export", "--format", "jsonl", "--data-dir", "doorbuster-data"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("text");
    let order =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["order"].as_str().expect("an id").to_owned();
    lines.lines().map(order).collect()
}

fn webhook(shop: &Shop) -> Value {
    let response = shop.office(Request::get("/v1/admin/webhooks"));
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(!response.text().contains("whsec") && !response.text().contains("secret-path"), "{}", response.text());
    response.json()["webhooks"][0].clone()
}

#[test]
fn a_shop_that_is_killed_keeps_no_order_from_its_webhook_and_calls_each_by_one_name() {
    let receiver = Receiver::open(Answer::Status(200));
    let mut home = Home::with(&plan(&receiver, 1_000_000).text());
    for round in 0..3 {
        let shop = Shop::open_at(home);
        let before = receiver.messages().len();
        thread::scope(|scope| {
            for voice in 0..8 {
                let shop = &shop;
                scope.spawn(move || {
                    let Ok(mut wire) = Wire::try_connect(shop.public()) else { return };
                    for number in 0.. {
                        let buyer = format!("r{round}-v{voice}-{number}");
                        if wire.try_ask(&Request::attempt(SALE, SKU).buyer(&buyer)).is_none() {
                            return;
                        }
                    }
                });
            }
            eventually("messages come", || receiver.messages().len() > before + 50);
            shop.signal("KILL");
        });
        home = shop.killed();
    }
    let shop = Shop::open_at(home);
    let expected = exported(shop.home());
    eventually("every order in the ledger is told of", || ids_by_order(&receiver).keys().eq(expected.iter()));
    let ids = ids_by_order(&receiver);
    let several: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() != 1).collect();
    assert!(several.is_empty(), "{several:?}");
    let all: BTreeSet<_> = ids.into_values().flatten().collect();
    assert_eq!(all.len(), expected.len(), "no two orders share an id");
    assert!(receiver.messages().iter().any(|message| message.kind() == "sale.opened"));
    shop.close().audit();
}

#[test]
fn a_receiver_that_hangs_changes_no_answer() {
    const ATTEMPTS: u32 = 2_000;
    let receiver = Receiver::open(Answer::Nothing);
    let shop = Shop::open(&plan(&receiver, 100));
    let (won_count, sold_out) = (AtomicU32::new(0), AtomicU32::new(0));
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut wire = shop.wire();
                // Relaxed: numbers that are compared when all threads have ended.
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= ATTEMPTS {
                        return;
                    }
                    let response = wire.ask(&Request::attempt(SALE, SKU).buyer(&format!("b-{number}")));
                    if response.status == 201 {
                        won_count.fetch_add(1, Ordering::Relaxed);
                    } else {
                        refused(&response, "sold_out");
                        sold_out.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!((won_count.into_inner(), sold_out.into_inner()), (100, ATTEMPTS - 100));
    eventually("they hang", || receiver.messages().len() >= 16);
    assert_eq!((&webhook(&shop)["delivered"], &webhook(&shop)["state"]), (&json!(0), &json!("enabled")));
    eventually("all of them wait", || {
        let metrics = shop.office(Request::get("/metrics")).text();
        metrics.contains("doorbuster_messages_pending{webhook=\"1\"} 102")
    });
    receiver.answer_with(Answer::Status(200));
    let home = shop.close();
    // What hung when it was closed is told by the next one.
    let _shop = Shop::open_at(home);
    eventually("all is told", || ids_by_order(&receiver).len() == 100);
}

#[test]
fn the_office_shows_a_webhook_that_is_gone_and_brings_it_back() {
    let receiver = Receiver::open(Answer::Status(410));
    let shop = Shop::open(&plan(&receiver, 10));
    eventually("it is disabled", || webhook(&shop)["state"] == "disabled");
    buy(&shop, "b-1");
    let shown = webhook(&shop);
    assert_eq!((&shown["webhook"], &shown["why"]), (&json!(1), &json!("answered 410")));
    assert!(
        shown["disabled_at"].is_string() && shown["target"].as_str().expect("a text").starts_with("http://127.0.0.1:")
    );
    receiver.answer_with(Answer::Status(204));
    let retried = shop.change("/v1/admin/webhooks/1/retry", None);
    assert_eq!(retried, json!({ "webhook": 1, "retried": 0 }));
    eventually("all is told", || webhook(&shop)["delivered"] == 2);
    eventually("nothing is left", || webhook(&shop)["pending"] == 0 && webhook(&shop)["lag"] == 0);
    let mut kinds: Vec<_> = receiver.messages().iter().map(|message| message.kind().to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["order.confirmed", "sale.opened", "sale.opened"]);
    refused(&shop.office(Request::post("/v1/admin/webhooks/7/retry")), "not_found");
    refused(&shop.office(Request::post("/v1/admin/webhooks/x/retry")), "not_found");
    assert_eq!(shop.ask_office(&Request::get("/v1/admin/webhooks")).status, 401);
    let metrics = shop.office(Request::get("/metrics")).text();
    assert!(metrics.contains("doorbuster_messages_delivered_total{webhook=\"1\"} 2"), "{metrics}");
}

#[test]
fn a_receiver_that_comes_back_gets_what_it_has_missed() {
    let receiver = Receiver::open(Answer::Status(503));
    let shop = Shop::open(&plan(&receiver, 10));
    eventually("it has failed", || webhook(&shop)["retried"] != 0);
    receiver.answer_with(Answer::Status(200));
    eventually("it is told", || webhook(&shop)["delivered"] == 1);
    let ids: BTreeSet<_> = receiver.messages().into_iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_reload_names_another_webhook() {
    let (first, second) = (Receiver::open(Answer::Status(200)), Receiver::open(Answer::Status(200)));
    let shop = Shop::open(&plan(&first, 10));
    eventually("the first hears", || !first.messages().is_empty());
    shop.home().write_config(&plan(&first, 10).webhook(&second.url()).text());
    shop.signal("HUP");
    let shown = || shop.office(Request::get("/v1/admin/webhooks")).json()["webhooks"].as_array().map(Vec::len);
    eventually("both are served", || shown() == Some(2));
    let order = buy(&shop, "b-1");
    eventually("both hear", || ids_by_order(&first).contains_key(&order) && ids_by_order(&second).contains_key(&order));
    assert_eq!(second.messages().len(), 1, "of what happens from then on");
}

/// The receiver that the README shows.
struct Shown(Child);

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs python3: tests/run"]
fn the_receiver_that_the_readme_shows_receives() {
    let readme = include_str!("../../src/messages/README.md");
    let (_, snippet) = readme.split_once("```python\n").expect("a snippet");
    let (snippet, _) = snippet.split_once("```").expect("its end");
    assert!(snippet.lines().count() <= 40, "short enough to be read");
    let mut command = Command::new("python3");
    command.args(["-c", snippet, "0"]).env("WEBHOOK_SECRET", WEBHOOK_SECRET).stdin(Stdio::null());
    let mut shown = Shown(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("python3 is there"));
    let mut lines = BufReader::new(shown.0.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let port = lines.next().expect("it listens");
    let port: u16 = port.strip_prefix("listening on ").expect("a port").parse().expect("a number");
    let plan = Plan::gateway().sale(Sale::of(SALE, 10)).webhook(&format!("http://127.0.0.1:{port}/"));
    let shop = Shop::open(&plan);
    let order = buy(&shop, "b-1");
    let mut told: Vec<String> = lines.by_ref().take(2).collect();
    told.sort();
    assert_eq!(told, [format!("order.confirmed {order}"), "sale.opened launch".into()]);
    let forged = |timestamp: &str| {
        let request = Request::post("/").header("webhook-id", "msg_1").header("webhook-timestamp", timestamp);
        let request = request.header("webhook-signature", "v1,AAAA").json(&json!({ "type": "order.confirmed" }));
        Wire::connect(([127, 0, 0, 1], port).into()).ask(&request).status
    };
    let now = jiff::Timestamp::now().as_second();
    assert_eq!((forged(&now.to_string()), forged(&(now - 600).to_string())), (401, 400));
}
