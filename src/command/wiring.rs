//! From what the configuration says to what each room wants to hear.
//!
//! **Invariant:** no room knows the configuration, and the configuration knows no room.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use arc_swap::ArcSwap;
use tracing_subscriber::EnvFilter;

use super::logging::Logging;
use crate::access::{AccessSettings, AddressRules};
use crate::cashier::Cashier;
use crate::client::{ChallengeMode, ClientSettings};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::door::{
    Caps, Credentials, Deadlines, Desk, IdentityMode, Lately, Limits, Looks, Office, Payments, Shop, Storefront,
    Streams,
};
use crate::funnel::Funnel;
use crate::ids::{SaleId, Sku};
use crate::keeper::Keeper;
use crate::ledger::{LedgerSettings, StoreKind};
use crate::messages::{Courier, Endpoint, EndpointTerms};
use crate::metrics::Metrics;
use crate::money::Money;
use crate::offer::{ItemTerms, Offer, SaleTerms};
use crate::order::Ack;
use crate::orders::payment_link::PaymentLink;
use crate::orders::rules::Rules;
use crate::orders::signature::{Key, Keys};
use crate::orders::targets::{Reach, Target};
use crate::postgres::{self, Shipper, ShippingTerms};
use crate::readiness::Readiness;
use crate::sale::Sale;

/// What has happened before a buyer is told yes.
pub(super) fn ack(config: &Config) -> Ack {
    match config.ledger.ack {
        config::Ack::Memory => Ack::Memory,
        config::Ack::Disk => Ack::Disk,
        config::Ack::Postgres => Ack::Postgres,
    }
}

pub(super) fn ledger(config: &Config) -> LedgerSettings {
    let store = match config.ledger.store {
        config::Store::Sqlite => StoreKind::Sqlite,
        config::Store::Nothing => StoreKind::None,
    };
    LedgerSettings {
        data_dir: config.ledger.data_dir.clone(),
        store,
        ack: ack(config),
        queue_orders: config.ledger.queue_orders,
    }
}

pub(super) fn rules(config: &Config) -> Rules {
    let orders = &config.orders;
    Rules {
        payment_grace: orders.payment_grace,
        payment_extension_max: orders.payment_extension_max,
        restart_grace: orders.restart_grace,
        refund_restocks: orders.refund_restocks,
    }
}

fn payments(config: &Config) -> Result<Payments, anyhow::Error> {
    let config::PaymentsConfig { provider, secret, former_secret } = &config.payments;
    let key = |secret: &config::Secret| provider.key(secret.expose());
    let former = former_secret.as_ref().map(key).transpose()?;
    let keys = secret.as_ref().map(|secret| Ok::<_, anyhow::Error>(Keys::new(key(secret)?, former))).transpose()?;
    Ok(Payments { provider: *provider, keys })
}

pub(super) fn client(config: &Config) -> ClientSettings {
    let client = &config.client;
    ClientSettings {
        challenge: match client.challenge {
            config::Challenge::Pow => ChallengeMode::Pow,
            config::Challenge::Off => ChallengeMode::Off,
        },
        difficulty: client.difficulty,
        challenge_ttl: client.challenge_ttl,
        pass_ttl: client.pass_ttl,
        spent_keys: client.spent_challenges,
    }
}

pub(super) fn access(config: &Config) -> AccessSettings {
    let access = &config.access;
    AccessSettings { ip: access.ip, buyer: access.buyer, sale: access.sale, table_keys: access.table_keys }
}

fn limits(config: &Config) -> Limits {
    Limits {
        address_rules: AddressRules::new(config.server.trusted_proxies.clone(), config.server.client_ip_header),
        challenge_opens_before: config.client.challenge_opens_before,
        few: config.server.few,
    }
}

