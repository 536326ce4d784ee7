use super::crowd::Counts;
use super::picture::{funnel, line};
use crate::funnel::Layer;

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
