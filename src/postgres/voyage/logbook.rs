//! What is noted and told of a voyage: that it is well, that it lags, and what went wrong.

use std::time::{Duration, Instant};

use super::Voyage;
use crate::clock::WallTime;
use crate::order::Ack;
use crate::postgres::fault::{PostgresFault, Remedy};
use crate::postgres::pace::Pace;
use crate::postgres::shipper::state_of;
use crate::postgres::status::ShippingState;

/// How often the log is told of a lag that lasts.
const REMIND_INTERVAL: Duration = Duration::from_secs(60);
/// A lag that is worth a word.
const LAG_WORTH_A_WORD: Duration = Duration::from_secs(10);

impl Voyage {
    /// PostgreSQL takes what it is sent.
    pub(super) fn is_well(&mut self, shipped: i64) {
        self.heard = Instant::now();
        let ledger = &self.funnel.ledger;
        if ledger.set_away(false) && self.terms.ack == Ack::Postgres {
            tracing::info!("PostgreSQL answers: orders are taken");
        }
        let behind_since = self.behind_since(shipped);
        let was = self.board.note(|notes| {
            notes.why = None;
            notes.behind_since = behind_since;
            std::mem::replace(&mut notes.state, ShippingState::Shipping)
        });
        if was == ShippingState::Away || was == ShippingState::Stopped {
            self.told = None;
        }
        self.remind();
    }

    /// When the first event that PostgreSQL lacks was written. None, too, where it hasn't said yet how far it is.
    fn behind_since(&mut self, shipped: i64) -> Option<WallTime> {
        if shipped == 0 && self.loader.is_none() {
            return None;
        }
        // A voyage that has just begun has opened none, and PostgreSQL may be away for long.
        self.loader().ok()?.written_at(shipped + 1)
    }

    /// Tells the log of a lag, now and then.
    fn remind(&mut self) {
        let ledger = &self.funnel.ledger;
        let status = self.board.status((ledger.health().events, ledger.shipped()), self.clock.now().wall);
        let is_due = self.told.is_none_or(|told| told.elapsed() >= REMIND_INTERVAL);
        if is_due && status.lag_seconds >= LAG_WORTH_A_WORD.as_secs_f64() {
            self.told = Some(Instant::now());
            let (lag_events, lag_seconds) = (status.lag_events, status.lag_seconds.round());
            tracing::warn!(lag_events, lag_seconds, state = status.state.word(), "PostgreSQL lags behind the ledger");
        }
    }

    /// Notes and tells what went wrong; says how long to wait.
    pub(super) fn mend(&mut self, fault: &PostgresFault) -> Duration {
        if fault.is_about_the_rows() {
            // One of many is refused: half of them are tried, until it is alone.
            tracing::debug!(why = %fault, "PostgreSQL refuses a batch");
            return Duration::ZERO;
        }
        if matches!(fault, PostgresFault::Read(_)) {
            self.loader = None;
        }
        let (why, state) = (fault.to_string(), state_of(fault));
        let behind_since = self.behind_since(self.funnel.ledger.shipped());
        let is_news = self.board.note(|notes| {
            notes.faults += 1;
            notes.behind_since = behind_since;
            let is_news = notes.state != state || notes.why.as_ref() != Some(&why);
            (notes.state, notes.why) = (state, Some(why.clone()));
            is_news
        });
        if is_news && state == ShippingState::Stopped {
            tracing::error!(why, "nothing is shipped to PostgreSQL until somebody looks into it");
        } else if is_news {
            tracing::warn!(why, "PostgreSQL is away");
        }
        let is_over = state == ShippingState::Stopped || self.heard.elapsed() > self.terms.patience;
        if is_over && self.funnel.ledger.set_away(true) && self.terms.ack == Ack::Postgres {
            tracing::error!(why, "PostgreSQL is away: no orders are taken until it is back");
        }
        self.remind();
        match fault.remedy() {
            Remedy::Alarm => Pace::alarmed(),
            Remedy::Reconnect | Remedy::Fewer => self.pace.failed(getrandom::u64().unwrap_or(u64::MAX)),
        }
    }
}
