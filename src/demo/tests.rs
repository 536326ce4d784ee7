use super::crowd::Counts;
use super::picture::{bar, funnel, grouped, line};
use super::wire::{Answer, read};
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

#[test]
fn a_bar_is_never_longer_than_the_whole_and_never_hides_what_there_is() {
    assert_eq!(bar(0, 1_000), "");
    assert_eq!(bar(1, 1_000_000), "▏");
    assert_eq!(bar(500, 1_000).chars().count(), 18);
    assert_eq!(bar(1_000, 1_000).chars().count(), 36);
    assert_eq!(bar(0, 0), "");
}

#[test]
fn numbers_are_grouped_by_thousands() {
    assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
}

#[test]
fn an_answer_is_read_once_it_is_whole_however_it_is_cut() {
    let bytes = b"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody";
    for cut in 0..bytes.len() {
        assert_eq!(read(&bytes[..cut]).expect("so far so good"), None, "{cut}");
    }
    let answer = Answer { status: 409, body: b"body".to_vec() };
    assert_eq!(read(bytes).expect("an answer"), Some((answer, true)));
    assert!(read(b"SSH-2.0\r\n\r\n").is_err());
}
