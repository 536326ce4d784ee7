//! Which addresses has a name, and may messages go there? Asked for every new connection, by the HTTP client itself.
//!
//! **Invariant:** the client is handed admitted addresses only, and none at all where one of a name's isn't: whoever
//! mixes public and private addresses is up to something.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::orders::targets::Target;

/// The addresses of a name, to come.
pub(super) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Finds the addresses of a name.
pub(super) type Lookup = fn(String) -> Looking;

/// As the machine does it.
pub(super) fn system_lookup(name: String) -> Looking {
    Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
}

/// Why a name isn't connected to.
#[derive(Debug, thiserror::Error)]
enum Unresolved {
    /// A name of this machine or its network.
    #[error("{name} is {address}, which isn't in the public internet: not connected")]
    NotAdmitted { name: String, address: IpAddr },
    #[error("{0} has no address")]
    NoAddress(String),
}

/// Hands out the addresses that a target admits.
pub(super) struct Resolver {
    target: Target,
    lookup: Lookup,
}

impl Resolver {
    pub(super) fn new(target: Target, lookup: Lookup) -> Self {
        Self { target, lookup }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (target, name) = (self.target.clone(), name.as_str().to_owned());
        let looking = (self.lookup)(name.clone());
        Box::pin(async move {
            let addresses = looking.await?;
            if let Some(found) = addresses.iter().find(|found| !target.admits(found.ip())) {
                return Err(Unresolved::NotAdmitted { name, address: found.ip() }.into());
            }
            if addresses.is_empty() {
                return Err(Unresolved::NoAddress(name).into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
