//! `bench http`: the crowds, the verdict, and what is written down. How fast it is, is nobody's business here.

use std::fs;

use serde_json::{Value, json};

use crate::home::Home;
use crate::plan::{Plan, SALE, SKU, Sale};
use crate::shop::Shop;

/// Runs it for a moment: the exit code, what was printed, what was complained of, and the JSON.
fn measured(home: &Home, flags: &[&str]) -> (Option<i32>, String, String, Value) {
    let json = home.path().join("report.json").display().to_string();
    let dir = home.path().display().to_string();
    let mut words = vec!["bench", "http", "--connections", "8", "--json", &json];
    if !flags.contains(&"--seconds") {
        words.extend(["--seconds", "0.5"]);
    }
    if !flags.contains(&"--target") {
        words.extend(["--data-dir", &dir]);
    }
    words.extend(flags);
    let output = home.run(&words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report = fs::read_to_string(&json).map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
    (output.status.code(), text(&output.stdout), text(&output.stderr), report)
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {report:#}"))
}

/// Everything adds up, and every promise was kept.
fn is_right(report: &Value) {
    let of = |name: &str| number(report, &format!("/outcomes/{name}"));
    let endings = ["won", "sold_out", "limited", "refused", "failed", "abandoned"];
    assert_eq!(endings.iter().map(|name| of(name)).sum::<u64>(), of("attempts"), "{report:#}");
    for name in endings {
        let series = report["series"].as_array().expect("a list");
        let sum: u64 = series.iter().map(|moment| moment[name].as_u64().expect("a count")).sum();
        assert_eq!(sum, of(name), "{name} over time");
    }
    for name in ["oversold", "duplicates", "lost", "undersold"] {
        assert_eq!(number(report, &format!("/verdict/{name}")), 0, "{report:#}");
    }
    assert_eq!((&report["verdict"]["audit"]["ok"], &report["funnel_agrees"]), (&json!(true), &json!(true)));
}

#[test]
fn a_closed_loop_sells_everything_and_tells_the_noes_apart() {
    let home = Home::empty();
    let (code, printed, _, report) = measured(&home, &["--stock", "50", "--buyers", "5000", "--listeners", "20"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert_eq!((number(&report, "/outcomes/won"), &report["run"]["loop"]), (50, &json!("closed")));
    assert_eq!(report["latency_us"]["since"], "sent");
    assert!(number(&report, "/outcomes/frames_heard") >= 20 && number(&report, "/outcomes/streams_lost") == 0);
    assert!(report["cpu_us_per_attempt"]["server"].as_f64() > Some(0.0), "{report:#}");
    assert!(printed.contains("KEPT") && printed.contains("sold_out"), "{printed}");
    let left: Vec<_> =
        fs::read_dir(home.path()).expect("a directory").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["report.json"], "nothing else is left");
}

#[test]
fn who_keeps_the_shop_waiting_is_hung_up_on_and_everybody_else_is_served() {
    let flags = ["--slow", "400", "--rate", "500", "--buyers", "5000", "--seconds", "12"];
    let (code, printed, _, report) = measured(&Home::empty(), &flags);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    let ends = (number(&report, "/outcomes/attempts"), number(&report, "/outcomes/failed"));
    assert_eq!((ends, number(&report, "/run/slow")), ((6_000, 0), 400), "{report:#}");
    // Who says nothing has five seconds for it; the others have ten.
    assert!(number(&report, "/outcomes/slow_cut_off") >= 400, "{report:#}");
}

#[test]
fn an_open_loop_makes_every_attempt_that_is_due() {
    let (code, printed, _, report) =
        measured(&Home::empty(), &["--rate", "400", "--identity", "pass", "--buyers", "300"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert_eq!((number(&report, "/outcomes/attempts"), number(&report, "/outcomes/unsent")), (200, 0));
    assert_eq!((number(&report, "/outcomes/won"), &report["latency_us"]["since"]), (100, &json!("intended")));
}

#[test]
fn when_the_bell_rings_everybody_comes_once() {
    let (code, printed, _, report) =
        measured(&Home::empty(), &["--crowd", "bell", "--buyers", "2000", "--seconds", "9"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert_eq!((number(&report, "/outcomes/attempts"), number(&report, "/outcomes/won")), (2_000, 100));
    assert_eq!(number(&report, "/outcomes/sold_out"), 1_900, "{report:#}");
}

#[test]
fn crowds_that_hammer_and_give_up_and_bots_get_what_they_are_due() {
    let (code, printed, _, report) = measured(&Home::empty(), &["--crowd", "hammer", "--buyers", "100"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert!(number(&report, "/outcomes/limited") > 0, "{report:#}");
    let (code, printed, _, report) = measured(&Home::empty(), &["--crowd", "bots", "--buyers", "10000"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert!(number(&report, "/outcomes/won_by_bots") > 0, "{report:#}");
    let (code, printed, _, report) = measured(&Home::empty(), &["--crowd", "abandon", "--buyers", "10000"]);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert!(number(&report, "/outcomes/abandoned") > 0, "{report:#}");
}

#[test]
fn a_climb_ends_somewhere_and_names_the_tier() {
    let flags = ["--ramp", "--rate", "100", "--seconds", "0.2", "--p99-limit", "0.1", "--ack", "memory"];
    let (code, printed, said, report) = measured(&Home::empty(), &flags);
    assert_eq!(code, Some(0), "{printed}");
    is_right(&report);
    assert!(report["ramp"]["broke"].as_str().is_some_and(|why| why.contains("is over 0.1 ms")), "{report:#}");
    assert!(printed.contains("this machine serves the tier") && said.contains("100 a second"), "{printed}{said}");
}

#[test]
fn a_server_that_runs_already_is_measured_and_its_ledger_checked_where_it_is_named() {
    let shop = Shop::open(&Plan::gateway().set("identity.header", "\"buyer-id\"").sale(Sale::of(SALE, 40).limit(1)));
    let url = format!("http://{}", shop.public());
    let flags = ["--target", &url, "--sale", SALE, "--sku", SKU, "--buyers", "5000"];
    let (code, printed, _, report) = measured(&Home::empty(), &flags);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!((number(&report, "/outcomes/won"), &report["verdict"]), (40, &Value::Null));
    assert!(printed.contains("NOT CHECKED"), "{printed}");
    let data_dir = shop.home().data().display().to_string();
    let flags = [&flags[..], &["--data-dir", &data_dir]].concat();
    let (code, printed, _, report) = measured(&Home::empty(), &flags);
    assert_eq!((code, &report["verdict"]["audit"]["ok"]), (Some(0), &json!(true)), "{printed}");
}

#[test]
fn a_missed_threshold_is_99_and_wrong_words_are_2() {
    let flags = |expression| ["--buyers", "1000", "--fail-if", expression];
    let (code, printed, _, _) = measured(&Home::empty(), &flags("won >= 100 and failed == 0"));
    assert_eq!(code, Some(99), "{printed}");
    assert!(printed.contains("MISSED: won >= 100 and failed == 0"), "{printed}");
    let (code, ..) = measured(&Home::empty(), &flags("failed > 0"));
    assert_eq!(code, Some(0));
    let (code, _, said, _) = measured(&Home::empty(), &flags("p98 > 5ms"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("there is no figure 'p98'") && said.contains("p99 > 5ms"), "{said}");
}

#[test]
fn another_machine_is_no_target() {
    let (code, _, said, report) = measured(&Home::empty(), &["--target", "http://192.0.2.7:80"]);
    assert_eq!((code, report), (Some(2), Value::Null), "{said}");
    assert!(said.contains("192.0.2.7 is another one"), "{said}");
}

#[test]
fn the_other_reports_are_written_and_two_runs_are_compared() {
    let home = Home::empty();
    let path = |name: &str| home.path().join(name).display().to_string();
    let (html, hgrm) = (path("report.html"), path("report.hgrm"));
    let (code, printed, ..) = measured(&home, &["--html", &html, "--hgrm", &hgrm]);
    assert_eq!(code, Some(0), "{printed}");
    let page = fs::read_to_string(&html).expect("a page");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n") && page.contains("<svg"), "{page}");
    assert!(fs::read_to_string(&hgrm).expect("percentiles").contains("TotalCount"));
    fs::copy(path("report.json"), path("first.json")).expect("a copy");
    measured(&home, &["--crowd", "hammer"]);
    let output = home.run(&["bench", "compare", &path("first.json"), &path("report.json")]);
    let compared = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{compared}");
    assert!(compared.contains("run.crowd: \"even\" and \"hammer\"") && compared.contains("attempts/s"), "{compared}");
    let output = home.run(&["bench", "compare", &path("first.json"), &html]);
    assert_eq!(output.status.code(), Some(1));
}
