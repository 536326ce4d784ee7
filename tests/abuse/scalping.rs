//! OAT-005, scalping: a farm that pays for what it gets, beside people who want one each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use doorbuster::client::{ChallengeMode, Difficulty};
use doorbuster::funnel::Refusal;
use doorbuster::stock::Unavailable;

use super::house::{Defences, Dice, House, NETWORKS, NONE, NOON, home, of_the_farm, quota};

const UNITS: u32 = 1_000;
const PEOPLE: usize = 10_000;
const BOTS: usize = 2_000;
/// A bot asks every 20 ms.
const BOT_EVERY_MS: usize = 20;
/// People press again after so long, and up to a second sooner or later.
const PERSON_EVERY_MS: u64 = 5_000;
/// The slowest finger, after the bell.
const SLOWEST_MS: u64 = 3_000;
/// A cheap phone's hashes in a millisecond, in JavaScript.
const PHONE_HASHES_PER_MS: u64 = 190;
/// The farm's cores, and what each does in a millisecond, in native code.
const CORES: u64 = 8;
const CORE_HASHES_PER_MS: u64 = 5_000;
/// When nobody waits any more.
const OVER_MS: u64 = 60_000;

/// When the first challenge can be had, before the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    AMinuteBefore,
    AtTheBell,
}

struct Outcome {
    farm: u32,
    people: u32,
    sold_out_ms: Option<u64>,
    requests: u64,
    core_ms: u64,
}

/// When each bot has its pass, in milliseconds from the bell, and how long the farm's cores worked for all of them.
fn farms_passes(dice: &mut Dice, announced: Announced) -> (Vec<i64>, u64) {
    let expected = Difficulty::default().expected_hashes();
    let begun = if announced == Announced::AtTheBell { 0 } else { -60_000 };
    let mut worked = 0;
    let ready = (0..BOTS).map(|_| {
        worked += dice.tries(expected);
        begun + i64::try_from(worked / (CORES * CORE_HASHES_PER_MS)).expect("a time")
    });
    (ready.collect(), worked / CORE_HASHES_PER_MS)
}

/// When a person presses for the first time: after the bell, as soon as finger and phone are ready.
fn first_press(dice: &mut Dice, defences: Defences, announced: Announced) -> u64 {
    let finger = 100 + dice.below(SLOWEST_MS);
    let work = dice.tries(Difficulty::default().expected_hashes()) / PHONE_HASHES_PER_MS;
    match (defences.challenge, announced) {
        (ChallengeMode::Off, _) => finger,
        // The page has been open for between 5 s and a minute.
        (ChallengeMode::Pow, Announced::AMinuteBefore) => finger.max(work.saturating_sub(5_000 + dice.below(55_000))),
        (ChallengeMode::Pow, Announced::AtTheBell) => finger + work,
    }
}

