//! Tests of the schedule. Chance is a number here.

use proptest::prelude::*;

use super::*;

/// The longest, the middle and the shortest draw.
const LATE: u64 = u64::MAX;
const MIDDLE: u64 = 1 << 63;
const EARLY: u64 = 0;

fn waits(random: u64) -> Vec<Duration> {
    (1..).map_while(|failures| next(failures, random)).collect()
}

#[test]
fn gaps_double_from_five_seconds_to_six_hours() {
    let seconds: Vec<_> = waits(MIDDLE).iter().map(Duration::as_secs_f64).collect();
    assert_eq!(seconds[..4], [5.0, 10.0, 20.0, 40.0]);
    assert_eq!(seconds[12..15], [20_480.0, 21_600.0, 21_600.0]);
    assert!(seconds.is_sorted());
}

#[test]
fn the_last_retry_comes_after_72_hours_on_average_and_one_more_would_not() {
    let total: Duration = waits(MIDDLE).iter().sum();
    assert!(total <= GIVE_UP && total + LAST_GAP > GIVE_UP, "{total:?}");
    let longest: Duration = waits(LATE).iter().sum();
    assert!(longest < Duration::from_secs(90 * 60 * 60), "{longest:?}");
    assert_eq!((waits(LATE).len(), waits(EARLY).len()), (23, 23));
    assert_eq!(RETRIES_MAX, 23);
    for failures in [24, 25, 64, 65, u32::MAX] {
        assert_eq!(next(failures, EARLY), None, "{failures}");
    }
}

#[test]
fn three_to_five_quarters_of_the_gap_are_waited() {
    assert_eq!(next(1, EARLY), Some(Duration::from_millis(3_750)));
    assert_eq!(next(1, MIDDLE), Some(Duration::from_secs(5)));
    assert_eq!(next(20, LATE).map(|wait| wait.as_secs()), Some(LONGEST.as_secs() - 1));
}

#[test]
fn before_the_first_failure_the_first_gap_counts() {
    assert_eq!(next(0, LATE), next(1, LATE));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_draw_leaves_its_gap(failures in 0..=RETRIES_MAX, random in any::<u64>()) {
        let wait = next(failures, random).expect("still tried");
        let gap = Duration::from_secs(gap_s(failures));
        prop_assert!(gap * 3 / 4 <= wait && wait < gap * 5 / 4 && wait < LONGEST);
    }
}
