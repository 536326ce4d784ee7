//! Passes: nothing but what this server signed opens.

use hmac::Mac;
use proptest::prelude::*;

use super::*;

fn token(client: &Client, sale_id: &str, buyer_id: &str) -> String {
    client.mint(&sale(sale_id), buyer(buyer_id), NOON, None).token
}

fn decoded(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token).unwrap()
}

/// Signs any bytes with the key that passes have: what only this server can do, and never does.
fn signed(mut bytes: Vec<u8>) -> String {
    let signature = SECRET.key(b"doorbuster pass 1", b"").chain_update(&bytes).finalize().into_bytes();
    bytes.extend_from_slice(&signature[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn body(version: u8, expires_at: WallTime, sale: &[u8], buyer: &[u8]) -> Vec<u8> {
    let mut bytes = vec![version];
    bytes.extend_from_slice(&expires_at.micros().to_be_bytes());
    for field in [sale, buyer] {
        bytes.push(u8::try_from(field.len()).unwrap());
        bytes.extend_from_slice(field);
    }
    bytes
}

#[test]
fn a_pass_clears_its_buyer_at_its_sale() {
    let client = client();
    let pass = client.mint(&sale("launch"), buyer("ann"), NOON, Some(seconds(60)));
    assert_eq!((pass.buyer.as_str(), pass.expires_at), ("ann", NOON.after(seconds(60))));
    assert_eq!(clear(&client, "launch", pass.token.as_bytes(), NOON).as_deref(), Ok("ann"));
    let mut buffer = PassBuffer::new();
    let identified = client.identify(pass.token.as_bytes(), &mut buffer, NOON).unwrap();
    assert_eq!(identified, Identified { sale: "launch", buyer: buyer("ann") });
}

#[test]
fn the_format_is_the_one_in_the_table() {
    let expected = signed(body(1, NOON.after(seconds(24 * 3600)), b"launch", b"ann"));
    assert_eq!(token(&client(), "launch", "ann"), expected);
}

#[test]
fn a_pass_is_good_until_the_instant_it_expires_and_then_no_more() {
    let client = client();
    let pass = client.mint(&sale("launch"), buyer("ann"), NOON, Some(seconds(60)));
    let token = pass.token.as_bytes();
    let just_before = WallTime::from_micros(pass.expires_at.micros() - 1);
    assert_eq!(clear(&client, "launch", token, just_before).as_deref(), Ok("ann"));
    assert_eq!(clear(&client, "launch", token, pass.expires_at), Err(Unproven::PassExpired));
    let mut buffer = PassBuffer::new();
    assert_eq!(client.identify(token, &mut buffer, pass.expires_at), Err(Unproven::PassExpired));
    // At another sale it never was a pass.
    assert_eq!(clear(&client, "other", token, pass.expires_at), Err(Unproven::PassInvalid));
}

#[test]
fn a_pass_survives_a_restart_and_not_another_secret() {
    let token = token(&client(), "launch", "ann");
    assert_eq!(clear(&client(), "launch", token.as_bytes(), NOON).as_deref(), Ok("ann"));
    let stranger = Client::new(&Secret::from_bytes([8; 32]), easy());
    assert_eq!(clear(&stranger, "launch", token.as_bytes(), NOON), Err(Unproven::PassInvalid));
}

#[test]
fn a_pass_for_another_sale_is_invalid() {
    let client = client();
    let token = token(&client, "launch", "ann");
    for other in ["launch2", "launc", "Launch", ""] {
        assert_eq!(clear(&client, other, token.as_bytes(), NOON), Err(Unproven::PassInvalid), "{other:?}");
    }
}

#[test]
fn each_flipped_bit_makes_a_pass_invalid() {
    let client = client();
    let bytes = decoded(&token(&client, "launch", "ann"));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let token = URL_SAFE_NO_PAD.encode(flipped);
        assert_eq!(clear(&client, "launch", token.as_bytes(), NOON), Err(Unproven::PassInvalid), "bit {bit}");
    }
}

#[test]
fn a_pass_cut_short_or_made_longer_is_invalid() {
    let client = client();
    let token = token(&client, "launch", "ann");
    for length in 0..token.len() {
        let cut = &token.as_bytes()[..length];
        assert_eq!(clear(&client, "launch", cut, NOON), Err(Unproven::PassInvalid), "{length} characters");
    }
    let mut bytes = decoded(&token);
    for length in 0..bytes.len() {
        let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
        assert_eq!(clear(&client, "launch", cut.as_bytes(), NOON), Err(Unproven::PassInvalid), "{length} bytes");
    }
    bytes.push(0);
    let longer = URL_SAFE_NO_PAD.encode(bytes);
    assert_eq!(clear(&client, "launch", longer.as_bytes(), NOON), Err(Unproven::PassInvalid));
}

#[test]
fn a_pass_has_one_spelling() {
    let client = client();
    // Buyers of three lengths, so that the text ends in each of the three ways that base64 can end.
    for buyer in ["ann", "anna", "annie"] {
        let token = token(&client, "launch", buyer);
        let bytes = decoded(&token);
        for padded in [format!("{token}="), format!("{token}=="), format!(" {token}"), format!("{token}\n")] {
            assert_eq!(clear(&client, "launch", padded.as_bytes(), NOON), Err(Unproven::PassInvalid), "{padded:?}");
        }
        // Each other last character, among them those that a lenient decoder reads as the same bytes.
        let (rest, last) = token.split_at(token.len() - 1);
        for other in (0..=127_u8).map(char::from).filter(|other| !last.starts_with(*other)) {
            let respelt = format!("{rest}{other}");
            assert_eq!(clear(&client, "launch", respelt.as_bytes(), NOON), Err(Unproven::PassInvalid), "{respelt:?}");
        }
        let standard = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes);
        assert_eq!(standard == token, clear(&client, "launch", standard.as_bytes(), NOON).is_ok());
    }
}

#[test]
fn fields_of_two_passes_do_not_make_a_third() {
    let client = client();
    let expiries = [60, 120].map(|ttl| NOON.after(seconds(ttl)));
    let halves = |sale_id: &str, buyer_id: &str, expires_at| {
        let pass = client.passes.mint(&sale(sale_id), buyer(buyer_id), expires_at);
        let mut signed = decoded(&pass.token);
        let signature = signed.split_off(signed.len() - 16);
        (signed, signature)
    };
    // Neighbours whose fields, run together without lengths, would be the same bytes.
    let mut passes = Vec::new();
    for expires_at in expiries {
        for (sale_id, buyer_id) in [("ab", "c"), ("a", "bc"), ("ab", "cc"), ("abc", "c"), ("c", "ab")] {
            passes.push(halves(sale_id, buyer_id, expires_at));
        }
    }
    let mut buffer = PassBuffer::new();
    for (one, (signed, _)) in passes.iter().enumerate() {
        for (other, (_, signature)) in passes.iter().enumerate() {
            let token = URL_SAFE_NO_PAD.encode([&signed[..], &signature[..]].concat());
            let opens = client.identify(token.as_bytes(), &mut buffer, NOON).is_ok();
            assert_eq!(opens, one == other, "fields of {one}, signature of {other}");
        }
    }
}

#[test]
fn a_signature_alone_does_not_make_a_pass() {
    let (client, mut buffer) = (client(), PassBuffer::new());
    let later = NOON.after(seconds(1));
    let good = body(1, later, b"launch", b"ann");
    assert!(client.identify(signed(good.clone()).as_bytes(), &mut buffer, NOON).is_ok());
    let mut trailing = good.clone();
    trailing.push(0);
    let mut too_long_a_field = good.clone();
    too_long_a_field[16] = 200;
    let bad = [
        ("no bytes", Vec::new()),
        ("another version", body(2, later, b"launch", b"ann")),
        ("a byte too many", trailing),
        ("a byte too few", good[..good.len() - 1].to_vec()),
        ("a length beyond the end", too_long_a_field),
        ("no buyer", body(1, later, b"launch", b"")),
        ("a buyer with a space", body(1, later, b"launch", b"a b")),
        ("a buyer that is too long", body(1, later, b"l", &[b'a'; BUYER_BYTES_MAX + 1])),
        ("a sale that is not text", body(1, later, b"\xFF\xFE", b"ann")),
    ];
    for (name, bytes) in bad {
        let answer = client.identify(signed(bytes).as_bytes(), &mut buffer, NOON);
        assert_eq!(answer, Err(Unproven::PassInvalid), "{name}");
    }
}

#[test]
fn the_longest_pass_fits_and_one_more_character_is_refused() {
    let client = client();
    let (longest_sale, longest_buyer) = ("s".repeat(64), "~".repeat(BUYER_BYTES_MAX));
    let mut token = token(&client, &longest_sale, &longest_buyer);
    assert_eq!(token.len(), PASS_CHARS_MAX);
    assert_eq!(clear(&client, &longest_sale, token.as_bytes(), NOON), Ok(longest_buyer));
    token.push('A');
    assert_eq!(clear(&client, &longest_sale, token.as_bytes(), NOON), Err(Unproven::PassInvalid));
    assert_eq!(clear(&client, "launch", &vec![b'A'; 1 << 20], NOON), Err(Unproven::PassInvalid));
}

#[test]
fn a_time_to_live_without_end_ends_at_the_end_of_time() {
    let client = client();
    let pass = client.mint(&sale("launch"), buyer("ann"), NOON, Some(Duration::MAX));
    assert_eq!(pass.expires_at, WallTime::from_micros(i64::MAX));
    assert_eq!(clear(&client, "launch", pass.token.as_bytes(), NOON).as_deref(), Ok("ann"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_never_a_pass(token in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(clear(&client(), "launch", &token, NOON), Err(Unproven::PassInvalid));
    }

    #[test]
    fn arbitrary_bytes_in_base64_are_never_a_pass(bytes in prop::collection::vec(any::<u8>(), 0..230)) {
        let token = URL_SAFE_NO_PAD.encode(bytes);
        prop_assert_eq!(clear(&client(), "launch", token.as_bytes(), NOON), Err(Unproven::PassInvalid));
    }

    #[test]
    fn whatever_is_signed_opening_it_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..230)) {
        let mut buffer = PassBuffer::new();
        let _ = client().identify(signed(bytes).as_bytes(), &mut buffer, NOON);
    }

    #[test]
    fn every_pass_says_what_it_was_minted_with(
        sale_id in "[A-Za-z0-9._-]{1,64}", buyer_id in "[!-~]{1,128}", ttl in 1..1_000_000_u64,
    ) {
        let client = client();
        let pass = client.mint(&sale(&sale_id), buyer(&buyer_id), NOON, Some(seconds(ttl)));
        prop_assert_eq!(clear(&client, &sale_id, pass.token.as_bytes(), NOON), Ok(buyer_id));
    }
}
