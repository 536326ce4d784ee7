//! The vectors themselves.

use crate::hostile::path;
use crate::plan::SKU;

/// The sale that nobody may buy from but by smuggling.
pub(super) const HIDDEN: &str = "hidden";

/// What a vector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A request whose end two readers might see at two places: what is behind the one is before the other.
    Smuggling,
    /// Two requests, as the shop reads it, and it may: for a proxy in front to see the same two.
    Two,
    /// No request at all.
    Malformed,
    /// A request that can be read, and is not taken.
    Unfit,
}

/// These are [`Class::Two`]: a name with an underscore is another name, and hyper takes a line's end without its carriage
/// return, a blank behind a chunk's size, and any byte in a chunk's extension.
const TWO: [&str; 8] = [
    "lengths \"Content-Length: 0\\r\\nContent_Length",
    "lengths \"Content-Length: 0\\r\\nConnection",
    "chunks or length, \"Transfer_Encoding",
    "chunks or length, \"TE:",
    "chunks, \"Transfer_Encoding",
    "chunks, \"X: y\\nTransfer-Encoding",
    "chunks \"0 ",
    "chunks \"1;",
];

/// Bytes on one connection.
#[derive(Debug)]
pub(super) struct Vector {
    pub(super) class: Class,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// The request that hides.
fn hidden() -> String {
    format!("POST /v1/sales/{HIDDEN}/items/{SKU}/orders HTTP/1.1\r\nHost: shop\r\nbuyer-id: smuggler\r\n\r\n")
}

/// The request that it hides in.
fn outer(headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {} HTTP/1.1\r\nHost: shop\r\nbuyer-id: b\r\nContent-Type: application/json\r\n{headers}\r\n{body}",
        path()
    )
    .into_bytes()
}

fn smuggling(name: &str, bytes: impl Into<Vec<u8>>) -> Vector {
    let class = if TWO.iter().any(|two| name.starts_with(two)) { Class::Two } else { Class::Smuggling };
    Vector { class, name: name.into(), bytes: bytes.into() }
}

