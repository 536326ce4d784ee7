//! Figures, and the floors, as people read them.

use crate::funnel::Layer;

/// Columns of the longest bar.
const BAR_COLUMNS: usize = 36;
/// Eighths of a column.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// What a floor asks everybody.
#[must_use]
pub fn question(layer: Layer) -> &'static str {
    match layer {
        Layer::Door => "Is that HTTP?",
        Layer::Client => "Is somebody there?",
        Layer::Access => "May they knock now?",
        Layer::Sale => "Is the sale on?",
        Layer::Stock => "One left, for them?",
        Layer::Ledger => "Is it written down?",
    }
}

/// A bar of a share; whatever isn't nothing can be seen.
#[must_use]
pub fn bar(count: u64, of: u64) -> String {
    let eighths = (count as f64 / of.max(1) as f64 * (BAR_COLUMNS * EIGHTHS.len()) as f64).ceil() as usize;
    let (full, rest) = (eighths / EIGHTHS.len(), eighths % EIGHTHS.len());
    let mut bar = "█".repeat(full);
    bar.extend(rest.checked_sub(1).map(|rest| EIGHTHS[rest]));
    bar
}

/// A number as people read it: 1,234,567.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of microseconds.
#[must_use]
pub fn span(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::{bar, grouped, span};

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
    fn a_span_has_the_unit_that_fits_it() {
        assert_eq!(
            [999, 1_000, 999_949, 1_000_000, 61_000_000].map(span),
            ["999 µs", "1.0 ms", "999.9 ms", "1.00 s", "61.00 s"]
        );
    }
}
