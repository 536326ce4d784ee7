//! `--fail-if`: a figure that mustn't be.
//!
//! `p99 > 5ms or failed > 0 and rate < 20000`: comparisons joined by `and` and `or`; `and` binds closer.

use std::str::FromStr;

/// Figures that may be named, latencies first: those may have a unit and are microseconds without one.
pub(super) const NAMES: [&str; 19] = [
    "p50",
    "p90",
    "p99",
    "p99.9",
    "max",
    "rate",
    "attempts",
    "won",
    "sold_out",
    "limited",
    "refused",
    "failed",
    "server_cpu",
    "client_cpu",
    "held",
    "oversold",
    "duplicates",
    "lost",
    "undersold",
];
/// How many of them are latencies.
const LATENCIES: usize = 5;
/// Microseconds in a unit.
const UNITS: [(&str, f64); 5] = [("ns", 1e-3), ("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6)];

/// What is wrong with an expression, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ThresholdError(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    /// The longer words first.
    const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// A figure that isn't known is no number, and compares to nothing.
    fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::Less => figure < bound,
            Self::LessOrEqual => figure <= bound,
            Self::Equal => figure == bound,
            Self::NotEqual => !figure.is_nan() && figure != bound,
            Self::GreaterOrEqual => figure >= bound,
            Self::Greater => figure > bound,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Clause {
    name: &'static str,
    comparison: Comparison,
    bound: f64,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// Any of these, in each of which all hold.
    any: Vec<Vec<Clause>>,
    text: String,
}

impl Threshold {
    /// Whether the run misses it: the expression is true of the figures.
    #[must_use]
    pub fn is_missed(&self, figures: &[(&str, f64)]) -> bool {
        let figure = |name| figures.iter().find(|(known, _)| *known == name).map_or(f64::NAN, |(_, value)| *value);
        let holds = |clause: &Clause| clause.comparison.holds(figure(clause.name), clause.bound);
        self.any.iter().any(|all| all.iter().all(holds))
    }

    /// As it was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let words: Vec<_> = text.split_whitespace().collect();
        let any = words.split(|word| word.eq_ignore_ascii_case("or")).map(|all| {
            let clauses = all.split(|word| word.eq_ignore_ascii_case("and"));
            clauses.map(|words| clause(&words.concat())).collect()
        });
        Ok(Self { any: any.collect::<Result<_, _>>()?, text: text.to_owned() })
    }
}

/// A comparison, without spaces.
fn clause(text: &str) -> Result<Clause, ThresholdError> {
    let wrong = |what: &str| {
        ThresholdError(format!("{what}; right would be: 'p99 > 5ms or failed > 0', with any of {}", NAMES.join(", ")))
    };
    let at = text.find(['<', '>', '=', '!']).ok_or_else(|| wrong(&format!("'{text}' compares nothing")))?;
    let (name, rest) = text.split_at(at);
    let known = NAMES.iter().position(|known| *known == name);
    let place = known.ok_or_else(|| wrong(&format!("there is no figure '{name}'")))?;
    let comparison = Comparison::ALL.iter().find(|(word, _)| rest.starts_with(word));
    let (word, comparison) = comparison.ok_or_else(|| wrong(&format!("'{rest}' is no comparison")))?;
    let value = &rest[word.len()..];
    let unit = UNITS.iter().find(|(unit, _)| place < LATENCIES && value.ends_with(unit));
    let (number, factor) = unit.map_or((value, 1.0), |(unit, factor)| (&value[..value.len() - unit.len()], *factor));
    let bound = number.parse().ok().filter(|number: &f64| number.is_finite());
    let bound = bound.ok_or_else(|| wrong(&format!("'{value}' is no number")))?;
    Ok(Clause { name: NAMES[place], comparison: *comparison, bound: bound * factor })
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::{NAMES, Threshold};

    const FIGURES: [(&str, f64); 4] = [("p99", 5_001.0), ("failed", 0.0), ("rate", 19_999.0), ("server_cpu", f64::NAN)];

    fn is_missed(text: &str) -> bool {
        text.parse::<Threshold>().unwrap_or_else(|fault| panic!("{text}: {fault}")).is_missed(&FIGURES)
    }

    #[test]
    fn a_latency_has_a_unit_and_is_microseconds_without_one() {
        for missed in ["p99 > 5ms", "p99>5000", "p99 >= 5.001 ms", "p99 > 5000us", "p99 > 0.005s", "p99 > 5000000ns"] {
            assert!(is_missed(missed), "{missed}");
        }
        for met in ["p99 > 6ms", "p99 > 1s", "p99 == 5ms"] {
            assert!(!is_missed(met), "{met}");
        }
    }

    #[test]
    fn and_binds_closer_than_or() {
        assert!(is_missed("rate < 20000 or failed > 0 and p99 > 9s"));
        assert!(!is_missed("rate < 20000 and failed > 0"));
        assert!(is_missed("failed > 0 and p99 > 9s OR rate != 5"));
    }

    #[test]
    fn a_figure_that_is_not_known_misses_nothing() {
        for text in ["server_cpu > 0", "server_cpu != 1", "server_cpu <= 1", "lost > 0"] {
            assert!(!is_missed(text), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, said) in [
            ("", "'' compares nothing"),
            ("p99", "'p99' compares nothing"),
            ("p98 > 1", "there is no figure 'p98'"),
            ("p99 = 1", "'=1' is no comparison"),
            ("p99 > soon", "'soon' is no number"),
            ("rate > 5ms", "'5ms' is no number"),
            ("p99 > 1 or", "'' compares nothing"),
            ("p99 > inf", "'inf' is no number"),
        ] {
            let fault = text.parse::<Threshold>().expect_err(text).to_string();
            assert!(fault.contains(said) && fault.contains("p99 > 5ms"), "{fault}");
        }
    }

    proptest! {
        #[test]
        fn no_expression_is_too_strange(text in "\\PC{0,60}", name in proptest::sample::select(&NAMES[..])) {
            let _ = text.parse::<Threshold>();
            let _ = format!("{name}{text}").parse::<Threshold>();
        }
    }
}
