//! Whether a `Host` is one: two readers who see another shop in it are how requests get past a proxy's rules.

/// Whether these bytes are a host and perhaps a port (RFC 9110, 7.2): a name, an IPv4 address, or an IPv6 address in brackets.
/// Fewer characters than a URL's host may have: those of names that are resolved.
pub(super) fn is_host(bytes: &[u8]) -> bool {
    let (is_host, rest) = match bytes.strip_prefix(b"[") {
        Some(inside) => {
            let end = inside.iter().position(|byte| *byte == b']').unwrap_or(inside.len());
            let is_address =
                std::str::from_utf8(&inside[..end]).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
            (is_address, inside.get(end + 1..))
        }
        None => {
            let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
            (end > 0 && bytes[..end].iter().all(is_name), bytes.get(end..))
        }
    };
    is_host && rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port))
}

/// None at all is the scheme's own.
fn is_port(digits: &[u8]) -> bool {
    let value = digits.iter().try_fold(0_u16, |value, digit| {
        digit.is_ascii_digit().then(|| value.checked_mul(10)?.checked_add(u16::from(digit - b'0'))).flatten()
    });
    value.is_some()
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::is_host;

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        for host in
            ["a", "sale.example", "sale.example:8080", "127.0.0.1:65535", "[::1]", "[2001:db8::7]:443", "a_b-c", "a:"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for none in [
            "", ":80", "a:99999", "a:65536", "a:8o", "a:b:c", "a:+1", "[::1", "[::1]80", "[::1]:x", "[]", "[a]", "::1",
            "a/b", "a@b", "a b", "a,b", "a?b", "a\u{0}", "[::1]]", "]", "é",
        ] {
            assert!(!is_host(none.as_bytes()), "{none}");
        }
    }
}
