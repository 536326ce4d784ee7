//! Plots as plain SVG: drawn once, looked at anywhere.

use std::fmt::Write as _;

/// The picture's size in its own units, and the margins that labels take.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 36.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;

/// A mark on an axis: where, from 0 to 1, and what it says.
pub(super) type Mark = (f64, String);

/// A line, or the upper edge of an area, from 0 to 1 in both directions.
#[derive(Debug)]
pub(super) struct Curve {
    /// The style's class, and the name in the legend.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
    /// The lower edge, where it is an area: as many points.
    pub(super) floor: Option<Vec<f64>>,
}

/// A picture of these curves between two axes, the first one at the back.
pub(super) fn plot(what: &str, (x, y): (&[Mark], &[Mark]), curves: &[Curve]) -> String {
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{what}\">\n");
    // Writing into a string never fails.
    for (at, label) in y {
        let level = down(*at);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {level:.1}H{:.1}\"/>", WIDTH - RIGHT);
        let _ = writeln!(svg, "<text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>", LEFT - 10.0, level + 5.0);
    }
    for (at, label) in x {
        let along = across(*at);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{along:.1} {TOP}V{:.1}\"/>", HEIGHT - BOTTOM);
        let _ = writeln!(svg, "<text class=\"x\" x=\"{along:.1}\" y=\"{:.1}\">{label}</text>", HEIGHT - BOTTOM + 24.0);
    }
    for curve in curves.iter().filter(|curve| !curve.points.is_empty()) {
        let _ = writeln!(svg, "<path class=\"{} {}\" d=\"{}\"/>", kind(curve), curve.class, way(curve));
    }
    svg.push_str("</svg>\n");
    svg
}

fn kind(curve: &Curve) -> &'static str {
    if curve.floor.is_some() { "area" } else { "line" }
}

fn way(curve: &Curve) -> String {
    let mut way = String::new();
    let mut put = |at: usize, (x, y): (f64, f64)| {
        let _ = write!(way, "{}{:.1} {:.1}", if at == 0 { 'M' } else { 'L' }, across(x), down(y));
    };
    for (at, point) in curve.points.iter().enumerate() {
        put(at, *point);
    }
    if let Some(floor) = &curve.floor {
        for ((x, _), y) in curve.points.iter().zip(floor).rev() {
            put(1, (*x, *y));
        }
        way.push('Z');
    }
    way
}

fn across(x: f64) -> f64 {
    LEFT + x.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn down(y: f64) -> f64 {
    HEIGHT - BOTTOM - y.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

/// A logarithmic axis over these bounds: where a value stands.
pub(super) fn logarithmic(value: f64, (low, high): (f64, f64)) -> f64 {
    (value.max(low) / low).ln() / (high / low).ln()
}

/// Marks at round numbers from 0 to at least `most`, four or five of them; and where the axis ends.
pub(super) fn linear_marks(most: f64, label: impl Fn(f64) -> String) -> (Vec<Mark>, f64) {
    let rough = most.max(1e-9) / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|of| of * magnitude).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * magnitude);
    let end = (most / step).ceil().max(1.0) * step;
    let count = (end / step).round() as u32;
    ((0..=count).map(|mark| (f64::from(mark) * step / end, label(f64::from(mark) * step))).collect(), end)
}
