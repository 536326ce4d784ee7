use super::armed::{SpecError, parse};
use super::{Point, arm, fails};

#[test]
fn a_specification_is_read_in_whole_and_a_wrong_one_says_what_would_be_right() {
    let read = parse("after_enqueued=kill@7; writer_mid_batch=error ;checkpoint_mid=delay(20)").expect("is right");
    assert_eq!(read.iter().map(|order| order.at).collect::<Vec<_>>(), [7, 0, 0]);
    assert_eq!(parse("after_enqueued=panic").expect("is right")[0].at, 1);
    assert!(parse("").expect("nothing is armed").is_empty());
    for (spec, says) in [
        ("after_enqueued", "NAME=ACTION"),
        ("nowhere=kill", "after_enqueued"),
        ("after_enqueued=explode", "delay(MILLISECONDS"),
        ("after_enqueued=delay(60001)", "delay(MILLISECONDS"),
        ("after_enqueued=error", "no fault of its own"),
        ("after_enqueued=kill@0", "from @1 on"),
        ("after_enqueued=kill@", "from @1 on"),
    ] {
        let said = parse(spec).map(|_| ()).map_err(|error: SpecError| error.to_string()).expect_err(spec);
        assert!(said.contains(says), "{spec}: {said}");
    }
}

#[test]
fn names_are_distinct_and_snake_case() {
    for (n, point) in Point::ALL.iter().enumerate() {
        assert_eq!(*point as usize, n);
        assert!(point.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert!(Point::ALL[n + 1..].iter().all(|other| other.name() != point.name()));
    }
}

// The only one that arms: the table is the process's. No test passes this point otherwise.
#[test]
fn an_armed_point_fails_at_its_passing_and_no_other() {
    assert!(!fails(Point::FirstStart));
    arm("postgres_after_commit_sent=error@2").expect("is right");
    assert_eq!([(); 3].map(|()| fails(Point::PostgresAfterCommitSent)), [false, true, false]);
}
