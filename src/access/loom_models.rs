//! Every interleaving of a set's races. A set has two words here: the gate and one more.

use loom::sync::Arc;
use loom::thread;

use super::bucket::Quota;
use super::table::Table;
use crate::clock::MonoTime;

const NOW: MonoTime = MonoTime::from_nanos(1_000_000_000);

fn burst_of(burst: u32) -> Quota {
    Quota::new(1.0, burst).expect("in range").expect("a limit")
}

/// A hash whose tag is this number; a table of one set has no other bits.
fn key(tag: u64) -> u64 {
    tag << 46
}

fn passes(table: &Table, tag: u64, quota: Quota) -> u32 {
    u32::from(table.take(key(tag), quota, NOW).is_ok())
}

/// | first | second | |
/// | --- | --- | --- |
/// | passes | refused | required, in either order |
/// | passes | passes | forbidden |
/// | refused | refused | forbidden |
#[test]
fn loom_two_at_once_who_bring_the_same_new_key_get_one_bucket() {
    loom::model(|| {
        let (table, quota) = (Arc::new(Table::new(2)), burst_of(1));
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || passes(&table, 7, quota))
        };
        let mine = passes(&table, 7, quota);
        assert_eq!(mine + other.join().expect("no panic"), 1);
    });
}

/// The key's bucket has one attempt left, and a new key moves it out of the gate meanwhile.
///
/// | hitter | newcomer | then the key |
/// | --- | --- | --- |
/// | passes | passes | is refused: required |
#[test]
fn loom_a_bucket_that_moves_while_it_is_hit_keeps_what_it_owes() {
    loom::model(|| {
        let (table, quota) = (Arc::new(Table::new(2)), burst_of(2));
        assert_eq!(passes(&table, 7, quota), 1);
        let newcomer = {
            let table = Arc::clone(&table);
            thread::spawn(move || passes(&table, 8, quota))
        };
        let hit = passes(&table, 7, quota);
        assert_eq!((hit, newcomer.join().expect("no panic")), (1, 1));
        assert_eq!(passes(&table, 7, quota), 0, "the move lost an attempt");
        assert_eq!(passes(&table, 8, quota), 1, "the newcomer's bucket got lost");
        assert_eq!(table.evicted(), 0);
    });
}

/// Two threads on one key that is there already: together never more than its burst.
#[test]
fn loom_two_threads_on_one_bucket_never_get_more_than_its_burst() {
    loom::model(|| {
        let (table, quota) = (Arc::new(Table::new(2)), burst_of(3));
        assert_eq!(passes(&table, 7, quota), 1);
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || passes(&table, 7, quota) + passes(&table, 7, quota))
        };
        let mine = passes(&table, 7, quota);
        assert_eq!(mine + other.join().expect("no panic"), 2);
    });
}

/// The table has two sets of two words, and the first is full: 7 in its room and 8 in its gate. Two threads bring 9.
///
/// | first | second | 8 moves | |
/// | --- | --- | --- | --- |
/// | passes | refused | to the second set | required, in either order |
/// | passes | passes | | forbidden |
/// | | | is forgotten | forbidden |
#[test]
fn loom_two_at_once_who_bring_the_same_new_key_to_a_crowded_set_get_one_bucket() {
    loom::model(|| {
        let (table, quota) = (Arc::new(Table::new(4)), burst_of(1));
        assert_eq!(passes(&table, 7, quota) + passes(&table, 8, quota), 2);
        let other = {
            let table = Arc::clone(&table);
            thread::spawn(move || passes(&table, 9, quota))
        };
        let mine = passes(&table, 9, quota);
        assert_eq!(mine + other.join().expect("no panic"), 1);
        assert_eq!([7, 8, 9].map(|tag| passes(&table, tag, quota)), [0; 3], "somebody was forgotten");
        assert_eq!(table.evicted(), 0);
    });
}

/// The same set; 8 has one attempt left, and 9 moves it to the second set meanwhile.
///
/// | hitter | newcomer | then 8 |
/// | --- | --- | --- |
/// | passes | passes | is refused: required |
#[test]
fn loom_a_bucket_that_moves_to_its_second_set_while_it_is_hit_keeps_what_it_owes() {
    loom::model(|| {
        let (table, quota) = (Arc::new(Table::new(4)), burst_of(2));
        assert_eq!(passes(&table, 7, quota) + passes(&table, 8, quota), 2);
        let newcomer = {
            let table = Arc::clone(&table);
            thread::spawn(move || passes(&table, 9, quota))
        };
        let hit = passes(&table, 8, quota);
        assert_eq!((hit, newcomer.join().expect("no panic")), (1, 1));
        assert_eq!(passes(&table, 8, quota), 0, "the move lost an attempt");
        assert_eq!(passes(&table, 9, quota), 1, "the newcomer's bucket got lost");
        assert_eq!(table.evicted(), 0);
    });
}

/// One brings a key and hits it again, one hits it as well, and a newcomer to its set copies it meanwhile: the second must
/// not take the copy for the bucket.
///
/// | attempts on the key that pass | |
/// | --- | --- |
/// | 2, its burst | required |
/// | 3 | forbidden |
#[test]
fn loom_a_copy_that_is_being_made_is_nobodys_bucket() {
    let mut model = loom::model::Builder::new();
    // Three threads: all of their interleavings are too many, and the race needs four switches.
    model.preemption_bound = Some(4);
    model.check(|| {
        let (table, quota) = (Arc::new(Table::new(2)), burst_of(2));
        let of_another_thread = |tag, times| {
            let table = Arc::clone(&table);
            thread::spawn(move || (0..times).map(|_| passes(&table, tag, quota)).sum::<u32>())
        };
        let (bringer, newcomer) = (of_another_thread(7, 2), of_another_thread(8, 1));
        let mine = passes(&table, 7, quota);
        let all = mine + bringer.join().expect("no panic");
        assert_eq!((all, newcomer.join().expect("no panic")), (2, 1));
    });
}
