//! Tests of Stripe's events. The bodies beside this file have the shape and every field of real ones.

use super::*;

const PAID: &str = include_str!("session_paid.json");
const UNPAID: &str = include_str!("session_unpaid.json");
const ASYNC_SUCCEEDED: &str = include_str!("session_async_succeeded.json");
const ASYNC_FAILED: &str = include_str!("session_async_failed.json");
const EXPIRED: &str = include_str!("session_expired.json");
const REFUNDED: &str = include_str!("charge_refunded.json");
const REFUNDED_IN_PART: &str = include_str!("charge_refunded_in_part.json");
const CUSTOMER_CREATED: &str = include_str!("customer_created.json");

const PAYMENT: Option<&str> = Some("pi_3SXkQ2LkdIwHu7ix0wPnRv8T");
const SESSION: Option<&str> = Some("cs_test_b1Zx4Q7mLr0sVYtPq2NnKd8EwUoJfHc3GaTi6RbCy5Dv9SxMzWlOeFuAh");

fn stripe(body: &str) -> Result<Incoming, Unaccepted> {
    told(Provider::Stripe, body)
}

/// A body with one piece of its text exchanged, which must be there.
fn but(body: &str, from: &str, to: &str) -> String {
    assert!(body.contains(from), "{from}");
    body.replace(from, to)
}

#[test]
fn each_event_of_ours_is_a_notice() {
    let usd = Some((12_900, "USD"));
    for (body, expected) in [
        (PAID, notice("evt_1SXkQ4LkdIwHu7ixB6m0XyZa", NoticeKind::Succeeded, PAYMENT, usd)),
        (UNPAID, notice("evt_1SXkQ4LkdIwHu7ixC7n1AbCd", NoticeKind::Started, PAYMENT, usd)),
        (ASYNC_SUCCEEDED, notice("evt_1SXkR9LkdIwHu7ixD8o2EfGh", NoticeKind::Succeeded, PAYMENT, usd)),
        (ASYNC_FAILED, notice("evt_1SXkR9LkdIwHu7ixE9p3IjKl", NoticeKind::Failed, PAYMENT, None)),
        (EXPIRED, notice("evt_1SXkS5LkdIwHu7ixF0q4MnOp", NoticeKind::Failed, SESSION, None)),
        (REFUNDED, notice("evt_3SXkQ2LkdIwHu7ix0G1r5QrS", NoticeKind::Refunded, PAYMENT, usd)),
    ] {
        assert_eq!(stripe(body), Ok(Incoming::Notice(expected)));
    }
}

