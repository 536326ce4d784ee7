use super::crowd::{Counts, Told};
use super::picture::{funnel, line};
use super::{Acts, SECONDS_MIN};
use crate::funnel::Layer;
use crate::rig::answer::Answer;

fn counts() -> Counts {
    let refused = Layer::ALL.into_iter().zip([0, 40, 500, 10, 350, 0]).collect();
    Counts { attempts: 1_000, refused, won: 100, unheard: 3 }
}

#[test]
fn the_funnel_shows_every_floor_and_only_a_door_that_refused() {
    let shown = funnel(&counts());
    for word in ["client", "access", "sale", "stock", "ledger", "1,000"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    assert!(!shown.contains("door"), "{shown}");
}

#[test]
fn a_line_says_the_same_in_a_pipe() {
    let expected = "1,000 attempts · client 40 · access 500 · sale 10 · stock 350 · won 100 · unheard 3";
    assert_eq!(line(&counts()), expected);
}

fn hear(told: &Told, body: &str) {
    told.hear(&Answer { status: 409, body: body.as_bytes(), len: body.len(), is_last: false });
}

#[test]
fn all_is_sold_once_the_shop_says_that_nothing_returns_although_a_winner_may_not_have_heard() {
    let told = Told::default();
    hear(&told, r#"{"layer":"stock","code":"sold_out","held_may_return":true}"#);
    assert!(!told.is_sold_out(), "a unit is underway, and a crash brings it back");
    hear(&told, r#"{"layer":"stock","code":"limit_reached","held_may_return":false}"#);
    assert!(!told.is_sold_out());
    hear(&told, r#"{"layer":"stock","code":"sold_out","held_may_return":false}"#);
    assert!(told.is_sold_out());
    assert_eq!(told.counts().won, 0);
}

#[test]
fn a_show_takes_as_long_as_was_said_and_all_of_its_acts_have_their_time() {
    for seconds in [SECONDS_MIN, 3, 5, 12, 30, 3_600] {
        let Acts { countdown, crowd, look } = Acts::of(seconds);
        assert_eq!((countdown + crowd + look).as_secs(), seconds);
        assert!(countdown.as_secs() >= 1 && crowd.as_secs() >= 1, "{seconds}");
    }
    assert_eq!(Acts::of(30).countdown.as_secs(), 5);
}
