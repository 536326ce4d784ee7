//! One endpoint's messages on their way, and what the ledger has to remember of them. Pure: no clock, no dice, no disk.
//!
//! A message is read from the log into the bag, taken out to be delivered, and settled. What failed, and what waits behind
//! it, is *kept*: the ledger remembers it one by one, so that its cursor can pass it. What is merely on its way isn't:
//! after a crash it is read from the log again.
//!
//! **Invariant:** every message that the endpoint wants and that isn't delivered lies behind the cursor or is remembered.
//!
//! **Invariant:** of the messages about one subject the oldest goes first, and one at a time.

mod progress;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

pub(super) use progress::{Batch, NOTES_MAX};

use super::delivery::Verdict;
use super::message::{Message, Subject};
use crate::clock::{MonoTime, Now, WallTime};
use crate::ledger::{Delivery, EndpointNo};
use crate::orders::backoff;

/// Messages of one endpoint that are delivered at once: an endpoint that takes 100 ms gets 160 a second.
pub(super) const IN_FLIGHT_MAX: usize = 16;
/// Messages of one endpoint in memory, half a kilobyte each. While so many wait to be tried again, the log waits too.
pub(super) const LETTERS_MAX: usize = 1024;
/// A message in the bag.
#[derive(Debug)]
struct Letter {
    message: Arc<Message>,
    /// Tries in vain.
    attempts: u32,
    not_before: MonoTime,
    /// The same on the wall clock, for the ledger; none: it is due since it is there.
    next_at: Option<WallTime>,
    last_error: Option<String>,
    /// Whether the ledger has to remember it by itself.
    is_kept: bool,
    /// Whether the ledger may have a row of it.
    is_noted: bool,
}

/// The messages about one subject.
#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeSet<i64>,
    in_flight: Option<i64>,
    /// When its first one is due, as `Bag::due` has it.
    due: Option<(MonoTime, i64)>,
}

/// Counts since the start, but for `dead`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) delivered: u64,
    /// Failed tries that are followed by another.
    pub(super) retried: u64,
    /// Dead letters in the ledger.
    pub(super) dead: u64,
}

/// One endpoint's messages on their way.
#[derive(Debug)]
pub(super) struct Bag {
    endpoint: EndpointNo,
    /// The log is read up to here.
    read: i64,
    /// What the ledger was told last.
    cursor: i64,
    letters: BTreeMap<i64, Letter>,
    queues: HashMap<Subject, Queue>,
    due: BTreeSet<(MonoTime, i64)>,
    in_flight: usize,
    disabled: Option<(WallTime, String)>,
    pub(super) counts: Counts,
    /// Events behind the cursor that the ledger remembers by themselves: not to be taken from the log again.
    remembered: BTreeSet<i64>,
    /// Rows to be written anew, and to be deleted.
    to_keep: BTreeMap<i64, Delivery>,
    to_forget: BTreeSet<i64>,
    has_new_status: bool,
}

impl Bag {
    /// An empty bag of an endpoint whose messages are delivered or remembered up to `cursor`.
    pub(super) fn new(endpoint: EndpointNo, cursor: i64, disabled: Option<(WallTime, String)>, dead: u64) -> Self {
        Self {
            endpoint,
            read: cursor,
            cursor,
            letters: BTreeMap::new(),
            queues: HashMap::new(),
            due: BTreeSet::new(),
            in_flight: 0,
            disabled,
            counts: Counts { dead, ..Counts::default() },
            remembered: BTreeSet::new(),
            to_keep: BTreeMap::new(),
            to_forget: BTreeSet::new(),
            has_new_status: false,
        }
    }

    pub(super) fn read(&self) -> i64 {
        self.read
    }

    pub(super) fn cursor(&self) -> i64 {
        self.cursor
    }

    pub(super) fn pending(&self) -> usize {
        self.letters.len()
    }

    pub(super) fn disabled(&self) -> Option<&(WallTime, String)> {
        self.disabled.as_ref()
    }

    /// How many more messages fit; none while the endpoint wants none.
    pub(super) fn room(&self) -> usize {
        if self.disabled.is_some() { 0 } else { LETTERS_MAX.saturating_sub(self.letters.len()) }
    }

    /// The log has been read up to here.
    pub(super) fn read_through(&mut self, seq: i64) {
        self.read = self.read.max(seq);
        self.remembered = self.remembered.split_off(&self.read);
    }

    /// Puts a message in that was read from the log.
    pub(super) fn put(&mut self, message: Message, now: Now) {
        let subject = message.subject.clone();
        self.insert(message, 0, now.mono, None, None);
        let is_kept = |seq: &i64| self.letters.get(seq).is_some_and(|letter| letter.is_kept);
        if self.queues.get(&subject).is_some_and(|queue| queue.waiting.iter().chain(&queue.in_flight).any(is_kept)) {
            self.keep_those_behind(&subject);
        }
    }

