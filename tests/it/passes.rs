//! Floor 1 from outside: passes, and the challenges that they are given for.

use std::thread;

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::contract::{instant_of, refused, retry_after_s, won};
use crate::plan::{Plan, SALE, SKU, Sale, instant};
use crate::shop::Shop;
use crate::wire::{Request, Response, eventually};

#[test]
fn the_client_floor_has_one_answer_for_every_kind_of_bad_pass() {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 5)).sale(Sale::of("other", 5)));
    let with = |pass: &str| shop.ask(&Request::attempt(SALE, SKU).bearer(pass));
    refused(&shop.ask(&Request::attempt(SALE, SKU)), "pass_required");
    // Without a gateway nobody may say who they are.
    refused(&shop.ask(&Request::attempt(SALE, SKU).buyer("somebody")), "pass_required");

    let good = shop.pass(SALE, "b");
    let mut flipped = good.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("still ASCII");
    let mut answers = vec![];
    for bad in
        [&shop.pass("other", "b"), &flipped, &good[..good.len() - 1], "x", &"A".repeat(2048), &format!("{good}A")]
    {
        let response = with(bad);
        refused(&response, "pass_invalid");
        answers.push(response.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "an answer tells bad passes apart");
    assert_eq!(shop.home().audit()["orders"], 0, "a bad pass bought something");
    won(&with(&good));
}

/// What a pass says, and what it is signed with.
fn halves(pass: &str) -> (Vec<u8>, Vec<u8>) {
    let mut said = URL_SAFE_NO_PAD.decode(pass).expect("base64url");
    let signature = said.split_off(said.len() - 16);
    (said, signature)
}

#[test]
fn what_one_pass_says_is_not_signed_by_another() {
    let plan = || Plan::passes().sale(Sale::of(SALE, 5)).sale(Sale::of("other", 5));
    let (shop, neighbour) = (Shop::open(&plan()), Shop::open(&plan()));
    let mine = shop.pass(SALE, "b");
    let (said, signature) = halves(&mine);
    // Somebody else's, another sale's, a later one of one's own, and another shop's.
    let others =
        [shop.pass(SALE, "c"), shop.pass("other", "b"), shop.pass_for(SALE, "b", "2h"), neighbour.pass(SALE, "b")];
    for other in others {
        let (others_said, others_signature) = halves(&other);
        for (said, signature) in [(&said, &others_signature), (&others_said, &signature)] {
            let spliced = URL_SAFE_NO_PAD.encode([&said[..], &signature[..]].concat());
            if spliced != mine {
                refused(&shop.ask(&Request::attempt(SALE, SKU).bearer(&spliced)), "pass_invalid");
            }
        }
    }
    refused(&shop.ask(&Request::attempt(SALE, SKU).bearer(&neighbour.pass(SALE, "b"))), "pass_invalid");
    assert_eq!(shop.home().audit()["orders"], 0);
    won(&shop.ask(&Request::attempt(SALE, SKU).bearer(&mine)));
}

#[test]
fn a_challenge_is_worth_one_pass_however_many_hand_it_in_at_once_and_none_in_another_sale() {
    let plan = Plan::passes().set("client.challenge_digits", "1").sale(Sale::of(SALE, 5)).sale(Sale::of("other", 5));
    let shop = Shop::open(&plan);
    let solution = solved(&challenge_of(&shop));
    let elsewhere = shop.ask(&Request::post("/v1/sales/other/pass").json(&solution));
    refused(&elsewhere, "challenge_invalid");
    let answers: Vec<_> = thread::scope(|scope| {
        let hands: Vec<_> = (0..8).map(|_| scope.spawn(|| hand_in(&shop, &solution))).collect();
        hands.into_iter().map(|hand| hand.join().expect("no panic there")).collect()
    });
    let (passes, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status < 300);
    assert_eq!(passes.len(), 1);
    for answer in refusals {
        refused(answer, "challenge_invalid");
    }
}

