//! Where a request comes from and who it says it is, read off its head.
//!
//! **Invariant:** a forwarding or identity header counts only where the TCP peer is one of `server.trusted_proxies`.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use hyper::header::{self, HeaderMap, HeaderName};

use super::shop::Shop;
use crate::access::ClientIpHeader;
use crate::client::{Proof, Unproven};
use crate::funnel::Unfit;
use crate::ids::BuyerRef;

/// How buyers are known: `identity.mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityMode {
    /// By a pass that was minted here.
    Pass,
    /// By what a trusted gateway writes into this header.
    Header(header::HeaderName),
}

/// What the cookie of a sale's pass is called: one for each sale, so that two sales in one browser don't fight.
pub(super) const COOKIE_PREFIX: &str = "doorbuster-pass-";

/// Headers by which proxies say whom they speak for.
static FORWARDING: [(ClientIpHeader, HeaderName); 4] = [
    (ClientIpHeader::XForwardedFor, HeaderName::from_static("x-forwarded-for")),
    (ClientIpHeader::Forwarded, header::FORWARDED),
    (ClientIpHeader::CfConnectingIp, HeaderName::from_static("cf-connecting-ip")),
    (ClientIpHeader::XRealIp, HeaderName::from_static("x-real-ip")),
];

/// The client's address, after the rules about proxies.
pub(super) fn address(shop: &Shop, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let limits = shop.limits.load();
    let rules = &limits.address_rules;
    if !rules.trusts(peer) {
        // Relaxed: at worst two threads warn.
        if !shop.warned_of_proxy.load(Ordering::Relaxed)
            && FORWARDING.iter().any(|(_, name)| headers.contains_key(name))
        {
            warn_of_proxy(shop, peer);
        }
        return rules.client_of(peer, std::iter::empty());
    }
    let believed = FORWARDING.iter().find(|(header, _)| *header == rules.header());
    let values = believed.map(|(_, name)| headers.get_all(name).iter());
    rules.client_of(peer, values.into_iter().flatten().map(|value| value.as_bytes()))
}

/// Said once and loudly: behind a proxy that isn't named, every buyer shares one address and its limit.
#[cold]
fn warn_of_proxy(shop: &Shop, peer: IpAddr) {
    shop.warned_of_proxy.store(true, Ordering::Relaxed);
    tracing::warn!(
        %peer,
        "FORWARDING HEADERS FROM AN UNTRUSTED PEER ARE IGNORED: if this is your proxy, name it in server.trusted_proxies \
         and say which header in server.client_ip_header, or all its buyers share one address and its limit"
    );
}

/// Who a request to a sale says it is from.
pub(super) fn proof<'a>(shop: &Shop, peer: IpAddr, headers: &'a HeaderMap, sale: &str) -> Result<Proof<'a>, Unfit> {
    match &shop.identity {
        IdentityMode::Header(name) => vouched(shop, peer, headers, name),
        IdentityMode::Pass => {
            let pass = bearer(headers)
                .or_else(|| cookies(headers).find(|(of, _)| *of == sale.as_bytes()).map(|(_, pass)| pass));
            Ok(pass.map_or(Proof::Nothing, Proof::Pass))
        }
    }
}

fn vouched<'a>(
    shop: &Shop,
    peer: IpAddr,
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Result<Proof<'a>, Unfit> {
    if !shop.limits.load().address_rules.trusts(peer) {
        return Ok(Proof::Nothing);
    }
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(Proof::Nothing),
        (Some(buyer), None) => BuyerRef::parse(buyer.as_bytes()).map(Proof::Vouched).map_err(|_| Unfit::Malformed),
        // Two names: nobody knows which is meant.
        (Some(_), Some(_)) => Err(Unfit::Malformed),
    }
}

/// The pass in `Authorization: Bearer PASS`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, pass) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| pass.trim_ascii())
}

/// The passes in the cookies: whose sale, and the pass.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|cookie| cookie.trim_ascii().strip_prefix(COOKIE_PREFIX.as_bytes()))
        .filter_map(|cookie| {
            let equals = cookie.iter().position(|byte| *byte == b'=')?;
            Some((&cookie[..equals], &cookie[equals + 1..]))
        })
}

/// Who asks for orders, outside any sale: a buyer, or why nobody.
pub(super) enum Asker {
    /// The gateway's word: all sales.
    Vouched(crate::ids::BuyerId),
    /// Passes: each for one sale.
    Passes(Vec<(crate::ids::SaleId, crate::ids::BuyerId)>),
}

/// Who asks for his orders.
pub(super) fn asker(shop: &Shop, peer: IpAddr, headers: &HeaderMap) -> Result<Asker, crate::funnel::Refusal> {
    if let IdentityMode::Header(name) = &shop.identity {
        return match vouched(shop, peer, headers, name)? {
            Proof::Vouched(buyer) => Ok(Asker::Vouched(buyer.into())),
            Proof::Nothing | Proof::Pass(_) => Err(Unproven::PassRequired.into()),
        };
    }
    let now = shop.clock.now().wall;
    let read = |pass: &[u8]| {
        let mut buffer = crate::client::PassBuffer::default();
        let known = shop.funnel.client.identify(pass, &mut buffer, now)?;
        let sale = crate::ids::SaleId::parse(known.sale).map_err(|_| Unproven::PassInvalid)?;
        Ok((sale, known.buyer.into()))
    };
    if let Some(pass) = bearer(headers) {
        return read(pass).map(|known| Asker::Passes(vec![known])).map_err(|unproven: Unproven| unproven.into());
    }
    // A browser may still send passes that have expired: one good one is enough.
    let mut refused = Unproven::PassRequired;
    let mut passes = Vec::new();
    for (_, pass) in cookies(headers) {
        match read(pass) {
            Ok(known) => passes.push(known),
            Err(unproven) => refused = unproven,
        }
    }
    if passes.is_empty() { Err(refused.into()) } else { Ok(Asker::Passes(passes)) }
}
