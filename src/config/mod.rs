//! What does the shop want? From what was typed (files, variables, flags) to what the program uses.
//!
//! Two steps: `file` and `layers` collect what was typed and by whom; `rules` and `offers` make validated values of it.
//! Nothing below the command sees anything else than a [`Config`].
//!
//! Absent: defaults in code. The commented `config.toml` at the top of the repository is built in, and is the default
//! layer as well as the list of keys: documentation and program cannot disagree.
//!
//! **Invariant:** a [`Config`] is valid as a whole. Loading ends with one, or with every complaint that there is and no
//! configuration: a reload changes everything or nothing.
//!
//! **Invariant:** secrets are not shown, neither by `config show` nor in logs or complaints.

pub mod declared;
mod error;
mod file;
#[cfg(any(test, feature = "torture"))]
pub(crate) mod fuzzed;
mod layers;
mod ledger;
mod log_filter;
mod nearest;
mod offers;
mod reader;
mod reload;
mod rules;
mod schedule;
mod sections;
mod show;
mod storefront;
#[cfg(test)]
mod tests;
mod webhooks;

use std::path::{Path, PathBuf};

pub use error::{Complaint, ConfigErrors, Place};
pub use layers::{Environment, Overrides};
pub use log_filter::LogFilter;
pub use schedule::span;
pub use sections::{
    AccessConfig, Ack, AdminConfig, Challenge, ClientConfig, IdentityConfig, IdentityMode, LedgerConfig, OrdersConfig,
    PaymentsConfig, PostgresConfig, Secret, ServerConfig, Store, StorefrontConfig, Theme, WebhookConfig,
    WebhooksConfig,
};

use crate::offer::Offer;
use layers::Layers;

/// The commented defaults, as `config default` prints them.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// What the program uses.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[server]`
    pub server: ServerConfig,
    /// `[identity]`
    pub identity: IdentityConfig,
    /// `[client]`
    pub client: ClientConfig,
    /// `[access]`
    pub access: AccessConfig,
    /// `[ledger]`
    pub ledger: LedgerConfig,
    /// `[orders]`
    pub orders: OrdersConfig,
    /// `[payments]`
    pub payments: PaymentsConfig,
    /// `[storefront]`
    pub storefront: StorefrontConfig,
    /// `[admin]`
    pub admin: AdminConfig,
    /// `[webhooks]`, and each `[[webhook]]`.
    pub webhooks: WebhooksConfig,
    /// `[[sale]]`: each id once, in the order of the file. None: nothing is declared.
    pub offers: Vec<Offer>,
}

/// A configuration, and where it comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What the program uses.
    pub config: Config,
    /// Who said so.
    pub provenance: Provenance,
}

/// Where each effective value comes from.
#[derive(Debug, Clone)]
pub struct Provenance {
    typed: file::Typed,
    file: Option<PathBuf>,
}

impl Provenance {
    /// The configuration file that was read, as it was named.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Who set a key outside of the sales, `access.ip.rate` for example; nothing where there is no such key.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<&Place> {
        self.typed.settings.get(key).map(|setting| &setting.place)
    }

    /// The effective values as TOML, each with its origin as a comment, secrets masked.
    #[must_use]
    pub fn show(&self) -> String {
        show::toml(&self.typed)
    }
}

impl Config {
    /// Reads all layers; names of files are relative to `cwd`. The same call reloads: it leaves nothing behind.
    ///
    /// # Errors
    /// Everything that is wrong, in the order in which it stands in the file. A text that isn't TOML, or a file that
    /// can't be read, hides all other complaints.
    pub fn load(overrides: &Overrides, environment: &Environment, cwd: &Path) -> Result<Loaded, ConfigErrors> {
        let mut complaints = Vec::new();
        let Layers { typed, file } = layers::merge(overrides, environment, cwd, &mut complaints)?;
        let config = rules::config(&typed, &mut complaints);
        if !complaints.is_empty() {
            return Err(ConfigErrors::new(complaints));
        }
        Ok(Loaded { config, provenance: Provenance { typed, file } })
    }
}
