//! Challenges: nothing but ours, for this sale, solved, in time, once.

use proptest::prelude::*;

use super::*;

const INVALID: Unredeemed = Unredeemed::Unproven(Unproven::ChallengeInvalid);
const EXPIRED: Unredeemed = Unredeemed::Unproven(Unproven::ChallengeExpired);

fn solved(client: &Client, sale_id: &str) -> SolvedChallenge {
    solve(&client.challenge(&sale(sale_id), NOON)).unwrap()
}

#[test]
fn a_solved_challenge_gives_a_pass_that_clears() {
    let client = client();
    let pass = client.redeem(&sale("launch"), &solved(&client, "launch"), NOON).unwrap();
    assert_eq!(pass.expires_at, NOON.after(seconds(24 * 3600)));
    assert_eq!(clear(&client, "launch", pass.token.as_bytes(), NOON).as_deref(), Ok(pass.buyer.as_str()));
}

#[test]
fn a_solved_challenge_is_spent_once() {
    let client = client();
    let solved = solved(&client, "launch");
    assert_eq!(client.spent(), 0);
    client.redeem(&sale("launch"), &solved, NOON).unwrap();
    assert_eq!(client.redeem(&sale("launch"), &solved, NOON), Err(INVALID));
    assert_eq!(client.spent(), 1);
}

