//! What the program uses, section by section. `config.toml` says what each key means; here stand units and ranges.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::LogFilter;
use crate::access::{ClientIpHeader, Quota};
use crate::client::Difficulty;
use crate::messages::Kind;
use crate::orders::payment::Provider;
use crate::postgres::NodeId;

/// Text that nobody may see: it is masked wherever it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever has to compare or send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What is shown instead of a secret.
pub(super) const MASK: &str = "***";

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

/// `[server]`: sockets, deadlines, caps.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerConfig {
    /// The shop's address; port 0: any free one.
    pub listen: SocketAddr,
    /// The office's address; on loopback unless a token or a password is set.
    pub admin_listen: SocketAddr,
    /// Whose `client_ip_header`, or identity header, is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where a trusted proxy says who the client is.
    pub client_ip_header: ClientIpHeader,
    /// Which lines the log has.
    pub log: LogFilter,
    /// Open connections over all, at least 1.
    pub connections: u32,
    /// Open connections of one address; none: no cap.
    pub connections_per_ip: Option<u32>,
    /// From accepting a connection to its first byte.
    pub first_byte_timeout: Duration,
    /// From a request's first byte to the end of its head.
    pub head_timeout: Duration,
    /// For a request's body.
    pub body_timeout: Duration,
    /// For a client to take an answer.
    pub write_timeout: Duration,
    /// Between two requests of a connection.
    pub idle_timeout: Duration,
    /// For requests in flight when stopping.
    pub drain_timeout: Duration,
    /// Worker threads; none: one per core.
    pub threads: Option<usize>,
    /// At most this many left are shown as "few"; 0: always the exact number.
    pub few: u32,
}

/// `[identity]`: who says who a buyer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Who.
    pub mode: IdentityMode,
    /// Mode `Header`: the header's name in lower case.
    pub header: String,
}

/// Who says who a buyer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityMode {
    /// A pass that this server has minted.
    Pass,
    /// A gateway among the trusted proxies, of which there is at least one.
    Header,
}

/// `[client]`: challenges and passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// What a pass costs.
    pub challenge: Challenge,
    /// How hard a challenge is.
    pub difficulty: Difficulty,
    /// How long a challenge may be solved.
    pub challenge_ttl: Duration,
    /// How long before a sale opens its challenges are given out.
    pub challenge_opens_before: Duration,
    /// How long a pass is good.
    pub pass_ttl: Duration,
    /// Solved challenges that are remembered.
    pub spent_challenges: usize,
}

/// What a pass costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Proof of work.
    Pow,
    /// Nothing.
    Off,
}

/// `[access]`: limits.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessConfig {
    /// Of an IPv4 address or IPv6 /64; none: no limit.
    pub ip: Option<Quota>,
    /// Of a buyer; none: no limit.
    pub buyer: Option<Quota>,
    /// Of a whole sale; none: no limit.
    pub sale: Option<Quota>,
    /// Addresses, and buyers, that are remembered at once.
    pub table_keys: usize,
}

/// `[ledger]`: what is written down, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Whether there is one.
    pub store: Store,
    /// Where ledger and keys lie, as it was typed: relative to the working directory.
    pub data_dir: PathBuf,
    /// What has happened before a buyer is told yes; `Memory` where nothing is stored.
    pub ack: Ack,
    /// Orders that may wait for the disk, 1 to 16,777,216.
    pub queue_orders: usize,
    /// Where everything is shipped to; none: nowhere.
    pub postgres: Option<PostgresConfig>,
}

/// `[ledger.postgres]`: where the log is shipped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// A URL that `postgres::Target::parse` has accepted; it may hold a password.
    pub url: Secret,
    /// Who this shop is in a database that several share.
    pub node: NodeId,
    /// How long PostgreSQL may take before it counts as away.
    pub timeout: Duration,
}

/// Whether there is a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// A ledger in SQLite.
    Sqlite,
    /// None: nothing outlives the process.
    Nothing,
}

impl Store {
    /// As configuration writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Nothing => "none",
        }
    }
}

/// What has happened before a buyer is told yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// The order stands in the queue.
    Memory,
    /// The order is on disk.
    Disk,
    /// The order is on disk and in PostgreSQL, which `LedgerConfig::postgres` names.
    Postgres,
}

/// `[orders]`: what becomes of an order after the win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrdersConfig {
    /// How long a hold lasts at least from when its payment began.
    pub payment_grace: Duration,
    /// How much longer than it was told to last a hold gets by payments at most.
    pub payment_extension_max: Duration,
    /// How long a hold lasts at least from when the server was started.
    pub restart_grace: Duration,
    /// How long a buyer waits who has let a hold run out, doubled each time; nothing: he needn't.
    pub cool_down: Duration,
    /// Whether the units of an order are for sale again whose money a provider has given back.
    pub refund_restocks: bool,
}

/// `[payments]`: whose word about payments counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentsConfig {
    /// Who sends the messages.
    pub provider: Provider,
    /// What they are signed with; none: nobody's word counts.
    pub secret: Option<Secret>,
    /// What they may be signed with as well, while the secret is being changed.
    pub former_secret: Option<Secret>,
}

/// `[storefront]`: what buyers see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorefrontConfig {
    /// The shop's own looks.
    pub theme: Theme,
    /// Whose pages may show the storefront in a frame: origins, `https://shop.example`.
    pub allowed_origins: Vec<String>,
    /// Where held orders are paid: a link that `orders::payment_link` has accepted; none: the shop is in touch.
    pub payment_url: Option<String>,
    /// What such links are signed with.
    pub payment_link_secret: Option<Secret>,
}

/// What a shop changes of the storefront's looks. By default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theme {
    /// Comes after the built-in style.
    pub style: String,
    /// By language and name; what is missing is built in.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}

/// `[admin]`: who may enter the office. Both none: everybody on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// The bearer token.
    pub token: Option<Secret>,
    /// The password's hash, an Argon2 PHC string.
    pub password_hash: Option<Secret>,
}

/// `[webhooks]` and `[[webhook]]`: who hears of orders and sales.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhooksConfig {
    /// Whether messages may go to this machine and its network, and unencrypted.
    pub allow_private_targets: bool,
    /// How long one delivery may take, the answer included.
    pub timeout: Duration,
    /// Each URL once, in the order of the file.
    pub endpoints: Vec<WebhookConfig>,
}

/// `[[webhook]]`: somebody who wants messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where messages go; its path is often a secret. A target that `allow_private_targets` admits.
    pub url: Secret,
    /// What messages are signed with.
    pub secret: Secret,
    /// What they are signed with besides, while the endpoint changes over.
    pub former_secret: Option<Secret>,
    /// Which messages it wants; none named: all.
    pub kinds: Vec<Kind>,
}
