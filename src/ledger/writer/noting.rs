//! The writer's way with notes: with the next events, or alone.

use std::time::Duration;

use super::{PROBE_EVERY, Writer};
use crate::ledger::Unwritten;
use crate::ledger::health::Breakage;
use crate::ledger::receipt::Told;
use crate::ledger::store::Failure;

/// Shortest rest while only notes are waiting: one that comes back a moment too soon doesn't turn into a busy loop.
const NOTES_REST_MIN: Duration = Duration::from_millis(1);

impl Writer {
    /// Writes notes that no event takes along.
    pub(super) fn note_alone(&mut self) {
        self.tray.fill(&self.commons.notes, self.clock.now().mono);
        if self.tray.notes().is_empty() {
            return;
        }
        match self.commit(0..0) {
            Ok(()) => {}
            // Selling goes on: the next event finds out whether the disk takes any.
            Err(Failure::Refused(why) | Failure::BadEvent(why)) => {
                tracing::warn!(why, "the progress of messages could not be written for now");
                self.tell_notes(Err(Unwritten::NotStored));
            }
            Err(Failure::Unknown(why)) => self.fail(Breakage::Disk, why),
        }
        self.tidy();
        self.publish();
    }

    pub(super) fn tell_notes(&mut self, told: Told) {
        self.tray.tell(told, self.clock.now().mono, &mut self.outbox);
    }

    /// How long the writer may rest where nothing is queued.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.commons.queue.places.is_refusing() {
            return Some(PROBE_EVERY);
        }
        self.tray.due_in(&self.commons.notes, self.clock.now().mono).map(|pause| pause.max(NOTES_REST_MIN))
    }
}
