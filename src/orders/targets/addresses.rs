//! Is this the address of a host in the public internet?
//!
//! IANA's registries of special-purpose addresses, as tables. Deliberately absent: names, and what an operator allows.
//!
//! **Invariant:** an IPv6 address that carries an IPv4 address is public only if that one is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// IPv4 that isn't a public host: IANA's special-purpose registry, and multicast. The few blocks inside them that are
/// reachable (192.0.0.9, 192.0.0.10) belong to protocols, and no shop is there either.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network (RFC 791)
    v4([10, 0, 0, 0], 8),      // private (RFC 1918)
    v4([100, 64, 0, 0], 10),   // behind a carrier's NAT (RFC 6598)
    v4([127, 0, 0, 0], 8),     // loopback (RFC 1122)
    v4([169, 254, 0, 0], 16),  // link-local (RFC 3927): clouds' metadata
    v4([172, 16, 0, 0], 12),   // private (RFC 1918)
    v4([192, 0, 0, 0], 24),    // protocol assignments (RFC 6890)
    v4([192, 0, 2, 0], 24),    // documentation (RFC 5737)
    v4([192, 88, 99, 0], 24),  // 6to4 relays, given up (RFC 7526)
    v4([192, 168, 0, 0], 16),  // private (RFC 1918)
    v4([198, 18, 0, 0], 15),   // benchmarks (RFC 2544)
    v4([198, 51, 100, 0], 24), // documentation (RFC 5737)
    v4([203, 0, 113, 0], 24),  // documentation (RFC 5737)
    v4([224, 0, 0, 0], 4),     // multicast (RFC 5771)
    v4([240, 0, 0, 0], 4),     // reserved, and broadcast (RFC 1112, RFC 919)
];

/// All that IANA has given out as unicast. Whatever lies outside is loopback, local, multicast or nobody's.
const UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// What isn't a public host inside of it: IANA's special-purpose registry.
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0], 23),     // protocol assignments (RFC 2928), among them Teredo (RFC 4380)
    v6([0x2001, 0xdb8, 0, 0], 32), // documentation (RFC 3849)
    v6([0x2002, 0, 0, 0], 16),     // 6to4 (RFC 3056): a relay would unwrap any IPv4 address
    v6([0x3fff, 0, 0, 0], 20),     // documentation (RFC 9637)
];

/// Blocks whose last 32 bits are the IPv4 address that is really meant.
const WRAPPED_V4: [Ipv6Net; 2] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), // mapped (RFC 4291)
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96), // NAT64 (RFC 6052)
];

const fn v4([a, b, c, d]: [u8; 4], bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6([a, b, c, d]: [u16; 4], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), bits)
}

/// Whether an address is that of a host in the public internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => match wrapped(address) {
            Some(address) => is_public(IpAddr::V4(address)),
            None => UNICAST_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|net| net.contains(&address)),
        },
    }
}

fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    WRAPPED_V4.iter().any(|net| net.contains(&address)).then(|| Ipv4Addr::new(a, b, c, d))
}
