//! Whatever happens to PostgreSQL and to the line: what is there is what the ledger has.
//!
//! `DOORBUSTER_TEST_FAULTS` says how many faults there are, `DOORBUSTER_TEST_SEED` which.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::contract::won;
use crate::pg_proxy::{LineFault, PgProxy};
use crate::pg_server::PgServer;
use crate::plan::{SALE, Sale};
use crate::postgres::{assert_same, attempt, caught_up, compared, from_environment, shipping};
use crate::shop::Shop;
use crate::wire::{Request, eventually};

/// SplitMix64: any spread does.
fn mixed(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// What happens to PostgreSQL in one round.
fn strike(kind: u64, server: &PgServer, proxy: &PgProxy) {
    let faults = LineFault::ALL.len() as u64;
    match kind {
        line if line < faults => {
            let struck = proxy.struck();
            proxy.arm(LineFault::ALL[usize::try_from(line).expect("few")]);
            eventually("the fault has struck", || proxy.struck() > struck);
        }
        5 => drop(
            server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doorbuster'"),
        ),
        // Somebody locks the tables in the other order: one of the two is the victim.
        6 => drop(server.sql_beside(
            "BEGIN; LOCK doorbuster.items IN EXCLUSIVE MODE; SELECT pg_sleep(0.2); \
             UPDATE doorbuster.nodes SET node = node; COMMIT",
        )),
        // As a serialization failure ends a transaction: by an error of its class.
        7 => {
            server.sql(
                "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'serialization' USING ERRCODE = '40001'; END $$; \
                 CREATE TRIGGER fails BEFORE INSERT ON doorbuster.events FOR EACH STATEMENT EXECUTE FUNCTION fail()",
            );
            thread::sleep(Duration::from_millis(300));
            server.sql("DROP TRIGGER fails ON doorbuster.events");
        }
        _ => {
            server.stop("immediate");
            server.boot();
        }
    }
}

/// Whoever waits for the flag doesn't wait for ever, whatever becomes of the test.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        // Relaxed: a flag that ends a loop.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Faults of one shop: each is followed by a look at everything that it has sold.
const FAULTS_OF_A_SHOP: u64 = 200;

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn after_every_fault_postgresql_has_what_the_ledger_has() {
    let faults = from_environment("DOORBUSTER_TEST_FAULTS", 20);
    let now_ns = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").subsec_nanos();
    let mut seed = from_environment("DOORBUSTER_TEST_SEED", u64::from(now_ns));
    eprintln!("DOORBUSTER_TEST_SEED={seed} DOORBUSTER_TEST_FAULTS={faults}");
    let (mut left, mut orders) = (faults, 0);
    while left > 0 {
        let some = left.min(FAULTS_OF_A_SHOP);
        orders += sold_through(some, &mut seed);
        left -= some;
        eprintln!("{} faults, {orders} orders, heads equal", faults - left);
    }
}

/// A shop that sells through so many faults; how many orders it has placed.
fn sold_through(faults: u64, seed: &mut u64) -> u64 {
    let server = PgServer::start();
    let proxy = PgProxy::to(server.port());
    let plan = shipping(&server.url_through(proxy.port())).set("ledger.postgres.timeout", "\"300ms\"");
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 10_000_000).hold("10m")));
    caught_up(&shop);
    let (sold, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        // The sale goes on all the time: two win, one of them changes his mind.
        let buying = scope.spawn(|| {
            let mut wire = shop.wire();
            // Relaxed, here and below: flags and counts.
            while !is_over.load(Ordering::Relaxed) {
                let n = sold.fetch_add(2, Ordering::Relaxed);
                won(&wire.ask(&attempt(&format!("b-{n}"))));
                let buyer = format!("b-{}", n + 1);
                let order = won(&wire.ask(&attempt(&buyer)));
                let response = wire.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).buyer(&buyer));
                assert_eq!(response.status, 200, "{}", response.text());
                thread::sleep(Duration::from_millis(20));
            }
        });
        let end = Ends(&is_over);
        for round in 0..faults {
            // Each kind of fault in turn, then by chance; a restart takes longest, and comes least.
            let kind = if round < 9 { round } else { mixed(seed) % 17 % 9 };
            strike(kind, &server, &proxy);
            let (code, report) = compared(shop.home(), &server.url());
            let said = &report["postgres"]["difference"];
            let is_lag = said.as_str().is_none_or(|said| said.contains("are not there: it ends with"));
            assert!(code == Some(0) || is_lag, "round {round}, fault {kind}: {report:#}");
            assert!(!buying.is_finished(), "the sale has stopped");
        }
        drop(end);
    });
    caught_up(&shop);
    let report = assert_same(shop.home(), &server.url());
    assert_eq!(report["postgres"]["orders"], sold.load(Ordering::Relaxed), "{report:#}");
    sold.into_inner()
}
