use hdrhistogram::Histogram;

use super::{
    Beside, Cpu, HttpReport, Latency, Line, Moment, Origin, Outcomes, Program, RunTerms, Unit, beside_page, page,
    percentiles_text, summary,
};
use crate::bench::http::crowd::Behaviour;
use crate::bench::http::machine::{Machine, NetworkTroubles};
use crate::bench::http::ramp::{Ramp, Step};
use crate::funnel::Layer;

fn origin() -> Origin {
    Origin {
        doorbuster: Program::this(),
        command: vec!["doorbuster".into(), "<script>alert(1)</script>".into()],
        ended_at: "2026-11-23T09:00:00Z".into(),
        machine: Machine { cpu: "a cpu".into(), cores: 2, memory_bytes: 1 << 30, kernel: "linux".into() },
    }
}

fn report() -> HttpReport {
    let mut histogram = Histogram::<u64>::new_with_max(60_000_000, 3).expect("a histogram");
    for us in 1..=10_000 {
        histogram.record(us).expect("in range");
    }
    let refusals = [("sold_out".to_owned(), 9_000), ("rate_limited".to_owned(), 900)].into();
    let layers = Layer::ALL.into_iter().zip([0, 0, 900, 0, 9_000, 0]).collect();
    let moment = |at_ms| Moment { at_ms, won: 50, sold_out: 4_500, limited: 450, refused: 0, failed: 0, abandoned: 0 };
    HttpReport {
        origin: origin(),
        run: RunTerms {
            kind: "open",
            rate_per_s: Some(50_000.0),
            seconds: 0.2,
            crowd: Behaviour::Even,
            buyers: 1_000_000,
            stock: Some(100),
            limit_per_buyer: 1,
            quantity: 1,
            identity: "header",
            ack: Some("disk"),
            server_threads: Some(0),
            threads: 1,
            connections: 64,
            listeners: 0,
            slow: 0,
            target: None,
        },
        took_s: 0.2,
        rate_per_s: 50_000.0,
        outcomes: Outcomes {
            attempts: 10_000,
            won: 100,
            sold_out: 9_000,
            limited: 900,
            refused: 0,
            failed: 0,
            abandoned: 0,
            unsent: 0,
            won_by_bots: 0,
            frames_heard: 0,
            streams_lost: 0,
            slow_cut_off: 0,
            refusals,
            failures: [].into(),
            layers,
        },
        latency_us: Latency::of(&histogram, false),
        won_latency_us: Latency::of(&histogram, false),
        cpu_us_per_attempt: Cpu { server: Some(15.0), client: Some(6.0) },
        cores: Cpu { server: Some(0.75), client: Some(0.3) },
        network: NetworkTroubles::default(),
        funnel: None,
        funnel_agrees: None,
        verdict: None,
        series: vec![moment(0), moment(100)],
        ramp: None,
    }
}

