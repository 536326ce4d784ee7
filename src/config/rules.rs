//! From settings to sections: ranges of single keys, and rules between them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use ipnet::IpNet;

use super::error::Complaint;
use super::file::Typed;
use super::ledger;
use super::offers;
use super::reader::Reader;
use super::storefront;
use super::webhooks;
use super::{
    AccessConfig, AdminConfig, Challenge, ClientConfig, Config, IdentityConfig, IdentityMode, LogFilter, OrdersConfig,
    PaymentsConfig, Secret, ServerConfig,
};
use crate::access::{ClientIpHeader, Quota};
use crate::client::Difficulty;
use crate::offer::STOCK_MAX;
use crate::orders::payment::Provider;

/// Cloudflare's edge, from <https://www.cloudflare.com/ips/>, list of 2023-09-28, the newest when this was written. It
/// changes rarely; ranges that it lacks can be listed beside the word.
const CLOUDFLARE: [&str; 22] = [
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
];

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Largest tables: 2²⁸ words of 8 bytes are 2 GiB, beyond which somebody has mistyped.
const TABLE_KEYS_MAX: usize = 1 << 28;
/// Smallest tables: below this, strangers push each other out at once.
const TABLE_KEYS_MIN: usize = 1 << 10;
/// Open connections: more than a machine has ports and descriptors for, on every address that it listens on.
const CONNECTIONS_MAX: u32 = 10_000_000;
/// Longest token: it has to fit into a request's head beside everything else.
const TOKEN_BYTES_MAX: usize = 512;
/// Largest burst: more at once than a machine answers in a second is no limit.
const BURST_MAX: u32 = 1_000_000;

/// Reads everything; where there was a complaint, the result is filler and has to be thrown away.
pub(super) fn config(typed: &Typed, complaints: &mut Vec<Complaint>) -> Config {
    let offers = offers::offers(&typed.sales, complaints);
    let webhooks = webhooks::webhooks(typed, complaints);
    let mut reader = Reader { settings: &typed.settings, shown: "", complaints };
    let config = Config {
        server: server(&mut reader),
        identity: identity(&mut reader),
        client: client(&mut reader),
        access: access(&mut reader),
        ledger: ledger::ledger(&mut reader),
        orders: orders(&mut reader),
        payments: payments(&mut reader),
        storefront: storefront::storefront(&mut reader),
        admin: admin(&mut reader),
        webhooks,
        offers,
    };
    between(&config, &mut reader);
    config
}

/// Rules between keys of different sections.
fn between(config: &Config, reader: &mut Reader<'_>) {
    let Config { server, admin, .. } = config;
    if admin.token.is_none() && admin.password_hash.is_none() && !server.admin_listen.ip().is_loopback() {
        let says = "must be a loopback address such as \"127.0.0.1:8081\" while neither admin.token nor \
                    admin.password_hash is set";
        reader.complain("server.admin_listen", says);
    }
    if server.admin_listen == server.listen && server.listen.port() != 0 {
        reader.complain("server.admin_listen", "must be another address or port than server.listen");
    }
}

fn server(reader: &mut Reader<'_>) -> ServerConfig {
    let zero_is_none = |number: u32| (number > 0).then_some(number);
    ServerConfig {
        listen: address(reader, "server.listen"),
        admin_listen: address(reader, "server.admin_listen"),
        trusted_proxies: reader.list("server.trusted_proxies", networks),
        client_ip_header: reader.word(
            "server.client_ip_header",
            [
                ("none", ClientIpHeader::None),
                ("x-forwarded-for", ClientIpHeader::XForwardedFor),
                ("forwarded", ClientIpHeader::Forwarded),
                ("cf-connecting-ip", ClientIpHeader::CfConnectingIp),
                ("x-real-ip", ClientIpHeader::XRealIp),
            ],
        ),
        log: reader.parsed("server.log", LogFilter::default(), LogFilter::parse),
        connections: reader.whole("server.connections", 1..=CONNECTIONS_MAX),
        connections_per_ip: zero_is_none(reader.whole("server.connections_per_ip", 0..=CONNECTIONS_MAX)),
        first_byte_timeout: deadline(reader, "server.first_byte_timeout"),
        head_timeout: deadline(reader, "server.head_timeout"),
        body_timeout: deadline(reader, "server.body_timeout"),
        write_timeout: deadline(reader, "server.write_timeout"),
        idle_timeout: deadline(reader, "server.idle_timeout"),
        drain_timeout: reader.span("server.drain_timeout", Duration::ZERO..=10 * MINUTE, "from 0s to 10m"),
        threads: zero_is_none(reader.whole("server.threads", 0..=1024)).map(|threads| threads as usize),
        few: reader.whole("server.few", 0..=STOCK_MAX),
    }
}

fn address(reader: &mut Reader<'_>, key: &str) -> SocketAddr {
    reader.parsed(key, SocketAddr::from(([127, 0, 0, 1], 0)), |text| {
        let wanted = "must be an IP address and a port such as \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::]:8080\"";
        text.parse().map_err(|_| format!("{wanted}, not {text:?}"))
    })
}

fn deadline(reader: &mut Reader<'_>, key: &str) -> Duration {
    reader.span(key, Duration::from_millis(10)..=HOUR, "from 10ms to 1h")
}

fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    if text == "cloudflare" {
        return Ok(CLOUDFLARE.iter().filter_map(|range| range.parse().ok()).collect());
    }
    let wanted = || format!("must be networks such as \"10.0.0.0/8\" or \"::1\", or \"cloudflare\", not {text:?}");
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| wanted())?;
    // 10.0.0.1/8 may be meant as a network or as one address in it; trust is no place to guess.
    if network.trunc() == network {
        Ok(vec![network])
    } else {
        let (whole, one) = (network.trunc().to_string(), network.addr().to_string());
        Err(format!("{}; it may be meant as {whole:?} or as {one:?}", wanted()))
    }
}

