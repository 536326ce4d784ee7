//! `bench engine` and `bench ledger`: what they print and write adds up. How fast it is, is nobody's business here.

use serde_json::Value;

use crate::home::Home;

fn measured(what: &[&str]) -> (String, Value) {
    let home = Home::empty();
    let file = home.path().join("figures.json");
    let mut words = vec!["bench"];
    words.extend(what);
    let file_name = file.display().to_string();
    words.extend(["--json", &file_name]);
    let output = home.run(&words);
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{said}");
    let text = std::fs::read_to_string(file).expect("the figures");
    (printed.into_owned(), serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn the_engine_is_measured_for_each_mix_crowd_and_number_of_threads() {
    let (printed, figures) = measured(&["engine", "--seconds", "0.02", "--threads", "2", "--buyers", "2000"]);
    let figures = figures["engine"].as_array().expect("a list");
    let told: Vec<_> =
        figures.iter().map(|of| (of["mix"].as_str(), of["buyers"].as_u64(), of["threads"].as_u64())).collect();
    let mut expected = Vec::new();
    for buyers in [1_000, 2_000] {
        for mix in ["sold_out", "limited", "almost_all_lose", "all_win"] {
            for threads in [1, 2] {
                expected.push((Some(mix), Some(buyers), Some(threads)));
            }
        }
    }
    assert_eq!(told, expected);
    for of in figures {
        assert!(of["decisions_per_s"].as_f64() > Some(0.0), "{of}");
        assert!(of["p50_ns"].as_u64() <= of["p999_ns"].as_u64(), "{of}");
    }
    assert!(printed.contains("99.99 % lose"), "{printed}");
}

#[test]
fn the_ledger_is_measured_beside_its_disk_and_leaves_nothing_behind() {
    let home = Home::empty();
    let dir = home.path().display().to_string();
    let (printed, figures) = measured(&["ledger", "--seconds", "0.02", "--data-dir", &dir]);
    let batches = figures["ledger"].as_array().expect("a list");
    let sizes: Vec<_> = batches.iter().map(|of| of["orders_per_commit"].as_u64()).collect();
    assert_eq!(sizes, [1, 10, 100, 1_000, 10_000].map(Some));
    assert!(figures["disk"]["syncs_per_s"].as_f64() > Some(0.0), "{figures}");
    assert!(printed.contains("the disk by itself"), "{printed}");
    assert_eq!(std::fs::read_dir(home.path()).expect("the directory").count(), 0);
}

#[test]
fn what_was_measured_is_a_page_and_percentiles_as_well_and_says_where_it_comes_from() {
    let home = Home::empty();
    let dir = home.path().display().to_string();
    let (html, hgrm) = (format!("{dir}/all.html"), format!("{dir}/all.hgrm"));
    let engine: &[&str] = &["engine", "--seconds", "0.01", "--threads", "1", "--buyers", "10"];
    let ledger: &[&str] = &["ledger", "--seconds", "0.01", "--data-dir", &dir];
    for (what, word, file) in [
        (engine, "sold out, 10 buyers, 1 thread", "all.sold-out-10-buyers-1-thread.hgrm"),
        (ledger, "1000 orders in a commit", "all.1000-orders-in-a-commit.hgrm"),
    ] {
        let (_, figures) = measured(&[what, &["--html", &html, "--hgrm", &hgrm]].concat());
        assert!(figures["machine"]["cores"].as_u64() > Some(0), "{figures}");
        assert_eq!(figures["doorbuster"]["version"], env!("CARGO_PKG_VERSION"));
        let page = std::fs::read_to_string(&html).expect("the page");
        assert!(page.contains(word) && page.contains("</html>"), "{page}");
        let percentiles = std::fs::read_to_string(home.path().join(file)).expect("the percentiles");
        assert!(percentiles.contains("1/(1-Percentile)") && percentiles.contains("#[Max"), "{percentiles}");
    }
}

#[test]
fn a_figure_that_must_not_be_is_99() {
    let home = Home::empty();
    let dir = home.path().display().to_string();
    let engine = ["bench", "engine", "--seconds", "0.01", "--threads", "1", "--buyers", "10", "--fail-if"];
    let ledger = ["bench", "ledger", "--seconds", "0.01", "--data-dir", &dir, "--fail-if"];
    for words in [&engine[..], &ledger[..]] {
        let code = |expression| home.run(&[words, &[expression]].concat()).status.code();
        assert_eq!([code("rate > 0 and p50 < 60s"), code("rate < 1")], [Some(99), Some(0)], "{words:?}");
    }
}

#[test]
fn a_span_that_is_no_number_of_seconds_is_refused_with_what_would_be_right() {
    let output = Home::empty().run(&["bench", "engine", "--seconds", "soon"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("must be a number of seconds from 0.01 to 86400"), "{said}");
}
