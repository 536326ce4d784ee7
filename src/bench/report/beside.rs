//! Figures that stand beside each other: what `bench engine` and `bench ledger` say, as a page.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::Origin;
use super::page::{conditions, headline, section, whole};
use super::percentiles::{Spans, Unit, percentiles};
use crate::rig::words::grouped;

/// The classes that lines are drawn in, one behind the other.
const CLASSES: [&str; 5] = ["sold_out", "won", "abandoned", "failed", "limited"];

/// One of the figures.
#[derive(Debug)]
pub struct Line<'a> {
    /// What was measured.
    pub name: String,
    /// How many a second.
    pub rate_per_s: f64,
    /// How long each took.
    pub histogram: &'a Histogram<u64>,
    /// Whether it is one of the few that are drawn.
    pub is_drawn: bool,
}

/// All that the page says.
#[derive(Debug)]
pub struct Beside<'a> {
    /// The command, in small letters.
    pub brand: &'static str,
    /// What is counted, by the second.
    pub what: &'static str,
    /// What the histograms count.
    pub unit: Unit,
    /// What has to be known of the spans.
    pub note: String,
    /// The figures.
    pub lines: Vec<Line<'a>>,
    /// Where they come from.
    pub origin: &'a Origin,
}

/// The page.
#[must_use]
pub fn beside_page(of: &Beside<'_>) -> String {
    let best = of.lines.iter().map(|line| line.rate_per_s).fold(0.0, f64::max);
    let figure = grouped(best.round() as u64);
    let mut body = String::new();
    headline(&mut body, of.brand, &figure, &format!("{} a second at best", of.what));
    body.push_str("</header>\n");
    section(&mut body, "How many a second", &bars(&of.lines, best));
    let drawn = of.lines.iter().filter(|line| line.is_drawn).zip(CLASSES);
    let drawn: Vec<_> =
        drawn.map(|(line, class)| Spans { class, name: &line.name, histogram: line.histogram }).collect();
    section(&mut body, "How long each takes", &percentiles(of.unit, &of.note, &drawn));
    section(&mut body, "Where and how", &conditions(&of.origin.rows()));
    whole(&format!("doorbuster: {figure} {} a second", of.what), &body)
}

fn bars(lines: &[Line<'_>], best: f64) -> String {
    let mut text = String::from("<table class=\"funnel\">\n");
    for line in lines {
        // Writing into a string never fails.
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}</th><td class=\"bar\">\
             <svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect width=\"{:.2}\" height=\"10\"/></svg></td><td>{}</td></tr>",
            line.name,
            line.rate_per_s / best.max(1e-9) * 100.0,
            grouped(line.rate_per_s.round() as u64)
        );
    }
    text.push_str("</table>\n");
    text
}
