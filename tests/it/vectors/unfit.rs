//! Requests that can be read and are not taken: too much of everything, other methods, other ways to write a path, bodies that
//! say something else. Each is one no, and none of them sells anything.

use super::list::{Class, Vector};
use crate::hostile::{OTHER_METHODS, lookalikes, oversized_heads, path};

fn unfit(name: &str, bytes: impl Into<Vec<u8>>) -> Vector {
    Vector { class: Class::Unfit, name: format!("unfit: {name}"), bytes: bytes.into() }
}

/// An attempt that would win, but for the path, these headers and this body.
fn attempt(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: shop\r\nbuyer-id: b\r\n{headers}\r\n{body}")
}

pub(super) fn all() -> Vec<Vector> {
    [heads(), too_much(), methods(), paths(), bodies()].into_iter().flatten().collect()
}

fn heads() -> Vec<Vector> {
    oversized_heads().into_iter().map(|(what, head, _)| unfit(what, head)).collect()
}

fn too_much() -> Vec<Vector> {
    let path = path();
    let json = |headers: &str, body: String| {
        attempt("POST", &path, &format!("Content-Type: application/json\r\n{headers}\r\n"), &body)
    };
    vec![
        unfit("a body of 1 MB by its length", json("Content-Length: 1000000", String::new())),
        unfit("a body of 2^63 - 1 by its length", json("Content-Length: 9223372036854775807", String::new())),
        unfit(
            "a body of 200 KB in chunks",
            json("Transfer-Encoding: chunked", format!("30d40\r\n{}\r\n0\r\n\r\n", " ".repeat(200_000))),
        ),
        unfit("JSON 10,000 deep", json("Content-Length: 10000", "[".repeat(10_000))),
        unfit("a key of 10 KB", attempt("POST", &path, &format!("Idempotency-Key: {}\r\n", "k".repeat(10_240)), "")),
    ]
}

fn methods() -> Vec<Vector> {
    let of = |method: &str| unfit(method, attempt(method, &path(), "Content-Length: 0\r\n", ""));
    OTHER_METHODS.map(of).into()
}

fn paths() -> Vec<Vector> {
    let of = |path: String| unfit(&path, attempt("POST", &path, "Content-Length: 0\r\n", ""));
    lookalikes().into_iter().chain(["*".to_owned()]).map(of).collect()
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
