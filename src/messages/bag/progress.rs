//! What the ledger remembers of a bag: taken up at the start, told batch by batch.
//!
//! **Invariant:** the cursor passes no message that is neither delivered nor in the ledger by the end of the same batch.

use std::time::Duration;

use super::{Bag, later};
use crate::clock::{Now, WallTime};
use crate::ledger::{Delivery, Note};
use crate::messages::message::Message;
use crate::orders::backoff;

/// Rows of one batch of notes: a millisecond of the writer's time.
pub(in crate::messages) const NOTES_MAX: usize = 256;

/// Notes of one batch, until it is known what became of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::messages) struct Batch {
    pub(in crate::messages) notes: Vec<Note>,
    cursor_before: i64,
}

impl Bag {
    /// Whether an event behind the cursor is remembered by itself.
    pub(in crate::messages) fn remembers(&self, seq: i64) -> bool {
        self.letters.contains_key(&seq) || self.remembered.contains(&seq)
    }

    /// Puts a message in that the ledger remembers.
    pub(in crate::messages) fn put_back(&mut self, message: Message, delivery: Delivery, now: Now) {
        let gap = delivery.next_at.map_or(Duration::ZERO, |next_at| now.wall.until(next_at).min(backoff::LONGEST));
        let (seq, not_before) = (message.seq, later(now.mono, gap));
        self.insert(message, delivery.attempts, not_before, delivery.next_at, delivery.last_error);
        if let Some(letter) = self.letters.get_mut(&seq) {
            (letter.is_kept, letter.is_noted) = (true, true);
        }
        self.remembered.insert(seq);
    }

    /// Remembers that an event is a dead letter already.
    pub(in crate::messages) fn skip(&mut self, seq: i64) {
        self.remembered.insert(seq);
    }

    /// Tries a dead letter again, from the beginning.
    pub(in crate::messages) fn revive(&mut self, message: Message, now: Now) {
        let seq = message.seq;
        self.counts.dead = self.counts.dead.saturating_sub(1);
        let delivery = Delivery { seq, attempts: 0, next_at: None, dead_at: None, last_error: None };
        self.put_back(message, delivery.clone(), now);
        self.to_keep.insert(seq, delivery);
    }

    /// An event that there is no message of: a dead letter from the beginning.
    pub(in crate::messages) fn bury(&mut self, seq: i64, why: String, now: WallTime) {
        let delivery = Delivery { seq, attempts: 0, next_at: None, dead_at: Some(now), last_error: Some(why) };
        self.to_keep.insert(seq, delivery);
        self.counts.dead += 1;
    }

    /// How many rows wait to be noted.
    pub(in crate::messages) fn unnoted(&self) -> usize {
        self.to_keep.len() + self.to_forget.len()
    }

    /// Whether somebody waits for what is to be noted.
    pub(in crate::messages) fn is_urgent(&self) -> bool {
        self.has_new_status
    }

    /// What the ledger doesn't know yet, at most [`NOTES_MAX`] rows of it; none where it knows everything.
    pub(in crate::messages) fn batch(&mut self) -> Option<Batch> {
        let (endpoint, cursor_before) = (self.endpoint, self.cursor);
        let mut notes = Vec::new();
        if std::mem::take(&mut self.has_new_status) {
            notes.push(match &self.disabled {
                Some((at, why)) => Note::Disabled { endpoint, at: *at, why: why.clone() },
                None => Note::Enabled(endpoint),
            });
        }
        while let Some(seq) = self.to_forget.pop_first() {
            notes.push(Note::Done(endpoint, seq));
            if notes.len() >= NOTES_MAX {
                break;
            }
        }
        while notes.len() < NOTES_MAX
            && let Some((seq, delivery)) = self.to_keep.pop_first()
        {
            if let Some(letter) = self.letters.get_mut(&seq) {
                letter.is_noted = true;
            }
            notes.push(Note::Kept(endpoint, delivery));
        }
        let cursor = self.safe_cursor();
        if cursor > self.cursor {
            notes.push(Note::Through { endpoint, seq: cursor });
            self.cursor = cursor;
        }
        (!notes.is_empty()).then_some(Batch { notes, cursor_before })
    }

    /// As far as everything is delivered or remembered.
    fn safe_cursor(&self) -> i64 {
        let first_unkept = self.letters.iter().find(|(_, letter)| !letter.is_kept).map(|(seq, _)| *seq);
        let first_unwritten = self.to_keep.keys().next().copied();
        first_unkept.into_iter().chain(first_unwritten).min().map_or(self.read, |first| first - 1)
    }

    /// A batch that the ledger hasn't got: all of it is to be noted again, as far as nothing newer is.
    pub(in crate::messages) fn put_notes_back(&mut self, batch: Batch) {
        self.cursor = batch.cursor_before;
        for note in batch.notes {
            match note {
                Note::Kept(_, delivery) => {
                    let seq = delivery.seq;
                    // What was delivered meanwhile is to be forgotten, whether or not there is a row of it.
                    let is_over = !self.letters.contains_key(&seq) && delivery.dead_at.is_none();
                    if !is_over && !self.to_forget.contains(&seq) {
                        self.to_keep.entry(seq).or_insert(delivery);
                    }
                }
                Note::Done(_, seq) if !self.to_keep.contains_key(&seq) && !self.letters.contains_key(&seq) => {
                    self.to_forget.insert(seq);
                }
                Note::Done(..) | Note::Through { .. } | Note::Enrolled { .. } => {}
                Note::Disabled { .. } | Note::Enabled(_) => self.has_new_status = true,
            }
        }
    }
}
