//! Requests that can be read and are not taken: too much of everything, other methods, other ways to write a path, bodies that
//! say something else. Each is one no, and none of them sells anything.

use super::list::{Class, Vector};
use crate::plan::{SALE, SKU};

fn unfit(name: &str, bytes: impl Into<Vec<u8>>) -> Vector {
    Vector { class: Class::Unfit, name: format!("unfit: {name}"), bytes: bytes.into() }
}

/// An attempt that would win, but for the path, these headers and this body.
fn attempt(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: shop\r\nbuyer-id: b\r\n{headers}\r\n{body}")
}

fn path() -> String {
    format!("/v1/sales/{SALE}/items/{SKU}/orders")
}

pub(super) fn all() -> Vec<Vector> {
    [too_much(), methods(), paths(), bodies()].into_iter().flatten().collect()
}

fn too_much() -> Vec<Vector> {
    let path = path();
    let with = |headers: String| attempt("POST", &path, &headers, "");
    let json = |headers: &str, body: String| {
        attempt("POST", &path, &format!("Content-Type: application/json\r\n{headers}\r\n"), &body)
    };
    vec![
        unfit("101 headers", with("x: y\r\n".repeat(101))),
        unfit("500 headers", with("x: y\r\n".repeat(500))),
        unfit("40 KiB of headers", with(format!("x: {}\r\n", "y".repeat(60)).repeat(640))),
        unfit("a header of 1 MiB", with(format!("x: {}\r\n", "y".repeat(1 << 20)))),
        unfit("a name of 70 KB", with(format!("{}: y\r\n", "x".repeat(70_000)))),
        unfit("a target of 70 KB", attempt("POST", &format!("{path}?{}", "q".repeat(70_000)), "", "")),
        unfit("a method of 70 KB", attempt(&"P".repeat(70_000), &path, "", "")),
        unfit("a sale's name of 4,000 letters", attempt("POST", &path.replace(SALE, &"x".repeat(4_000)), "", "")),
        unfit("a body of 1 MB by its length", json("Content-Length: 1000000", String::new())),
        unfit("a body of 2^63 - 1 by its length", json("Content-Length: 9223372036854775807", String::new())),
        unfit(
            "a body of 200 KB in chunks",
            json("Transfer-Encoding: chunked", format!("30d40\r\n{}\r\n0\r\n\r\n", " ".repeat(200_000))),
        ),
        unfit("JSON 10,000 deep", json("Content-Length: 10000", "[".repeat(10_000))),
        unfit("a key of 10 KB", with(format!("Idempotency-Key: {}\r\n", "k".repeat(10_240)))),
    ]
}

fn methods() -> Vec<Vector> {
    let of = |method: &&str| unfit(method, attempt(method, &path(), "Content-Length: 0\r\n", ""));
    ["PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "Post", "PROPFIND"].iter().map(of).collect()
}

fn paths() -> Vec<Vector> {
    let path = path();
    [
        format!("{path}/"),
        format!("{path};x"),
        format!("{path}%00"),
        format!("{path}/."),
        format!("/v1/sales/{SALE}/x/../items/{SKU}/orders"),
        format!("/v1/sales/%2e%2e/sales/{SALE}/items/{SKU}/orders"),
        format!("/{path}"),
        format!("/v1//sales/{SALE}/items/{SKU}/orders"),
        format!("/V1/sales/{SALE}/items/{SKU}/orders"),
        format!("/v1\\sales/{SALE}/items/{SKU}/orders"),
        format!("/v1/sales/%c0%ae/items/{SKU}/orders"),
        format!("/v1/sales/%/items/{SKU}/orders"),
        format!("/v1/admin/sales/{SALE}/end"),
        "/metrics".into(),
        "/../../etc/passwd".into(),
        "/%2e%2e/%2e%2e/etc/passwd".into(),
        "/assets/../config.toml".into(),
        "*".into(),
    ]
    .map(|path| unfit(&path, attempt("POST", &path, "Content-Length: 0\r\n", "")))
    .into()
}

fn bodies() -> Vec<Vector> {
    let with = |headers: &str, body: &str| {
        let headers = format!("{headers}Content-Length: {}\r\n", body.len());
        unfit(&format!("{headers:?} {body}"), attempt("POST", &path(), &headers, body))
    };
    let json = |body| with("Content-Type: application/json\r\n", body);
    let one = r#"{"quantity":1}"#;
    vec![
        json(r#"{"quantity":1,"quantity":9}"#),
        json(r#"{"quantity":1,"price":1}"#),
        json(r#"{"quantity":1.5}"#),
        json(r#"{"quantity":"1"}"#),
        json(r#"{"quantity":-1}"#),
        json(r#"{"quantity":NaN}"#),
        json(r#"{"quantity":18446744073709551616}"#),
        json(r#"{"quantity":1e999}"#),
        json(r#"{"quantity":1} {"quantity":1}"#),
        json("\u{feff}{\"quantity\":1}"),
        with("", one),
        with("Content-Type: text/plain\r\n", one),
        with("Content-Type: application/x-www-form-urlencoded\r\n", "quantity=1"),
        with("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", one),
        with("Content-Type: application/json; charset=utf-16\r\n", one),
    ]
}