#[test]
fn of_racing_redemptions_of_one_challenge_exactly_one_gets_a_pass() {
    // none got a pass: forbidden; two got one: forbidden; one got one, the others challenge_invalid: required.
    const THREADS: usize = 8;
    let client = client();
    for _ in 0..200 {
        let solved = solved(&client, "launch");
        let start = std::sync::Barrier::new(THREADS);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let redeem = || {
                start.wait();
                client.redeem(&sale("launch"), &solved, NOON)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(redeem)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(answers.iter().filter(|answer| **answer == Err(INVALID)).count(), THREADS - 1);
    }
}

#[test]
fn a_restart_voids_challenges_so_that_none_is_spent_twice() {
    let before = client();
    let solved = solved(&before, "launch");
    before.redeem(&sale("launch"), &solved, NOON).unwrap();
    assert_eq!(client().redeem(&sale("launch"), &solved, NOON), Err(INVALID));
}

#[test]
fn a_challenge_of_another_sale_is_invalid_and_not_spent_by_trying() {
    let client = client();
    let solved = solved(&client, "launch");
    assert_eq!(client.redeem(&sale("other"), &solved, NOON), Err(INVALID));
    assert!(client.redeem(&sale("launch"), &solved, NOON).is_ok());
}

#[test]
fn a_challenge_is_good_until_the_instant_it_expires_and_then_no_more() {
    let client = client();
    // Asked for between two seconds: it lives until the whole one after its two minutes.
    let asked_at = WallTime::from_micros(NOON.micros() + 1);
    let challenge = client.challenge(&sale("launch"), asked_at);
    assert_eq!(challenge.parameters.expires_at, NOON.micros() / 1_000_000 + 121);
    let solved = solve(&challenge).unwrap();
    let expires_at = NOON.after(seconds(121));
    assert_eq!(client.redeem(&sale("launch"), &solved, expires_at), Err(EXPIRED));
    let just_before = WallTime::from_micros(expires_at.micros() - 1);
    assert!(client.redeem(&sale("launch"), &solved, just_before).is_ok());
    // Spent and expired: the time is what counts.
    assert_eq!(client.redeem(&sale("launch"), &solved, expires_at), Err(EXPIRED));
    // An expired challenge of another sale never was ours.
    assert_eq!(client.redeem(&sale("other"), &solved, expires_at), Err(INVALID));
}

#[test]
fn whatever_is_changed_in_a_challenge_makes_it_invalid() {
    let client = Client::new(&SECRET, ClientSettings { difficulty: Difficulty::new(2, 2).unwrap(), ..easy() });
    let good = client.challenge(&sale("launch"), NOON);
    let solution = solve(&good).unwrap().solution;
    let neighbour = client.challenge(&sale("launch"), NOON);
    type Change<'a> = (&'static str, Box<dyn Fn(&mut Challenge) + 'a>);
    let changes: [Change<'_>; 12] = [
        ("fewer zeros", Box::new(|c| c.parameters.key_prefix = "0".into())),
        ("no zeros", Box::new(|c| c.parameters.key_prefix = "".into())),
        ("more zeros", Box::new(|c| c.parameters.key_prefix = "000".into())),
        ("lower cost", Box::new(|c| c.parameters.cost = 1)),
        ("no cost", Box::new(|c| c.parameters.cost = 0)),
        ("more time", Box::new(|c| c.parameters.expires_at += 1)),
        ("less time", Box::new(|c| c.parameters.expires_at -= 1)),
        ("end of time", Box::new(|c| c.parameters.expires_at = i64::MAX)),
        ("another nonce", Box::new(|c| c.parameters.nonce.clone_from(&neighbour.parameters.nonce))),
        ("another salt", Box::new(|c| c.parameters.salt.clone_from(&neighbour.parameters.salt))),
        ("another signature", Box::new(|c| c.signature.clone_from(&neighbour.signature))),
        ("salt and nonce changed over", Box::new(|c| std::mem::swap(&mut c.parameters.salt, &mut c.parameters.nonce))),
    ];
    for (name, change) in changes {
        let mut challenge = good.clone();
        change(&mut challenge);
        // With work done for it, where there is any to do.
        let solution = solve(&challenge).map_or_else(|| solution.clone(), |solved| solved.solution);
        let solved = SolvedChallenge { challenge, solution };
        assert_eq!(client.redeem(&sale("launch"), &solved, NOON), Err(INVALID), "{name}");
    }
    assert!(client.redeem(&sale("launch"), &SolvedChallenge { challenge: good, solution }, NOON).is_ok());
}

#[test]
fn a_challenge_has_one_spelling() {
    let client = client();
    let good = solved(&client, "launch");
    type Change = (&'static str, fn(&mut SolvedChallenge));
    let changes: [Change; 9] = [
        ("another algorithm", |s| s.challenge.parameters.algorithm = "SHA-512".into()),
        ("the algorithm in lower case", |s| s.challenge.parameters.algorithm = "sha-256".into()),
        ("a shorter key", |s| s.challenge.parameters.key_length = 16),
        ("the nonce in upper case", |s| s.challenge.parameters.nonce = "ABCDEF".repeat(6)),
        ("no nonce", |s| s.challenge.parameters.nonce.clear()),
        ("no signature", |s| s.challenge.signature.clear()),
        ("half a signature", |s| s.challenge.signature.truncate(32)),
        ("a longer signature", |s| s.challenge.signature.push('0')),
        ("a signature that isn't hex", |s| s.challenge.signature = "x".repeat(64)),
    ];
    for (name, change) in changes {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(client.redeem(&sale("launch"), &changed, NOON), Err(INVALID), "{name}");
    }
}

#[test]
fn a_wrong_solution_is_invalid_and_does_not_spend_the_challenge() {
    let client = client();
    let good = solved(&client, "launch");
    let mut wrong_counter = good.clone();
    wrong_counter.solution.counter ^= 1;
    let mut wrong_key = good.clone();
    wrong_key.solution.derived_key = "0".repeat(64);
    let mut no_key = good.clone();
    no_key.solution.derived_key.clear();
    for wrong in [wrong_counter, wrong_key, no_key] {
        assert_eq!(client.redeem(&sale("launch"), &wrong, NOON), Err(INVALID));
    }
    assert!(client.redeem(&sale("launch"), &good, NOON).is_ok());
}

#[test]
fn after_a_retune_new_challenges_are_harder_and_old_ones_still_count() {
    let client = client();
    let old = solved(&client, "launch");
    client.retune(ClientSettings { difficulty: Difficulty::new(2, 3).unwrap(), challenge_ttl: seconds(5), ..easy() });
    let new = client.challenge(&sale("launch"), NOON).parameters;
    assert_eq!((&*new.key_prefix, new.cost, new.expires_at), ("00", 3, NOON.micros() / 1_000_000 + 5));
    assert!(client.redeem(&sale("launch"), &old, NOON).is_ok());
}

#[test]
fn a_full_table_says_busy_and_takes_the_same_solution_when_there_is_room_again() {
    let client = Client::new(&SECRET, ClientSettings { spent_keys: 2, ..easy() });
    let late = solve(&client.challenge(&sale("launch"), NOON.after(seconds(60)))).unwrap();
    for _ in 0..2 {
        client.redeem(&sale("launch"), &solved(&client, "launch"), NOON).unwrap();
    }
    assert_eq!(client.redeem(&sale("launch"), &late, NOON.after(seconds(119))), Err(Unredeemed::Full));
    assert!(client.redeem(&sale("launch"), &late, NOON.after(seconds(120))).is_ok());
}

#[test]
fn difficulty_has_a_range() {
    assert_eq!(Difficulty::new(0, 1), Err(DifficultyError::HexDigits));
    assert_eq!(Difficulty::new(7, 1), Err(DifficultyError::HexDigits));
    assert_eq!(Difficulty::new(1, 0), Err(DifficultyError::Cost));
    assert_eq!(Difficulty::new(1, 65), Err(DifficultyError::Cost));
    assert_eq!(Difficulty::new(6, 2), Err(DifficultyError::Work));
    assert_eq!(Difficulty::new(5, 17), Err(DifficultyError::Work));
    for (hex_digits, cost) in [(1, 1), (4, 64), (5, 16), (6, 1)] {
        let difficulty = Difficulty::new(hex_digits, cost).unwrap();
        assert_eq!(difficulty.expected_hashes(), 16_u64.pow(u32::from(hex_digits)) * u64::from(cost));
    }
    let default = Difficulty::default();
    assert_eq!(Difficulty::new(default.hex_digits(), default.cost()), Ok(default));
}

#[test]
fn the_solver_refuses_what_is_not_of_our_kind() {
    let good = client().challenge(&sale("launch"), NOON);
    let changes: [fn(&mut Parameters); 7] = [
        |p| p.algorithm = "PBKDF2/SHA-256".into(),
        |p| p.key_length = 31,
        |p| p.nonce.truncate(30),
        |p| p.salt = "zz".repeat(16),
        |p| p.key_prefix = "".into(),
        |p| p.key_prefix = "0".repeat(7).into(),
        |p| p.cost = 65,
    ];
    for change in changes {
        let mut challenge = good.clone();
        change(&mut challenge.parameters);
        assert_eq!(solve(&challenge), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn an_invented_challenge_is_never_redeemed(
        algorithm in ".{0,9}", cost in any::<u32>(), expires_at in any::<i64>(), key_length in any::<u32>(),
        key_prefix in ".{0,8}", nonce in "[0-9a-f]{32}|.{0,40}", salt in "[0-9a-f]{32}|.{0,40}",
        signature in "[0-9a-f]{64}|.{0,70}", counter in any::<u32>(), derived_key in "[0-9a-f]{64}|.{0,70}",
    ) {
        let parameters = Parameters {
            algorithm: algorithm.into(), cost, expires_at, key_length, key_prefix: key_prefix.into(), nonce, salt,
        };
        let solution = Solution { counter, derived_key, time: None };
        let solved = SolvedChallenge { challenge: Challenge { parameters, signature }, solution };
        prop_assert_eq!(client().redeem(&sale("launch"), &solved, NOON), Err(INVALID));
    }
}
