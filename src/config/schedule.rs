//! Times as people write them: schedules with a zone, spans with units.
//!
//! **Invariant:** a schedule means exactly one instant. A local time that the clock shows twice or never is refused,
//! and the refusal names the times that would be right.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset, TimeZoneAnnotationKind};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SpanRelativeTo, Timestamp};

use super::nearest::nearest;
use crate::clock::WallTime;

pub(super) const WANTED_SPAN: &str = "must be a span of time such as \"10s\", \"2m\" or \"1h 30m\"";
pub(super) const WANTED_TIME: &str = "must be a time with its zone, such as \"2026-11-27T09:00[America/New_York]\" or \
                           \"2026-11-27T14:00:00Z\"";

/// Reads a span of time: `10s`, `1h 30m`, `30d` (a day is 24 hours).
///
/// # Errors
/// What would be right, in words.
pub fn span(text: &str) -> Result<Duration, String> {
    let wanted = || format!("{WANTED_SPAN}, not {text:?}");
    let span: jiff::Span = text.parse().map_err(|_| wanted())?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wanted())?;
    Duration::try_from(span).map_err(|_| wanted())
}

/// Reads a point in time: RFC 3339 with an offset, or a local time with its zone in brackets (RFC 9557).
///
/// # Errors
/// What would be right, in words.
pub(super) fn instant(text: &str) -> Result<WallTime, String> {
    let pieces = Pieces::parse(text).map_err(|_| format!("{WANTED_TIME}, not {text:?}"))?;
    let time = pieces.time().ok_or_else(|| format!("{WANTED_TIME}; {text:?} has no time of day"))?;
    let local = DateTime::from_parts(pieces.date(), time);
    let zone = pieces.time_zone_annotation().map(|annotation| match annotation.kind() {
        TimeZoneAnnotationKind::Named(name) => zone(name.as_str()),
        _ => annotation.to_time_zone().map_err(|_| format!("{WANTED_TIME}, not {text:?}")),
    });
    // Z with a zone is exact by itself: it says the time in UTC, and the zone only how to show it (RFC 9557).
    let is_utc = matches!(pieces.offset(), Some(PiecesOffset::Zulu));
    let stamp = match (pieces.to_numeric_offset(), zone.transpose()?) {
        (Some(offset), Some(zone)) if !is_utc => zoned(&zone, local, Some(offset)),
        (Some(offset), _) => stamp(offset, local),
        (None, Some(zone)) => zoned(&zone, local, None),
        (None, None) => Err(format!("{WANTED_TIME}; {text:?} says no zone")),
    }?;
    Ok(WallTime::from_micros(stamp.as_microsecond()))
}

fn stamp(offset: Offset, local: DateTime) -> Result<Timestamp, String> {
    offset.to_timestamp(local).map_err(|_| format!("{WANTED_TIME}; {local} lies beyond the calendar"))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    jiff::tz::db().get(name).map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = nearest(name, &names).map_or_else(
            || String::from("zones are named as in \"America/New_York\" or \"Europe/Berlin\""),
            |near| format!("did you mean {near:?}?"),
        );
        format!("there is no time zone {name:?}; {hint}")
    })
}

/// The instant at which a clock in `zone` shows `local`, with the offset that was given.
fn zoned(zone: &TimeZone, local: DateTime, given: Option<Offset>) -> Result<Timestamp, String> {
    // As it has to be written, offset included.
    let written = |offset| stamp(offset, local).map(|stamp| stamp.to_zoned(zone.clone()).to_string());
    match (zone.to_ambiguous_timestamp(local).offset(), given) {
        (AmbiguousOffset::Unambiguous { offset }, None) => stamp(offset, local),
        (AmbiguousOffset::Unambiguous { offset }, Some(given)) if offset == given => stamp(given, local),
        (AmbiguousOffset::Unambiguous { offset }, Some(_)) => {
            Err(format!("has an offset that its zone does not have then; must be {:?}", written(offset)?))
        }
        (AmbiguousOffset::Fold { before, after }, Some(given)) if given == before || given == after => {
            stamp(given, local)
        }
        (AmbiguousOffset::Fold { before, after }, _) => Err(format!(
            "is ambiguous: clocks are set back then and show {local} twice; must be {:?} (the first time) or {:?} (the second)",
            written(before)?,
            written(after)?,
        )),
        // Read with the offset of the other side of the gap, the time falls on this side.
        (AmbiguousOffset::Gap { before, after }, _) => Err(format!(
            "is missing: clocks are set forward then and never show {local}; must be {:?} or {:?}, for example",
            written(after)?,
            written(before)?,
        )),
    }
}