#[test]
fn the_page_is_one_file_that_fetches_nothing_and_runs_nothing() {
    let page = page(&report());
    for word in ["<script", "http://", "https://", "src=", "url(", "@import", "NaN"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
    assert!(page.contains("&lt;script&gt;"), "what was typed is shown as text");
    for word in ["50,000", "Floor by floor", "−9,000", "99.99 %", "Over time", "Not checked"] {
        assert!(page.contains(word), "{word} in {page}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn figures_beside_each_other_are_one_file_as_well_and_say_their_spans_in_a_unit_that_fits() {
    let (mut spans, origin) = (Histogram::<u64>::new_with_max(60_000_000_000, 3).expect("a histogram"), origin());
    for ns in [128, 132, 17_000, 3_000_000] {
        spans.record(ns).expect("in range");
    }
    let line = |name: &str, rate_per_s, is_drawn| Line { name: name.into(), rate_per_s, histogram: &spans, is_drawn };
    let of = Beside {
        brand: "doorbuster bench engine",
        what: "decisions",
        unit: Unit::Ns,
        note: "The clock is in it.".into(),
        lines: vec![line("sold out", 7_800_000.0, true), line("all win", 1_000_000.0, false)],
        origin: &origin,
    };
    let page = beside_page(&of);
    for word in ["<script", "http://", "https://", "src=", "url(", "@import", "NaN"] {
        assert!(!page.contains(word), "{word} in {page}");
    }
    for word in ["7,800,000", "1,000,000", "132 ns", "3.0 ms", "&lt;script&gt;", "The clock is in it."] {
        assert!(page.contains(word), "{word} in {page}");
    }
    assert!(!beside_page(&Beside { lines: Vec::new(), ..of }).contains("NaN"), "nothing at all is no division by it");
}

#[test]
fn a_page_of_a_run_in_which_nothing_happened_is_still_one() {
    let mut empty = report();
    let nothing = Histogram::<u64>::new_with_max(60_000_000, 3).expect("a histogram");
    (empty.latency_us, empty.won_latency_us) = (Latency::of(&nothing, true), Latency::of(&nothing, true));
    empty.outcomes.attempts = 0;
    empty.series.clear();
    assert!(!page(&empty).contains("NaN") && !summary(&empty).contains("NaN"));
}

#[test]
fn a_climb_shows_how_far_it_went_and_what_broke() {
    let step = |rate_per_s, p99_us, broke: Option<&str>| Step {
        rate_per_s,
        made_per_s: rate_per_s,
        p99_us,
        server_cores: Some(1.0),
        client_cores: None,
        broke: broke.map(str::to_owned),
    };
    let broke = Some("p99 80.0 ms is over 50.0 ms: this machine's CPU".to_owned());
    let steps = vec![step(1_000.0, 900, None), step(2_000.0, 80_000, broke.as_deref())];
    let mut climbed = report();
    climbed.ramp =
        Some(Ramp { p99_limit_us: 50_000, held_per_s: 1_000.0, broke, tier: "100–1,000 TPS".into(), steps });
    for text in [page(&climbed), summary(&climbed)] {
        assert!(text.contains("100–1,000 TPS") && text.contains("this machine's CPU"), "{text}");
    }
}

#[test]
fn the_summary_says_what_came_of_the_attempts_and_what_they_cost() {
    let text = summary(&report());
    for words in
        ["10,000 attempts in 0.20 s: 50,000 a second", "sold_out 9,000", "server 15.0 µs", "since each attempt was due"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(text.contains("NOT CHECKED"), "{text}");
}

#[test]
fn the_percentiles_are_what_the_tools_of_hdr_histogram_read() {
    let text = percentiles_text(&report().latency_us.histogram);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("       Value     Percentile TotalCount 1/(1-Percentile)"));
    let rows: Vec<Vec<f64>> = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains('.'))
        .map(|line| line.split_whitespace().map(|word| word.parse().expect("a number")).collect())
        .collect();
    assert!(rows.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][2] <= pair[1][2]), "{text}");
    let (half, last) = (rows.iter().find(|row| row[1] >= 0.5).expect("a half"), rows.last().expect("a last row"));
    assert!((half[0] - 5.0).abs() < 0.1 && half[3] >= 2.0, "{half:?}");
    assert_eq!((last[1], last[2]), (1.0, 10_000.0));
    assert!(text.contains("#[Max     =") && text.contains("SubBuckets     =         2048]"), "{text}");
}

#[test]
fn the_figures_that_thresholds_name_are_all_there() {
    let figures = report().figures();
    let figure = |name: &str| figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    assert_eq!((figure("rate"), figure("failed"), figure("server_cpu")), (Some(50_000.0), Some(0.0), Some(15.0)));
    for name in super::threshold::NAMES {
        assert!(figure(name).is_some(), "{name}");
    }
    assert_eq!(figures.len(), super::threshold::NAMES.len());
}