#[test]
fn what_does_not_concern_us_is_ignored_and_says_why() {
    let no_reference = but(PAID, ORDER, "10268");
    let no_metadata = but(REFUNDED, &format!("{{\n        \"order\": \"{ORDER}\"\n      }}"), "[]");
    for (body, why) in [
        (CUSTOMER_CREATED, Ignored::OtherKind),
        (r#"{"type":"invoice.paid"}"#, Ignored::OtherKind),
        (r#"{"id":7,"type":"v1.billing.meter.error_report_triggered","data":0}"#, Ignored::OtherKind),
        (REFUNDED_IN_PART, Ignored::PartialRefund),
        (&no_reference, Ignored::NoOrder),
        (&no_metadata, Ignored::NoOrder),
    ] {
        assert_eq!(stripe(body), Ok(Incoming::Ignored(why)), "{body}");
    }
}

#[test]
fn a_session_that_costs_nothing_is_as_good_as_paid() {
    let free = but(&but(PAID, "\"paid\"", "\"no_payment_required\""), "12900", "0");
    let free = but(&free, "\"pi_3SXkQ2LkdIwHu7ix0wPnRv8T\"", "null");
    let expected = notice("evt_1SXkQ4LkdIwHu7ixB6m0XyZa", NoticeKind::Succeeded, SESSION, Some((0, "USD")));
    assert_eq!(stripe(&free), Ok(Incoming::Notice(expected)));
}

#[test]
fn the_sessions_own_reference_goes_before_its_metadata() {
    let other = "019ac3f2-7c00-7a31-9d52-000000000000";
    let both =
        but(PAID, "\"metadata\": {},\n      \"mode\"", &format!("\"metadata\": {{\"order\": \"{other}\"}},\"mode\""));
    let Ok(Incoming::Notice(read)) = stripe(&both) else { panic!("no notice") };
    assert_eq!(read.order.to_string(), ORDER);
    let foreign = but(&both, ORDER, "cart 17");
    let Ok(Incoming::Notice(read)) = stripe(&foreign) else { panic!("no notice") };
    assert_eq!(read.order.to_string(), other);
}

#[test]
fn an_event_of_ours_that_says_the_wrong_thing_is_pointed_at() {
    for (body, pointer) in [
        ("{}".to_owned(), "/type"),
        (r#"{"type":[]}"#.into(), "/type"),
        (r#"{"type":"charge.refunded"}"#.into(), "/id"),
        (r#"{"type":"charge.refunded","id":""}"#.into(), "/id"),
        (r#"{"type":"charge.refunded","id":"evt_1"}"#.into(), "/data"),
        (r#"{"type":"charge.refunded","id":"evt_1","data":{"object":"ch_1"}}"#.into(), "/data/object"),
        (but(PAID, "\"payment_status\": \"paid\"", "\"payment_status\": \"later\""), "/data/object/payment_status"),
        (but(PAID, "\"payment_status\": \"paid\"", "\"payment_status\": null"), "/data/object/payment_status"),
        (but(PAID, "\"amount_total\": 12900", "\"amount_total\": null"), "/data/object/amount_total"),
        (but(PAID, "\"amount_total\": 12900", "\"amount_total\": 129.00"), "/data/object/amount_total"),
        (but(PAID, "\"amount_total\": 12900", "\"amount_total\": -1"), "/data/object/amount_total"),
        (but(PAID, "\"amount_total\": 12900", "\"amount_total\": 9223372036854775808"), "/data/object/amount_total"),
        (but(PAID, "\"currency\": \"usd\"", "\"currency\": \"zzz\""), "/data/object/currency"),
        (but(PAID, "\"currency\": \"usd\"", "\"currency\": null"), "/data/object/currency"),
        (but(PAID, "\"pi_3SXkQ2LkdIwHu7ix0wPnRv8T\"", "{}"), "/data/object/payment_intent"),
        (but(REFUNDED, "\"amount_refunded\": 12900", "\"amount_refunded\": \"1\""), "/data/object/amount_refunded"),
    ] {
        assert_eq!(stripe(&body), invalid(pointer), "{body}");
    }
    for body in ["", "[]", "{", r#"{"type":"charge.refunded","type":"x"}"#] {
        assert_eq!(stripe(body), Err(Unaccepted::Malformed), "{body}");
    }
}

#[test]
fn stripes_minor_units_are_read_as_iso_4217_has_them() {
    let paid = |units: &str, currency: &str| {
        let body = but(PAID, "\"amount_total\": 12900", &format!("\"amount_total\": {units}"));
        match stripe(&but(&body, "\"currency\": \"usd\"", &format!("\"currency\": \"{currency}\""))) {
            Ok(Incoming::Notice(notice)) => notice.amount.map(|money| format!("{money} {}", money.currency())),
            told => {
                assert_eq!(told, invalid("/data/object/amount_total"), "{units} {currency}");
                None
            }
        }
    };
    for (units, currency, shown) in [
        ("12900", "usd", "129.00 USD"),
        ("1500", "jpy", "1500 JPY"),
        ("5120", "kwd", "5.120 KWD"),
        // Charged with decimals, though paid out without.
        ("80000", "twd", "800.00 TWD"),
        ("1000", "huf", "10.00 HUF"),
        ("500", "isk", "5 ISK"),
        ("500", "ugx", "5 UGX"),
        ("500", "mga", "500.00 MGA"),
    ] {
        assert_eq!(paid(units, currency).as_deref(), Some(shown));
    }
    // Stripe's zero-decimal currencies: but for MGA, ISO 4217 agrees.
    for currency in "bif clp djf gnf jpy kmf krw pyg rwf vnd vuv xaf xof xpf".split(' ') {
        assert_eq!(paid("500", currency), Some(format!("500 {}", currency.to_uppercase())));
    }
    for (units, currency) in [("550", "isk"), ("1", "ugx"), ("9223372036854775807", "mga"), ("-500", "isk")] {
        assert_eq!(paid(units, currency), None, "{units} {currency}");
    }
}

/// Computed with Python's `hmac`. The longer secret is of the kind that Stripe's command line makes: longer than the
/// hash's block, so HMAC hashes it first.
const ELSEWHERE: [(&str, &str); 2] = [
    (STRIPE_SECRET, "9259ba1d859ee3329d0199730993fd3a926b2b685e93678074b1327a99e6019a"),
    (
        "whsec_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "3cc8c28ca37d4b6abf74e512a714ba1c8c463d6d5afeed515c31b74a61341346",
    ),
];

#[test]
fn a_signature_made_elsewhere_is_believed_and_nothing_near_it() {
    let body = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    let believed = invalid("/type");
    let refused = |unsigned| Err(Unaccepted::Unsigned(unsigned));
    for (secret, good) in ELSEWHERE {
        let keys = Keys::new(Provider::Stripe.key(secret).unwrap(), None);
        let told = |header: Option<&str>, now_s: i64| {
            let find = |name| header.filter(|_| name == "stripe-signature").map(str::as_bytes);
            read(Provider::Stripe, find, body, WallTime::from_micros(now_s * 1_000_000), &keys)
        };
        let (none, loud) = ("0".repeat(64), good.to_uppercase());
        for header in [
            format!("t=12345,v1={good}"),
            format!("v1={none},v0=x,v1={good},t=12345"),
            format!("t=12345,,v1={good},v1="),
        ] {
            assert_eq!(told(Some(&header), 12_345), believed, "{header}");
            assert_eq!(told(Some(&header), 12_645), believed, "{header}");
            assert_eq!(told(Some(&header), 12_646), refused(Unsigned::Stale), "{header}");
            assert_eq!(told(Some(&header), 12_044), refused(Unsigned::Stale), "{header}");
        }
        for header in [
            String::new(),
            "t=12345".into(),
            format!("v1={good}"),
            format!("t=12345,v0={good}"),
            format!("t=12345,v1={none}"),
            format!("t=12345,v1={loud}"),
            format!("t=12345,v1={}", &good[..63]),
            format!("t=12345,v1={good}0"),
            format!("t=12345, v1={good}"),
            format!("t=12346,v1={good}"),
            format!("t=12346,t=12345,v1={good}"),
        ] {
            assert_eq!(told(Some(&header), 12_345), refused(Unsigned::BadSignature), "{header}");
        }
        assert_eq!(told(None, 12_345), refused(Unsigned::MissingHeader));
    }
}

#[test]
fn while_a_secret_is_changed_either_opens() {
    let key = |secret| Provider::Stripe.key(secret).unwrap();
    let [(new, by_new), (old, by_old)] = ELSEWHERE;
    let keys = Keys::new(key(new), Some(key(old)));
    for good in [by_new, by_old] {
        let header = format!("t=12345,v1={good}");
        let find = |name| (name == "stripe-signature").then_some(header.as_bytes());
        let body = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
        assert_eq!(read(Provider::Stripe, find, body, WallTime::from_micros(12_345_000_000), &keys), invalid("/type"));
    }
}
