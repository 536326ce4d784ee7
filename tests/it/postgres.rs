//! PostgreSQL behind the ledger: what is there is what the ledger has, whatever happens on the way.
//!
//! `DOORBUSTER_TEST_BACKLOG` says how many orders come while PostgreSQL is down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::contract::{item_of, refused, won};
use crate::home::Home;
use crate::pg_proxy::{LineFault, PgProxy};
use crate::pg_server::PgServer;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

pub(crate) fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

pub(crate) fn shipping(url: &str) -> Plan {
    Plan::gateway().set("ledger.postgres.url", &format!("\"{url}\""))
}

pub(crate) fn attempt(buyer: &str) -> Request {
    Request::attempt(SALE, SKU).buyer(buyer)
}

/// A metric's value.
pub(crate) fn metric(shop: &Shop, name: &str) -> f64 {
    let text = shop.office(Request::get("/metrics")).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

pub(crate) fn caught_up(shop: &Shop) {
    eventually("PostgreSQL has everything", || metric(shop, "doorbuster_postgres_lag_events{}") == 0.0);
}

/// `audit --postgres`: exit code and report.
pub(crate) fn compared(home: &Home, url: &str) -> (Option<i32>, Value) {
    let output = home.run(&["audit", "--json", "--postgres", url]);
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("no JSON ({fault}): {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

#[track_caller]
pub(crate) fn assert_same(home: &Home, url: &str) -> Value {
    let (code, report) = compared(home, url);
    assert_eq!((code, &report["postgres"]["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    assert_eq!(report["postgres"]["head"], report["head"], "{report:#}");
    report
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn what_the_ledger_knows_is_in_postgresql_and_comes_back_from_there() {
    let server = PgServer::start();
    let plan = shipping(&server.socket_url()).sale(Sale::of(SALE, 5).hold("10m"));
    let shop = Shop::open(&plan);
    let held = won(&shop.ask(&attempt("a").key("k-1").quantity(2)));
    let cancelled = won(&shop.ask(&attempt("b")));
    let paid = won(&shop.ask(&attempt("c")));
    let response = shop.ask(&Request::post(&format!("/v1/orders/{cancelled}/cancel")).buyer("b"));
    assert_eq!(response.status, 200, "{}", response.text());
    shop.change(&format!("/v1/admin/orders/{paid}/confirm"), None);
    shop.change(&format!("/v1/admin/sales/{SALE}/items/{SKU}/stock"), Some(&json!({ "add": 3 })));
    shop.turn(SALE, "pause");
    caught_up(&shop);
    let orders = "SELECT id, buyer, quantity, price_minor, total_minor, currency, state, idempotency_key \
                  FROM doorbuster.orders WHERE node = 'main' ORDER BY seq";
    let rows = [
        format!("{held}|a|2|12900|25800|USD|held|k-1"),
        format!("{cancelled}|b|1|12900|12900|USD|cancelled|"),
        format!("{paid}|c|1|12900|12900|USD|confirmed|"),
    ];
    assert_eq!(server.sql(orders), rows.join("\n"));
    assert_eq!(server.sql("SELECT stock, held, sold, available FROM doorbuster.items"), "8|2|1|5");
    assert_eq!(server.sql("SELECT phase, hold FROM doorbuster.sales"), "paused|00:10:00");
    let shown = shop.ask(&Request::get(&format!("/v1/orders/{held}")).buyer("a")).json();
    assert_eq!(shown["stored"], "postgres", "what is true by now: {shown:#}");
    // What comes last is shipped before the shop is closed.
    shop.turn(SALE, "resume");
    let last = won(&shop.ask(&attempt("d")));
    let home = shop.close();
    let report = assert_same(&home, &server.url());
    assert_eq!(report["postgres"]["orders"], 4, "{report:#}");

    // The machine is lost; another one begins with what PostgreSQL has.
    let elsewhere = Home::with(&plan.text());
    let output = elsewhere.run(&["restore", "--from-postgres"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("whatever happened after event") && said.contains("the key that signs passes"), "{said}");
    let restored = elsewhere.audit();
    assert_eq!((&restored["head"], &restored["sales"]), (&report["head"], &report["sales"]), "{restored:#}");
    assert_eq!(elsewhere.run(&["restore", "--from-postgres"]).status.code(), Some(73), "there is a ledger already");
    let shop = Shop::open_at(elsewhere);
    let shown = shop.ask(&Request::get(&format!("/v1/orders/{last}")).buyer("d")).json();
    assert_eq!(shown["state"], "held", "{shown:#}");
    assert_eq!(won(&shop.ask(&attempt("a").key("k-1").quantity(2))), held, "a winner gets his order again");
    won(&shop.ask(&attempt("e")));
    caught_up(&shop);
    assert_same(shop.home(), &server.url());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_winner_who_was_promised_postgresql_gets_his_order_again_where_it_is_promised_no_more() {
    let server = PgServer::start();
    let keyed = attempt("a").key("k");
    let shop = Shop::open(&shipping(&server.url()).set("ledger.ack", "\"postgres\"").sale(Sale::of(SALE, 5)));
    let mut order = String::new();
    eventually("PostgreSQL is there", || {
        let response = shop.ask(&keyed);
        let is_won = response.status == 201;
        if is_won {
            order = won(&response);
        }
        is_won
    });
    let listed = shop.office(Request::get("/v1/admin/orders")).json();
    assert_eq!(listed["orders"][0]["stored"], "postgres", "{listed:#}");
    shop.close();
    // Shipped further, and not at all.
    for plan in [shipping(&server.url()), Plan::gateway()] {
        let home = Home::with(&plan.text());
        assert!(home.run(&["restore", "--from-postgres", &server.url()]).status.success());
        let again = Shop::open_at(home).ask(&keyed);
        assert_eq!(
            (won(&again), again.header("idempotent-replayed")),
            (order.clone(), Some("true")),
            "{}",
            again.text()
        );
    }
    let never = Home::with(&Plan::gateway().text());
    server.sql("CREATE DATABASE empty");
    let url = server.url().replace("/shop?", "/empty?");
    let output = never.run(&["restore", "--from-postgres", &url]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn two_shops_share_a_database_and_a_difference_is_named() {
    let server = PgServer::start();
    let open = |node: &str| {
        let plan = shipping(&server.url()).set("ledger.postgres.node", &format!("\"{node}\"")).sale(Sale::of(SALE, 5));
        Shop::open(&plan)
    };
    let (one, other) = (open("one"), open("other"));
    let order = won(&one.ask(&attempt("a")));
    won(&other.ask(&attempt("a")));
    caught_up(&one);
    caught_up(&other);
    let (one, other) = (one.close(), other.close());
    assert_same(&one, &server.url());
    assert_same(&other, &server.url());
    let difference = |sql: &str, undo: &str, what: &str| {
        server.sql(sql);
        let (code, report) = compared(&one, &server.url());
        let said = report["postgres"]["difference"].as_str().unwrap_or_default();
        assert_eq!((code, said.contains(what)), (Some(3), true), "{sql}: {report:#}");
        server.sql(undo);
        assert_same(&one, &server.url());
    };
    difference(
        "UPDATE doorbuster.orders SET quantity = 2 WHERE node = 'one'",
        "UPDATE doorbuster.orders SET quantity = 1 WHERE node = 'one'",
        &format!("order {order} is not what"),
    );
    difference(
        "UPDATE doorbuster.items SET sold = 2 WHERE node = 'one'",
        "UPDATE doorbuster.items SET sold = 1 WHERE node = 'one'",
        "item \"unit\" is not what",
    );
    difference(
        "UPDATE doorbuster.events SET payload = payload || '\\x00'::bytea WHERE node = 'one' AND seq = 2",
        "UPDATE doorbuster.events SET payload = substr(payload, 1, length(payload) - 1) WHERE node = 'one' AND seq = 2",
        "event 2 is another one",
    );
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn another_log_is_left_alone_and_a_log_that_was_set_back_is_caught_up() {
    let server = PgServer::start();
    let plan = shipping(&server.url()).sale(Sale::of(SALE, 50));
    let shop = Shop::open(&plan);
    won(&shop.ask(&attempt("a")));
    caught_up(&shop);
    // PostgreSQL is set back to an older backup: it has the order, then it has not.
    server.sql(
        "DELETE FROM doorbuster.events WHERE seq > 2; DELETE FROM doorbuster.orders; \
         UPDATE doorbuster.items SET sold = 0; \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doorbuster'",
    );
    won(&shop.ask(&attempt("b")));
    eventually("PostgreSQL has both orders", || server.sql("SELECT count(*) FROM doorbuster.orders") == "2");
    assert_same(shop.home(), &server.url());
    let home = shop.close();
    let head = assert_same(&home, &server.url())["head"].clone();

    // A shop that begins anew under the same name.
    let stranger = Shop::open(&plan);
    eventually("the shipper has stopped", || metric(&stranger, "doorbuster_postgres_state{state=\"stopped\"}") == 1.0);
    won(&stranger.ask(&attempt("c")));
    eventually("it says so", || stranger.said().contains("PostgreSQL has another log"));
    assert_eq!(stranger.ask(&Request::get("/readyz")).status, 200, "selling goes on");
    stranger.close();
    assert_eq!(assert_same(&home, &server.url())["head"], head, "nothing was overwritten");
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn what_postgresql_refuses_stops_the_shipping_behind_the_last_good_event_and_not_the_sale() {
    let server = PgServer::start();
    let shop = Shop::open(&shipping(&server.url()).sale(Sale::of(SALE, 500)));
    won(&shop.ask(&attempt("first")));
    caught_up(&shop);
    server.sql("ALTER TABLE doorbuster.orders ADD CONSTRAINT no_poison CHECK (buyer <> 'poison')");
    // Together in one batch, as far as they come together.
    for n in 0..20 {
        won(&shop.ask(&attempt(&format!("good-{n}"))));
    }
    won(&shop.ask(&attempt("poison")));
    won(&shop.ask(&attempt("behind")));
    eventually("the shipper has stopped", || metric(&shop, "doorbuster_postgres_state{state=\"stopped\"}") == 1.0);
    assert_eq!(server.sql("SELECT count(*) FROM doorbuster.orders"), "21");
    eventually("it says so", || shop.said().contains("no_poison") && shop.said().contains("event 24"));
    assert_eq!(shop.ask(&Request::get("/readyz")).status, 200, "selling goes on");
    server.sql("ALTER TABLE doorbuster.orders DROP CONSTRAINT no_poison");
    let home = shop.close();
    let shop = Shop::open_at(home);
    caught_up(&shop);
    assert_same(shop.home(), &server.url());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn what_comes_while_postgresql_is_down_is_there_once_it_is_up() {
    let backlog = from_environment("DOORBUSTER_TEST_BACKLOG", 20_000);
    let server = PgServer::start();
    let shop = Shop::open(&shipping(&server.url()).sale(Sale::of(SALE, 10_000_000)));
    caught_up(&shop);
    server.stop("fast");
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut wire = shop.wire();
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= backlog {
                        return;
                    }
                    won(&wire.ask(&attempt(&format!("b-{n}"))));
                }
            });
        }
    });
    assert_eq!(shop.ask(&Request::get("/readyz")).status, 200, "PostgreSQL is nobody's business");
    let lag = metric(&shop, "doorbuster_postgres_lag_events{}");
    assert!(lag >= backlog as f64 && metric(&shop, "doorbuster_postgres_lag_seconds{}") > 0.0, "{lag}");
    server.boot();
    eventually("it ships", || metric(&shop, "doorbuster_postgres_lag_events{}") < lag);
    let (began, left) = (Instant::now(), metric(&shop, "doorbuster_postgres_lag_events{}"));
    while metric(&shop, "doorbuster_postgres_lag_events{}") > 0.0 {
        assert!(began.elapsed() < Duration::from_secs(600), "it doesn't catch up");
        thread::sleep(Duration::from_millis(20));
    }
    let took_s = began.elapsed().as_secs_f64();
    eprintln!("{left} of {backlog} orders caught up in {took_s:.2} s: {:.0} orders/s", left / took_s);
    assert_eq!(
        server.sql("SELECT count(*), count(DISTINCT id) FROM doorbuster.orders"),
        format!("{backlog}|{backlog}")
    );
    assert_same(shop.home(), &server.url());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn who_is_promised_postgresql_is_told_yes_when_his_order_is_there_and_refused_while_it_is_away() {
    let server = PgServer::start();
    let proxy = PgProxy::to(server.port());
    let plan = shipping(&server.url_through(proxy.port()))
        .set("ledger.ack", "\"postgres\"")
        .set("ledger.postgres.timeout", "\"1s\"")
        .sale(Sale::of(SALE, 100));
    let shop = Shop::open(&plan);
    eventually("it is ready", || shop.ask(&Request::get("/readyz")).status == 200);
    for n in 0..10 {
        let response = shop.ask(&attempt(&format!("a-{n}")).key("k"));
        let order = won(&response);
        assert_eq!((response.status, &response.json()["stored"]), (201, &Value::from("postgres")));
        let count = format!("SELECT count(*) FROM doorbuster.orders WHERE id = '{order}'");
        assert_eq!(server.sql(&count), "1", "he was told yes");
    }
    // Nobody knows whether this one arrives: the line stalls at its COMMIT.
    proxy.arm(LineFault::Stall);
    let unknown = attempt("late").key("k");
    refused(&shop.ask(&unknown), "outcome_unknown");
    let again = shop.ask(&unknown);
    assert!(again.status == 201 || again.code().as_deref() == Some("outcome_unknown"), "{}", again.text());
    eventually("it is ready again", || shop.ask(&Request::get("/readyz")).status == 200);
    let order = won(&shop.ask(&unknown));
    assert_eq!(server.sql(&format!("SELECT count(*) FROM doorbuster.orders WHERE id = '{order}'")), "1");
    // Away: nobody begins what can't be finished.
    server.stop("immediate");
    eventually("it says so", || shop.ask(&Request::get("/readyz")).status == 503);
    refused(&shop.ask(&attempt("nobody")), "busy");
    let stock = item_of(&shop.sale(SALE)["items"], SKU)["remaining"].clone();
    assert_eq!(stock, 89, "no stock has moved");
    server.boot();
    eventually("it is ready again", || shop.ask(&Request::get("/readyz")).status == 200);
    won(&shop.ask(&attempt("somebody")));
    caught_up(&shop);
    assert_same(shop.home(), &server.url());
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn a_shop_that_is_killed_and_loses_its_disk_has_every_order_that_was_promised_in_postgresql() {
    let server = PgServer::start();
    let plan = shipping(&server.url()).set("ledger.ack", "\"postgres\"").sale(Sale::of(SALE, 10_000_000));
    let shop = Shop::open(&plan);
    eventually("it is ready", || shop.ask(&Request::get("/readyz")).status == 200);
    let acks = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for voice in 0..8 {
            let (acks, shop) = (&acks, &shop);
            scope.spawn(move || {
                let mut wire = shop.wire();
                for n in 0.. {
                    let Some(response) = wire.try_ask(&attempt(&format!("v{voice}-{n}"))) else { return };
                    // Where the disk says nothing for seconds PostgreSQL is too late, and nobody has been promised anything.
                    if response.status == 201 {
                        acks.lock().expect("no panic there").push(won(&response));
                    }
                }
            });
        }
        eventually("some have won", || acks.lock().expect("no panic there").len() > 500);
        shop.signal("KILL");
    });
    drop(shop.killed());
    let acks = acks.into_inner().expect("no panic there");
    let elsewhere = Home::with(&plan.text());
    let output = elsewhere.run(&["restore", "--from-postgres", &server.url()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (code, report) = elsewhere.audit_with_acks(&acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    eprintln!("{} promised, all there", acks.len());
}