#[test]
fn a_pass_runs_out() {
    let shop = Shop::open(&Plan::passes().sale(Sale::of(SALE, 1_000_000)));
    let pass = shop.pass_for(SALE, "b", "1s");
    let mut last = None;
    eventually("the pass's end", || {
        let response = shop.ask(&Request::attempt(SALE, SKU).bearer(&pass));
        let is_over = response.status != 201;
        last = Some(response);
        is_over
    });
    refused(&last.expect("it was asked"), "pass_expired");
}

fn ask_for_a_challenge(shop: &Shop, sale: &str) -> Response {
    shop.ask(&Request::post(&format!("/v1/sales/{sale}/challenge")))
}

fn challenge_of(shop: &Shop) -> Value {
    let response = ask_for_a_challenge(shop, SALE);
    assert!(matches!(response.status, 200 | 201), "{}", response.text());
    response.json()
}

/// Solved by the official library: whoever has it, has a client.
fn solved(challenge: &Value) -> Value {
    let known: Challenge = serde_json::from_value(challenge.clone()).expect("an ALTCHA challenge");
    let solution = solve_challenge(SolveChallengeOptions::new(&known)).expect("it can be solved");
    json!({ "challenge": challenge, "solution": solution.expect("there is a solution") })
}

fn hand_in(shop: &Shop, solution: &Value) -> Response {
    shop.ask(&Request::post(&format!("/v1/sales/{SALE}/pass")).json(solution))
}

#[test]
fn a_solved_challenge_is_worth_one_pass_and_a_tampered_one_none() {
    let shop = Shop::open(&Plan::passes().set("client.challenge_digits", "2").sale(Sale::of(SALE, 5)));
    let challenge = challenge_of(&shop);
    let solution = solved(&challenge);

    let mut tampered = solution.clone();
    tampered["challenge"]["parameters"]["keyPrefix"] = json!("");
    refused(&hand_in(&shop, &tampered), "challenge_invalid");
    let mut tampered = solution.clone();
    tampered["challenge"]["signature"] = json!("00".repeat(32));
    refused(&hand_in(&shop, &tampered), "challenge_invalid");
    let mut tampered = solution.clone();
    tampered["solution"]["derivedKey"] = json!("00".repeat(32));
    refused(&hand_in(&shop, &tampered), "challenge_invalid");

    let response = hand_in(&shop, &solution);
    assert!(matches!(response.status, 200 | 201), "{}", response.text());
    let body = response.json();
    assert!(response.header("set-cookie").is_some(), "the pass is a cookie, too");
    assert!(instant_of(&body["expires_at"]) > Timestamp::now());
    let pass = body["pass"].as_str().expect("a pass");
    let order = shop.ask(&Request::attempt(SALE, SKU).bearer(pass));
    won(&order);
    assert_eq!(order.json()["buyer"], body["buyer"], "the order is the pass's buyer's");
    refused(&hand_in(&shop, &solution), "challenge_invalid");
    let broken = Request::post(&format!("/v1/sales/{SALE}/pass")).body("application/json", b"{\"challenge\":");
    refused(&shop.ask(&broken), "malformed");
}

#[test]
fn a_challenge_runs_out() {
    let plan = Plan::passes().set("client.challenge_digits", "1").set("client.challenge_ttl", "\"10s\"");
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 5)));
    let solution = solved(&challenge_of(&shop));
    let mut last = None;
    eventually("the challenge's end", || {
        let mut wrong = solution.clone();
        // Until its time is over this is merely wrong, and stays unspent.
        wrong["solution"]["derivedKey"] = json!("00".repeat(32));
        let response = hand_in(&shop, &wrong);
        let is_over = response.code().as_deref() != Some("challenge_invalid");
        last = Some(response);
        is_over
    });
    refused(&last.expect("it was asked"), "challenge_expired");
    refused(&hand_in(&shop, &solution), "challenge_expired");
}

