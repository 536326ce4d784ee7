//! Somebody who wants messages: where, signed how, and which.
//!
//! **Invariant:** a connection goes to an address that was admitted when the name was resolved for it; redirects, proxies
//! and cookies there are none.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::message::Kind;
use super::resolver::{Lookup, Resolver, system_lookup};
use crate::orders::signature::Keys;
use crate::orders::targets::{Scheme, Target};

/// How long an unused connection is kept: a name that has moved is resolved anew by then.
const IDLE: Duration = Duration::from_secs(30);
/// Unused connections that are kept: as many as there are messages in flight.
const IDLE_MAX: usize = 16;

/// What the shop has said of an endpoint.
#[derive(Debug, Clone)]
pub struct EndpointTerms {
    /// Where messages go, as it was typed: what the endpoint is known by.
    pub url: String,
    /// The same, read.
    pub target: Target,
    /// What messages are signed with.
    pub keys: Keys,
    /// Which messages it wants; none named: all.
    pub kinds: Vec<Kind>,
    /// How long one delivery may take, the answer included.
    pub timeout: Duration,
}

/// Why messages can't be sent to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Its URL isn't read by the HTTP client as it was by us.
    #[error("the URL of {0} can't be used")]
    Url(Target),
    /// No certificates of authorities are found on this machine.
    #[error("messages to {0} can't be encrypted")]
    Tls(Target, #[source] rustls::Error),
    /// The HTTP client can't be set up.
    #[error("no HTTP client for {0}")]
    Client(Target, #[source] reqwest::Error),
}

/// An endpoint that messages can be sent to.
#[derive(Clone)]
pub struct Endpoint {
    pub(super) terms: EndpointTerms,
    pub(super) url: Url,
    pub(super) client: Client,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Endpoint").field("target", &self.terms.target).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Sets up what messages are sent with.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(terms: EndpointTerms) -> Result<Self, EndpointError> {
        Self::with_lookup(terms, system_lookup)
    }

    /// As [`Endpoint::new`], with names that mean what `lookup` says.
    pub(super) fn with_lookup(terms: EndpointTerms, lookup: Lookup) -> Result<Self, EndpointError> {
        let target = &terms.target;
        // Our own reading, spelt out: what was checked is what is sent to.
        let url = Url::parse(&format!("{target}{}", target.path())).map_err(|_| EndpointError::Url(target.clone()))?;
        if url.host_str() != Some(target.host().to_string().as_str()) {
            return Err(EndpointError::Url(target.clone()));
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls(target)?)
            .https_only(target.scheme() == Scheme::Https)
            .http1_only()
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .dns_resolver(Resolver::new(target.clone(), lookup))
            .user_agent(concat!("doorbuster/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .timeout(terms.timeout)
            .build()
            .map_err(|error| EndpointError::Client(target.clone(), error))?;
        Ok(Self { url, client, terms })
    }

    /// Whether it wants messages of this kind.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.terms.kinds.is_empty() || self.terms.kinds.contains(&kind)
    }
}

/// TLS with the machine's own authorities, a company's included.
fn tls(target: &Target) -> Result<ClientConfig, EndpointError> {
    let failed = |error| EndpointError::Tls(target.clone(), error);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    Ok(match target.scheme() {
        Scheme::Https => config.with_platform_verifier().map_err(failed)?.with_no_client_auth(),
        // Nothing is encrypted: a machine without any authorities will do.
        Scheme::Http => config.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
    })
}
