//! The failpoints on the way to PostgreSQL, in shops whose buyers wait for it.

use std::collections::BTreeSet;

use doorbuster::failpoint::Point;
use serde_json::Value;

use crate::contract::won;
use crate::crowd::{Heard, SECRET, attempt, crowd};
use crate::home::Home;
use crate::pg_server::PgServer;
use crate::plan::{Plan, SALE, Sale};
use crate::shop::Shop;
use crate::wire::{Request, eventually};
use crate::{STOCK, actions, mixed, rounds_and_seed};

/// Batches that are shipped before any buyer comes: the sale itself.
const BEFORE_THE_CROWD: u64 = 2;

/// A shop that is one of many in the same database, and whose buyers wait for it.
pub(crate) fn behind(server: &PgServer, node: &str) -> Plan {
    Plan::gateway()
        .set("ledger.ack", "\"postgres\"")
        .set("ledger.postgres.url", &format!("\"{}\"", server.url()))
        .set("ledger.postgres.node", &format!("\"{node}\""))
}

fn plan(server: &PgServer, node: usize) -> Plan {
    let plan = behind(server, &format!("n{node}")).set("payments.secret", &format!("\"whsec_{SECRET}\""));
    plan.sale(Sale::of(SALE, STOCK).hold("10m"))
}

pub(crate) fn is_ready(shop: &Shop) {
    eventually("PostgreSQL is reached", || shop.ask(&Request::get("/readyz")).status == 200);
}

/// Whatever was promised is in PostgreSQL: a ledger that is made of nothing else has it.
fn promised(what: &str, plan: &Plan, acks: &[String]) {
    let elsewhere = Home::with(&plan.text());
    let output = elsewhere.run(&["restore", "--from-postgres"]);
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let (code, report) = elsewhere.audit_with_acks(acks);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{what}: {report:#}");
}

/// Meets one of them; says how many operations there were.
fn run(server: &PgServer, node: usize, (point, action): (Point, &str), at: u64) -> usize {
    let plan = plan(server, node);
    let spec = if action == "delay" { "delay(20)".into() } else { format!("{action}@{}", BEFORE_THE_CROWD + at) };
    let what = format!("{}={spec} (node {node})", point.name());
    let armed = format!("DOORBUSTER_FAILPOINTS={}={spec}", point.name());
    let mut shop = Shop::open_through(Home::with(&plan.text()), &["env", &armed]);
    is_ready(&shop);
    let Heard { mut acks, unanswered, told, operations, .. } = crowd(&shop);
    let home = if action == "kill" {
        assert_eq!(shop.exit_code(), None, "{what}: {}", shop.said());
        shop.leave()
    } else {
        if action == "panic" {
            eventually("it is said", || shop.said().contains("broke off"));
        }
        is_ready(&shop);
        shop.kill()
    };
    promised(&what, &plan, &acks);
    let shop = Shop::open_at(home);
    is_ready(&shop);
    for (order, state) in &told {
        let now = shop.office(Request::get(&format!("/v1/admin/orders/{order}"))).json();
        assert_eq!(now["state"], *state, "{what}: {now:#}");
    }
    for buyer in &unanswered {
        acks.push(won(&shop.ask(&attempt(buyer))));
    }
    assert_eq!(acks.iter().collect::<BTreeSet<_>>().len(), acks.len(), "{what}: told to two buyers");
    let home = shop.close();
    let (code, report) = home.audit_with_acks(&acks);
    assert_eq!((code, &report["orders"]), (Some(0), &acks.len().into()), "{what}: {report:#}");
    let compared = home.run(&["audit", "--json", "--postgres", &server.url()]);
    let report: Value = serde_json::from_slice(&compared.stdout).expect("a report");
    assert_eq!(report["postgres"]["ok"], true, "{what}: {report:#}");
    assert_eq!(report["postgres"]["head"], report["head"], "{what}: {report:#}");
    operations + unanswered.len()
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn whatever_was_promised_in_postgresql_is_there_wherever_the_way_to_it_breaks() {
    let (rounds, seed) = rounds_and_seed();
    let server = PgServer::start();
    let (mut cases, mut operations) = (0, 0);
    for round in 0..rounds {
        for point in [Point::PostgresAfterCommitSent, Point::PostgresBeforeCursor] {
            for action in actions(point) {
                // The crowd's batches are many: one of the first.
                operations += run(&server, cases, (point, action), 1 + mixed(seed ^ round, cases) % 4);
                cases += 1;
            }
        }
    }
    eprintln!(
        "failpoints: seed {seed}, points 2, cases {cases}, rounds {rounds}, operations {operations}, violations 0"
    );
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn every_promise_is_kept_while_postgresql_goes_away_and_comes_back_under_a_crowd() {
    let server = PgServer::start();
    let size = ["--windows", "0", "--rounds", "1", "--operations", "5000", "--faults", "12"];
    let output = Home::empty().run(&[&["torture", "--postgres", &server.url()], &size[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["violations"], 0, "{report:#}");
    for fault in ["PostgreSQL away", "PostgreSQL silent", "kill"] {
        assert_eq!(report["faults"][fault], 1, "{report:#}");
    }
}
