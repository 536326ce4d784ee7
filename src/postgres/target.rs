//! Which PostgreSQL, and as which node: the URL as users of PostgreSQL write it.
//!
//! Deliberately absent: client certificates, `PG…` variables and `~/.pgpass`. What isn't understood is refused, never
//! passed over: a misspelt `sslmode` must not mean no encryption.
//!
//! **Invariant:** neither what is shown of a target nor what is said against one has its password in it.

use std::fmt;
use std::path::PathBuf;

use compact_str::CompactString;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// Longest name of a node, as of sales and skus.
const NODE_BYTES_MAX: usize = 64;

/// Why a text is no target, said as what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Another scheme, or none.
    #[error("must begin with \"postgres://\" or \"postgresql://\"")]
    Scheme,
    /// No word of `sslmode`.
    #[error("must have an sslmode of \"disable\", \"prefer\", \"require\", \"verify-ca\" or \"verify-full\"")]
    SslMode,
    /// A file of root certificates where nothing is verified.
    #[error("must have an sslmode of \"verify-ca\" or \"verify-full\" where it has an sslrootcert")]
    Unverified,
    /// A part is missing.
    #[error("must name a {0}: \"postgres://USER:PASSWORD@HOST/DATABASE\"")]
    Missing(&'static str),
    /// Anything else; the parser's words name the parameter and not its value.
    #[error("must be a PostgreSQL URL: {0}")]
    Url(String),
}

/// How much a server must prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing: whoever answers is believed.
    Nothing,
    /// That a trusted authority has signed its certificate.
    Authority,
    /// The same, and that the certificate is for the host that was asked.
    AuthorityAndName,
}

/// Who signs the certificates that are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Whom the machine trusts.
    System,
    /// Whoever is in this PEM file.
    File(PathBuf),
}

/// A PostgreSQL database and how it is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) config: Config,
    pub(super) proof: Proof,
    pub(super) roots: Roots,
}

impl Target {
    /// Reads a URL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…&sslrootcert=FILE`, a socket's directory as
    /// `?host=/run/postgresql`. Without `sslmode` it is `prefer`, as everywhere.
    ///
    /// # Errors
    /// [`TargetFault`].
    pub fn parse(text: &str) -> Result<Self, TargetFault> {
        let rest = ["postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
        rest.ok_or(TargetFault::Scheme)?;
        // What stands before the "@" may have any character in it.
        let behind_password = text.find('@').unwrap_or(0);
        let (base, query) = match text[behind_password..].split_once('?') {
            Some((base, query)) => (text[..behind_password].to_owned() + base, query),
            None => (text.to_owned(), ""),
        };
        let (mut ssl_mode, mut roots) = ("prefer".to_owned(), None);
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", word)) => word.clone_into(&mut ssl_mode),
                Some(("sslrootcert", path)) => roots = Some(decoded(path)?),
                _ => kept.push(parameter),
            }
        }
        let url = if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) };
        let mut config: Config = url.parse().map_err(|fault| TargetFault::Url(words_of(&fault)))?;
        let (mode, proof) = match ssl_mode.as_str() {
            "disable" => (SslMode::Disable, Proof::Nothing),
            "prefer" => (SslMode::Prefer, Proof::Nothing),
            "require" => (SslMode::Require, Proof::Nothing),
            "verify-ca" => (SslMode::Require, Proof::Authority),
            "verify-full" => (SslMode::Require, Proof::AuthorityAndName),
            _ => return Err(TargetFault::SslMode),
        };
        if roots.is_some() && proof == Proof::Nothing {
            return Err(TargetFault::Unverified);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(TargetFault::Missing("host"));
        }
        for (part, value) in [("user", config.get_user()), ("database", config.get_dbname())] {
            value.filter(|value| !value.is_empty()).ok_or(TargetFault::Missing(part))?;
        }
        // As everywhere: a socket in the file system is never encrypted.
        let is_local = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        config.ssl_mode(if is_local { SslMode::Disable } else { mode });
        let roots = match roots {
            None => Roots::System,
            // As libpq says it.
            Some(word) if word == "system" => Roots::System,
            Some(path) => Roots::File(path.into()),
        };
        Ok(Self { config, proof, roots })
    }
}

/// A parser's complaint with its cause, which names the parameter.
fn words_of(fault: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    fault.source().map_or_else(|| fault.to_string(), ToString::to_string)
}

fn decoded(text: &str) -> Result<String, TargetFault> {
    let bad = || TargetFault::Url("a path has a broken %XX".into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match byte {
            b'%' => {
                let (high, low) = (digit(rest.next()).ok_or_else(bad)?, digit(rest.next()).ok_or_else(bad)?);
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// Host and database, as logs may show them.
impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().enumerate().map(|(at, host)| {
            let port = self.config.get_ports().get(at).or(self.config.get_ports().first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        });
        let hosts: Vec<_> = hosts.collect();
        write!(formatter, "{}/{}", hosts.join(","), self.config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({self})")
    }
}

/// Who ships: several shops may share a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeId(CompactString);

impl NodeId {
    /// A node's name: 1 to 64 of `A-Z a-z 0-9 . _ -`; none where it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=NODE_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit)).then(|| Self(text.into()))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