fn storefront(config: &Config) -> Result<Storefront, anyhow::Error> {
    let config::StorefrontConfig { theme, allowed_origins, payment_url, payment_link_secret } = &config.storefront;
    let secret = payment_link_secret.as_ref().map(config::Secret::expose);
    let payment_link = payment_url.as_ref().map(|url| PaymentLink::parse(url, secret)).transpose()?;
    Ok(Storefront::new(&Looks {
        style: theme.style.clone(),
        texts: theme.texts.clone(),
        allowed_origins: allowed_origins.clone(),
        payment_link,
    }))
}

/// Files of the house itself: the office's connections, the ledger and whoever reads it, PostgreSQL, receivers of messages, the
/// workers' own. So that a crowd never takes the last one, which the ledger or the office would need.
const FILES_KEPT: usize = 384;

/// `files`: how many the process may have open; none: unlimited.
pub(super) fn caps(config: &Config, files: Option<usize>) -> Caps {
    let server = &config.server;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let wanted = server.connections as usize;
    let possible = files.map_or(wanted, |files| files - FILES_KEPT.min(files / 2));
    if possible < wanted {
        tracing::warn!(
            files,
            connections = possible,
            "this process may not have enough files open for server.connections = {wanted}: raise its limit \
             (LimitNOFILE= of the unit, or ulimit -n)"
        );
    }
    Caps {
        connections: wanted.min(possible),
        connections_per_ip: server.connections_per_ip.map_or(0, |cap| cap as usize),
        threads: server.threads.unwrap_or_else(cores),
    }
}

pub(super) fn shop(
    config: &Config,
    (funnel, cashier): (Arc<Funnel>, Arc<Cashier>),
    clock: Clock,
    readiness: Arc<Readiness>,
) -> Result<Shop, anyhow::Error> {
    let server = &config.server;
    let identity = match config.identity.mode {
        config::IdentityMode::Pass => IdentityMode::Pass,
        config::IdentityMode::Header => {
            IdentityMode::Header(config.identity.header.parse().context("identity.header")?)
        }
    };
    let deadlines = Deadlines {
        first_byte: server.first_byte_timeout,
        head: server.head_timeout,
        body: server.body_timeout,
        write: server.write_timeout,
        idle: server.idle_timeout,
    };
    let limits = ArcSwap::from_pointee(limits(config));
    Ok(Shop {
        storefront: ArcSwap::from_pointee(storefront(config)?),
        funnel,
        cashier,
        payments: payments(config)?,
        clock,
        identity,
        limits,
        deadlines,
        readiness,
        streams: Streams::default(),
        warned_of_proxy: AtomicBool::new(false),
    })
}

pub(super) fn office(
    (config, logging): (&Config, &Logging),
    (funnel, keeper, cashier, courier): (Arc<Funnel>, Arc<Keeper>, Arc<Cashier>, Arc<Courier>),
    clock: Clock,
    readiness: Arc<Readiness>,
    shipper: Option<Arc<Shipper>>,
) -> Office {
    let secret = |secret: &Option<config::Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    let (token, password_hash) = (secret(&config.admin.token), secret(&config.admin.password_hash));
    Office {
        metrics: Metrics::new(Arc::clone(&funnel), Arc::clone(&courier), shipper.clone(), logging.lost()),
        lately: Lately::default(),
        desk: Desk::new(),
        credentials: Credentials::new(token.as_deref(), password_hash.as_deref()),
        ledger_dir: ledger_dir(config),
        // One proof at a time: it reads the whole log.
        proving: Arc::new(tokio::sync::Semaphore::new(1)),
        // Two, so that somebody may look while an export is on its way.
        reading: Arc::new(tokio::sync::Semaphore::new(2)),
        funnel,
        keeper,
        cashier,
        courier,
        shipper,
        clock,
        readiness,
    }
}

