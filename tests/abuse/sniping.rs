//! OAT-013, sniping: a million attempts in the two seconds before the bell.

use std::time::Duration;

use doorbuster::funnel::Refusal;

use super::house::{Defences, House, NETWORKS, NONE, NOON, block_on, of_the_farm, quota};

const BOTS: usize = 2_000;
const UNITS: u32 = 1_000_000;
const ATTEMPTS: u64 = 1_000_000;

/// What a farm wins in the first 50 ms, whether it has knocked before or not; and how many of those knocks were answered
/// by the sale, not by the bucket.
fn first_fifty_ms(snipes: bool) -> (u64, u64) {
    let bell = NOON.after(Duration::from_secs(2));
    let defences = Defences { address: quota(20.0, 40), ..NONE };
    let house = House::open(defences, UNITS, Some(bell), NOON);
    let passes: Vec<_> = (0..BOTS).map(|_| house.pass()).collect();
    let (mut heard, mut nth) = (0, 0);
    for _ in 0..2_000 {
        for _ in 0..if snipes { ATTEMPTS / 2_000 } else { 0 } {
            let bot = usize::try_from(nth).expect("a count") % BOTS;
            match house.try_to_buy(of_the_farm(bot, nth), &passes[bot]) {
                Ok(order) => panic!("{} was won before the bell", order.terms.id),
                Err(Refusal::Sale(_)) => heard += 1,
                Err(_) => {}
            }
            nth += 1;
        }
        house.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(house.remaining(), UNITS, "nothing is sold before the bell");
    block_on(house.keeper.open_and_end_what_is_due());
    let mut won = 0;
    for _ in 0..50 {
        for _ in 0..500 {
            let bot = usize::try_from(nth).expect("a count") % BOTS;
            won += u64::from(house.try_to_buy(of_the_farm(bot, nth), &passes[bot]).is_ok());
            nth += 1;
        }
        house.clock.advance(Duration::from_millis(1));
    }
    (won, heard)
}

#[test]
fn a_million_attempts_before_the_bell_win_nothing_and_cost_the_sniper_his_burst() {
    let ((patient, _), (sniper, heard)) = (first_fifty_ms(false), first_fifty_ms(true));
    println!(
        "| the farm | attempts before the bell | of them let in | orders before it | orders in the 50 ms after it |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    println!("| waits for the bell | 0 | 0 | 0 | {patient} |");
    println!("| knocks for two seconds | {ATTEMPTS} | {heard} | 0 | {sniper} |");
    // 40 at once and 20 a second for each network, whatever was asked.
    assert!(heard <= 80 * NETWORKS as u64);
    assert!(sniper * 10 <= patient, "who knocks before the bell has no burst left at it");
}
