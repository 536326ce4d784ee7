//! A run over HTTP as one page.

use std::fmt::Write as _;

use super::page::{conditions, escaped, headline, legend, section, whole};
use super::percentiles::{Spans, Unit, percentiles};
use super::plot::{Curve, Mark, linear_marks, logarithmic, plot};
use super::{HttpReport, Moment};
use crate::bench::http::ramp::Ramp;
use crate::funnel::Layer;
use crate::rig::words::{grouped, question, span};

/// One of a moment's counts.
type Count = fn(&Moment) -> u64;

/// Endings by class and word, the rarest at the bottom of the stack.
const ENDINGS: [(&str, &str, Count); 6] = [
    ("won", "won", |moment| moment.won),
    ("failed", "failed", |moment| moment.failed),
    ("abandoned", "given up", |moment| moment.abandoned),
    ("refused", "refused otherwise", |moment| moment.refused),
    ("limited", "limited", |moment| moment.limited),
    ("sold_out", "sold out", |moment| moment.sold_out),
];

/// The page.
#[must_use]
pub fn page(report: &HttpReport) -> String {
    let mut page = String::new();
    head(&mut page, report);
    section(&mut page, "Floor by floor", &funnel(report));
    if let Some(ramp) = &report.ramp {
        section(&mut page, "How far it goes", &climb(ramp));
    }
    section(&mut page, "What buyers wait", &latencies(report));
    let series = whole_bins(report);
    if series.len() > 1 {
        section(&mut page, "Over time", &over_time(series));
    }
    section(&mut page, "Where and how", &where_and_how(report));
    whole(&format!("doorbuster: {} attempts a second", grouped(report.rate_per_s.round() as u64)), &page)
}

fn head(page: &mut String, report: &HttpReport) {
    let (tone, verdict) = match (&report.verdict, report.is_ok()) {
        (Some(of), true) => (
            "kept",
            format!(
                "Every promise kept: none oversold, none sold twice, none lost, none left over. \
             {} acknowledged orders, all of them in the ledger.",
                grouped(of.acknowledged)
            ),
        ),
        (Some(of), false) => (
            "broken",
            format!(
                "Promises broken: oversold {}, sold twice {}, lost {}, undersold {}. These figures are worth nothing.",
                of.oversold, of.duplicates, of.lost, of.undersold
            ),
        ),
        (None, _) => ("open", "Not checked: the ledger of this server could not be read.".into()),
    };
    headline(page, "doorbuster bench http", &grouped(report.rate_per_s.round() as u64), "attempts a second");
    // Writing into a string never fails, here and below.
    let _ = writeln!(page, "<p class=\"verdict {tone}\">{verdict}</p>");
    page.push_str("<dl class=\"figures\">\n");
    let mut figure = |name: &str, value: String| {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    };
    figure("attempts", grouped(report.outcomes.attempts));
    figure("won", grouped(report.outcomes.won));
    figure("p50", span(report.latency_us.p50));
    figure("p99", span(report.latency_us.p99));
    if let Some(us) = report.cpu_us_per_attempt.server {
        figure("server CPU each", format!("{us:.1} µs"));
    }
    page.push_str("</dl>\n</header>\n");
}

/// Widths are logarithmic: a linear picture of one in ten thousand shows nothing.
fn funnel(report: &HttpReport) -> String {
    let outcomes = &report.outcomes;
    // Two, so that nobody at all is no division by nothing.
    let whole = (outcomes.attempts + 1).max(2) as f64;
    let width = |count: u64| ((count + 1) as f64).ln() / whole.ln() * 100.0;
    let mut text = String::from("<table class=\"funnel\">\n");
    let mut row = |class: &str, name: &str, asks: &str, said_no: Option<u64>, left: u64| {
        let said_no =
            said_no.filter(|count| *count > 0).map_or_else(String::new, |count| format!("−{}", grouped(count)));
        let _ = writeln!(
            text,
            "<tr class=\"{class}\"><th scope=\"row\">{name}<small>{asks}</small></th><td>{said_no}</td>\
             <td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect width=\"{:.2}\" height=\"10\"/></svg></td><td>{}</td></tr>",
            width(left),
            grouped(left)
        );
    };
    let mut left = outcomes.attempts;
    row("came", "came", "attempts", None, left);
    for (layer, count) in &outcomes.layers {
        if *layer != Layer::Door || *count > 0 {
            left = left.saturating_sub(*count);
            row("floor", layer.word(), question(*layer), Some(*count), left);
        }
    }
    row("won", "won", "a yes that lasts", None, outcomes.won);
    text.push_str("</table>\n<p class=\"note\">Right: who is still there behind each floor. Bars are logarithmic.");
    if outcomes.won_by_bots > 0 {
        let share = 100.0 * outcomes.won_by_bots as f64 / outcomes.won.max(1) as f64;
        let _ = write!(text, " Bots got {share:.0} % of the orders.");
    }
    text.push_str("</p>\n");
    text
}

