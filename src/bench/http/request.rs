//! The attempt's bytes.

use std::io::Write as _;
use std::net::SocketAddr;

use super::crowd::Visitor;

/// How a buyer shows who it is.
#[derive(Debug)]
pub(super) enum Identity {
    /// By this header, as a gateway says it.
    Header(String),
    /// By a pass: the buyer's number is its place.
    Passes(Vec<String>),
}

/// What all attempts have in common.
#[derive(Debug)]
pub(super) struct Request {
    identity: Identity,
    head: String,
    tail: String,
}

impl Request {
    /// Attempts at this item.
    pub(super) fn new(shop: SocketAddr, sale: &str, sku: &str, quantity: u32, identity: Identity) -> Self {
        let head = format!("POST /v1/sales/{sale}/items/{sku}/orders HTTP/1.1\r\nHost: {shop}\r\n");
        let body = format!("{{\"quantity\":{quantity}}}");
        let tail = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Self { identity, head, tail }
    }

    /// Puts a visitor's attempt into the buffer, and nothing else.
    pub(super) fn put(&self, visitor: Visitor, buffer: &mut Vec<u8>) {
        buffer.clear();
        self.put_head(visitor, buffer);
        buffer.extend_from_slice(self.tail.as_bytes());
    }

    /// Puts down what an attempt begins with: its body, and how long that is, is still to be said.
    pub(super) fn put_head(&self, visitor: Visitor, buffer: &mut Vec<u8>) {
        let Visitor { buyer, address, .. } = visitor;
        buffer.extend_from_slice(self.head.as_bytes());
        // Writing into memory never fails.
        let _ = match &self.identity {
            Identity::Header(name) => write!(buffer, "{name}: b-{buyer}\r\n"),
            Identity::Passes(passes) => {
                let pass = usize::try_from(buyer).ok().and_then(|buyer| passes.get(buyer)).map_or("", String::as_str);
                write!(buffer, "Authorization: Bearer {pass}\r\n")
            }
        };
        let _ = write!(buffer, "X-Forwarded-For: {address}\r\n");
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Identity, Request};
    use crate::bench::http::crowd::Visitor;

    #[test]
    fn an_attempt_is_a_request_with_a_buyer_an_address_and_a_quantity() {
        let shop = "127.0.0.1:8080".parse().expect("an address");
        let request = Request::new(shop, "launch", "sneaker-42", 2, Identity::Header("buyer-id".into()));
        let mut buffer = b"what was there before".to_vec();
        request.put(Visitor { buyer: 7, address: Ipv4Addr::new(10, 0, 0, 7), waits: true }, &mut buffer);
        let expected = "POST /v1/sales/launch/items/sneaker-42/orders HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\
                        buyer-id: b-7\r\nX-Forwarded-For: 10.0.0.7\r\n\
                        Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"quantity\":2}";
        assert_eq!(String::from_utf8_lossy(&buffer), expected);
    }

    #[test]
    fn a_buyer_with_a_pass_shows_it() {
        let shop = "127.0.0.1:8080".parse().expect("an address");
        let request = Request::new(shop, "launch", "sneaker-42", 1, Identity::Passes(vec!["a".into(), "b".into()]));
        let mut buffer = Vec::new();
        request.put(Visitor { buyer: 1, address: Ipv4Addr::LOCALHOST, waits: true }, &mut buffer);
        assert!(String::from_utf8_lossy(&buffer).contains("\r\nAuthorization: Bearer b\r\n"));
    }
}
