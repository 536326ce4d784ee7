//! The wire format and the work are ALTCHA's: its official library solves our challenges, agrees with us about
//! solutions, and makes challenges that our solver solves.

use altcha::{
    CreateChallengeOptions, HmacAlgorithm, SolveChallengeOptions, VerifySolutionOptions, create_challenge,
    sign_challenge, solve_challenge, verify_solution,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::client::work::{Puzzle, from_hex, to_hex};

/// Over the wire to somebody else's type.
fn sent<Theirs: DeserializeOwned>(ours: &impl Serialize) -> Theirs {
    serde_json::from_value(serde_json::to_value(ours).unwrap()).unwrap()
}

/// A challenge of ours, signed again as ALTCHA signs, so that its library looks at the solution.
fn signed_as_altcha_does(ours: &Challenge) -> altcha::Challenge {
    let mut parameters = sent::<altcha::Challenge>(ours).parameters;
    sign_challenge(&HmacAlgorithm::Sha256, &mut parameters, None, "their secret", None).unwrap()
}

fn altcha_accepts(challenge: &altcha::Challenge, solution: &Solution) -> bool {
    let solution: altcha::Solution = sent(solution);
    verify_solution(VerifySolutionOptions::new(challenge, &solution, "their secret")).unwrap().verified
}

#[test]
fn a_challenge_looks_like_altchas() {
    let challenge = serde_json::to_value(client().challenge(&sale("launch"), NOON)).unwrap();
    let parameters = &challenge["parameters"];
    let expected = json!({
        "parameters": {
            "algorithm": "SHA-256", "cost": 1, "expiresAt": 1_795_770_120, "keyLength": 32, "keyPrefix": "0",
            "nonce": parameters["nonce"], "salt": parameters["salt"],
        },
        "signature": challenge["signature"],
    });
    assert_eq!(challenge, expected);
    assert_eq!(parameters["nonce"].as_str().map(str::len), Some(32));
    assert_eq!(challenge["signature"].as_str().map(str::len), Some(64));
}

#[test]
fn altchas_solver_solves_our_challenges() {
    for (hex_digits, cost) in [(1, 1), (2, 1), (2, 3), (3, 2)] {
        let difficulty = Difficulty::new(hex_digits, cost).unwrap();
        let client = Client::new(&SECRET, ClientSettings { difficulty, ..easy() });
        let theirs: altcha::Challenge = sent(&client.challenge(&sale("launch"), NOON));
        let solution = solve_challenge(SolveChallengeOptions::new(&theirs)).unwrap().unwrap();
        // As its widget sends it, with the time that it took.
        assert!(solution.time.is_some());
        let solved: SolvedChallenge = sent(&altcha::Payload { challenge: theirs, solution });
        assert!(client.redeem(&sale("launch"), &solved, NOON).is_ok(), "{hex_digits} digits, cost {cost}");
    }
}

#[test]
fn altcha_agrees_with_us_about_each_solution() {
    let issuer = Issuer::new(&SECRET, &[0; 32]);
    // ALTCHA's library reads the machine's clock, so this challenge lives until the year 2286.
    let far = WallTime::from_micros(9_999_999_999_000_000);
    let challenge = issuer.issue(&sale("launch"), Difficulty::new(1, 2).unwrap(), far);
    let theirs = signed_as_altcha_does(&challenge);
    let puzzle = Puzzle::of(&challenge).unwrap();
    let mut accepted = 0;
    for counter in (0..500).chain([u32::MAX]) {
        let solution = Solution { counter, derived_key: to_hex(&puzzle.key(counter)), time: None };
        let solved = SolvedChallenge { challenge: challenge.clone(), solution };
        let ours = issuer.verify(&sale("launch"), &solved, NOON).is_ok();
        assert_eq!(ours, altcha_accepts(&theirs, &solved.solution), "counter {counter}");
        accepted += usize::from(ours);
    }
    assert!(accepted > 0, "one in sixteen should begin with a zero");
}

#[test]
fn our_solver_solves_altchas_challenges() {
    for (key_prefix, cost) in [("a7", 1), ("0f3", 2), ("F", 3)] {
        let theirs = create_challenge(CreateChallengeOptions {
            algorithm: "SHA-256".into(),
            cost,
            expires_at: Some(9_999_999_999),
            key_prefix: key_prefix.into(),
            hmac_signature_secret: Some("their secret".into()),
            ..CreateChallengeOptions::default()
        })
        .unwrap();
        let solved = solve(&sent(&theirs)).unwrap();
        assert!(altcha_accepts(&theirs, &solved.solution), "prefix {key_prefix:?}, cost {cost}");
    }
}

#[test]
fn a_key_has_the_digits_that_altcha_foresaw() {
    // Here its library picks the counter and says how the key of that one begins: half of its digits.
    for (counter, cost) in [(0, 1), (42, 10), (u32::MAX, 2)] {
        let theirs = create_challenge(CreateChallengeOptions {
            algorithm: "SHA-256".into(),
            cost,
            counter: Some(counter),
            expires_at: Some(9_999_999_999),
            hmac_signature_secret: Some("their secret".into()),
            ..CreateChallengeOptions::default()
        })
        .unwrap();
        let ours: Challenge = sent(&theirs);
        let key = to_hex(&Puzzle::of(&ours).unwrap().key(counter));
        assert_eq!(ours.parameters.key_prefix.len(), 32);
        assert!(key.starts_with(&*ours.parameters.key_prefix), "counter {counter}, cost {cost}: {key}");
    }
}

#[test]
fn a_key_is_the_same_as_another_language_computes() {
    // Python: d = salt + nonce + (42).to_bytes(4, 'big'), then ten times d = hashlib.sha256(d).digest().
    let puzzle = Puzzle {
        nonce: from_hex("647e028a083e3d738d7de0ed42793083").unwrap(),
        salt: from_hex("c6c46275373795af264b50063419ef11").unwrap(),
        cost: 10,
    };
    assert_eq!(to_hex(&puzzle.key(42)), "8cfe1744e8f117cd076758223a4d898d227c523daff92bc6a2bb8f47ab94e6ff");
}

#[test]
fn unknown_fields_are_refused() {
    let client = client();
    let solved = serde_json::to_value(solve(&client.challenge(&sale("launch"), NOON)).unwrap()).unwrap();
    assert!(serde_json::from_value::<SolvedChallenge>(solved.clone()).is_ok());
    for place in ["", "/challenge", "/challenge/parameters", "/solution"] {
        let mut more = solved.clone();
        more.pointer_mut(place).unwrap()["more"] = Value::Null;
        assert!(serde_json::from_value::<SolvedChallenge>(more).is_err(), "in {place:?}");
    }
}
