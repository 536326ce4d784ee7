//! Every class of complaint, word for word.

use super::*;

#[test]
fn variables_that_are_wrong_are_named() {
    let shop = Shop::without_file()
        .env("DOORBUSTER_ACCESS__IP__RATE", "many")
        .env("DOORBUSTER_ADMIN__PASSWORD_HASH_FILE", "gone")
        .env("DOORBUSTER_SALE__ID", "launch")
        .env("DOORBUSTER_SERVER__LISSTEN", "127.0.0.1:1");
    assert_eq!(
        shop.complaints(),
        [
            "DOORBUSTER_ACCESS__IP__RATE: access.ip.rate: must be 0 (no limit) or a number from 0.0001 to 1000000 \
             (requests per second), not \"many\"",
            "DOORBUSTER_ADMIN__PASSWORD_HASH_FILE: admin.password_hash: gone cannot be read: No such file or directory \
             (os error 2)",
            "DOORBUSTER_SALE__ID: sales are declared in the configuration file, or made through the admin API",
            "DOORBUSTER_SERVER__LISSTEN: is no key's variable; did you mean DOORBUSTER_SERVER__LISTEN?",
        ]
    );
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let gone = "the configuration file cannot be read: No such file or directory (os error 2)";
    let shop = Shop::with("").env("DOORBUSTER_CONFIG", "shop.toml");
    assert_eq!(shop.complaints(), [format!("shop.toml: {gone}")]);
    shop.write("shop.toml", "[ledger]\ndata_dir = \"shop\"");
    assert_eq!(shop.load().config.ledger.data_dir, Path::new("shop"));

    let flag = Overrides { config: Some("flag.toml".into()), ..Overrides::default() };
    assert_eq!(shop.load_with(&flag).expect_err("no such file").to_string(), format!("flag.toml: {gone}"));
}

#[test]
fn every_complaint_is_heard_in_the_order_of_the_file() {
    let text = r#"
[server]
listen = "localhost"
lissten = "127.0.0.1:80"
connections = 0
head_timeout = "soon"
body_timeout = "2h"
write_timeout = 10

[access]
ip = { rate = -1, burst = 40 }
sale = { rate = 100 }

[[sale]]
id = "a b"
limit_per_buyer = 0

[[sale]]
id = "empty"
"#;
    assert_eq!(
        Shop::with(text).complaints(),
        [
            "config.toml:3:10: server.listen: must be an IP address and a port such as \"127.0.0.1:8080\", \
             \"0.0.0.0:8080\" or \"[::]:8080\", not \"localhost\"",
            "config.toml:4:1: server.lissten: is no key; did you mean server.listen?",
            "config.toml:5:15: server.connections: must be a whole number from 1 to 10000000, not 0",
            "config.toml:6:16: server.head_timeout: must be a span of time such as \"10s\", \"2m\" or \"1h 30m\", not \"soon\"",
            "config.toml:7:16: server.body_timeout: must be from 10ms to 1h, not \"2h\"",
            "config.toml:8:17: server.write_timeout: must be a span of time such as \"10s\", \"2m\" or \"1h 30m\", not 10",
            "config.toml:11:15: access.ip.rate: must be 0 (no limit) or a number from 0.0001 to 1000000 (requests per \
             second), not -1",
            "config.toml:12:17: access.sale.rate: needs access.sale.burst from 1 to 1000000, which is 0",
            "config.toml:14:1: sale.item: is missing: a sale needs at least one [[sale.item]]",
            "config.toml:15:6: sale.id: must be 1 to 64 of the characters A-Z a-z 0-9 . _ -",
            "config.toml:16:19: sale.limit_per_buyer: must be a whole number from 1 to 4294967295, not 0",
            "config.toml:18:1: sale.item: is missing: a sale needs at least one [[sale.item]]",
        ]
    );
}

#[test]
fn text_that_is_not_toml_is_pointed_at() {
    refuses(
        "[server]\nlisten = \n",
        "config.toml:2:10: not TOML: string values must be quoted, expected literal string",
    );
    refuses("[server]\nfew = 1\nfew = 2\n", "config.toml:3:1: not TOML: duplicate key");
}

