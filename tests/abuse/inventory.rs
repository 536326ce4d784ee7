//! OAT-021, denial of inventory: accounts that hold units and never pay.

use std::time::Duration;

use doorbuster::stock::Unavailable;

use super::house::{Defences, Dice, House, NONE, NOON, home, of_the_farm};

const UNITS: u32 = 500;
const HOARDERS: usize = 500;
const PEOPLE: usize = 1_000;
/// People try every so many seconds.
const PERSON_EVERY_S: u64 = 15;
const OVER_S: u64 = 3_600;

struct Outcome {
    sold: u32,
    sold_out_s: Option<u64>,
    hoarded_unit_s: u64,
}

/// Hoarders try every second for whatever they may have; people try until they have one, and pay.
fn sell(defences: Defences) -> Outcome {
    let mut dice = Dice(7);
    let house = House::open(defences, UNITS, None, NOON);
    let hoarders: Vec<_> = (0..HOARDERS).map(|_| house.pass()).collect();
    let people: Vec<_> = (0..PEOPLE).map(|_| house.pass()).collect();
    let mut next: Vec<Option<u64>> = (0..PEOPLE).map(|_| Some(1 + dice.below(60))).collect();
    let mut outcome = Outcome { sold: 0, sold_out_s: None, hoarded_unit_s: 0 };
    for second in 0..OVER_S {
        house.expire();
        for (bot, pass) in hoarders.iter().enumerate() {
            while house.try_to_buy(of_the_farm(bot, second), pass).is_ok() {}
        }
        let mut won = Vec::new();
        for person in 0..PEOPLE {
            if next[person] != Some(second) {
                continue;
            }
            next[person] = Some(second + PERSON_EVERY_S - 2 + dice.below(5));
            if let Ok(order) = house.try_to_buy(home(person), &people[person]) {
                won.push(order);
                outcome.sold += 1;
                next[person] = None;
            }
        }
        house.pay_for(&won);
        outcome.hoarded_unit_s += u64::from(UNITS - outcome.sold - house.remaining());
        if outcome.sold == UNITS {
            outcome.sold_out_s = Some(second);
            break;
        }
        house.clock.advance(Duration::from_secs(1));
    }
    outcome
}

#[test]
fn who_holds_and_never_pays_is_rid_of_by_the_cool_down() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let held = Defences { hold: Some(minutes(5)), limit_per_buyer: 2, ..NONE };
    let rows = [
        ("hold of 5 min, limit 2", held),
        ("the same, cool-down of 10 min", Defences { cool_down: minutes(10), ..held }),
        (
            "hold of 2 min, limit 1, cool-down of 10 min",
            Defences { hold: Some(minutes(2)), limit_per_buyer: 1, cool_down: minutes(10), ..NONE },
        ),
    ];
    println!("| defence | honest people get | sold out after | unit-seconds held in vain |");
    println!("| --- | ---: | ---: | ---: |");
    let mut outcomes = Vec::new();
    for (name, defences) in rows {
        let outcome = sell(defences);
        let after = outcome.sold_out_s.map_or("not in an hour".to_owned(), |second| format!("{second} s"));
        println!("| {name} | {} of {UNITS} | {after} | {} |", outcome.sold, outcome.hoarded_unit_s);
        outcomes.push((defences, outcome));
    }
    assert!(outcomes[0].1.sold < UNITS / 10, "who may hold again at once keeps it all");
    for (defences, outcome) in &outcomes[1..] {
        let hold_s = defences.hold.expect("a hold").as_secs();
        // Each account holds what it may have once: where all of them may have more than there is, in turns.
        let hoards = u64::from(defences.limit_per_buyer) * HOARDERS as u64;
        let turns = hoards.div_ceil(u64::from(UNITS));
        let by_then = turns * hold_s + 2 * PERSON_EVERY_S;
        assert!(outcome.sold_out_s.is_some_and(|second| second <= by_then), "sold out when all have had their turn");
        assert!(outcome.hoarded_unit_s <= hoards * (hold_s + 2), "one hold for each account, and no second");
    }
}

#[test]
fn a_hoarder_who_is_cooling_down_is_told_how_long() {
    let hold = Some(Duration::from_secs(60));
    let house = House::open(Defences { hold, cool_down: Duration::from_secs(600), ..NONE }, 1, None, NOON);
    let pass = house.pass();
    house.try_to_buy(home(1), &pass).expect("the only unit");
    let sold_out = house.try_to_buy(home(1), &pass).expect_err("it is gone");
    assert_eq!(sold_out, Unavailable::SoldOut { held_may_return: true }.into());
    house.settle();
    house.clock.advance(Duration::from_secs(61));
    house.expire();
    let cooling = house.try_to_buy(home(1), &pass).expect_err("he has to wait");
    assert!(matches!(cooling, doorbuster::funnel::Refusal::Access(_)), "{cooling:?}");
    assert_eq!(house.remaining(), 1, "and the unit is there for others");
}
