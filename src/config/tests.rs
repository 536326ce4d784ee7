mod complaints;
mod offers;
mod storefront;
mod webhooks;

use crate::orders::payment::Provider;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::access::{ClientIpHeader, Quota};

fn quota(rate_per_s: f64, burst: u32) -> Option<Quota> {
    Quota::new(rate_per_s, burst).expect("in range")
}

/// A directory with a `config.toml`, and an environment.
struct Shop {
    directory: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Shop {
    fn with(text: &str) -> Self {
        let shop = Self::without_file();
        shop.write("config.toml", text);
        shop
    }

    fn without_file() -> Self {
        Self { directory: TempDir::new().expect("a directory"), environment: Vec::new() }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("a file");
    }

    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn load_with(&self, overrides: &Overrides) -> Result<Loaded, ConfigErrors> {
        let environment = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Config::load(overrides, &environment, self.directory.path())
    }

    fn load(&self) -> Loaded {
        self.load_with(&Overrides::default()).expect("a valid configuration")
    }

    fn complaints(&self) -> Vec<String> {
        let errors = self.load_with(&Overrides::default()).expect_err("a bad configuration");
        errors.to_string().lines().map(str::to_owned).collect()
    }
}

/// A `[[sale]]` with one item, around which a test puts its own lines.
fn sale(terms: &str, item: &str) -> String {
    let price = r#"price = { amount = "129.00", currency = "USD" }"#;
    format!("[[sale]]\nid = \"launch\"\n{terms}\n[[sale.item]]\nsku = \"s\"\nstock = 1\n{price}\n{item}\n")
}

fn complaint_about(text: &str) -> String {
    let complaints = Shop::with(text).complaints();
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    complaints[0].clone()
}

#[track_caller]
fn refuses(text: &str, complaint: &str) {
    assert_eq!(complaint_about(text), complaint, "for {text}");
}

#[test]
fn the_commented_file_is_the_defaults() {
    let silent = Shop::without_file().load();
    let spoken = Shop::with(DEFAULTS).load();
    assert_eq!(silent.config, spoken.config);
    assert_eq!(silent.provenance.file(), None);
    assert_eq!(spoken.provenance.file(), Some(Path::new("config.toml")));
    assert!(silent.config.offers.is_empty());
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let Config { server, identity, client, access, ledger, orders, payments, storefront, admin, webhooks, offers: _ } =
        Shop::without_file().load().config;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!((server.trusted_proxies.len(), server.client_ip_header), (0, ClientIpHeader::None));
    assert_eq!((server.connections, server.connections_per_ip), (100_000, Some(1024)));
    assert_eq!(server.first_byte_timeout, Duration::from_secs(5));
    assert_eq!((server.idle_timeout, server.drain_timeout), (Duration::from_secs(75), Duration::from_secs(10)));
    assert_eq!((server.threads, server.few, server.log), (None, 0, LogFilter::parse("info").expect("a level")));
    assert_eq!((identity.mode, identity.header.as_str()), (IdentityMode::Pass, "buyer-id"));
    assert_eq!((client.challenge, client.difficulty), (Challenge::Pow, crate::client::Difficulty::default()));
    assert_eq!((client.challenge_ttl, client.pass_ttl), (Duration::from_secs(120), Duration::from_secs(86_400)));
    assert_eq!(access.ip, quota(20.0, 40));
    assert_eq!(access.buyer, quota(2.0, 5));
    assert_eq!((access.sale, access.table_keys), (None, 1 << 20));
    assert_eq!((ledger.store, ledger.ack, ledger.queue_orders), (Store::Sqlite, Ack::Disk, 65_536));
    assert_eq!(ledger.data_dir, Path::new("doorbuster-data"));
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    assert_eq!((orders.payment_grace, orders.payment_extension_max), (minutes(10), minutes(30)));
    assert_eq!((orders.restart_grace, orders.cool_down, orders.refund_restocks), (minutes(1), Duration::ZERO, false));
    assert_eq!((payments.provider, payments.secret, payments.former_secret), (Provider::Generic, None, None));
    assert_eq!((storefront.theme, storefront.allowed_origins), (Theme::default(), Vec::<String>::new()));
    assert_eq!((storefront.payment_url, storefront.payment_link_secret), (None, None));
    assert_eq!(admin, AdminConfig { token: None, password_hash: None });
    let timeout = Duration::from_secs(10);
    assert_eq!(webhooks, WebhooksConfig { allow_private_targets: false, timeout, endpoints: Vec::new() });
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file_beats_the_default() {
    let place = |loaded: &Loaded| loaded.provenance.place("server.listen").cloned();
    let listen = |loaded: &Loaded| loaded.config.server.listen.port();

    let loaded = Shop::without_file().load();
    assert_eq!((listen(&loaded), place(&loaded)), (8080, Some(Place::Default)));

    let shop = Shop::with("[server]\n  listen = \"127.0.0.1:1\"");
    let loaded = shop.load();
    let point = Place::Point { file: "config.toml".into(), line: 2, column: 12 };
    assert_eq!((listen(&loaded), place(&loaded)), (1, Some(point)));

    let shop = shop.env("DOORBUSTER_SERVER__LISTEN", "127.0.0.1:2");
    let loaded = shop.load();
    let variable = Place::Variable("DOORBUSTER_SERVER__LISTEN".into());
    assert_eq!((listen(&loaded), place(&loaded)), (2, Some(variable)));

    let flags = Overrides { listen: Some(([127, 0, 0, 1], 3).into()), ..Overrides::default() };
    let loaded = shop.load_with(&flags).expect("valid");
    assert_eq!((listen(&loaded), place(&loaded)), (3, Some(Place::Flag("--listen"))));
}

#[test]
fn variables_are_numbers_lists_and_text_as_their_keys_are() {
    let loaded = Shop::without_file()
        .env("DOORBUSTER_ACCESS__IP__RATE", "0.5")
        .env("DOORBUSTER_ACCESS__IP__BURST", "1_000")
        .env("DOORBUSTER_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1")
        .env("DOORBUSTER_LEDGER__ACK", "memory")
        .env("DOORBUSTER_PORT", "tcp://10.0.0.1:8080")
        .load();
    assert_eq!(loaded.config.access.ip, quota(0.5, 1000));
    assert_eq!(loaded.config.server.trusted_proxies.len(), 2);
    assert_eq!(loaded.config.ledger.ack, Ack::Memory);
}

#[test]
fn a_secret_can_be_read_from_a_file_and_is_trimmed() {
    let shop = Shop::without_file().env("DOORBUSTER_ADMIN__TOKEN_FILE", "token");
    shop.write("token", "  open-sesame\n");
    let loaded = shop.load();
    assert_eq!(loaded.config.admin.token.as_ref().map(Secret::expose), Some("open-sesame"));
    let place = loaded.provenance.place("admin.token").map(ToString::to_string);
    assert_eq!(place.as_deref(), Some("DOORBUSTER_ADMIN__TOKEN_FILE (token)"));

    let shop = shop.env("DOORBUSTER_ADMIN__TOKEN", "other");
    assert_eq!(
        shop.complaints(),
        [
            "DOORBUSTER_ADMIN__TOKEN_FILE (token): admin.token: is also set by DOORBUSTER_ADMIN__TOKEN; keep one of the two"
        ]
    );
}

#[test]
fn systemd_says_where_data_lies_where_nobody_else_does() {
    let shop = Shop::without_file().env("STATE_DIRECTORY", "/var/lib/doorbuster:/var/lib/other");
    assert_eq!(shop.load().config.ledger.data_dir, Path::new("/var/lib/doorbuster"));
    shop.write("config.toml", "[ledger]\ndata_dir = \"here\"");
    assert_eq!(shop.load().config.ledger.data_dir, Path::new("here"));
}

#[test]
fn cloudflare_is_a_word_for_its_networks() {
    let loaded = Shop::with("[server]\ntrusted_proxies = [\"cloudflare\", \"10.0.0.1\"]").load();
    let proxies = loaded.config.server.trusted_proxies;
    assert_eq!(proxies.len(), 23);
    assert!(proxies.iter().all(|network| network.trunc() == *network));
}

#[test]
fn nothing_is_on_disk_where_nothing_is_stored() {
    let flags = Overrides { ledger: Some(Store::Nothing), ..Overrides::default() };
    let ledger = Shop::without_file().load_with(&flags).expect("valid").config.ledger;
    assert_eq!((ledger.store, ledger.ack), (Store::Nothing, Ack::Memory));
}

#[test]
fn secrets_are_masked_wherever_they_could_show() {
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$WX0DAtv/lvNkcQlVhGLd6Q";
    let payments = format!("[payments]\nsecret = \"whsec_{}\"", "aHVudGVyMg==".repeat(4).replace('=', "a"));
    let storefront = "[storefront]\npayment_link_secret = \"hunter2-hunter2-hunter2\"";
    let text = format!("[admin]\ntoken = \"hunter2\"\npassword_hash = \"{hash}\"\n{payments}\n{storefront}");
    let loaded = Shop::with(&text).load();
    let environment: Environment = [("DOORBUSTER_ADMIN__TOKEN", "hunter2")].into_iter().collect();
    let shown = [loaded.provenance.show(), format!("{loaded:?}"), format!("{environment:?}")];
    for shown in &shown {
        assert!(!["hunter2", "argon2", "aHVudGVyMg"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
    let secret = loaded.config.admin.token.expect("it was set");
    assert_eq!((secret.to_string().as_str(), secret.expose()), ("***", "hunter2"));

    for text in ["[admin]\ntoken = 5318008", "[admin]\ntoken = \"5318008 \"", "[admin]\npassword_hash = \"5318008\""] {
        let complaint = complaint_about(text);
        assert!(complaint.starts_with("config.toml:2:") && !complaint.contains("5318008"), "{complaint}");
    }
}

#[test]
fn what_is_shown_says_where_it_comes_from_and_can_be_read_again() {
    let text = sale("hold = \"10m\"", "") + "[access]\nip = { rate = 5, burst = 9 }\n";
    let shop = Shop::with(&text).env("DOORBUSTER_LEDGER__QUEUE_ORDERS", "1024");
    let loaded = shop.load();
    let shown = loaded.provenance.show();
    let line = |start: &str| {
        shown.lines().find(|line| line.starts_with(start)).map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.join(" ")
        })
    };
    assert_eq!(line("listen").as_deref(), Some("listen = \"127.0.0.1:8080\" # default"));
    assert_eq!(line("ip.rate").as_deref(), Some("ip.rate = 5 # config.toml:10:15"));
    assert_eq!(line("queue_orders").as_deref(), Some("queue_orders = 1024 # DOORBUSTER_LEDGER__QUEUE_ORDERS"));
    assert_eq!(line("hold").as_deref(), Some("hold = \"10m\" # config.toml:3:8"));
    assert_eq!(Shop::with(&shown).load().config, loaded.config);
}

#[test]
fn a_reload_takes_all_or_nothing() {
    let shop = Shop::with("[access]\nip = { rate = 1, burst = 1 }");
    let before = shop.load().config;
    shop.write("config.toml", "[access]\nip = { rate = 9, burst = 9 }\nbuyer = { rate = -1, burst = 1 }");
    assert_eq!(shop.complaints().len(), 1);
    shop.write("config.toml", "[access]\nip = { rate = 9, burst = 9 }\n[server]\nlog = \"debug\"");
    let after = shop.load().config;
    assert_eq!(after.access.ip, quota(9.0, 9));
    assert!(before.needs_restart(&after).is_empty());
}

#[test]
fn keys_that_need_a_restart_are_named() {
    let before = Shop::without_file().load().config;
    let text = "[server]\nlisten = \"127.0.0.1:1\"\nthreads = 2\n[identity]\nheader = \"x-user\"\n[ledger]\nack = \"memory\"\n";
    let after = Shop::with(&(text.to_owned() + &sale("", ""))).load().config;
    assert_eq!(before.needs_restart(&after), ["server.listen", "server.threads", "identity", "ledger", "sale"]);
    assert!(after.needs_restart(&after).is_empty());
}

#[test]
fn what_becomes_of_orders_is_configured_in_files_and_variables() {
    let orders = |shop: Shop| shop.load().config.orders;
    assert!(orders(Shop::with("[orders]\nrefund_restocks = true")).refund_restocks);
    assert!(orders(Shop::without_file().env("DOORBUSTER_ORDERS__REFUND_RESTOCKS", "true")).refund_restocks);
    assert_eq!(orders(Shop::with("[orders]\ncool_down = \"90s\"")).cool_down, Duration::from_secs(90));
    refuses(
        "[orders]\nrefund_restocks = \"perhaps\"",
        "config.toml:2:19: orders.refund_restocks: must be true or false, not \"perhaps\"",
    );
    refuses("[orders]\ncool_down = \"2d\"", "config.toml:2:13: orders.cool_down: must be from 0s to 24h, not \"2d\"");
}