#[test]
fn keys_that_do_not_exist_are_complaints() {
    refuses("listen = \"127.0.0.1:1\"", "config.toml:1:1: listen: is no key; did you mean server.listen?");
    refuses("[acces]\n", "config.toml:1:2: acces: is no key; did you mean access?");
    refuses(
        "[ledger]\nwhatever = 1",
        "config.toml:2:1: ledger.whatever: is no key; there are store, data_dir, ack, queue_orders, postgres",
    );
    refuses(
        "[shop]",
        "config.toml:1:2: shop: is no key; there are server, identity, client, access, ledger, orders, payments, storefront, admin, webhooks, sale, webhook",
    );
    refuses(&sale("opens = \"x\"", ""), "config.toml:3:1: sale.opens: is no key; did you mean opens_at?");
    refuses(
        &sale("", "color = \"red\""),
        "config.toml:8:1: sale.item.color: is no key; there are sku, title, stock, price",
    );
}

#[test]
fn values_of_another_kind_are_complaints() {
    refuses("server = 1", "config.toml:1:10: server: must be a table of keys");
    refuses("[identity]\nmode = 1", "config.toml:2:8: identity.mode: must be text in quotes, not 1");
    refuses(
        "[identity]\nmode = \"oidc\"",
        "config.toml:2:8: identity.mode: must be \"pass\" or \"header\", not \"oidc\"",
    );
    refuses("[server]\nfew = 1.5", "config.toml:2:7: server.few: must be a whole number from 0 to 2147483647, not 1.5");
    refuses("[sale]\nid = \"launch\"", "config.toml:1:1: sale: must be written [[sale]], once for each");
    refuses(
        "[server]\ntrusted_proxies = [\"10.0.0.1/8\"]",
        "config.toml:2:19: server.trusted_proxies: must be networks such as \"10.0.0.0/8\" or \"::1\", or \"cloudflare\", \
         not \"10.0.0.1/8\"; it may be meant as \"10.0.0.0/8\" or as \"10.0.0.1\"",
    );
    refuses(
        "[server]\nlog = \"loud=shop\"",
        "config.toml:2:7: server.log: must be a level or a filter such as \"info,doorbuster=debug\", not \"loud=shop\"",
    );
    refuses(
        "[server]\nlog = \"inof\"",
        "config.toml:2:7: server.log: must be a level or a filter such as \"info,doorbuster=debug\", not \"inof\"",
    );
    refuses(
        "[identity]\nheader = \"buyer id\"",
        "config.toml:2:10: identity.header: must be a header's name, up to 64 characters such as \"buyer-id\", not \"buyer id\"",
    );
}

#[test]
fn rules_between_keys_are_kept() {
    refuses(
        "[server]\nadmin_listen = \"0.0.0.0:8081\"",
        "config.toml:2:16: server.admin_listen: must be a loopback address such as \"127.0.0.1:8081\" while neither \
         admin.token nor admin.password_hash is set",
    );
    Shop::with("[server]\nadmin_listen = \"0.0.0.0:8081\"\n[admin]\ntoken = \"t\"").load();
    refuses(
        "[server]\nadmin_listen = \"127.0.0.1:8080\"",
        "config.toml:2:16: server.admin_listen: must be another address or port than server.listen",
    );
}

#[test]
fn postgres_is_said_where_it_is_and_never_repeated() {
    refuses("[ledger]\nack = \"postgres\"", "config.toml:2:7: ledger.ack: needs ledger.postgres.url, which is empty");
    refuses(
        "[ledger.postgres]\nurl = \"mysql://u:hunter2@db/shop\"",
        "config.toml:2:7: ledger.postgres.url: must begin with \"postgres://\" or \"postgresql://\"",
    );
    refuses(
        "[ledger.postgres]\nnode = \"a b\"",
        "config.toml:2:8: ledger.postgres.node: must be 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"",
    );
    let text = "[ledger]\nack = \"postgres\"\n[ledger.postgres]\nurl = \"postgres://u:hunter2@db/shop\"\nnode = \"b\"";
    let loaded = Shop::with(text).load();
    let postgres = loaded.config.ledger.postgres.clone().expect("a place to ship to");
    assert_eq!((loaded.config.ledger.ack, postgres.node.as_str()), (Ack::Postgres, "b"));
    assert_eq!(postgres.timeout, Duration::from_secs(5));
    assert!(!loaded.provenance.show().contains("hunter2"));
}
