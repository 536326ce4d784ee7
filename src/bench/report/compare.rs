//! Two reports beside each other.

use std::fmt::Write as _;

use serde_json::Value;

/// What is compared of `bench http`: a name, and the way to it.
const ROWS: [(&str, &str); 14] = [
    ("attempts/s", "/rate_per_s"),
    ("CPU µs/attempt, server", "/cpu_us_per_attempt/server"),
    ("CPU µs/attempt, clients", "/cpu_us_per_attempt/client"),
    ("p50 µs", "/latency_us/p50"),
    ("p90 µs", "/latency_us/p90"),
    ("p99 µs", "/latency_us/p99"),
    ("p99.9 µs", "/latency_us/p99_9"),
    ("max µs", "/latency_us/max"),
    ("won p99 µs", "/won_latency_us/p99"),
    ("won", "/outcomes/won"),
    ("sold out", "/outcomes/sold_out"),
    ("limited", "/outcomes/limited"),
    ("failed", "/outcomes/failed"),
    ("held rate/s", "/ramp/held_per_s"),
];
/// Figures of which a report has many: where they are, what tells them apart, and what is compared of each.
const MANY: [(&str, &[&str], &[&str]); 2] = [
    ("/engine", &["mix", "buyers", "threads"], &["decisions_per_s", "ns_per_decision", "p50_ns", "p999_ns"]),
    ("/ledger", &["orders_per_commit"], &["orders_per_s", "commit/p50_us", "commit/p99_us"]),
];
/// What has to be the same for ratios to mean something.
const CONDITIONS: [&str; 2] = ["/machine", "/run"];