fn malformed(name: &str, bytes: impl Into<Vec<u8>>) -> Vector {
    Vector { class: Class::Malformed, name: name.into(), bytes: bytes.into() }
}

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    [lengths(), codings(), chunks(), around(), hosts(), lines(), controls(), super::unfit::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// A length that one reader believes and another doesn't; behind it hides a request.
fn lengths() -> Vec<Vector> {
    let inner = hidden();
    let whole = inner.len();
    let one = [
        format!("+{whole}"),
        format!("-{whole}"),
        format!("0x{whole:x}"),
        format!("{whole}, 0"),
        format!("0, {whole}"),
        format!("{whole};"),
        format!("{whole} 0"),
        format!("{whole}\u{b}"),
        format!("\u{c}{whole}"),
        format!("\"{whole}\""),
        format!("{whole}e0"),
        format!("{whole}.0"),
        format!("{whole}_"),
        "\u{660}".into(),
        "99999999999999999999".into(),
        "18446744073709551616".into(),
        String::new(),
        "0 0".into(),
        "0,0,1".into(),
        "abc".into(),
    ];
    let mut all: Vec<_> = one
        .iter()
        .map(|length| smuggling(&format!("length {length:?}"), outer(&format!("Content-Length: {length}\r\n"), &inner)))
        .collect();
    let pairs = [
        format!("Content-Length: 0\r\nContent-Length: {whole}\r\n"),
        format!("Content-Length: {whole}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\ncontent-length: {whole}\r\n"),
        format!("Content-Length : {whole}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\n Content-Length: {whole}\r\n"),
        format!("X: y\r\n\tContent-Length: {whole}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\nContent_Length: {whole}\r\n"),
        format!("Content-Length\u{0}: {whole}\r\nContent-Length: 0\r\n"),
        format!("X: y\nContent-Length: {whole}\r\nContent-Length: 0\r\n"),
        format!("X: y\rContent-Length: {whole}\r\nContent-Length: 0\r\n"),
        format!("Content-Length:\r\n {whole}\r\n"),
        "Content-Length: 0\r\nConnection: Content-Length\r\n".into(),
    ];
    all.extend(pairs.iter().map(|pair| smuggling(&format!("lengths {pair:?}"), outer(pair, &inner))));
    all
}

/// One coding that all readers know.
const PLAIN: [&str; 7] = [
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: CHUNKED",
    "transfer-encoding:chunked",
    "Transfer-Encoding:\tchunked",
    // Hop by hop: the coding itself is as above.
    "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
    // Says what is understood, not what is sent: there is no body, and two requests.
    "TE: chunked",
];

/// A coding that one reader understands and another doesn't, each time both ways round.
fn codings() -> Vec<Vector> {
    let inner = hidden();
    let spellings = [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: Chunked",
        "Transfer-Encoding: CHUNKED",
        "transfer-encoding:chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: \u{0}chunked",
        "Transfer-Encoding:\tchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "Transfer-Encoding\u{0}: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chun\r\n ked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nConnection: Transfer-Encoding",
        "Transfer-Encoding: chunked\r\nConnection: close, Transfer-Encoding",
        "TE: chunked",
    ];
    let mut all = Vec::new();
    for spelling in spellings {
        // Who goes by the length takes the hidden one for body, who goes by the chunks for a request.
        let body = format!("0\r\n\r\n{inner}");
        let headers = format!("{spelling}\r\nContent-Length: {}\r\n", body.len());
        all.push(smuggling(&format!("length or chunks, {spelling:?}"), outer(&headers, &body)));
        // The other way round.
        let body = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
        let line = body.find('\n').unwrap_or(0) + 1;
        let headers = format!("Content-Length: {line}\r\n{spelling}\r\n");
        all.push(smuggling(&format!("chunks or length, {spelling:?}"), outer(&headers, &body)));
        // Chunks alone: what follows is a second request where this is chunked and nothing else, and nothing where it isn't.
        if !PLAIN.contains(&spelling) {
            all.push(smuggling(
                &format!("chunks, {spelling:?}"),
                outer(&format!("{spelling}\r\n"), &format!("0\r\n\r\n{inner}")),
            ));
        }
    }
    all
}

/// Chunks whose size, extension or end is read in two ways.
fn chunks() -> Vec<Vector> {
    let inner = hidden();
    let size = inner.len();
    let bodies = [
        format!("0x0\r\n\r\n{inner}"),
        format!("+0\r\n\r\n{inner}"),
        format!("-1\r\n\r\n{inner}"),
        format!(" 0\r\n\r\n{inner}"),
        format!("0 \r\n\r\n{inner}x"),
        format!("\r\n0\r\n\r\n{inner}"),
        format!("0_\r\n\r\n{inner}"),
        format!("\r\n\r\n{inner}"),
        format!("g\r\n{inner}"),
        format!("10000000000000000\r\n\r\n{inner}"),
        format!("fffffffffffffffff\r\n\r\n{inner}"),
        format!("{size:x}\n{inner}\n0\n\n"),
        format!("{size:x}\r{inner}\r0\r\r"),
        format!("{size:x}\r\n{inner}0\r\n\r\n"),
        format!("{size:x}\r\n{inner}xx0\r\n\r\n"),
        format!("2;\nxx{size:x}\r\n{inner}\r\n0\r\n\r\n"),
        format!("2;a=\"\r\n\"\r\nxx\r\n0\r\n\r\n{inner}x"),
        format!("1;\u{0}\r\nx\r\n0\r\n\r\n{inner}x"),
        format!("0;\r{inner}\r\n\r\n"),
        format!("0\r\nContent-Length: {size}\r\n{inner}"),
        format!("0\r\nTransfer-Encoding: chunked\r\n\u{0}\r\n\r\n{inner}x"),
        format!("0\n\r\n{inner}"),
        format!("0\r\n\n{inner}"),
        format!("1\r\nx\n0\r\n\r\n{inner}x"),
    ];
    bodies
        .iter()
        // Framing alone: an end that all read alike, and a second request behind it, would be no smuggling.
        .map(|body| smuggling(&format!("chunks {body:.24?}"), outer("Transfer-Encoding: chunked\r\n", body)))
        .collect()
}

/// What stands around a body: methods, versions, expectations, upgrades.
fn around() -> Vec<Vector> {
    let inner = hidden();
    let (size, path) = (inner.len(), path());
    let head = |line: &str, headers: &str| format!("{line}\r\nHost: shop\r\nbuyer-id: b\r\n{headers}\r\n{inner}");
    let all = [
        head("GET /v1/time HTTP/1.1", &format!("Content-Length: {size}\r\n")),
        head("HEAD /v1/time HTTP/1.1", &format!("Content-Length: {size}\r\n")),
        head("DELETE /v1/time HTTP/1.1", &format!("Content-Length: {size}\r\n")),
        head(&format!("POST {path} HTTP/1.0"), "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n"),
        head(&format!("POST {path} HTTP/1.0"), &format!("Connection: keep-alive\r\nContent-Length: {size}\r\n")),
        head(&format!("POST {path} HTTP/1.1"), &format!("Expect: 100-continue\r\nContent-Length: {size}\r\n")),
        head(&format!("POST {path} HTTP/1.1"), &format!("Expect: 100-Continue, x\r\nContent-Length: {size}\r\n")),
        head(&format!("POST {path} HTTP/1.1"), &format!("Expect:\r\n 100-continue\r\nContent-Length: {size}\r\n")),
        head(
            &format!("POST {path} HTTP/1.1"),
            &format!(
                "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: {size}\r\n"
            ),
        ),
        head(
            &format!("POST {path} HTTP/1.1"),
            &format!(
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nContent-Length: {size}\r\n"
            ),
        ),
        head(&format!("POST {path} HTTP/1.1"), &format!("Connection: buyer-id\r\nContent-Length: {size}\r\n")),
        head("CONNECT shop:80 HTTP/1.1", &format!("Content-Length: {size}\r\n")),
        head("TRACE / HTTP/1.1", &format!("Content-Length: {size}\r\n")),
        head("OPTIONS * HTTP/1.1", &format!("Content-Length: {size}\r\n")),
    ];
    all.into_iter().map(|bytes| smuggling(&format!("around {:.60?}", &bytes), bytes)).collect()
}

/// Whose shop is meant: two readers might disagree.
fn hosts() -> Vec<Vector> {
    let path = path();
    [
        "",
        "Host: a\r\nHost: b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: user@a\r\n",
        "Host: a\r\n b\r\n",
        "Host : a\r\n",
        "Host: a:99999\r\n",
        "Host: [::1\r\n",
        "Host: a?b\r\n",
        "Host: \u{0}\r\n",
    ]
    .map(|hosts| malformed(&format!("hosts {hosts:?}"), format!("POST {path} HTTP/1.1\r\n{hosts}buyer-id: b\r\n\r\n")))
    .into()
}

/// First lines that are none.
fn lines() -> Vec<Vector> {
    let path = path();
    [
        format!("POST {path} HTTP/0.9"),
        format!("POST {path} HTTP/1.2"),
        format!("POST {path} HTTP/2.0"),
        format!("POST {path} HTTP/01.1"),
        format!("POST {path} HTTP/1.10"),
        format!("POST {path} http/1.1"),
        format!("POST {path} HTTP 1.1"),
        format!("POST {path} HTTP/1.1 x"),
        format!("POST  {path} HTTP/1.1"),
        format!("POST {path}  HTTP/1.1"),
        format!(" POST {path} HTTP/1.1"),
        format!("POST\t{path}\tHTTP/1.1"),
        format!("PO ST {path} HTTP/1.1"),
        format!("POST\u{0} {path} HTTP/1.1"),
        format!("POST {path}\u{0} HTTP/1.1"),
        format!("POST {path}\u{7f} HTTP/1.1"),
        format!("POST {path}\u{b} HTTP/1.1"),
        format!("post {path} HTTP/1.1"),
        format!("{path} HTTP/1.1"),
        "HTTP/1.1".into(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".into(),
        format!("P({path} HTTP/1.1"),
    ]
    .map(|line| malformed(&format!("line {line:?}"), format!("{line}\r\nHost: shop\r\nbuyer-id: b\r\n\r\n")))
    .into()
}

/// Bytes that stand in no header.
fn controls() -> Vec<Vector> {
    let path = path();
    let with = |header: Vec<u8>| {
        let begin = format!("POST {path} HTTP/1.1\r\nHost: shop\r\nbuyer-id: b\r\n").into_bytes();
        [begin, header, b"\r\n\r\n".to_vec()].concat()
    };
    let is_control = |byte: &u8| !matches!(*byte, b'\t' | b'\n' | b'\r');
    let mut all: Vec<_> = (0_u8..0x20)
        .chain([0x7f])
        .filter(is_control)
        .map(|byte| malformed(&format!("value with {byte:#04x}"), with([b"X: a", &[byte][..], b"b"].concat())))
        .collect();
    let names =
        [0, 1, 0x1f, 0x7f, 0x80, 0xff, b' ', b'\t', b'(', b')', b',', b'/', b'<', b'=', b'@', b'[', b'{', b'"', b'\\'];
    all.extend(
        names.map(|byte| malformed(&format!("name with {byte:#04x}"), with([b"a", &[byte][..], b"b: c"].concat()))),
    );
    all
}