    fn insert(
        &mut self,
        message: Message,
        attempts: u32,
        not_before: MonoTime,
        next_at: Option<WallTime>,
        last_error: Option<String>,
    ) {
        let (seq, subject) = (message.seq, message.subject.clone());
        let message = Arc::new(message);
        let letter = Letter { message, attempts, not_before, next_at, last_error, is_kept: false, is_noted: false };
        self.letters.insert(seq, letter);
        self.queues.entry(subject.clone()).or_default().waiting.insert(seq);
        self.line_up(&subject);
    }

    /// Sees to it that a subject's first message, and no other, is among those that are due.
    fn line_up(&mut self, subject: &Subject) {
        let Some(queue) = self.queues.get_mut(subject) else { return };
        if let Some(due) = queue.due.take() {
            self.due.remove(&due);
        }
        if queue.in_flight.is_some() {
            return;
        }
        match queue.waiting.first().and_then(|seq| self.letters.get(seq).map(|letter| (letter.not_before, *seq))) {
            Some(due) => {
                self.due.insert(due);
                queue.due = Some(due);
            }
            None => {
                self.queues.remove(subject);
            }
        }
    }

    /// Takes the message out that is due for longest; none while nothing is due or enough are in flight.
    pub(super) fn take(&mut self, now: MonoTime) -> Option<Arc<Message>> {
        if self.disabled.is_some() || self.in_flight >= IN_FLIGHT_MAX {
            return None;
        }
        let (_, seq) = self.due.first().copied().filter(|(not_before, _)| *not_before <= now)?;
        let message = Arc::clone(&self.letters.get(&seq)?.message);
        let queue = self.queues.get_mut(&message.subject)?;
        queue.waiting.remove(&seq);
        queue.in_flight = Some(seq);
        self.in_flight += 1;
        self.line_up(&message.subject);
        Some(message)
    }

    /// When the next message is due; none where none is, or none may be taken.
    pub(super) fn next_due(&self) -> Option<MonoTime> {
        let may_be_taken = self.disabled.is_none() && self.in_flight < IN_FLIGHT_MAX;
        self.due.first().filter(|_| may_be_taken).map(|(not_before, _)| *not_before)
    }

    /// What became of a message that was taken out. `random` is drawn evenly from all 2⁶⁴.
    pub(super) fn settle(&mut self, message: &Message, verdict: Verdict, now: Now, random: u64) {
        let Message { seq, subject, .. } = message;
        self.in_flight -= 1;
        if let Some(queue) = self.queues.get_mut(subject) {
            queue.in_flight = None;
        }
        match verdict {
            Verdict::Delivered => {
                self.counts.delivered += 1;
                self.to_keep.remove(seq);
                if self.letters.remove(seq).is_some_and(|letter| letter.is_noted) {
                    self.to_forget.insert(*seq);
                }
            }
            Verdict::Gone => {
                self.disabled = Some((now.wall, "answered 410".into()));
                self.has_new_status = true;
                self.wait_again(*seq, subject);
            }
            Verdict::Failed(why) => self.fail(*seq, subject, why, now, random),
        }
        self.line_up(subject);
    }

    fn wait_again(&mut self, seq: i64, subject: &Subject) {
        if let Some(queue) = self.queues.get_mut(subject) {
            queue.waiting.insert(seq);
        }
    }

    fn fail(&mut self, seq: i64, subject: &Subject, why: String, now: Now, random: u64) {
        let Some(letter) = self.letters.get_mut(&seq) else { return };
        letter.attempts += 1;
        letter.last_error = Some(why);
        letter.is_kept = true;
        match backoff::next(letter.attempts, random) {
            Some(gap) => {
                letter.not_before = later(now.mono, gap);
                letter.next_at = Some(now.wall.after(gap));
                self.counts.retried += 1;
                let delivery = letter.delivery(None);
                self.to_keep.insert(seq, delivery);
                self.wait_again(seq, subject);
            }
            None => {
                letter.next_at = None;
                let delivery = letter.delivery(Some(now.wall));
                self.letters.remove(&seq);
                self.to_keep.insert(seq, delivery);
                self.counts.dead += 1;
            }
        }
        self.keep_those_behind(subject);
    }

    /// Wants messages again.
    pub(super) fn enable(&mut self) {
        if self.disabled.take().is_some() {
            self.has_new_status = true;
        }
    }

    /// Whatever waits behind a message that is kept is kept too, or the cursor would wait with it.
    fn keep_those_behind(&mut self, subject: &Subject) {
        let Some(queue) = self.queues.get(subject) else { return };
        for seq in &queue.waiting {
            if let Some(letter) = self.letters.get_mut(seq).filter(|letter| !letter.is_kept) {
                letter.is_kept = true;
                self.to_keep.insert(*seq, letter.delivery(None));
            }
        }
    }
}

impl Letter {
    fn delivery(&self, dead_at: Option<WallTime>) -> Delivery {
        let Self { attempts, next_at, last_error, .. } = self;
        let seq = self.message.seq;
        Delivery { seq, attempts: *attempts, next_at: *next_at, dead_at, last_error: last_error.clone() }
    }
}

/// A point that lies so much later.
pub(super) fn later(from: MonoTime, gap: Duration) -> MonoTime {
    MonoTime::from_nanos(from.nanos().saturating_add(u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX)))
}
