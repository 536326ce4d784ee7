//! Sessions by a clock that only the test moves.

use super::*;
use crate::clock::{Clock, WallTime};

const A_MOMENT: Duration = Duration::from_millis(1);

fn house() -> (Credentials, Clock) {
    (Credentials::new(Some("the token of the tests"), None), Clock::manual(WallTime::from_micros(0)))
}

fn begin(credentials: &Credentials, clock: &Clock) -> String {
    credentials.begin_session(clock.now().mono).expect("randomness")
}

/// Whether the session of this id lets somebody in now, which is also a use of it.
fn is_in(credentials: &Credentials, clock: &Clock, id: &str) -> bool {
    let cookie = HeaderValue::from_str(&format!("theme=dark; {COOKIE}={id}")).expect("a header");
    let headers = HeaderMap::from_iter([(header::COOKIE, cookie)]);
    matches!(credentials.recognize(&headers, clock.now().mono), Some(Known::Session(_)))
}

#[test]
fn a_session_ends_half_an_hour_after_its_last_use() {
    let (credentials, clock) = house();
    let used = begin(&credentials, &clock);
    let unused = begin(&credentials, &clock);
    // Each use is a beginning: three times half an hour.
    for _ in 0..3 {
        clock.advance(SESSION_IDLE);
        assert!(is_in(&credentials, &clock, &used), "it is still used");
    }
    assert!(!is_in(&credentials, &clock, &unused), "nobody has used it for an hour and a half");
    clock.advance(SESSION_IDLE + A_MOMENT);
    assert!(!is_in(&credentials, &clock, &used), "half an hour is over");
    assert!(!is_in(&credentials, &clock, &used), "and it doesn't come back");
    assert!(credentials.sessions.lock().is_empty(), "what is over is forgotten");
}

#[test]
fn a_wall_clock_that_is_set_neither_ends_a_session_nor_keeps_it() {
    let (credentials, clock) = house();
    let session = begin(&credentials, &clock);
    clock.set_wall(WallTime::from_micros(0).after(100 * SESSION_IDLE));
    assert!(is_in(&credentials, &clock, &session));
    clock.advance(SESSION_IDLE + A_MOMENT);
    clock.set_wall(WallTime::from_micros(0));
    assert!(!is_in(&credentials, &clock, &session));
}

#[test]
fn sessions_are_so_many_at_most_and_the_idlest_makes_room() {
    let (credentials, clock) = house();
    let mut sessions: Vec<String> = Vec::new();
    for _ in 0..SESSIONS_MAX {
        clock.advance(A_MOMENT);
        sessions.push(begin(&credentials, &clock));
    }
    clock.advance(A_MOMENT);
    assert!(is_in(&credentials, &clock, &sessions[0]), "as many as there may be are in, and the first is used");
    for _ in 0..3 {
        clock.advance(A_MOMENT);
        sessions.push(begin(&credentials, &clock));
        assert_eq!(credentials.sessions.lock().len(), SESSIONS_MAX);
    }
    let out: Vec<usize> = (0..sessions.len()).filter(|n| !is_in(&credentials, &clock, &sessions[*n])).collect();
    assert_eq!(out, [1, 2, 3], "those that were idle longest");
    // A thousand more cost nothing but other sessions.
    for _ in 0..1_000 {
        begin(&credentials, &clock);
    }
    assert_eq!(credentials.sessions.lock().len(), SESSIONS_MAX);
}

#[test]
fn a_session_that_was_made_up_is_none_and_what_is_kept_of_a_real_one_opens_nothing() {
    let (credentials, clock) = house();
    let session = begin(&credentials, &clock);
    let kept: String = credentials.sessions.lock()[0].id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(session, kept);
    for made_up in ["", "0", &"0".repeat(64), &kept, &session[1..], &session.to_uppercase()] {
        assert!(!is_in(&credentials, &clock, made_up), "{made_up:?}");
    }
    assert!(is_in(&credentials, &clock, &session));
}

#[test]
fn after_ten_wrong_passwords_the_next_one_waits_for_a_minute_to_pass() {
    let (credentials, clock) = house();
    for _ in 0..WRONG_PASSWORDS_PER_MINUTE {
        assert!(credentials.begin_try(clock.now().mono).is_ok());
    }
    for _ in 0..59 {
        assert!(credentials.begin_try(clock.now().mono).is_err(), "the minute isn't over");
        clock.advance(Duration::from_secs(1));
    }
    clock.advance(Duration::from_secs(1));
    assert!(credentials.begin_try(clock.now().mono).is_ok());
}