/// The sale isn't open, and says since when it will be and when to come again.
#[track_caller]
fn too_early(response: &Response, opens_at: Timestamp) {
    let body = refused(response, "sale_not_open");
    assert_eq!(instant_of(&body["opens_at"]), opens_at, "{body}");
    retry_after_s(response);
}

/// So many seconds from now, as a schedule can say it.
fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).expect("a time")
}

#[test]
fn neither_challenge_nor_pass_is_given_out_before_its_time() {
    let (soon, far) = (in_seconds(3_600), in_seconds(7_200));
    let sales = |plan: Plan| {
        let plan = plan.set("client.challenge_opens_before", "\"90m\"").set("client.challenge_digits", "1");
        plan.sale(Sale::of(SALE, 5).opens_at(&instant(soon))).sale(Sale::of("far", 5).opens_at(&instant(far)))
    };
    let shop = Shop::open(&sales(Plan::passes()));
    let solution = solved(&challenge_of(&shop));
    too_early(&ask_for_a_challenge(&shop, "far"), far);
    // Whatever is handed in, and before anybody looks at it.
    let to_the_far = Request::post("/v1/sales/far/pass");
    for request in [to_the_far.clone(), to_the_far.clone().json(&solution), to_the_far.clone().json(&json!({}))] {
        too_early(&shop.ask(&request), far);
    }
    let granted = hand_in(&shop, &solution);
    assert_eq!(granted.status, 200, "{}", granted.text());
    let pass = granted.json()["pass"].as_str().expect("a pass").to_owned();
    too_early(&shop.ask(&Request::attempt(SALE, SKU).bearer(&pass)), soon);

    // Where nobody has to work for a pass, it could be kept all the same.
    let shop = Shop::open(&sales(Plan::passes().set("client.challenge", "\"off\"")));
    assert_eq!(shop.ask(&Request::post(&format!("/v1/sales/{SALE}/pass"))).status, 200);
    too_early(&shop.ask(&to_the_far), far);
    assert_eq!(shop.home().audit()["orders"], 0);
}

#[test]
fn where_the_window_is_zero_nothing_is_given_out_before_the_bell() {
    let an_hour_off = in_seconds(3_600);
    let plan = Plan::passes().set("client.challenge_opens_before", "\"0s\"").set("client.challenge_digits", "1");
    let shop = Shop::open(&plan.sale(Sale::of(SALE, 5).opens_at(&instant(an_hour_off))));
    let hand_in_nothing = Request::post(&format!("/v1/sales/{SALE}/pass"));
    too_early(&ask_for_a_challenge(&shop, SALE), an_hour_off);
    too_early(&shop.ask(&hand_in_nothing), an_hour_off);

    let bell = in_seconds(2);
    let sooner = Request::new("PATCH", &format!("/v1/admin/sales/{SALE}")).json(&json!({ "opens_at": instant(bell) }));
    let changed = shop.office(sooner);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let mut given = None;
    eventually("the bell", || {
        let handed_in = shop.ask(&hand_in_nothing);
        // What is said of the bell is true when it is said: the shop looks at the wall clock once in a millisecond.
        let is_over = Timestamp::now() + SignedDuration::from_millis(1) >= bell;
        match handed_in.code().as_deref() {
            Some("sale_not_open") => too_early(&handed_in, bell),
            code => assert_eq!((code, is_over), (Some("challenge_invalid"), true)),
        }
        let asked = ask_for_a_challenge(&shop, SALE);
        if asked.status != 200 {
            too_early(&asked, bell);
            return false;
        }
        given = Some(asked.json());
        true
    });
    assert!(Timestamp::now() + SignedDuration::from_millis(1) >= bell, "given out before the bell");
    let granted = hand_in(&shop, &solved(&given.expect("a challenge")));
    assert_eq!(granted.status, 200, "{}", granted.text());
}