fn identity(reader: &mut Reader<'_>) -> IdentityConfig {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    IdentityConfig {
        mode: reader.word("identity.mode", [("pass", IdentityMode::Pass), ("header", IdentityMode::Header)]),
        header: reader.parsed("identity.header", String::new(), |text| {
            let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_token);
            let wanted = || format!("must be a header's name, up to 64 characters such as \"buyer-id\", not {text:?}");
            if fits { Ok(text.to_lowercase()) } else { Err(wanted()) }
        }),
    }
}

fn client(reader: &mut Reader<'_>) -> ClientConfig {
    let ten_seconds = Duration::from_secs(10);
    ClientConfig {
        challenge: reader.word("client.challenge", [("pow", Challenge::Pow), ("off", Challenge::Off)]),
        difficulty: difficulty(reader),
        challenge_ttl: reader.span("client.challenge_ttl", ten_seconds..=10 * MINUTE, "from 10s to 10m"),
        challenge_opens_before: reader.span("client.challenge_opens_before", Duration::ZERO..=DAY, "from 0s to 24h"),
        pass_ttl: reader.span("client.pass_ttl", MINUTE..=30 * DAY, "from 1m to 30d"),
        spent_challenges: reader.whole("client.spent_challenges", TABLE_KEYS_MIN..=TABLE_KEYS_MAX),
    }
}

fn difficulty(reader: &mut Reader<'_>) -> Difficulty {
    let digits = reader.whole("client.challenge_digits", 0..=u8::MAX);
    let cost = reader.whole("client.challenge_cost", 0..=u32::MAX);
    Difficulty::new(digits, cost).unwrap_or_else(|fault| {
        reader.complain("client.challenge_digits", fault.to_string());
        Difficulty::default()
    })
}

fn access(reader: &mut Reader<'_>) -> AccessConfig {
    AccessConfig {
        ip: rate(reader, "access.ip.rate", "access.ip.burst"),
        buyer: rate(reader, "access.buyer.rate", "access.buyer.burst"),
        sale: rate(reader, "access.sale.rate", "access.sale.burst"),
        table_keys: reader.whole("access.table_keys", TABLE_KEYS_MIN..=TABLE_KEYS_MAX),
    }
}

fn rate(reader: &mut Reader<'_>, rate_key: &str, burst_key: &str) -> Option<Quota> {
    let rate_per_s = reader.number(
        rate_key,
        |rate| rate >= 0.0,
        "0 (no limit) or a number from 0.0001 to 1000000 (requests per second)",
    );
    let burst = reader.whole(burst_key, 0..=BURST_MAX);
    if rate_per_s > 0.0 && burst == 0 {
        // The burst may be a default that nobody typed: the rate is what somebody wanted.
        reader.complain(rate_key, format!("needs {burst_key} from 1 to {BURST_MAX}, which is 0"));
        return None;
    }
    Quota::new(rate_per_s, burst).unwrap_or_else(|fault| {
        reader.complain(rate_key, fault.to_string());
        None
    })
}

fn orders(reader: &mut Reader<'_>) -> OrdersConfig {
    let mut day = |key| reader.span(key, Duration::ZERO..=DAY, "from 0s to 24h");
    let (payment_grace, payment_extension_max, cool_down) =
        (day("orders.payment_grace"), day("orders.payment_extension_max"), day("orders.cool_down"));
    OrdersConfig {
        payment_grace,
        payment_extension_max,
        restart_grace: reader.span("orders.restart_grace", Duration::ZERO..=HOUR, "from 0s to 1h"),
        cool_down,
        refund_restocks: reader.switch("orders.refund_restocks"),
    }
}

fn payments(reader: &mut Reader<'_>) -> PaymentsConfig {
    let provider = reader.word("payments.provider", [("generic", Provider::Generic), ("stripe", Provider::Stripe)]);
    let wanted = match provider {
        Provider::Generic => "must be \"whsec_\" and 24 to 64 bytes in Base64",
        Provider::Stripe => "must be the endpoint's whole signing secret: \"whsec_…\"",
    };
    let fits = |text: &str| provider.key(text).is_ok();
    PaymentsConfig {
        provider,
        secret: secret(reader, "payments.secret", wanted, fits),
        former_secret: secret(reader, "payments.former_secret", wanted, fits),
    }
}

fn admin(reader: &mut Reader<'_>) -> AdminConfig {
    let wanted = format!("must be text in quotes, up to {TOKEN_BYTES_MAX} visible ASCII characters");
    let is_token = |text: &str| text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    AdminConfig {
        token: secret(reader, "admin.token", &wanted, is_token),
        password_hash: secret(
            reader,
            "admin.password_hash",
            "must be a line that `doorbuster hash-password` prints: \"$argon2id$…\" (in a compose file, each $ is doubled)",
            |text| text.starts_with("$argon2") && PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some()),
        ),
    }
}

/// A secret; none where it is empty. Its complaint says nothing of it.
fn secret(reader: &mut Reader<'_>, key: &str, wanted: &str, fits: impl FnOnce(&str) -> bool) -> Option<Secret> {
    reader.read(key, None, |value| match value.as_str() {
        Some("") => Ok(None),
        Some(text) if fits(text) => Ok(Some(Secret::new(text.into()))),
        _ => Err(wanted.into()),
    })
}
