//! Tests of the floor. Time is a number here, and difficulty the lowest, so that nothing waits.

mod challenge;
mod conformance;
mod pass;
mod secret;
mod spent;

use super::*;

/// 2026-11-27T09:00Z, on a whole second.
const NOON: WallTime = WallTime::from_micros(1_795_770_000_000_000);
const SECRET: Secret = Secret::from_bytes([7; 32]);

fn easy() -> ClientSettings {
    ClientSettings { difficulty: Difficulty::new(1, 1).unwrap(), ..ClientSettings::default() }
}

fn client() -> Client {
    Client::new(&SECRET, easy())
}

fn sale(id: &str) -> SaleId {
    SaleId::parse(id).unwrap()
}

fn buyer(id: &str) -> BuyerRef<'_> {
    BuyerRef::parse(id.as_bytes()).unwrap()
}

/// What the first floor says to this token, in owned form.
fn clear(client: &Client, sale: &str, token: &[u8], now: WallTime) -> Result<String, Unproven> {
    let mut buffer = PassBuffer::new();
    let cleared = client.clear(sale, Proof::Pass(token), &mut buffer, now)?;
    assert_eq!(cleared.sale(), sale);
    Ok(cleared.buyer().as_str().to_owned())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn without_a_pass_nobody_is_there_and_a_gateways_word_is_enough() {
    let (client, mut buffer) = (client(), PassBuffer::new());
    let nobody = client.clear("launch", Proof::Nothing, &mut buffer, NOON);
    assert_eq!(nobody.unwrap_err(), Unproven::PassRequired);
    let vouched = client.clear("any sale at all", Proof::Vouched(buyer("ann")), &mut buffer, NOON).unwrap();
    assert_eq!((vouched.buyer().as_str(), vouched.sale()), ("ann", "any sale at all"));
}

#[test]
fn what_is_cleared_outlives_the_client_and_the_token() {
    let (client, mut buffer) = (client(), PassBuffer::new());
    let token = client.mint(&sale("launch"), buyer("ann"), NOON, None).token.into_bytes();
    let cleared = client.clear("launch", Proof::Pass(&token), &mut buffer, NOON).unwrap();
    drop(client);
    assert_eq!(cleared.buyer().as_str(), "ann");
}

#[test]
fn a_pass_is_given_away_only_while_challenges_are_off() {
    let client = client();
    assert_eq!(client.grant(&sale("launch"), NOON).unwrap_err(), Unproven::ChallengeInvalid);
    client.retune(ClientSettings { challenge: ChallengeMode::Off, pass_ttl: seconds(60), ..easy() });
    assert_eq!(client.challenge_mode(), ChallengeMode::Off);
    let pass = client.grant(&sale("launch"), NOON).unwrap();
    assert_eq!(pass.expires_at, NOON.after(seconds(60)));
    assert_eq!(clear(&client, "launch", pass.token.as_bytes(), NOON).as_deref(), Ok(pass.buyer.as_str()));
}

#[test]
fn new_buyers_are_all_different_and_fit_in_place() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        let buyer = new_buyer();
        assert_eq!(buyer.as_str().len(), NEW_BUYER_BYTES);
        assert!(buyer.as_str().starts_with("b-"));
        assert!(seen.insert(buyer));
    }
}

#[test]
fn nothing_secret_is_in_what_debug_shows() {
    let (client, mut buffer) = (client(), PassBuffer::new());
    let pass = client.mint(&sale("launch"), buyer("ann"), NOON, None);
    client.identify(pass.token.as_bytes(), &mut buffer, NOON).unwrap();
    let shown = format!("{SECRET:?} {client:?} {pass:?} {buffer:?} {:?}", Passes::new(&SECRET));
    assert!(!shown.contains(&pass.token), "{shown}");
    assert!(!shown.contains("7, 7, 7") && !shown.contains("0707"), "{shown}");
}
