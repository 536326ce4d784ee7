//! Every parser of outside bytes, as one function of bytes: what a fuzzer throws at them, and what must be true of whatever
//! comes out. Only in test builds.
//!
//! `tests/fuzz` has the fuzzer and the corpora; the test at the end replays each file of those, and as many mutations of
//! them as `DOORBUSTER_TEST_MUTATIONS` says, of one target where `DOORBUSTER_FUZZ` names it.
//!
//! **Invariant:** a target panics where a promise is broken, and nowhere else.

mod log;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use crate::access::{AddressRules, ClientIpHeader};
use crate::client::{Client, ClientSettings, PassBuffer, Proof, Secret, SolvedChallenge};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, KeyRef, OrderId, SaleId, Sku};
use crate::ledger::row::EventRow;
use crate::money::{Money, MoneyText};
use crate::orders::payment::{self, Provider};
use crate::orders::payment_link::PaymentLink;
use crate::orders::signature::{self, Headers, ID_HEADER, Key, Keys, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use crate::orders::targets::{Host, Reach, Target};

/// 2026-11-27T09:00Z.
const NOW: WallTime = WallTime::from_micros(1_795_770_000_000_000);

/// What is done with the bytes.
pub type Check = fn(&[u8]);

/// All of them, by the name of their corpus.
pub const TARGETS: [(&str, Check); 27] = [
    ("quantity", crate::door::fuzzed::quantity),
    ("path", crate::door::fuzzed::path),
    ("query", crate::door::fuzzed::query),
    ("cookies", crate::door::fuzzed::cookies),
    ("host", crate::door::fuzzed::host),
    ("accept", crate::door::fuzzed::accept),
    ("content_type", crate::door::fuzzed::content_type),
    ("cursor", crate::door::fuzzed::cursor),
    ("admin", crate::door::fuzzed::admin),
    ("ids", ids),
    ("pass", pass),
    ("challenge", challenge),
    ("address", address),
    ("money", money),
    ("config", crate::config::fuzzed::text),
    ("environment", crate::config::fuzzed::environment),
    ("theme", crate::config::fuzzed::theme),
    ("payment", |bytes| paid(Provider::Generic, bytes)),
    ("stripe", |bytes| paid(Provider::Stripe, bytes)),
    ("signature", signature),
    ("webhook_url", webhook_url),
    ("payment_link", payment_link),
    ("postgres_url", postgres_url),
    ("event", event),
    ("log", log::log),
    ("acks", crate::ledger::audit::fuzzed_acks),
    ("report", crate::bench::report::fuzzed),
];

fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(fault) => std::str::from_utf8(&bytes[..fault.valid_up_to()]).unwrap_or_default(),
    }
}

fn ids(bytes: &[u8]) {
    let text = text(bytes);
    if let Ok(id) = SaleId::parse(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Ok(sku) = Sku::parse(text) {
        assert_eq!(sku.as_str(), text);
    }
    if let Ok(id) = OrderId::parse(text) {
        assert_eq!(OrderId::parse(&id.to_string()), Ok(id), "an id that is read is one that is written");
    }
    if let Ok(buyer) = BuyerRef::parse(bytes) {
        assert!(buyer.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Ok(key) = KeyRef::parse(bytes) {
        assert_eq!(key.as_str().as_bytes(), bytes);
    }
}

static CLIENT: LazyLock<Client> =
    LazyLock::new(|| Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default()));

fn pass(bytes: &[u8]) {
    let mut buffer = PassBuffer::default();
    let cleared = CLIENT.clear("launch", Proof::Pass(bytes), &mut buffer, NOW);
    assert!(cleared.is_err(), "nobody finds a signature");
}

fn challenge(bytes: &[u8]) {
    let Ok(solved) = serde_json::from_slice::<SolvedChallenge>(bytes) else { return };
    let written = serde_json::to_vec(&solved).expect("it was read");
    assert_eq!(serde_json::from_slice::<SolvedChallenge>(&written).expect("it was written"), solved);
    let sale = SaleId::parse("launch").expect("a name");
    assert!(CLIENT.redeem(&sale, &solved, NOW).is_err(), "nobody finds a signature");
}

fn address(bytes: &[u8]) {
    let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let trusted = ["10.0.0.0/8".parse().expect("a network")];
    for header in [
        ClientIpHeader::None,
        ClientIpHeader::XForwardedFor,
        ClientIpHeader::Forwarded,
        ClientIpHeader::CfConnectingIp,
        ClientIpHeader::XRealIp,
    ] {
        let rules = AddressRules::new(trusted.to_vec(), header);
        let client = |peer| rules.client_of(peer, bytes.split(|byte| *byte == b'\n'));
        assert_eq!(client(stranger), stranger, "whom nobody trusts is himself");
        let client = client(proxy);
        assert_eq!(client, client.to_canonical(), "an address has one form");
    }
}

fn money(bytes: &[u8]) {
    let Some((amount, currency)) = text(bytes).split_once(' ') else { return };
    let Ok(money) = Money::parse(&MoneyText { amount: amount.into(), currency: currency.into() }) else { return };
    assert_eq!(Money::parse(&money.text()), Ok(money), "what is shown is what was read");
    assert!(money.minor() >= 0);
}

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn keys(provider: Provider) -> Keys {
    Keys::new(provider.key(SECRET).expect("a secret"), None)
}

/// A message with a good signature: whoever has the key may still write nonsense.
fn paid(provider: Provider, body: &[u8]) {
    let keys = keys(provider);
    let signed = signature::sign("m-1", body, NOW, &keys);
    let stripe = crate::orders::payment::stripe_signature(body, NOW, &keys);
    let header = |name: &'static str| match name {
        ID_HEADER => Some(&b"m-1"[..]),
        TIMESTAMP_HEADER => Some(signed.timestamp.as_bytes()),
        SIGNATURE_HEADER => Some(signed.signature.as_bytes()),
        _ => Some(stripe.as_bytes()),
    };
    if let Err(payment::Unaccepted::Unsigned(why)) = payment::read(provider, header, body, NOW, &keys) {
        panic!("it was signed: {why:?}");
    }
}

/// Headers that come from anywhere.
fn signature(bytes: &[u8]) {
    let mut lines = bytes.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (id, timestamp, signature, body) = (next(), next(), next(), next());
    let keys = keys(Provider::Generic);
    assert!(Headers { id, timestamp, signature }.verify(body, NOW, &keys).is_err(), "nobody finds a signature");
    let stripe = payment::read(Provider::Stripe, |_| Some(signature), body, NOW, &keys);
    assert!(matches!(stripe, Err(payment::Unaccepted::Unsigned(_))), "nor one of Stripe's");
    let _ = (Key::parse(text(id)), Key::of_text(text(timestamp)));
}

fn webhook_url(bytes: &[u8]) {
    let _ = Target::parse(text(bytes), Reach::Anywhere);
    let Ok(target) = Target::parse(text(bytes), Reach::Public) else { return };
    if let Host::Address(address) = target.host() {
        assert!(target.admits(*address), "an address that is named has been looked at");
    }
    for near in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.1", "100.64.0.1"] {
        assert!(!target.admits(near.parse().expect("an address")), "{near}");
    }
    assert!(target.path().starts_with('/'));
    assert!(target.path().bytes().chain(target.authority().bytes()).all(|byte| byte.is_ascii_graphic()));
}

