//! Encrypted ways to PostgreSQL: each `sslmode` believes what its name says, and nobody else.

use crate::home::Home;
use crate::pg_server::PgServer;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;
use crate::tls::make_certificate;
use crate::wire::{Request, eventually};

/// A server that says it is `localhost`, and nobody else.
fn encrypted() -> (PgServer, Home) {
    let keys = Home::empty();
    make_certificate(keys.path(), "DNS:localhost");
    let server = PgServer::start();
    server.encrypt(keys.path());
    (server, keys)
}

fn open(url: &str) -> Shop {
    Shop::open(&Plan::gateway().set("ledger.postgres.url", &format!("\"{url}\"")).sale(Sale::of(SALE, 10)))
}

fn is_shipped(server: &PgServer) -> bool {
    server.sql("SELECT to_regclass('doorbuster.orders') IS NOT NULL") == "t"
        && server.sql("SELECT count(*) FROM doorbuster.orders") == "1"
}

/// An order gets there, and on an encrypted way.
#[track_caller]
fn assert_ships_encrypted(host: &str, mode: &str) {
    let (server, keys) = encrypted();
    let root = keys.path().join("certificate.pem").display().to_string();
    let root = if mode.starts_with("verify") { format!("&sslrootcert={root}") } else { String::new() };
    let shop = open(&format!("postgres://shop@{host}:{}/shop?sslmode={mode}{root}", server.port()));
    assert_eq!(shop.ask(&Request::attempt(SALE, SKU).buyer("b-1")).status, 201);
    eventually("the order is there", || is_shipped(&server));
    let ways = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                WHERE application_name = 'doorbuster'";
    assert_eq!(server.sql(ways), "t", "{host}, {mode}: it is encrypted");
}

#[test]
#[ignore = "needs PostgreSQL and openssl: tests/run"]
fn a_server_that_proves_who_it_is_gets_the_log() {
    assert_ships_encrypted("localhost", "verify-full");
}

#[test]
#[ignore = "needs PostgreSQL and openssl: tests/run"]
fn verify_ca_asks_for_an_authority_and_not_for_a_name() {
    assert_ships_encrypted("127.0.0.1", "verify-ca");
}

#[test]
#[ignore = "needs PostgreSQL and openssl: tests/run"]
fn require_and_prefer_encrypt_and_believe_whoever_answers() {
    assert_ships_encrypted("127.0.0.1", "require");
    assert_ships_encrypted("127.0.0.1", "prefer");
}

#[test]
#[ignore = "needs PostgreSQL and openssl: tests/run"]
fn a_server_that_proves_nothing_gets_nothing() {
    let (server, keys) = encrypted();
    let stranger = Home::empty();
    make_certificate(stranger.path(), "DNS:localhost");
    let (ours, other) = (keys.path().join("certificate.pem"), stranger.path().join("certificate.pem"));
    let (ours, other) = (ours.display(), other.display());
    for (host, terms) in [
        // It is another host than the one that was asked.
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ours}")),
        // Somebody else has signed it.
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}")),
        ("localhost", "sslmode=verify-full".to_owned()),
    ] {
        let shop = open(&format!("postgres://shop@{host}:{}/shop?{terms}", server.port()));
        assert_eq!(shop.ask(&Request::attempt(SALE, SKU).buyer("b-1")).status, 201, "selling goes on");
        eventually("the certificate is refused", || shop.said().contains("certificate"));
        assert!(!is_shipped(&server), "{host}, {terms}");
    }
}

#[test]
#[ignore = "needs PostgreSQL and openssl: tests/run"]
fn require_goes_nowhere_where_nothing_is_encrypted() {
    let server = PgServer::start();
    let shop = open(&format!("postgres://shop@127.0.0.1:{}/shop?sslmode=require", server.port()));
    eventually("it says so", || shop.said().contains("PostgreSQL is away"));
    assert!(!is_shipped(&server));
}
