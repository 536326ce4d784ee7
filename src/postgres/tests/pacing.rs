//! How much at once, how soon again.

use std::time::Duration;

use crate::postgres::pace::{Pace, ROWS_MAX, rest_after};

#[test]
fn a_refused_batch_is_halved_until_one_event_is_left_and_doubled_when_it_goes_well() {
    let mut pace = Pace::default();
    let mut halved = 0;
    while pace.fewer(ROWS_MAX) {
        halved += 1;
    }
    assert_eq!((pace.rows(), halved), (1, 13));
    for _ in 0..20 {
        pace.succeeded();
    }
    assert_eq!(pace.rows(), ROWS_MAX);
    assert!(pace.fewer(7));
    assert_eq!(pace.rows(), 3, "no more than half of what was there");
}

#[test]
fn faults_are_answered_with_pauses_that_double_up_to_two_seconds() {
    let mut pace = Pace::default();
    let longest: Vec<_> = (0..7).map(|_| pace.failed(u64::MAX).as_millis()).collect();
    assert_eq!(longest, [99, 199, 399, 799, 1599, 1999, 1999]);
    assert_eq!(pace.failed(0), Duration::from_secs(1), "half of it at least");
    pace.succeeded();
    assert_eq!(pace.failed(0), Duration::from_millis(50));
}

#[test]
fn in_a_stampede_the_shipper_rests_and_in_peace_it_does_not() {
    let (work, second) = (Duration::from_millis(10), Duration::from_secs(1));
    assert_eq!(rest_after(work, 1_999, second), Duration::ZERO);
    assert_eq!(rest_after(work, 2_000, second), Duration::from_millis(190));
    assert_eq!(rest_after(second, 1_000_000, second), Duration::from_secs(5), "lag is bounded");
}