fn payment_link(bytes: &[u8]) {
    for secret in [None, Some("a secret")] {
        let _ = PaymentLink::parse(text(bytes), secret);
    }
}

fn postgres_url(bytes: &[u8]) {
    let _ = (crate::postgres::Target::parse(text(bytes)), crate::postgres::NodeId::parse(text(bytes)));
}

fn event(bytes: &[u8]) {
    let Some(row) = EventRow::of_payload(bytes) else { return };
    let mut written = Vec::new();
    row.write_payload(&mut written);
    assert_eq!(written, bytes, "bytes that are an event are the event's bytes");
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    /// SplitMix64: any spread does.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ (mixed >> 31)) % sides.max(1) as u64) as usize
        }

        /// What a hostile client might make of `bytes`, with a piece of `other` perhaps.
        fn mutated(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
            let mut bytes = bytes.to_vec();
            for _ in 0..=self.roll(4) {
                let at = self.roll(bytes.len() + 1);
                match self.roll(5) {
                    0 if at < bytes.len() => bytes[at] ^= 1 << self.roll(8),
                    1 => bytes.insert(at, [0, b'"', b'{', b',', b'%', 0xff, b'0', b'\n'][self.roll(8)]),
                    2 => bytes.truncate(at),
                    3 => drop(bytes.splice(at..at, other[..self.roll(other.len() + 1)].iter().copied())),
                    _ if at < bytes.len() => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            bytes
        }
    }

    #[test]
    fn no_parser_of_outside_bytes_breaks_on_any_file_of_its_corpus_nor_on_what_may_become_of_it() {
        let mutations: usize =
            std::env::var("DOORBUSTER_TEST_MUTATIONS").map_or(2_000, |text| text.parse().expect("a number"));
        let seed = std::env::var("DOORBUSTER_TEST_SEED").map_or(2026, |text| text.parse().expect("a number"));
        eprintln!("DOORBUSTER_TEST_MUTATIONS={mutations} DOORBUSTER_TEST_SEED={seed}");
        let mut dice = Dice(seed);
        // As the fuzzer is told: this one alone.
        let wanted = std::env::var("DOORBUSTER_FUZZ").ok();
        let is_wanted = |name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
        for (name, check) in TARGETS.into_iter().filter(|(name, _)| is_wanted(name)) {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
            let mut files: Vec<_> =
                corpus.read_dir().expect("a corpus").map(|file| file.expect("a file").path()).collect();
            files.sort();
            let files: Vec<_> = files.iter().map(|file| std::fs::read(file).expect("a file")).collect();
            assert!(!files.is_empty(), "{name} has no corpus");
            files.iter().for_each(|bytes| check(bytes));
            for _ in 0..mutations {
                let (one, other) = (dice.roll(files.len()), dice.roll(files.len()));
                check(&dice.mutated(&files[one], &files[other]));
            }
        }
    }
}
