//! Tests of signatures: the published vectors, and every way to come close to one.

use proptest::prelude::*;

use super::*;

/// What the specification's reference libraries are tested with: secret, id, timestamp, body, signature.
const VECTORS: [(&str, &str, i64, &str, &str); 2] = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1_649_367_553,
        r#"{"email":"test@example.com","username":"test_user"}"#,
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
];

fn at(seconds: i64) -> WallTime {
    WallTime::from_micros(seconds * 1_000_000)
}

fn keys(current: &str, former: Option<&str>) -> Keys {
    Keys::new(Key::parse(current).unwrap(), former.map(|former| Key::parse(former).unwrap()))
}

/// What a message with this signature is told, were it sent with the first vector's key and headers.
fn first(signature: &str) -> Result<(), Unsigned> {
    let (secret, id, seconds, body, _) = VECTORS[0];
    let timestamp = seconds.to_string();
    let headers = Headers { id: id.as_bytes(), timestamp: timestamp.as_bytes(), signature: signature.as_bytes() };
    headers.verify(body.as_bytes(), at(seconds), &keys(secret, None))
}

#[test]
fn the_published_vectors_are_what_we_sign_and_what_we_believe() {
    for (secret, id, seconds, body, signature) in VECTORS {
        let signed = sign(id, body.as_bytes(), at(seconds), &keys(secret, None));
        assert_eq!((signed.timestamp, signed.signature.as_str()), (seconds.to_string(), signature));
        let timestamp = seconds.to_string();
        let headers = Headers { id: id.as_bytes(), timestamp: timestamp.as_bytes(), signature: signature.as_bytes() };
        assert_eq!(headers.verify(body.as_bytes(), at(seconds), &keys(secret, None)), Ok(()));
    }
}

#[test]
fn one_good_signature_among_several_is_enough() {
    let good = VECTORS[0].4;
    let other = VECTORS[1].4;
    for list in
        [format!("{other} {good}"), format!("{good} {other}"), format!("v1a,x v2,y  {good} z"), format!(" {good}")]
    {
        assert_eq!(first(&list), Ok(()), "{list}");
    }
}

#[test]
fn a_signature_that_is_shortened_or_spelt_differently_is_none() {
    let (_, _, _, _, good) = VECTORS[0];
    let bare = good.strip_prefix("v1,").unwrap();
    for near in [
        String::new(),
        "v1,".into(),
        "v1".into(),
        ",".into(),
        bare.into(),
        format!("v1,{}", &bare[..4]),
        good.trim_end_matches('=').into(),
        format!("{good}="),
        // The last letter's two lowest bits are not part of the 32 bytes.
        good.replace("OE=", "OF="),
        good.replace('+', "-").replace('/', "_"),
        format!("V1,{bare}"),
        format!("v1a,{bare}"),
        format!("v2,{bare}"),
        format!("v1, {bare}"),
        format!("v1,{bare},"),
        good.replace("v1,", "v1,v1,"),
        VECTORS[1].4.into(),
    ] {
        assert_eq!(first(&near), Err(Unsigned::BadSignature), "{near}");
    }
}

#[test]
fn either_of_two_keys_opens_and_both_sign() {
    let (new, id, seconds, body, by_new) = VECTORS[0];
    let old = VECTORS[1].0;
    let both = sign(id, body.as_bytes(), at(seconds), &keys(new, Some(old)));
    let (first, second) = both.signature.split_once(' ').unwrap();
    assert_eq!(first, by_new);
    let timestamp = both.timestamp.as_bytes();
    for (signature, held, told) in [
        (first, keys(new, None), Ok(())),
        (second, keys(old, None), Ok(())),
        (&both.signature, keys(old, None), Ok(())),
        (second, keys(new, Some(old)), Ok(())),
        (second, keys(new, None), Err(Unsigned::BadSignature)),
        (first, keys(old, None), Err(Unsigned::BadSignature)),
    ] {
        let headers = Headers { id: id.as_bytes(), timestamp, signature: signature.as_bytes() };
        assert_eq!(headers.verify(body.as_bytes(), at(seconds), &held), told, "{signature}");
    }
}

#[test]
fn a_message_is_believed_for_five_minutes_in_both_directions() {
    let (secret, id, seconds, body, signature) = VECTORS[0];
    let timestamp = seconds.to_string();
    for (now_us, told) in [
        ((seconds + 300) * 1_000_000, Ok(())),
        ((seconds + 300) * 1_000_000 + 1, Err(Unsigned::Stale)),
        ((seconds - 300) * 1_000_000, Ok(())),
        ((seconds - 300) * 1_000_000 - 1, Err(Unsigned::Stale)),
        (i64::MAX, Err(Unsigned::Stale)),
        (i64::MIN, Err(Unsigned::Stale)),
    ] {
        let headers = Headers { id: id.as_bytes(), timestamp: timestamp.as_bytes(), signature: signature.as_bytes() };
        let now = WallTime::from_micros(now_us);
        assert_eq!(headers.verify(body.as_bytes(), now, &keys(secret, None)), told, "{now_us}");
        // Who hasn't signed isn't told how our clock stands.
        let headers = Headers { signature: b"v1,nothing", ..headers };
        assert_eq!(headers.verify(body.as_bytes(), now, &keys(secret, None)), Err(Unsigned::BadSignature));
    }
}

