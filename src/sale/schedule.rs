//! When a sale opens and ends by itself: pure decisions over its terms, its phase and the time.
//!
//! **Invariant:** a phase never goes back: a clock that is set back neither closes an open sale nor opens an ended one.

use std::time::Duration;

use super::catalog::Sale;
use crate::clock::WallTime;
use crate::offer::Phase;

/// What the schedule asks for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The sale's time has come.
    Open,
    /// The sale's time is over.
    End,
}

/// What is due for a sale now, if anything. A sale whose whole time passed unseen ends without having opened.
#[must_use]
pub fn due(sale: &Sale, now: WallTime) -> Option<Due> {
    let terms = sale.terms();
    match sale.phase() {
        Phase::Ended => None,
        _ if terms.closes_at.is_some_and(|closes_at| now >= closes_at) => Some(Due::End),
        Phase::Scheduled if terms.opens_at.is_none_or(|opens_at| now >= opens_at) => Some(Due::Open),
        Phase::Scheduled | Phase::Live | Phase::Paused => None,
    }
}

/// How long until something may be due for a sale; none where nothing will be.
#[must_use]
pub fn next_due(sale: &Sale, now: WallTime) -> Option<Duration> {
    let terms = sale.terms();
    let at = match sale.phase() {
        Phase::Ended => None,
        Phase::Scheduled => terms.opens_at.into_iter().chain(terms.closes_at).min().or(Some(now)),
        Phase::Live | Phase::Paused => terms.closes_at,
    };
    at.map(|at| now.until(at))
}
