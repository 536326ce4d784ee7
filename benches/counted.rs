//! Work to be counted by instructions, not by seconds: `cargo bench --bench counted -- MIX COUNT`, under callgrind.
//! [`instructions`](instructions) runs it so, and holds what it finds against what was found before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorbuster::access::Quota;
use doorbuster::bench::engine::attempt;
use doorbuster::bench::house::{self, GONE, SALE, Shelf};
use doorbuster::bench::ledger::Desk;
use doorbuster::client::{PassBuffer, Proof};
use doorbuster::clock::{Clock, WallTime};
use doorbuster::door::Credentials;
use doorbuster::funnel::Funnel;
use doorbuster::ids::{BuyerRef, SaleId};
use doorbuster::offer::Phase;
use doorbuster::orders::signature::{self, Headers, Key, Keys};
use sha2::{Digest as _, Sha256};

/// Different buyers, so that tables are walked and not only their first line.
const BUYERS: usize = 1_000;
/// A pass ends with so many bytes of signature.
const SIGNATURE_BYTES: usize = 16;
/// A token of the office. Longer than a processor's register, so that whoever compares it as it is takes several looks.
const TOKEN: &str =
    "office-token-0123456789abcdefghijklmnopqrstuvwxyz-office-token-0123456789abcdefghijklmnopqrstuvwxyz";
/// Orders of one commit.
const COMMIT: u64 = 1_000;

fn shop(buyer_quota: Option<Quota>) -> Funnel {
    house::open(Shelf { stock: 0, limit_per_buyer: 1, buyer_quota, phase: Phase::Live }).expect("a thread")
}

fn attempts(funnel: &Funnel, count: usize) {
    let clock = Clock::system();
    let names: Vec<String> = (0..BUYERS).map(|number| format!("b-{number}")).collect();
    for number in 0..count {
        let buyer = BuyerRef::parse(names[number % BUYERS].as_bytes()).expect("a buyer");
        assert!(!attempt(funnel, &clock, GONE, buyer), "nothing is left");
    }
}

fn passes(funnel: &Funnel, count: usize) {
    let now = Clock::system().now().wall;
    let buyer = BuyerRef::parse(b"b-0123456789012345678901").expect("a buyer");
    let pass = funnel.client.mint(&SaleId::parse(SALE).expect("an id"), buyer, now, None);
    for _ in 0..count {
        let mut buffer = PassBuffer::new();
        let cleared = funnel.client.clear(SALE, Proof::Pass(pass.token.as_bytes()), &mut buffer, now);
        assert!(cleared.is_ok(), "it is good");
    }
}

/// Passes whose signature is wrong in this byte, from its end.
fn forgeries(funnel: &Funnel, from_end: usize, count: usize) {
    let now = Clock::system().now().wall;
    let buyer = BuyerRef::parse(b"b-0123456789012345678901").expect("a buyer");
    let pass = funnel.client.mint(&SaleId::parse(SALE).expect("an id"), buyer, now, None);
    let mut bytes = URL_SAFE_NO_PAD.decode(&pass.token).expect("base64url");
    let wrong = bytes.len() - from_end;
    bytes[wrong] ^= 1;
    let forged = URL_SAFE_NO_PAD.encode(&bytes);
    for _ in 0..count {
        let mut buffer = PassBuffer::new();
        let cleared = funnel.client.clear(SALE, Proof::Pass(forged.as_bytes()), &mut buffer, now);
        assert!(cleared.is_err(), "it is forged");
    }
}

/// Where a secret is wrong.
#[derive(Clone, Copy)]
enum Wrong {
    Early,
    Late,
}

/// A token that is wrong early and whose digest is, too; or both of them late, as far as digests can be found.
fn forged_token(wrong: Wrong) -> String {
    let first_of = |token: &str| Sha256::digest(token)[0];
    let guesses = (0..).map(|guess| match wrong {
        Wrong::Early => format!("{guess:04}{}", &TOKEN[4..]),
        Wrong::Late => format!("{}{guess:04}", &TOKEN[..TOKEN.len() - 4]),
    });
    let is_late = matches!(wrong, Wrong::Late);
    guesses.into_iter().find(|guess| (first_of(guess) == first_of(TOKEN)) == is_late).expect("there is one")
}

fn tokens(wrong: Wrong, count: usize) {
    let (credentials, forged) = (Credentials::new(Some(TOKEN), None), forged_token(wrong));
    for _ in 0..count {
        assert!(!credentials.is_token(std::hint::black_box(forged.as_bytes())), "it is forged");
    }
}

/// Payments' messages whose signature is wrong at its beginning or at its end.
fn messages(wrong: Wrong, count: usize) {
    let now = WallTime::from_micros(1_795_770_000_000_000);
    let keys = Keys::new(Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret"), None);
    let body = br#"{"type":"payment.succeeded"}"#;
    let signature::Signed { timestamp, signature } = signature::sign("m-1", body, now, &keys);
    // Behind "v1,", and before the "=" at the end of 32 bytes in Base64.
    let at = if matches!(wrong, Wrong::Early) { 3 } else { signature.len() - 2 };
    let mut forged = signature.into_bytes();
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    let headers = Headers { id: b"m-1", timestamp: timestamp.as_bytes(), signature: &forged };
    for _ in 0..count {
        assert!(std::hint::black_box(&headers).verify(body, now, &keys).is_err(), "it is forged");
    }
}

fn orders(count: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut desk = Desk::open(dir.path().join("data")).expect("a ledger");
    for _ in 0..count as u64 / COMMIT {
        desk.commit(Desk::orders(COMMIT).expect("fit names")).expect("room on the disk");
    }
    desk.close();
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    // `cargo bench` without a word has nothing to count.
    let [mix, count] = words.as_slice() else { return };
    let count = count.parse().expect("a number of attempts");
    let slow = Quota::new(0.001, 1).expect("in range");
    match mix.as_str() {
        "sold_out" => attempts(&shop(None), count),
        "limited" => attempts(&shop(slow), count),
        "pass" => passes(&shop(None), count),
        "forged_early" => forgeries(&shop(None), SIGNATURE_BYTES, count),
        "forged_late" => forgeries(&shop(None), 1, count),
        "token_early" => tokens(Wrong::Early, count),
        "token_late" => tokens(Wrong::Late, count),
        "message_early" => messages(Wrong::Early, count),
        "message_late" => messages(Wrong::Late, count),
        "order" => orders(count),
        _ => panic!("{mix:?} is no mix"),
    }
}