fn sell(defences: Defences, announced: Announced, seed: u64) -> Outcome {
    let mut dice = Dice(seed);
    let house = House::open(defences, UNITS, None, NOON);
    let (mut ready, mut core_ms) = farms_passes(&mut dice, announced);
    if defences.challenge == ChallengeMode::Off {
        (ready, core_ms) = (vec![i64::MIN; BOTS], 0);
    }
    let mut bots: Vec<Option<String>> = vec![None; BOTS];
    let mut is_full = vec![false; BOTS];
    let passes: Vec<_> = (0..PEOPLE).map(|_| house.pass()).collect();
    let mut presses: BinaryHeap<_> =
        (0..PEOPLE).map(|person| Reverse((first_press(&mut dice, defences, announced), person))).collect();
    let mut outcome = Outcome { farm: 0, people: 0, sold_out_ms: None, requests: 0, core_ms };
    for ms in 0..OVER_MS {
        let mut won = Vec::new();
        for bot in (0..BOTS).filter(|bot| bot % BOT_EVERY_MS == usize::try_from(ms).expect("a time") % BOT_EVERY_MS) {
            if is_full[bot] || ready[bot] > i64::try_from(ms).expect("a time") {
                continue;
            }
            outcome.requests += 1;
            let pass = bots[bot].get_or_insert_with(|| house.pass());
            match house.try_to_buy(of_the_farm(bot, outcome.requests), pass) {
                Ok(order) => {
                    outcome.farm += 1;
                    won.push(order);
                }
                Err(Refusal::Stock(Unavailable::LimitReached)) => is_full[bot] = true,
                Err(_) => {}
            }
        }
        while presses.peek().is_some_and(|Reverse((at, _))| *at <= ms) {
            let Some(Reverse((_, person))) = presses.pop() else { break };
            let again_ms = match house.try_to_buy(home(person), &passes[person]) {
                Ok(order) => {
                    outcome.people += 1;
                    won.push(order);
                    continue;
                }
                Err(Refusal::Access(throttled)) => u64::try_from(throttled.retry_after.as_millis()).expect("a time"),
                Err(_) => 0,
            };
            let jittered = PERSON_EVERY_MS - 1_000 + dice.below(2_000);
            presses.push(Reverse((ms + again_ms.max(jittered), person)));
        }
        if defences.hold.is_some() {
            house.pay_for(&won);
        }
        if house.remaining() == 0 {
            outcome.sold_out_ms = Some(ms + 1);
            break;
        }
        house.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(outcome.farm + outcome.people + house.remaining(), UNITS, "every unit once");
    outcome
}

#[test]
fn what_a_farm_gets_of_a_thousand_units_is_bounded_by_each_defence_and_by_all() {
    let minute = Announced::AMinuteBefore;
    let (shipped, tight) = (quota(20.0, 40), quota(1.0, 1));
    let hold = Some(Duration::from_secs(600));
    let cool_down = Duration::from_secs(600);
    let pow = ChallengeMode::Pow;
    let all = Defences { address: shipped, buyer: quota(2.0, 5), challenge: pow, limit_per_buyer: 1, hold, cool_down };
    let rows = [
        ("none", NONE, minute),
        ("address bucket as shipped (20/s, 40 at once)", Defences { address: shipped, ..NONE }, minute),
        ("address bucket, tight (1/s, 1 at once)", Defences { address: tight, ..NONE }, minute),
        ("buyer bucket as shipped (2/s, 5 at once)", Defences { buyer: quota(2.0, 5), ..NONE }, minute),
        ("proof of work, to be had a minute before the bell", Defences { challenge: pow, ..NONE }, minute),
        ("one unit per buyer", Defences { limit_per_buyer: 1, ..NONE }, minute),
        ("hold and cool-down", Defences { hold, cool_down, ..NONE }, minute),
        (
            "proof of work from the bell on, one per buyer",
            Defences { challenge: pow, limit_per_buyer: 1, ..NONE },
            Announced::AtTheBell,
        ),
        ("all of them, as shipped", all, minute),
        ("all, the address bucket tight", Defences { address: tight, ..all }, minute),
        ("all, tight, and passes from the bell on", Defences { address: tight, ..all }, Announced::AtTheBell),
    ];
    println!("| defence | the farm gets | sold out after | its requests | its cores work |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    let mut farm = Vec::new();
    for (name, defences, announced) in rows {
        let Outcome { farm: got, sold_out_ms, requests, core_ms, .. } = sell(defences, announced, 42);
        let share = f64::from(got) / f64::from(UNITS) * 100.0;
        let ms = sold_out_ms.expect("ten people for each unit");
        let core_s = core_ms / 1_000;
        println!("| {name} | {share:.1} % | {ms} ms | {requests} | {core_s} s |");
        farm.push((got, ms));
        if let Some(address) = defences.address {
            let seconds = Duration::from_millis(ms).as_secs_f64();
            let bound = (f64::from(address.burst()) + address.rate_per_s() * seconds) * NETWORKS as f64;
            assert!(f64::from(got) <= bound, "{name}: {got} units by at most {bound} attempts let in");
        }
        if defences.limit_per_buyer == 1 {
            assert!(usize::try_from(got).expect("a count") <= BOTS, "{name}: one for each identity at most");
        }
    }
    assert!(farm[0].0 >= 990, "without a defence the farm gets all");
    assert!(farm[2].0 < 500, "a tight address bucket leaves most of it to people");
    assert!(farm[9].0 < 500 && farm[10].0 < 500, "so do all of them together");
}