/// Who ships to PostgreSQL; none where nobody has said which.
pub(super) fn shipper(
    config: &Config,
    funnel: &Arc<Funnel>,
    clock: &Clock,
) -> Result<Option<Arc<Shipper>>, anyhow::Error> {
    let Some(place) = &config.ledger.postgres else { return Ok(None) };
    let Some(ledger_dir) = ledger_dir(config) else {
        tracing::warn!("no ledger, nothing to ship: PostgreSQL gets nothing");
        return Ok(None);
    };
    let terms = ShippingTerms {
        target: postgres::Target::parse(place.url.expose())?,
        node: place.node.clone(),
        patience: place.timeout,
        ack: ack(config),
        ledger_dir,
    };
    let shipper = Shipper::start(Arc::clone(funnel), clock.clone(), terms).context("shipping can't be started")?;
    Ok(Some(Arc::new(shipper)))
}

/// Where the ledger can be read; none where orders are written nowhere.
pub(super) fn ledger_dir(config: &Config) -> Option<PathBuf> {
    (config.ledger.store == config::Store::Sqlite).then(|| config.ledger.data_dir.clone())
}

/// Who wants messages.
pub(super) fn endpoints(config: &Config) -> Result<Vec<Endpoint>, anyhow::Error> {
    let webhooks = &config.webhooks;
    if ledger_dir(config).is_none() && !webhooks.endpoints.is_empty() {
        tracing::warn!("no ledger, no messages: the webhooks are not served");
        return Ok(Vec::new());
    }
    let reach = if webhooks.allow_private_targets { Reach::Anywhere } else { Reach::Public };
    let endpoint = |webhook: &config::WebhookConfig| {
        let former = webhook.former_secret.as_ref().map(|secret| Key::parse(secret.expose())).transpose()?;
        let keys = Keys::new(Key::parse(webhook.secret.expose())?, former);
        let target = Target::parse(webhook.url.expose(), reach)?;
        let (url, kinds, timeout) = (webhook.url.expose().to_owned(), webhook.kinds.clone(), webhooks.timeout);
        Ok(Endpoint::new(EndpointTerms { url, target, keys, kinds, timeout })?)
    };
    webhooks.endpoints.iter().map(endpoint).collect()
}

/// Everything that a reload changes, made before anything is changed.
pub(super) struct Reload {
    pub(super) log: EnvFilter,
    pub(super) client: ClientSettings,
    pub(super) access: AccessSettings,
    pub(super) limits: Limits,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) storefront: Storefront,
}

impl Reload {
    pub(super) fn prepare(config: &Config) -> Result<Self, anyhow::Error> {
        Ok(Self {
            log: config.server.log.compile()?,
            client: client(config),
            access: access(config),
            limits: limits(config),
            endpoints: endpoints(config)?,
            storefront: storefront(config)?,
        })
    }
}

/// What is for sale where nobody has said anything: something to look at within a minute.
pub(super) fn sample_offer() -> Result<Offer, anyhow::Error> {
    let price = Money::from_minor(12_900, "USD").context("the sample's price")?;
    let item = ItemTerms { sku: Sku::parse("sneaker-42")?, title: "Sneaker, size 42".into(), price, stock: 100 };
    let sale = SaleTerms {
        id: SaleId::parse("sample")?,
        title: "Sneaker launch (a sample)".into(),
        opens_at: None,
        closes_at: None,
        limit_per_buyer: 1,
        hold: None,
    };
    Ok(Offer { sale, items: vec![item] })
}

/// The ledger is the truth: what the configuration says differently is said, never applied.
pub(super) fn warn_of_differences(offer: &Offer, sale: &Sale, funnel: &Funnel) {
    let (declared, kept) = (&offer.sale, sale.terms());
    let differs = |what: &str| {
        tracing::warn!(sale = %declared.id, what, "the configuration differs from the ledger, which wins: use the admin API");
    };
    if *declared != *kept {
        differs("the sale's terms");
    }
    for item in &offer.items {
        match funnel.sales.find(declared.id.as_str(), item.sku.as_str()) {
            Some((_, Some(known))) => {
                let (terms, on_sale) = (known.terms(), known.on_sale());
                if terms.title != item.title || terms.price != item.price || on_sale != item.stock {
                    differs(item.sku.as_str());
                }
            }
            _ => differs(item.sku.as_str()),
        }
    }
}
