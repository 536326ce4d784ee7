//! Tests of our own body.

use super::*;

fn generic(body: &str) -> Result<Incoming, Unaccepted> {
    told(Provider::Generic, &body.replace("ORDER", ORDER))
}

#[test]
fn each_kind_of_message_is_a_notice() {
    let paid = r#""payment":"pay_1","amount":{"amount":"129.00","currency":"USD"}"#;
    for (word, kind) in [
        ("started", NoticeKind::Started),
        ("succeeded", NoticeKind::Succeeded),
        ("failed", NoticeKind::Failed),
        ("refunded", NoticeKind::Refunded),
    ] {
        let body = format!(
            r#"{{"type":"payment.{word}","timestamp":"2026-11-27T09:00:01Z","data":{{"order":"ORDER",{paid}}}}}"#
        );
        let expected = notice("msg_1", kind, Some("pay_1"), Some((12_900, "USD")));
        assert_eq!(generic(&body), Ok(Incoming::Notice(expected)), "{word}");
    }
}

#[test]
fn what_does_not_matter_may_be_left_out_or_null() {
    for (rest, kind) in [("", NoticeKind::Started), (r#","payment":null,"amount":null"#, NoticeKind::Failed)] {
        let word = if kind == NoticeKind::Started { "started" } else { "failed" };
        let body = format!(r#"{{"data":{{"order":"ORDER"{rest}}},"timestamp":null,"type":"payment.{word}"}}"#);
        assert_eq!(generic(&body), Ok(Incoming::Notice(notice("msg_1", kind, None, None))), "{body}");
    }
    let body = r#"{"type":"payment.succeeded","data":{"order":"ORDER","amount":{"amount":"1500","currency":"JPY"}}}"#;
    let expected = notice("msg_1", NoticeKind::Succeeded, None, Some((1_500, "JPY")));
    assert_eq!(generic(body), Ok(Incoming::Notice(expected)));
}

#[test]
fn a_field_that_is_missing_unknown_or_wrong_is_pointed_at() {
    let data = |data: &str| format!(r#"{{"type":"payment.succeeded","data":{data}}}"#);
    let money = |money: &str| data(&format!(r#"{{"order":"ORDER","amount":{money}}}"#));
    for (body, pointer) in [
        ("{}".into(), "/type"),
        (r#"{"type":1}"#.into(), "/type"),
        (r#"{"type":"payment.paid","data":{"order":"ORDER"}}"#.into(), "/type"),
        (r#"{"type":"Payment.Failed","data":{"order":"ORDER"}}"#.into(), "/type"),
        (r#"{"type":"payment.failed"}"#.into(), "/data"),
        (r#"{"type":"payment.failed","data":[]}"#.into(), "/data"),
        (r#"{"type":"payment.failed","data":{"order":"ORDER"},"kind":1}"#.into(), "/kind"),
        (r#"{"type":"payment.failed","data":{"order":"ORDER"},"a/b~c":1}"#.into(), "/a~1b~0c"),
        (r#"{"type":"payment.failed","data":{"order":"ORDER"},"timestamp":"now"}"#.into(), "/timestamp"),
        (r#"{"type":"payment.failed","data":{"order":"ORDER"},"timestamp":1795770000}"#.into(), "/timestamp"),
        (data("{}"), "/data/order"),
        (data(r#"{"order":"10268"}"#), "/data/order"),
        (data(r#"{"order":7}"#), "/data/order"),
        (data(r#"{"order":"ORDER"}"#), "/data/amount"),
        (data(r#"{"order":"ORDER","ammount":{}}"#), "/data/ammount"),
        (data(r#"{"order":"ORDER","payment":""}"#), "/data/payment"),
        (data(r#"{"order":"ORDER","payment":"a b"}"#), "/data/payment"),
        (data(r#"{"order":"ORDER","payment":"zahlung-1\u00e4"}"#), "/data/payment"),
        (data(r#"{"order":"ORDER","payment":1}"#), "/data/payment"),
        (money("129"), "/data/amount"),
        (money(r#""129.00 USD""#), "/data/amount"),
        (money("{}"), "/data/amount/amount"),
        (money(r#"{"amount":129.0,"currency":"USD"}"#), "/data/amount/amount"),
        (money(r#"{"amount":"129.005","currency":"USD"}"#), "/data/amount/amount"),
        (money(r#"{"amount":"-1","currency":"USD"}"#), "/data/amount/amount"),
        (money(r#"{"amount":"1.5","currency":"JPY"}"#), "/data/amount/amount"),
        (money(r#"{"amount":"129.00"}"#), "/data/amount/currency"),
        (money(r#"{"amount":"129.00","currency":"usd"}"#), "/data/amount/currency"),
        (money(r#"{"amount":"129.00","currency":"USD","tax":1}"#), "/data/amount/tax"),
    ] {
        assert_eq!(generic(&body), invalid(pointer), "{body}");
    }
    let refunded = r#"{"type":"payment.refunded","data":{"order":"ORDER","payment":"pay_1"}}"#;
    assert_eq!(generic(refunded), invalid("/data/amount"));
    let long = format!(r#"{{"type":"payment.failed","{}":1,"data":{{"order":"ORDER"}}}}"#, "ü".repeat(999));
    assert_eq!(generic(&long), invalid(&format!("/{}", "ü".repeat(64))));
    let long = data(&format!(r#"{{"order":"ORDER","payment":"{}"}}"#, "p".repeat(256)));
    assert_eq!(generic(&long), invalid("/data/payment"));
}

#[test]
fn what_is_no_object_of_json_is_malformed() {
    for body in [
        "",
        "null",
        "[]",
        r#""payment.failed""#,
        "{",
        "{} {}",
        "\u{feff}{}",
        r#"{"type":"payment.failed","type":"payment.succeeded","data":{"order":"ORDER"}}"#,
        r#"{"type":"payment.failed","data":{"order":"ORDER","order":"ORDER"}}"#,
        r#"{"type":"payment.failed","data":{"order":"ORDER"},}"#,
        r#"{"type":"payment.failed","x":1e999}"#,
        r#"{"type":"payment.failed","x":"\ud800"}"#,
    ] {
        assert_eq!(generic(body), Err(Unaccepted::Malformed), "{body}");
    }
    assert_eq!(generic(&format!("{{\"x\":{}", "[".repeat(100_000))), Err(Unaccepted::Malformed));
    let heads = signed(Provider::Generic, "msg_1", b"{\"type\":\"\xff\"}");
    assert_eq!(read_with(Provider::Generic, &heads, b"{\"type\":\"\xff\"}", NOON), Err(Unaccepted::Malformed));
}

#[test]
fn a_message_id_is_short_visible_ascii() {
    let body = format!(r#"{{"type":"payment.failed","data":{{"order":"{ORDER}"}}}}"#);
    for (id, is_id) in
        [("m".repeat(255), true), ("m".repeat(256), false), (String::new(), false), ("a b".into(), false)]
    {
        let heads = signed(Provider::Generic, &id, body.as_bytes());
        let told = read_with(Provider::Generic, &heads, body.as_bytes(), NOON);
        if is_id {
            assert_eq!(told, Ok(Incoming::Notice(notice(&id, NoticeKind::Failed, None, None))));
        } else {
            assert_eq!(told, Err(Unaccepted::Malformed), "{id:?}");
        }
    }
}

#[test]
fn who_has_not_signed_is_told_nothing_else() {
    let body = b"not even JSON";
    for missing in [ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER] {
        let mut heads = signed(Provider::Generic, "msg_1", body);
        heads.retain(|(name, _)| *name != missing);
        let told = read_with(Provider::Generic, &heads, body, NOON);
        assert_eq!(told, Err(Unaccepted::Unsigned(Unsigned::MissingHeader)), "{missing}");
    }
    let heads = signed(Provider::Generic, "msg_1", b"another body");
    assert_eq!(read_with(Provider::Generic, &heads, body, NOON), Err(Unaccepted::Unsigned(Unsigned::BadSignature)));
    let late = WallTime::from_micros((NOON_S + 301) * 1_000_000);
    let heads = signed(Provider::Generic, "msg_1", body);
    assert_eq!(read_with(Provider::Generic, &heads, body, late), Err(Unaccepted::Unsigned(Unsigned::Stale)));
}