fn latencies(report: &HttpReport) -> String {
    let since = match report.latency_us.since {
        "intended" => "Since each attempt was due: who had to wait to be sent has waited.",
        _ => "Since each attempt was sent. Only an open loop tells what buyers wait.",
    };
    let all = Spans { class: "all", name: "all answers", histogram: &report.latency_us.histogram };
    let won = Spans { class: "won", name: "a yes", histogram: &report.won_latency_us.histogram };
    percentiles(Unit::Us, since, &[all, won])
}

/// Without the last bin, where the run ended in its middle: it would look as if the server had broken down.
fn whole_bins(report: &HttpReport) -> &[Moment] {
    let bin_ms = report.series.get(1).map_or(0, |moment| moment.at_ms);
    let whole = report.series.iter().take_while(|moment| (moment.at_ms + bin_ms) as f64 <= report.took_s * 1e3);
    &report.series[..whole.count()]
}

fn over_time(series: &[Moment]) -> String {
    let bin_ms = series.get(1).map_or(100, |moment| moment.at_ms).max(1);
    let per_s = 1e3 / bin_ms as f64;
    let all = |moment: &Moment| ENDINGS.iter().map(|(_, _, count)| count(moment)).sum::<u64>() as f64 * per_s;
    let (y, top) = linear_marks(series.iter().map(all).fold(1.0, f64::max), |rate| grouped(rate as u64));
    let last_s = (series.len() as u64 * bin_ms) as f64 / 1e3;
    let (x, end_s) = linear_marks(last_s, |second| format!("{second} s"));
    // An axis that ends where the run does.
    let x: Vec<Mark> =
        x.into_iter().map(|(at, label)| (at * end_s / last_s, label)).filter(|(at, _)| *at <= 1.0).collect();
    let mut floor = vec![0.0; series.len()];
    let mut curves = Vec::new();
    let mut seen = Vec::new();
    for (class, word, count) in ENDINGS {
        let upper: Vec<f64> =
            series.iter().zip(&floor).map(|(moment, below)| below + count(moment) as f64 * per_s / top).collect();
        if upper != floor {
            let at = |bin: usize| (bin as f64 + 0.5) / series.len() as f64;
            let points = upper.iter().enumerate().map(|(bin, level)| (at(bin), *level)).collect();
            curves.push(Curve { class, points, floor: Some(floor) });
            seen.push((class, word));
        }
        floor = upper;
    }
    format!(
        "{}{}<p class=\"note\">Answers a second, by what they said.</p>\n",
        legend(&seen),
        plot("answers over time", (&x, &y), &curves)
    )
}

fn climb(ramp: &Ramp) -> String {
    let mut steps = ramp.steps.clone();
    steps.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let (x, end) = linear_marks(steps.last().map_or(1.0, |step| step.rate_per_s), |rate| grouped(rate as u64));
    let longest = steps.iter().map(|step| step.p99_us).max().unwrap_or(1).max(ramp.p99_limit_us) as f64;
    let bounds = (100.0, 10_f64.powf(longest.log10().ceil()).max(1_000.0));
    let decades = (bounds.1 / bounds.0).log10().round() as i32;
    let y: Vec<Mark> = (0..=decades)
        .map(|at| (f64::from(at) / f64::from(decades), span((bounds.0 * 10_f64.powi(at)) as u64)))
        .collect();
    let points = steps.iter().map(|step| (step.rate_per_s / end, logarithmic(step.p99_us as f64, bounds))).collect();
    let limit = logarithmic(ramp.p99_limit_us as f64, bounds);
    let curves = [
        Curve { class: "limit", points: vec![(0.0, limit), (1.0, limit)], floor: None },
        Curve { class: "all", points, floor: None },
    ];
    let broke = ramp.broke.as_deref().unwrap_or("nothing broke");
    format!(
        "<p class=\"lead\">{} attempts a second hold: <strong>{}</strong>.</p>\n{}{}<p class=\"note\">Beyond it: {}.</p>\n",
        grouped(ramp.held_per_s as u64),
        ramp.tier,
        legend(&[("all", "p99 at each rate"), ("limit", "the limit")]),
        plot("p99 by rate", (&x, &y), &curves),
        escaped(broke)
    )
}

fn where_and_how(report: &HttpReport) -> String {
    let run = &report.run;
    let load = format!(
        "{} loop, {} connections, client threads on the same machine: {}, {} buyers",
        run.kind,
        run.connections,
        run.threads,
        grouped(run.buyers)
    );
    let cpu = |us: Option<f64>| us.map_or_else(|| "not known".into(), |us| format!("{us:.1} µs"));
    let cost = report.cpu_us_per_attempt;
    let network = report.network;
    let complaints = format!(
        "{} retransmissions, {} listen overflows, {} listen drops",
        network.retransmissions, network.listen_overflows, network.listen_drops
    );
    let mut rows = report.origin.rows();
    rows.extend([
        ("load", load),
        ("CPU for each attempt", format!("server {}, clients {}", cpu(cost.server), cpu(cost.client))),
        ("kernel meanwhile", complaints),
    ]);
    conditions(&rows)
}