/// The comparison of two parsed reports, B in terms of A.
///
/// # Errors
/// Where one of them is none, or they are of two kinds, in words.
pub fn compare(a: &Value, b: &Value) -> Result<String, String> {
    let figures = |name: &str, report| {
        figures_of(report)
            .ok_or_else(|| format!("{name} file is no report of `bench http`, `bench engine` or `bench ledger --json`"))
    };
    let (of_a, of_b) = (figures("the first", a)?, figures("the second", b)?);
    let is_there = |(name, _): &&(String, f64)| of_a.iter().any(|(other, _)| other == name);
    if !of_b.iter().any(|row| is_there(&row)) {
        return Err("the two files have no figure in common: are they reports of the same bench?".into());
    }
    let mut text = String::new();
    let commit = |of: &Value| {
        let part = |path| of.pointer(path).and_then(Value::as_str).unwrap_or("?").to_owned();
        plain(&format!("{} ({} build, {})", part("/doorbuster/commit"), part("/doorbuster/profile"), part("/ended_at")))
    };
    // Writing into a string never fails.
    let _ = writeln!(text, "A: {}\nB: {}\n", commit(a), commit(b));
    let different: Vec<_> = CONDITIONS.iter().flat_map(|path| differences(path, a, b)).collect();
    if !different.is_empty() {
        let _ = writeln!(text, "NOT LIKE WITH LIKE: these differ, so the ratios say little about the program\n");
        for line in different {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    let width = of_a.iter().map(|(name, _)| name.chars().count() + 2).max().unwrap_or(0).max(26);
    let _ = writeln!(text, "{:<width$}{:>14}{:>14}{:>10}", "", "A", "B", "B/A");
    for (name, in_a) in &of_a {
        if let Some((_, in_b)) = of_b.iter().find(|(other, _)| other == name) {
            let ratio = if *in_a == 0.0 { "–".to_owned() } else { format!("{:.2}", in_b / in_a) };
            let _ = writeln!(text, "{name:<width$}{:>14}{:>14}{ratio:>10}", figure(*in_a), figure(*in_b));
        }
    }
    for (name, report) in [("A", a), ("B", b)].into_iter().filter(|(_, report)| report.get("verdict").is_some()) {
        let is_ok = report.pointer("/verdict/audit/ok").and_then(Value::as_bool);
        let words = match is_ok {
            Some(true) => "proven",
            Some(false) => "NOT proven: its figures are worth nothing",
            None => "not checked",
        };
        let _ = writeln!(text, "{}ledger of {name}: {words}", if name == "A" { "\n" } else { "" });
    }
    Ok(text)
}

/// A report's figures by their names, in its order; none where it is no report.
fn figures_of(report: &Value) -> Option<Vec<(String, f64)>> {
    let number = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_f64);
    if report.pointer("/latency_us/p99").is_some() {
        return Some(
            ROWS.iter().filter_map(|(name, path)| Some(((*name).to_owned(), number(report, path)?))).collect(),
        );
    }
    let is_of = |(path, _, _): &&(&str, _, _)| report.pointer(path).is_some_and(Value::is_array);
    let (path, marks, figures) = MANY.iter().find(is_of)?;
    let word = |of: &Value, mark: &str| match of.get(mark) {
        Some(Value::String(word)) => word.clone(),
        Some(number) => format!("{number} {}", mark.replace('_', " ")),
        None => String::new(),
    };
    let disk = number(report, "/disk/syncs_per_s").map(|of_disk| ("disk: syncs_per_s".to_owned(), of_disk));
    let each = report.pointer(path)?.as_array()?.iter().flat_map(|of| {
        let name = plain(&marks.iter().map(|mark| word(of, mark)).collect::<Vec<_>>().join(", "));
        figures.iter().filter_map(move |path| {
            Some((format!("{name}: {}", path.replace('/', " ")), number(of, &format!("/{path}"))?))
        })
    });
    Some(disk.into_iter().chain(each).collect())
}

/// For [`crate::fuzz`]: two files, one behind the other. What can be compared is like itself, and says nothing to the
/// terminal but lines.
#[cfg(any(test, feature = "torture"))]
pub(crate) fn fuzzed(bytes: &[u8]) {
    let mut reports = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let Some(Ok(a)) = reports.next() else { return };
    let b = reports.next().and_then(Result::ok).unwrap_or_else(|| a.clone());
    if let Ok(text) = compare(&a, &b) {
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
        let same = compare(&a, &a).expect("it has been compared");
        assert!(!same.contains("NOT LIKE WITH LIKE"), "{same}");
    }
}

fn figure(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// A report may be somebody else's: what it says tells a terminal nothing but letters.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

/// The members that aren't the same.
fn differences(path: &str, a: &Value, b: &Value) -> Vec<String> {
    let members = |of: &Value| of.pointer(path).and_then(Value::as_object).cloned().unwrap_or_default();
    let (of_a, of_b) = (members(a), members(b));
    let mut names: Vec<_> = of_a.keys().chain(of_b.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let null = Value::Null;
    let pairs = names.into_iter().map(|name| (name, of_a.get(name).unwrap_or(&null), of_b.get(name).unwrap_or(&null)));
    let differing = pairs.filter(|(_, of_a, of_b)| of_a != of_b);
    let path = path.trim_start_matches('/');
    differing.map(|(name, of_a, of_b)| plain(&format!("{path}.{name}: {of_a} and {of_b}"))).collect()
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use serde_json::{Value, json};

    use super::compare;

    fn report(rate: f64, cores: u32, crowd: &str) -> Value {
        json!({
            "doorbuster": { "commit": "abc", "profile": "release" }, "machine": { "cores": cores }, "run": { "crowd": crowd },
            "rate_per_s": rate, "latency_us": { "p99": 5 }, "cpu_us_per_attempt": { "server": null },
            "verdict": { "audit": { "ok": true } },
        })
    }

    #[test]
    fn like_is_compared_with_like_by_ratio() {
        let text = compare(&report(100.0, 2, "even"), &report(150.0, 2, "even")).expect("a comparison");
        assert!(text.contains("1.50") && !text.contains("NOT LIKE"), "{text}");
        assert!(!text.contains("server"), "what isn't known isn't compared: {text}");
    }

    #[test]
    fn another_machine_or_crowd_is_named() {
        let text = compare(&report(100.0, 2, "even"), &report(150.0, 8, "bots")).expect("a comparison");
        assert!(text.contains("machine.cores: 2 and 8") && text.contains("run.crowd: \"even\" and \"bots\""), "{text}");
    }

    #[test]
    fn figures_of_which_there_are_many_are_compared_each_with_its_own() {
        let engine = |ns: f64| {
            let of = |mix: &str, ns: f64| json!({ "mix": mix, "buyers": 1000, "threads": 2, "ns_per_decision": ns });
            json!({ "engine": [of("sold_out", ns), of("win", 100.0)] })
        };
        let text = compare(&engine(50.0), &engine(25.0)).expect("a comparison");
        let row = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{text}"));
        assert!(row("sold_out, 1000 buyers, 2 threads: ns_per_decision").ends_with("0.50"), "{text}");
        assert!(row("win, 1000 buyers, 2 threads: ns_per_decision").ends_with("1.00"), "{text}");
        let ledger = |rate: f64| {
            let commit = json!({ "p50_us": 1, "p99_us": 2 });
            let of = json!({ "orders_per_commit": 100, "orders_per_s": rate, "commit": commit });
            json!({ "disk": { "syncs_per_s": 1000 }, "ledger": [of] })
        };
        let text = compare(&ledger(1.0), &ledger(3.0)).expect("a comparison");
        assert!(text.contains("disk: syncs_per_s") && text.contains("3.00"), "{text}");
        assert!(!text.contains("ledger of A"), "it proves no ledger: {text}");
    }

    #[test]
    fn what_is_no_report_or_of_another_kind_is_refused() {
        let fault = compare(&report(1.0, 2, "even"), &json!([])).expect_err("no report");
        assert!(fault.contains("the second file"), "{fault}");
        let fault = compare(&report(1.0, 2, "even"), &json!({ "engine": [] })).expect_err("another kind");
        assert!(fault.contains("same bench"), "{fault}");
    }
}
