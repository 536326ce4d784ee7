//! What a running server takes over from a new configuration, and what has to wait for a restart.
//!
//! **Invariant:** a key is either named here, or taken over at once: limits, challenge, proxies, log level, webhooks, the
//! storefront.

use super::{AccessConfig, ClientConfig, Config, ServerConfig};

impl Config {
    /// The keys whose new values a running server can't take over; sections where all of their keys belong together.
    #[must_use]
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let Self {
            server,
            identity,
            client,
            access,
            ledger,
            orders,
            payments,
            storefront: _,
            admin,
            webhooks: _,
            offers,
        } = self;
        // Named one by one, so that a new key doesn't compile before somebody has decided.
        let ServerConfig {
            listen,
            admin_listen,
            trusted_proxies: _,
            client_ip_header: _,
            log: _,
            connections,
            connections_per_ip,
            first_byte_timeout,
            head_timeout,
            body_timeout,
            write_timeout,
            idle_timeout,
            drain_timeout,
            threads,
            few: _,
        } = server;
        let ClientConfig {
            challenge: _,
            difficulty: _,
            challenge_ttl: _,
            challenge_opens_before: _,
            pass_ttl: _,
            spent_challenges,
        } = client;
        let AccessConfig { ip: _, buyer: _, sale: _, table_keys } = access;
        let changes = [
            ("server.listen", *listen != new.server.listen),
            ("server.admin_listen", *admin_listen != new.server.admin_listen),
            ("server.connections", *connections != new.server.connections),
            ("server.connections_per_ip", *connections_per_ip != new.server.connections_per_ip),
            ("server.first_byte_timeout", *first_byte_timeout != new.server.first_byte_timeout),
            ("server.head_timeout", *head_timeout != new.server.head_timeout),
            ("server.body_timeout", *body_timeout != new.server.body_timeout),
            ("server.write_timeout", *write_timeout != new.server.write_timeout),
            ("server.idle_timeout", *idle_timeout != new.server.idle_timeout),
            ("server.drain_timeout", *drain_timeout != new.server.drain_timeout),
            ("server.threads", *threads != new.server.threads),
            ("identity", *identity != new.identity),
            ("client.spent_challenges", *spent_challenges != new.client.spent_challenges),
            ("access.table_keys", *table_keys != new.access.table_keys),
            ("ledger", *ledger != new.ledger),
            ("orders", *orders != new.orders),
            ("payments", *payments != new.payments),
            ("admin", *admin != new.admin),
            ("sale", *offers != new.offers),
        ];
        changes.into_iter().filter_map(|(key, has_changed)| has_changed.then_some(key)).collect()
    }
}
