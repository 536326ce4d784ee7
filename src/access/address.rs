//! Whose address counts: the peer's, or what a trusted proxy says.
//!
//! **Invariant:** a header is read only where the TCP peer is trusted, and from right to left, so that what a client wrote
//! into it himself is never reached.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// The header in which a trusted proxy says who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientIpHeader {
    /// There is no proxy: the peer is the client.
    None,
    /// `X-Forwarded-For`: each proxy adds its peer at the right.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): the same in another form.
    Forwarded,
    /// `CF-Connecting-IP`: one address.
    CfConnectingIp,
    /// `X-Real-IP`: one address.
    XRealIp,
}

/// Whom to believe about addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRules {
    trusted: Vec<IpNet>,
    header: ClientIpHeader,
}

/// The first half of every IPv4 address's key. As a /64 it is multicast (ff00::/8), which is nobody's address.
const IPV4: u64 = 0xffff_ffff_0000_0000;

/// What an address is limited by: IPv4 whole, IPv6 by its /64, which one subscriber has to himself.
#[must_use]
pub fn key(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => IPV4 | u64::from(address.to_bits()),
        IpAddr::V6(address) => (address.to_bits() >> 64) as u64,
    }
}

impl AddressRules {
    /// These networks are believed, about this header.
    #[must_use]
    pub fn new(trusted: Vec<IpNet>, header: ClientIpHeader) -> Self {
        Self { trusted, header }
    }

    /// Whether this peer is believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        !self.trusted.is_empty() && {
            let peer = peer.to_canonical();
            self.trusted.iter().any(|net| net.contains(&peer))
        }
    }

    /// The header that a trusted peer is believed about.
    #[must_use]
    pub fn header(&self) -> ClientIpHeader {
        self.header
    }

    /// The client's address, given the TCP peer and the values of [`AddressRules::header`] in their order.
    pub fn client_of<'h>(&self, peer: IpAddr, values: impl DoubleEndedIterator<Item = &'h [u8]>) -> IpAddr {
        if !self.trusts(peer) {
            return peer.to_canonical();
        }
        match self.header {
            ClientIpHeader::None => peer.to_canonical(),
            ClientIpHeader::CfConnectingIp | ClientIpHeader::XRealIp => {
                let mut values = values;
                values.next_back().and_then(address_of).unwrap_or(peer).to_canonical()
            }
            ClientIpHeader::XForwardedFor => {
                self.walk(peer, values.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).map(address_of))
            }
            ClientIpHeader::Forwarded => {
                self.walk(peer, values.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).map(forwarded_for))
            }
        }
    }

    /// From the nearest hop to the farthest: the first whom we don't trust is the client. What can't be read ends the walk at
    /// the last hop that could.
    fn walk(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut nearest = peer.to_canonical();
        for hop in hops {
            let Some(hop) = hop else { return nearest };
            nearest = hop.to_canonical();
            if !self.trusts(nearest) {
                return nearest;
            }
        }
        nearest
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address_of(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(bracketed) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return bracketed.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    text.parse::<SocketAddr>().ok().map(|socket| socket.ip())
}

/// The `for` of one element of `Forwarded`; none where it hides its address (`unknown`, `_secret`).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(element).ok()?;
    let node = text.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    })?;
    let node = node.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(node);
    address_of(node.as_bytes())
}
