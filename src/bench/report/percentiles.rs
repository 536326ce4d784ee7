//! How long things took, by percentile: a plot whose right end shows the rare ones, and the figures.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use super::page::legend;
use super::plot::{Curve, Mark, logarithmic, plot};
use crate::rig::words::span;

/// What a histogram counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
}

impl Unit {
    /// A span as people read it.
    pub(super) fn span(self, value: u64) -> String {
        match self {
            Self::Ns if value < 1_000 => format!("{value} ns"),
            Self::Ns if value < 100_000 => format!("{:.1} µs", value as f64 / 1e3),
            Self::Ns => span(value / 1_000),
            Self::Us => span(value),
        }
    }
}

/// One line of the plot, and of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans<'a> {
    pub(super) class: &'static str,
    pub(super) name: &'a str,
    pub(super) histogram: &'a Histogram<u64>,
}

/// Legend, plot, what is to be said of it, and the table.
pub(super) fn percentiles(unit: Unit, note: &str, all: &[Spans<'_>]) -> String {
    let longest = all.iter().map(|of| of.histogram.max()).max().unwrap_or(0).max(10) as f64;
    let shortest = all.iter().filter(|of| !of.histogram.is_empty()).map(|of| of.histogram.min()).min();
    let shortest = shortest.unwrap_or(1).max(1) as f64;
    let bounds = (10_f64.powf(shortest.log10().floor()), 10_f64.powf(longest.log10().ceil()));
    let decades = (bounds.1 / bounds.0).log10().round() as i32;
    let y: Vec<Mark> = (0..=decades)
        .map(|at| (f64::from(at) / f64::from(decades.max(1)), unit.span((bounds.0 * 10_f64.powi(at)) as u64)))
        .collect();
    // As many nines as there are spans to tell them apart.
    let count = all.iter().map(|of| of.histogram.len()).max().unwrap_or(0);
    let nines = (count.max(10) as f64).log10().floor().clamp(1.0, 6.0);
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
    let x: Vec<Mark> = (0..=nines as u32).zip(names).map(|(at, name)| (f64::from(at) / nines, name.into())).collect();
    let curves: Vec<_> = all
        .iter()
        .map(|of| Curve { class: of.class, points: by_percentile(of.histogram, nines, bounds), floor: None })
        .collect();
    let entries: Vec<_> = all.iter().map(|of| (of.class, of.name)).collect();
    let picture = plot("time taken by percentile", (&x, &y), &curves);
    format!("{}{picture}<p class=\"note\">{note}</p>\n{}", legend(&entries), table(unit, all))
}

fn by_percentile(histogram: &Histogram<u64>, nines: f64, bounds: (f64, f64)) -> Vec<(f64, f64)> {
    let steps = (nines * 40.0) as u32;
    let value = |at: u32| {
        let along = f64::from(at) / f64::from(steps);
        let value = histogram.value_at_quantile(1.0 - 10_f64.powf(-along * nines));
        (along, logarithmic(value as f64, bounds))
    };
    if histogram.is_empty() { Vec::new() } else { (0..=steps).map(value).collect() }
}

fn table(unit: Unit, all: &[Spans<'_>]) -> String {
    let mut text = String::from(
        "<table class=\"plain\">\n<tr><th></th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n",
    );
    for of in all.iter().filter(|of| !of.histogram.is_empty()) {
        let at = [0.5, 0.9, 0.99, 0.999].map(|quantile| of.histogram.value_at_quantile(quantile));
        let cells: String =
            at.into_iter().chain([of.histogram.max()]).map(|value| format!("<td>{}</td>", unit.span(value))).collect();
        // Writing into a string never fails.
        let _ = writeln!(text, "<tr><th scope=\"row\">{}</th>{cells}</tr>", of.name);
    }
    text.push_str("</table>\n");
    text
}
