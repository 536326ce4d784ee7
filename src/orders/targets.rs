//! Where may a message to the shop go? Addresses and URLs that a webhook is allowed to reach.
//!
//! A URL is checked twice: by its text when it is configured, and by **every** address that its name resolves to at
//! **each** delivery ([`Target::admits`]), because a name may point elsewhere by then. Deliberately absent: resolving,
//! connecting, and following redirects (nobody does).
//!
//! **Invariant:** without [`Reach::Anywhere`] no target is on this machine, in its network or in a cloud's metadata
//! service, however its address is spelt.

mod addresses;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use compact_str::CompactString;

pub use self::addresses::is_public;

/// Longest URL, in bytes: what browsers and proxies agree upon.
const URL_BYTES_MAX: usize = 2048;
/// Longest host name, in bytes (RFC 1035, section 2.3.4), and longest part of it between two dots.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Ports from 1024 up behind which a database listens, never a shop: MySQL, Postgres, Redis, memcached, MongoDB.
const DATABASE_PORTS: [u16; 5] = [3306, 5432, 6379, 11211, 27017];

/// How far messages may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To hosts in the public internet, and encrypted.
    Public,
    /// Also into the shop's own network, and unencrypted: somebody has allowed it in the configuration.
    Anywhere,
}

/// Why a text is no target, said as what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than any URL has to be.
    #[error("must be at most 2048 characters long")]
    Length,
    /// It has characters that no URL has, or that are read differently by different programs.
    #[error("must be a URL: only ASCII, others as %XX (and a host's as xn--…)")]
    Characters,
    /// Another scheme, or none.
    #[error("must begin with \"https://\" (or \"http://\", where private targets are allowed)")]
    Scheme,
    /// A name or password before the host.
    #[error("must not have a user name or password before the host: messages are signed")]
    Userinfo,
    /// A part behind `#`, which is never sent.
    #[error("must not have a fragment (\"#…\")")]
    Fragment,
    /// A host that is missing, or neither a name nor an address in its usual spelling.
    #[error("must name a host: a domain name, a dotted IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// A port behind which no web server listens.
    #[error("must have port 443, 80 or one from 1024 up that isn't a database's")]
    Port,
    /// A host on this machine or in its network.
    #[error("must be a host in the public internet, as private targets are not allowed")]
    NotPublic,
}

/// The host of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// To be resolved anew at each delivery; in lower case.
    Name(CompactString),
    /// As it is.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(formatter),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

/// Whether messages to a target are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// With TLS.
    Https,
    /// In plain text.
    Http,
}

impl Scheme {
    /// The port where none is named.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// A URL that messages may go to. It is shown without its path and query, which are often secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    host: Host,
    port: u16,
    path: String,
    reach: Reach,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn parse(url: &str, reach: Reach) -> Result<Self, TargetError> {
        if url.len() > URL_BYTES_MAX {
            return Err(TargetError::Length);
        }
        // None of these may stand in a URL (RFC 3986), and the backslash is a slash to some (WHATWG).
        if !url.bytes().all(|byte| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte)) {
            return Err(TargetError::Characters);
        }
        let (scheme, rest) = scheme(url, reach)?;
        if rest.contains('#') {
            return Err(TargetError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(TargetError::Userinfo);
        }
        let (host, port) = split_port(authority);
        let (host, port) = (read_host(host)?, read_port(port, scheme)?);
        let target = Self { scheme, host, port, path: path_of(path), reach };
        let is_near = match &target.host {
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Address(address) => !is_public(*address),
        };
        if is_near && reach == Reach::Public { Err(TargetError::NotPublic) } else { Ok(target) }
    }

    /// Whether messages to this target may go to this address, one of those that its host has resolved to.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        match self.reach {
            Reach::Public => is_public(address),
            Reach::Anywhere => true,
        }
    }

    /// Whether it is reached with TLS.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host, for the resolver and for TLS.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its port, named or not.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as a request's first line has them.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What belongs into the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}", self.scheme.word(), self.authority())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Target({self})")
    }
}

fn scheme(url: &str, reach: Reach) -> Result<(Scheme, &str), TargetError> {
    let (word, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
    if word.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if word.eq_ignore_ascii_case("http") && reach == Reach::Anywhere {
        Ok((Scheme::Http, rest))
    } else {
        Err(TargetError::Scheme)
    }
}

/// The host, and what stands behind the colon that follows it.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority.get(end..).and_then(|behind| behind.find(':')) {
        Some(colon) => (authority.get(..end + colon).unwrap_or_default(), authority.get(end + colon + 1..)),
        None => (authority, None),
    }
}

fn read_port(port: Option<&str>, scheme: Scheme) -> Result<u16, TargetError> {
    let Some(digits) = port else {
        return Ok(scheme.default_port());
    };
    let port = digits.parse::<u16>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let is_web = |port: &u16| matches!(port, 443 | 80 | 1024..) && !DATABASE_PORTS.contains(port);
    port.filter(is_web).ok_or(TargetError::Port)
}

fn read_host(host: &str) -> Result<Host, TargetError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inner.parse().map(|address| Host::Address(IpAddr::V6(address))).map_err(|_| TargetError::Host);
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // Where a name's last part is a number, resolvers take it for an address in octal, hexadecimal or fewer parts.
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    if is_number || host.len() > NAME_BYTES_MAX || !host.split('.').all(is_label) {
        return Err(TargetError::Host);
    }
    Ok(Host::Name(host.to_ascii_lowercase().into()))
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn path_of(path: &str) -> String {
    if path.starts_with('/') { path.into() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests;
