//! The table of spent challenges: bounded, exact, and not to be fooled by the clock.

use super::*;

const START: i64 = NOON.micros() / 1_000_000;

fn nonce(number: u32) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

fn at(second: i64) -> WallTime {
    WallTime::from_micros(second * 1_000_000)
}

#[test]
fn a_nonce_is_spent_once_until_it_expires_and_never_after() {
    let spent = Spent::new(10);
    assert_eq!(spent.spend(nonce(1), START + 5, at(START)), Spend::First);
    assert_eq!(spent.spend(nonce(1), START + 5, at(START + 4)), Spend::Again);
    assert_eq!(spent.spend(nonce(1), START + 5, at(START + 5)), Spend::Past);
    assert_eq!(spent.len(), 0);
}

#[test]
fn a_clock_set_back_does_not_bring_a_spent_challenge_back() {
    let spent = Spent::new(10);
    assert_eq!(spent.spend(nonce(1), START + 5, at(START)), Spend::First);
    assert_eq!(spent.spend(nonce(2), START + 90, at(START + 60)), Spend::First);
    for second in [START + 60, START, START - 1000] {
        assert_eq!(spent.spend(nonce(1), START + 5, at(second)), Spend::Past);
        assert_eq!(spent.spend(nonce(2), START + 90, at(second)), Spend::Again);
    }
}

#[test]
fn a_clock_that_was_a_year_ahead_for_a_moment_shuts_nobody_out_for_longer_than_a_lifetime() {
    let spent = Spent::new(10);
    assert_eq!(spent.spend(nonce(1), START + 120, at(START)), Spend::First);
    let year = 365 * 24 * 3600;
    assert_eq!(spent.spend(nonce(2), START + year + 120, at(START + year)), Spend::First);
    assert_eq!(spent.spend(nonce(1), START + 120, at(START)), Spend::Past);
    assert_eq!(spent.spend(nonce(3), START + 121, at(START + 1)), Spend::First);
}

#[test]
fn a_full_table_refuses_new_nonces_remembers_all_and_empties_as_they_expire() {
    let spent = Spent::new(100);
    for number in 0..100 {
        assert_eq!(spent.spend(nonce(number), START + 1 + i64::from(number % 2), at(START)), Spend::First);
    }
    assert_eq!(spent.spend(nonce(100), START + 2, at(START)), Spend::Full);
    assert!(
        (0..100).all(|number| spent.spend(nonce(number), START + 1 + i64::from(number % 2), at(START)) == Spend::Again)
    );
    assert_eq!(spent.len(), 100);
    // One second later half of them have expired: there is room for as many, and no more.
    for number in 100..150 {
        assert_eq!(spent.spend(nonce(number), START + 60, at(START + 1)), Spend::First);
    }
    assert_eq!(spent.spend(nonce(150), START + 60, at(START + 1)), Spend::Full);
    assert_eq!(spent.len(), 100);
}

#[test]
fn many_threads_spend_each_nonce_once() {
    const THREADS: u32 = 4;
    // Miri is a thousand times slower.
    const NONCES: u32 = if cfg!(miri) { 20 } else { 5000 };
    let spent = Spent::new(NONCES as usize);
    let firsts: usize = std::thread::scope(|scope| {
        let spend_all = || {
            (0..NONCES).filter(|number| {
                spent.spend(nonce(*number), START + i64::from(number % 7) + 1, at(START)) == Spend::First
            })
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(move || spend_all().count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(firsts, NONCES as usize);
}