#[test]
fn a_signed_time_that_is_no_plain_number_of_seconds_is_refused() {
    let key = keys(VECTORS[0].0, None);
    for (timestamp, told) in [
        ("", Unsigned::BadSignature),
        ("+1614265330", Unsigned::BadSignature),
        ("-1", Unsigned::BadSignature),
        (" 1614265330", Unsigned::BadSignature),
        ("1614265330.0", Unsigned::BadSignature),
        ("16142653e2", Unsigned::BadSignature),
        ("99999999999999999999", Unsigned::BadSignature),
        ("9223372036854775807", Unsigned::Stale),
        ("1614265330000", Unsigned::Stale),
        ("0", Unsigned::Stale),
    ] {
        let mac = key.macs(&[b"msg_1", timestamp.as_bytes(), b"{}"]).next().unwrap();
        let signature = format!("v1,{}", STANDARD.encode(mac));
        let headers = Headers { id: b"msg_1", timestamp: timestamp.as_bytes(), signature: signature.as_bytes() };
        assert_eq!(headers.verify(b"{}", at(1_614_265_330), &key), Err(told), "{timestamp:?}");
    }
}

#[test]
fn each_header_has_to_be_there() {
    let all: [(&str, &[u8]); 3] = [(ID_HEADER, b"a"), (TIMESTAMP_HEADER, b"1"), (SIGNATURE_HEADER, b"v1,x")];
    let find = |headers: &[(&str, &'static [u8])], name: &str| {
        headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    };
    assert_eq!(Headers::read(|name| find(&all, name)), Ok(Headers { id: b"a", timestamp: b"1", signature: b"v1,x" }));
    for missing in 0..3 {
        let some: Vec<_> = all.iter().enumerate().filter(|(nth, _)| *nth != missing).map(|(_, it)| *it).collect();
        assert_eq!(Headers::read(|name| find(&some, name)), Err(Unsigned::MissingHeader), "{missing}");
    }
}

#[test]
fn a_secret_is_24_to_64_bytes_of_base64_behind_its_prefix() {
    let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
    for (text, fault) in [
        (of(23), Some(KeyError::Length)),
        (of(24), None),
        (of(64), None),
        (of(65), Some(KeyError::Length)),
        ("whsec_".into(), Some(KeyError::Length)),
        ("whsec_not base64".into(), Some(KeyError::Base64)),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), Some(KeyError::Prefix)),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), Some(KeyError::Prefix)),
        (String::new(), Some(KeyError::Prefix)),
    ] {
        assert_eq!(Key::parse(&text).err(), fault, "{text}");
    }
    assert_eq!(format!("{:?}", Key::parse(VECTORS[0].0).unwrap()), "Key(not shown)");
}

#[test]
fn stripes_secret_is_taken_whole_and_as_text() {
    for (text, fault) in [
        ("whsec_8f1b2c3d4e5f60718293a4b5c6d7e8f9", None),
        ("whsec_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", None),
        ("whsec_short", Some(KeyError::Text)),
        ("whsec_8f1b2c3d4e5f60718293a4b5c6d7e8f9\n", Some(KeyError::Text)),
        ("sk_live_8f1b2c3d4e5f60718293a4b5c6d7e8f9", Some(KeyError::Prefix)),
    ] {
        assert_eq!(Key::of_text(text).err(), fault, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_believed_and_one_flipped_bit_of_it_is_not(
        id in "[!-~]{1,40}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        seconds in 0..4_000_000_000_i64,
        part in 0..4_usize,
        place in any::<proptest::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let keys = keys(VECTORS[0].0, None);
        let signed = sign(&id, &body, at(seconds), &keys);
        let mut parts = [id.into_bytes(), signed.timestamp.into_bytes(), signed.signature.into_bytes(), body];
        let told = |parts: &[Vec<u8>; 4]| {
            let headers = Headers { id: &parts[0], timestamp: &parts[1], signature: &parts[2] };
            headers.verify(&parts[3], at(seconds), &keys)
        };
        prop_assert_eq!(told(&parts), Ok(()));
        if !parts[part].is_empty() {
            let byte = place.index(parts[part].len());
            parts[part][byte] ^= 1_u8 << bit;
            prop_assert_eq!(told(&parts), Err(Unsigned::BadSignature));
        }
    }

    #[test]
    fn no_bytes_whatever_make_it_panic_or_believe(
        id in proptest::collection::vec(any::<u8>(), 0..60),
        timestamp in proptest::collection::vec(any::<u8>(), 0..30),
        signature in proptest::collection::vec(any::<u8>(), 0..120),
        body in proptest::collection::vec(any::<u8>(), 0..60),
        now_us in any::<i64>(),
    ) {
        let headers = Headers { id: &id, timestamp: &timestamp, signature: &signature };
        let told = headers.verify(&body, WallTime::from_micros(now_us), &keys(VECTORS[0].0, Some(VECTORS[1].0)));
        prop_assert_eq!(told, Err(Unsigned::BadSignature));
    }
}
