//! Two reports beside each other.

use std::fmt::Write as _;

use serde_json::Value;

/// What is compared: a name, the way to it, and whether less is better.
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
/// What has to be the same for ratios to mean something.
const CONDITIONS: [&str; 2] = ["/machine", "/run"];

/// The comparison of two parsed reports, B in terms of A.
///
/// # Errors
/// Where one of them is none, in words.
pub fn compare(a: &Value, b: &Value) -> Result<String, String> {
    for (name, report) in [("the first", a), ("the second", b)] {
        if report.pointer("/latency_us/p99").is_none() {
            return Err(format!("{name} file is no report of `bench http --json`"));
        }
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
    let _ = writeln!(text, "{:<26}{:>14}{:>14}{:>10}", "", "A", "B", "B/A");
    for (name, path) in ROWS {
        let number = |of: &Value| of.pointer(path).and_then(Value::as_f64);
        if let (Some(of_a), Some(of_b)) = (number(a), number(b)) {
            let ratio = if of_a == 0.0 { "–".to_owned() } else { format!("{:.2}", of_b / of_a) };
            let _ = writeln!(text, "{name:<26}{:>14}{:>14}{ratio:>10}", figure(of_a), figure(of_b));
        }
    }
    for (name, report) in [("A", a), ("B", b)] {
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
    fn what_is_no_report_is_refused() {
        let fault = compare(&report(1.0, 2, "even"), &json!([])).expect_err("no report");
        assert!(fault.contains("the second file"), "{fault}");
    }
}
