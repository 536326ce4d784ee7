//! Bodies whose length nobody can be sure of: what the shop takes for a body, a proxy in front may take for a request.

use crate::contract::won;
use crate::hostile::{BAD, assail, attempt_with, open, unharmed};
use crate::plan::SKU;

#[test]
fn lengths_that_are_none() {
    let shop = open();
    let body = "{\"quantity\":1}";
    for length in
        ["+14", "-1", "0xe", "1 4", "14, 15", "14,14,15", "\u{661}\u{664}", "99999999999999999999", "", "1e1", "14;"]
    {
        let headers = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        assail(&shop, length, attempt_with(&headers, body).as_bytes(), &[400, 413]);
    }
    let two = "content-type: application/json\r\ncontent-length: 14\r\ncontent-length: 15\r\n";
    assail(&shop, "two lengths", attempt_with(two, body).as_bytes(), BAD);
    unharmed(&shop, 0);
}

#[test]
fn codings_that_are_none() {
    let shop = open();
    let body = "e\r\n{\"quantity\":1}\r\n0\r\n\r\n";
    for coding in
        ["xchunked", "chunked, identity", "identity", "gzip", "\u{b}chunked", "chunked;a", "chunked, chunked x"]
    {
        let headers = format!("content-type: application/json\r\ntransfer-encoding: {coding}\r\n");
        assail(&shop, coding, attempt_with(&headers, body).as_bytes(), &[400, 415, 501]);
    }
    let old = attempt_with("content-type: application/json\r\ntransfer-encoding: chunked\r\n", body);
    assail(&shop, "chunks in HTTP/1.0", old.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes(), BAD);
    unharmed(&shop, 0);
}

#[test]
fn chunks_that_are_none() {
    let shop = open();
    let body = "{\"quantity\":1}";
    let long = format!("e;{}\r\n{body}\r\n0\r\n\r\n", "x".repeat(64 * 1024));
    for chunks in [
        format!("0xe\r\n{body}\r\n0\r\n\r\n"),
        format!("+e\r\n{body}\r\n0\r\n\r\n"),
        format!("-e\r\n{body}\r\n0\r\n\r\n"),
        format!(" e\r\n{body}\r\n0\r\n\r\n"),
        format!("e_\r\n{body}\r\n0\r\n\r\n"),
        format!("\r\n{body}\r\n0\r\n\r\n"),
        format!("1000000000000000e\r\n{body}\r\n0\r\n\r\n"),
        format!("1000000000000000000e\r\n{body}\r\n0\r\n\r\n"),
        format!("e\r\n{body}0\r\n\r\n"),
        format!("e\r\n{body}xx0\r\n\r\n"),
        format!("d\r\n{body}\r\n0\r\n\r\n"),
        format!("e\r{body}\r\n0\r\n\r\n"),
        long,
    ] {
        let request = attempt_with("content-type: application/json\r\ntransfer-encoding: chunked\r\n", &chunks);
        assail(&shop, &chunks, request.as_bytes(), &[400, 413]);
    }
    unharmed(&shop, 0);
}

#[test]
fn nothing_is_smuggled_behind_a_body_of_two_lengths() {
    let shop = open();
    let inner = attempt_with("", "");
    for lengths in
        ["content-length: 4\r\ntransfer-encoding: chunked\r\n", "transfer-encoding: chunked\r\ncontent-length: 4\r\n"]
    {
        let outer =
            format!("POST /v1/sales/nowhere/items/{SKU}/orders HTTP/1.1\r\nhost: s\r\nbuyer-id: b\r\n{lengths}\r\n");
        let bytes = format!("{outer}0\r\n\r\n{inner}");
        let mut wire = assail(&shop, "CL and TE", bytes.as_bytes(), &[400, 404]);
        while let Some(response) = wire.hear() {
            assert_ne!(response.status, 201, "what hid in a body was taken for a request");
        }
    }
    unharmed(&shop, 0);
}

#[test]
fn a_trailer_is_nobodys_header() {
    let shop = open();
    let headers = "content-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: buyer-id\r\n";
    let body = "e\r\n{\"quantity\":1}\r\n0\r\nbuyer-id: thief\r\nidempotency-key: k\r\n\r\n";
    let mut wire = shop.wire();
    wire.say(attempt_with(headers, body).as_bytes());
    let response = wire.hear().expect("an answer");
    won(&response);
    assert_eq!(response.json()["buyer"], "b");
    unharmed(&shop, 1);
}
