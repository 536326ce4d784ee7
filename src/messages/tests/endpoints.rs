//! What messages may be sent to, and how a single one fares.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::house::{NOON, PATIENCE, endpoint, endpoint_terms};
use super::receiver::{Receiver, Temper};
use crate::messages::delivery::{Verdict, deliver};
use crate::messages::message::{Kind, Message, Subject};
use crate::messages::resolver::Looking;
use crate::messages::{Endpoint, EndpointTerms};
use crate::orders::targets::{Reach, Target};

fn message() -> Message {
    let body = Bytes::from_static(br#"{"type":"sale.opened","data":{"sale":"launch"}}"#);
    Message { seq: 1, id: "msg_1".into(), kind: Kind::SaleOpened, subject: Subject::Sale("launch".into()), body }
}

fn try_at(endpoint: &Endpoint) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(deliver(endpoint, &message(), NOON))
}

fn answered(temper: Temper) -> Verdict {
    try_at(&endpoint(&Receiver::open(temper)))
}

fn failed(why: &str) -> Verdict {
    Verdict::Failed(why.into())
}

#[test]
fn a_message_is_posted_with_its_id_and_two_signatures() {
    let receiver = Receiver::open(Temper::Status(204));
    assert_eq!(try_at(&endpoint(&receiver)), Verdict::Delivered);
    let heard = &receiver.heard()[0];
    assert_eq!((heard.id.as_str(), heard.body["type"].as_str()), ("msg_1", Some("sale.opened")));
    assert!(heard.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", heard.head);
    for line in ["content-type: application/json", "user-agent: doorbuster/", "webhook-timestamp: 1800000000\r\n"] {
        assert!(heard.head.contains(line), "{line} in {}", heard.head);
    }
    for line in ["cookie", "referer", "authorization", "accept-encoding"] {
        assert!(!heard.head.contains(line), "{line} in {}", heard.head);
    }
}

#[test]
fn the_status_decides() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(answered(Temper::Status(status)), Verdict::Delivered, "{status}");
    }
    assert_eq!(answered(Temper::Status(410)), Verdict::Gone);
    for status in [400, 401, 404, 408, 429, 500, 503] {
        assert_eq!(answered(Temper::Status(status)), failed(&format!("answered {status}")));
    }
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Receiver::open(Temper::Status(200));
    for status in [301, 302, 303, 307, 308] {
        let redirect = format!("HTTP/1.1 {status} X\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
        let verdict = answered(Temper::Bytes(redirect.into_bytes()));
        assert_eq!(verdict, failed(&format!("answered {status}: redirects are not followed")));
    }
    assert_eq!(elsewhere.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn a_huge_answer_is_not_read() {
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 8000000000\r\n\r\n".to_vec();
    bytes.resize(bytes.len() + 1_000_000, b'x');
    assert_eq!(answered(Temper::Bytes(bytes)), Verdict::Delivered);
}

#[test]
fn an_answer_that_lies_about_its_length_is_what_its_status_says() {
    let short = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 100\r\n\r\nshort").into_bytes();
    assert_eq!(answered(Temper::Bytes(short("200 OK"))), Verdict::Delivered);
    assert_eq!(answered(Temper::Bytes(short("500 Oops"))), failed("answered 500"));
}

#[test]
fn an_answer_that_is_none_is_a_failure_that_does_not_repeat_it() {
    for bytes in [&b""[..], b"SSH-2.0-secret\r\n", b"HTTP/1.1 200", b"HTTP/1.1 2000 secret\r\n\r\n"] {
        let verdict = answered(Temper::Bytes(bytes.into()));
        assert!(matches!(&verdict, Verdict::Failed(why) if !why.contains("secret")), "{verdict:?}");
    }
}

#[test]
fn nobody_there_is_a_failure_that_does_not_show_the_path() {
    let receiver = Receiver::open(Temper::Status(200));
    let terms = endpoint_terms(&receiver.url(), PATIENCE, &[]);
    drop(receiver);
    let endpoint = Endpoint::new(terms).expect("an endpoint");
    let mut verdict = try_at(&endpoint);
    // The receiver's thread may still have taken a last connection.
    while verdict == Verdict::Delivered {
        verdict = try_at(&endpoint);
    }
    assert!(matches!(&verdict, Verdict::Failed(why) if !why.contains("/hook")), "{verdict:?}");
}

#[test]
fn who_hangs_is_left_after_the_timeout() {
    let receiver = Receiver::open(Temper::Hanging);
    let terms = endpoint_terms(&receiver.url(), Duration::from_millis(100), &[]);
    assert_eq!(try_at(&Endpoint::new(terms).expect("an endpoint")), failed("no answer in time"));
}

fn half_private(_: String) -> Looking {
    Box::pin(async { Ok(vec![([93, 184, 216, 34], 0).into(), ([127, 0, 0, 1], 0).into()]) })
}

fn here(_: String) -> Looking {
    Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) })
}

fn nowhere(_: String) -> Looking {
    Box::pin(async { Ok(Vec::new()) })
}

fn named(url: &str, reach: Reach, lookup: fn(String) -> Looking) -> Endpoint {
    let target = Target::parse(url, reach).expect("a target");
    let terms = EndpointTerms { url: url.into(), target, ..endpoint_terms("http://10.0.0.1/", PATIENCE, &[]) };
    Endpoint::with_lookup(terms, lookup).expect("an endpoint")
}

#[test]
fn a_name_of_this_machine_is_not_connected_to() {
    let receiver = Receiver::open(Temper::Status(200));
    let url = format!("https://hooks.example:{}/hook", receiver.address.port());
    for lookup in [here, half_private] {
        let verdict = try_at(&named(&url, Reach::Public, lookup));
        let is_refused =
            matches!(&verdict, Verdict::Failed(why) if why.contains("127.0.0.1, which isn't in the public"));
        assert!(is_refused, "{verdict:?}");
    }
    assert_eq!(receiver.connections.load(Ordering::Relaxed), 0, "not even a connection");
    let verdict = try_at(&named(&url, Reach::Public, nowhere));
    assert!(matches!(&verdict, Verdict::Failed(why) if why.contains("no address")), "{verdict:?}");
}

#[test]
fn a_name_of_the_shops_own_network_is_connected_to_where_it_is_allowed() {
    let receiver = Receiver::open(Temper::Status(200));
    let url = format!("http://hooks.example:{}/hook", receiver.address.port());
    assert_eq!(try_at(&named(&url, Reach::Anywhere, here)), Verdict::Delivered);
    assert!(receiver.heard()[0].head.contains("host: hooks.example:"), "{}", receiver.heard()[0].head);
}

#[test]
fn a_url_is_sent_to_as_it_was_checked() {
    let url = |text: &str| Endpoint::new(endpoint_terms(text, PATIENCE, &[])).expect("an endpoint").url.to_string();
    assert_eq!(url("http://[::1]:9000/x?y=1"), "http://[::1]:9000/x?y=1");
    assert_eq!(url("http://Hooks.EXAMPLE?y=%2F"), "http://hooks.example/?y=%2F");
    assert_eq!(url("http://10.0.0.1:80/a//b"), "http://10.0.0.1/a//b");
}

#[test]
fn an_answer_with_the_same_connection_serves_the_next_message() {
    let receiver = Receiver::open(Temper::Status(200));
    let endpoint = Arc::new(endpoint(&receiver));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for _ in 0..3 {
            assert_eq!(deliver(&endpoint, &message(), NOON).await, Verdict::Delivered);
        }
    });
    assert_eq!(receiver.connections.load(Ordering::Relaxed), 1);
}
