//! Work to be counted by instructions, not by seconds: `cargo bench --bench counted -- MIX COUNT`, under callgrind.
//! [`instructions`](instructions) runs it so, and holds what it finds against what was found before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorbuster::access::Quota;
use doorbuster::bench::engine::attempt;
use doorbuster::bench::house::{self, GONE, SALE, Shelf};
use doorbuster::bench::ledger::Desk;
use doorbuster::client::{PassBuffer, Proof};
use doorbuster::clock::Clock;
use doorbuster::funnel::Funnel;
use doorbuster::ids::{BuyerRef, SaleId};
use doorbuster::offer::Phase;

/// Different buyers, so that tables are walked and not only their first line.
const BUYERS: usize = 1_000;
/// A pass ends with so many bytes of signature.
const SIGNATURE_BYTES: usize = 16;
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
        "order" => orders(count),
        _ => panic!("{mix:?} is no mix"),
    }
}
