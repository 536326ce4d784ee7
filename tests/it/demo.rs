//! `doorbuster demo`: plays to its end in a plain pipe, keeps every promise, and leaves nothing behind.

use std::process::Command;

use crate::home::Home;
use crate::wire::eventually;

#[test]
fn the_show_has_a_crowd_a_crash_and_a_verdict_and_leaves_nothing_behind() {
    let home = Home::empty();
    let scratch = home.path().display().to_string();
    let words = ["demo", "--buyers", "600", "--stock", "20", "--seconds", "12", "--no-wait"];
    let output = home.run_with(&words, &[("TMPDIR", &scratch)]);
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}{said}");
    for moment in ["The doors open in 5 s", "The bell", "kill -9", "It is back after", "Sold out", "The audit"] {
        assert!(told.contains(moment), "no {moment:?} in {told}");
    }
    assert_eq!(told.matches("kept: ").count(), 4, "{told}");
    assert!(told.contains("20 orders in the ledger"), "{told}");
    let (before, _) = told.split_once(" acknowledged orders is there").expect(&told);
    let (_, acknowledged) = before.rsplit_once("each of ").expect(&told);
    // The crash swallows answers, and a bot has no key under which to ask once more.
    assert!((10..=20).contains(&acknowledged.parse::<u32>().expect(&told)), "{told}");
    assert!(!told.contains('\x1b'), "a pipe is no terminal: {told}");
    assert_eq!(std::fs::read_dir(home.path()).expect("the directory").count(), 0);
}

#[test]
fn a_shop_with_more_than_anybody_wants_sells_what_is_wanted() {
    let home = Home::empty();
    let output = home.run(&["demo", "--buyers", "30", "--stock", "500", "--seconds", "3", "--no-wait"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("0 left over that somebody wanted"), "{told}");
}

#[test]
fn a_show_that_is_too_short_is_refused_with_what_would_be_right() {
    let output = Home::empty().run(&["demo", "--seconds", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2..=3600"));
}

/// Starts something that starts a shop in the directory `home`, sends it a signal once it has said so, and sees that neither
/// is left.
#[track_caller]
fn leaves_nothing_behind(words: &[&str], stays: usize, signal: &str, code: Option<i32>) {
    let home = Home::empty();
    let scratch = home.path().display().to_string();
    let mut child = home.spawn(words, &[("TMPDIR", &scratch)]);
    let shop = || {
        let others = Command::new("pgrep").args(["-f", &format!("serve --config {scratch}")]).output();
        String::from_utf8_lossy(&others.expect("there is a pgrep").stdout).trim().to_owned()
    };
    eventually("a shop", || !shop().is_empty());
    let killed = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
    assert!(killed.expect("there is a kill command").success());
    let status = child.wait().expect("the child is ours");
    assert_eq!(status.code(), code, "{words:?} by {signal}");
    eventually("the shop's end", || shop().is_empty());
    let left = || std::fs::read_dir(home.path()).expect("the directory").count();
    assert_eq!(left(), stays, "{words:?} by {signal}");
}

#[test]
fn whoever_ends_a_show_or_a_bench_in_the_middle_ends_all_of_it() {
    let demo = ["demo", "--no-wait", "--buyers", "50"];
    leaves_nothing_behind(&demo, 0, "TERM", Some(1));
    leaves_nothing_behind(&demo, 0, "INT", Some(1));
    // Nobody can take away his own files then; but his shop ends.
    leaves_nothing_behind(&demo, 1, "KILL", None);
    let bench = ["bench", "http", "--seconds", "60", "--connections", "4"];
    leaves_nothing_behind(&bench, 0, "TERM", Some(143));
    leaves_nothing_behind(&bench, 0, "INT", Some(130));
}
