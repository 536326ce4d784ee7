//! One endpoint's round: reads the log behind the writer, keeps messages in flight, and has the ledger remember.
//!
//! **Invariant:** the ledger is read in short statements on a connection of its own, which holds no checkpoint up.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::bag::{Bag, Batch, LETTERS_MAX, NOTES_MAX, later};
use super::courier::{Board, EndpointStatus};
use super::delivery::{Verdict, deliver};
use super::endpoint::Endpoint;
use super::message::{Kind, Message, compose};
use crate::clock::{Clock, MonoTime, Now};
use crate::failpoint::{Point, fails};
use crate::funnel::Funnel;
use crate::ledger::post::{EndpointRecord, Fate};
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::ledger::{EndpointNo, Receipt};

/// How late a message may be: so often the ledger is asked whether there is more, which is one lock.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Events of one read: a millisecond.
const PAGE_EVENTS: usize = 256;
/// How often the ledger is told, unless there is much: what was delivered since is delivered again after a crash.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// How long a ledger that can't be read is left alone.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// How long messages that are in flight are waited for when the round ends.
const LEAVE_GRACE: Duration = Duration::from_secs(2);

/// Asks for an endpoint's dead letters to be tried again; answered when they are in the bag, or will be.
pub(super) type Again = oneshot::Sender<()>;

/// One endpoint's round.
pub(super) struct Round {
    no: EndpointNo,
    endpoint: Arc<Endpoint>,
    funnel: Arc<Funnel>,
    clock: Clock,
    reader: LedgerReader,
    board: Arc<Board>,
    bag: Bag,
    /// Notes that the ledger has, and their receipt.
    underway: Option<(Batch, Receipt)>,
    noted_at: Option<MonoTime>,
    /// Dead letters up to here have been looked at since somebody asked for them.
    reviving_after: Option<i64>,
    /// Whether the last try failed.
    is_failing: bool,
    /// Whether the log goes on where it was read last.
    has_more: bool,
    /// After the ledger couldn't be read.
    reads_again_at: Option<MonoTime>,
}

impl Round {
    /// Takes an endpoint up where the ledger remembers it.
    pub(super) fn take_up(
        record: EndpointRecord,
        endpoint: Arc<Endpoint>,
        (funnel, clock): (Arc<Funnel>, Clock),
        reader: LedgerReader,
        board: Arc<Board>,
    ) -> Result<Self, ReadFault> {
        let EndpointRecord { no, cursor, disabled, .. } = record;
        let bag = Bag::new(no, cursor, disabled, reader.dead_letters(no)?);
        let mut round = Self {
            no,
            endpoint,
            funnel,
            clock,
            reader,
            board,
            bag,
            underway: None,
            noted_at: None,
            reviving_after: None,
            is_failing: false,
            has_more: false,
            reads_again_at: None,
        };
        let now = round.clock.now();
        for delivery in round.reader.deliveries(no, Fate::Alive, 0, usize::MAX)? {
            if let Some(message) = round.message(delivery.seq)? {
                round.bag.put_back(message, delivery, now);
            }
        }
        for delivery in round.reader.deliveries(no, Fate::Dead, cursor, usize::MAX)? {
            round.bag.skip(delivery.seq);
        }
        round.publish();
        Ok(round)
    }

    /// Goes on until nobody can send `asked` any more; then finishes what it can, and has the rest remembered.
    pub(super) async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Again>) {
        let mut flights = FuturesUnordered::new();
        loop {
            let now = self.clock.now();
            self.read(now);
            while let Some(message) = self.bag.take(now.mono) {
                flights.push(fly(Arc::clone(&self.endpoint), message, now));
            }
            self.note(now);
            self.publish();
            tokio::select! {
                Some((message, verdict)) = flights.next() => self.settle(&message, verdict),
                again = asked.recv() => match again {
                    Some(again) => {
                        self.bag.enable();
                        self.reviving_after = Some(0);
                        // Whoever has asked and gone doesn't want to know.
                        let _ = again.send(());
                    }
                    None => break,
                },
                () = tokio::time::sleep(self.pause(now)) => {}
            }
        }
        let landing = async {
            while let Some((message, verdict)) = flights.next().await {
                self.settle(&message, verdict);
            }
        };
        // Whatever hasn't landed by then is delivered again.
        let _ = tokio::time::timeout(LEAVE_GRACE, landing).await;
        drop(flights);
        let _ = tokio::time::timeout(LEAVE_GRACE, self.note_all()).await;
        self.publish();
    }

    fn settle(&mut self, message: &Message, verdict: Verdict) {
        self.say(message, &verdict);
        // Without dice every gap would be its longest: later than need be, and all at once.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        self.bag.settle(message, verdict, self.clock.now(), random);
    }

    /// One line where it begins to fail and one where that is over; each try only for who wants to know.
    fn say(&mut self, message: &Message, verdict: &Verdict) {
        let (webhook, target, id) = (self.no.0, &self.endpoint.terms.target, &message.id);
        tracing::debug!(webhook, id, ?verdict, "a delivery was tried");
        match verdict {
            Verdict::Gone => tracing::warn!(webhook, %target, "the webhook answered 410: it gets no more messages"),
            Verdict::Failed(why) if !self.is_failing => {
                tracing::warn!(webhook, %target, id, why, "messages are not delivered: trying again");
            }
            Verdict::Delivered if self.is_failing => tracing::info!(webhook, %target, "messages are delivered again"),
            Verdict::Delivered | Verdict::Failed(_) => {}
        }
        self.is_failing = *verdict != Verdict::Delivered;
    }

    fn pause(&self, now: Now) -> Duration {
        let due = self.bag.next_due().map(|due| Duration::from_nanos(due.nanos().saturating_sub(now.mono.nanos())));
        if self.has_more {
            return Duration::ZERO;
        }
        // Not at once where something is due: only a place in flight is lacking, and that wakes by itself.
        due.filter(|due| !due.is_zero()).map_or(LOOK_EVERY, |due| due.min(LOOK_EVERY))
    }

    /// Fills the bag from the log, a page at a time, and with dead letters that somebody wants to be tried again.
    fn read(&mut self, now: Now) {
        self.has_more = false;
        if self.reads_again_at.is_some_and(|at| now.mono < at) {
            return;
        }
        self.reads_again_at = None;
        let last = i64::try_from(self.funnel.ledger.health().events).unwrap_or(i64::MAX);
        let read = self.revive(now).and_then(|()| {
            let is_to_read = |bag: &Bag| bag.room() > 0 && bag.read() < last;
            self.has_more = is_to_read(&self.bag) && self.read_page(last, now)? && is_to_read(&self.bag);
            Ok(())
        });
        if let Err(fault) = read {
            tracing::error!(webhook = self.no.0, %fault, "the ledger can't be read for messages: trying again");
            self.reads_again_at = Some(later(now.mono, READ_AGAIN));
        }
    }

    /// Reads a page of the log; says whether there was one.
    fn read_page(&mut self, last: i64, now: Now) -> Result<bool, ReadFault> {
        let Self { reader, bag, endpoint, funnel, no, .. } = self;
        let before = bag.read();
        let through = reader.told(before, last, PAGE_EVENTS.min(bag.room()), |event| {
            let wanted = Kind::of_event(event).filter(|kind| endpoint.wants(*kind) && !bag.remembers(event.seq));
            if let Some(kind) = wanted {
                match compose(kind, event, |id| funnel.orders.find(id)) {
                    Ok(message) => bag.put(message, now),
                    Err(why) => {
                        tracing::error!(webhook = no.0, seq = event.seq, %why, "an event that nobody can be told of");
                        bag.bury(event.seq, why.to_string(), now.wall);
                    }
                }
            }
        })?;
        bag.read_through(through);
        Ok(through > before)
    }

    /// Dead letters, as many as there is room for, go back into the bag.
    fn revive(&mut self, now: Now) -> Result<(), ReadFault> {
        while let Some(after) = self.reviving_after {
            let room = self.bag.room();
            if room == 0 {
                break;
            }
            let letters = self.reader.deliveries(self.no, Fate::Dead, after, room)?;
            self.reviving_after = letters.last().filter(|_| letters.len() == room).map(|last| last.seq);
            for letter in letters {
                if let Some(message) = self.message(letter.seq)? {
                    self.bag.revive(message, now);
                }
            }
        }
        Ok(())
    }

    /// The message of an event; none where nobody can be told of it: then it stays what it is in the ledger.
    fn message(&self, seq: i64) -> Result<Option<Message>, ReadFault> {
        let mut message = None;
        self.reader.told(seq - 1, seq, 1, |event| {
            let composed = Kind::of_event(event).map(|kind| compose(kind, event, |id| self.funnel.orders.find(id)));
            match composed {
                Some(Ok(composed)) => message = Some(composed),
                other => tracing::error!(webhook = self.no.0, seq, ?other, "an event that nobody can be told of"),
            }
        })?;
        Ok(message)
    }

    /// Has the ledger remember, if it is time: one batch after the other.
    fn note(&mut self, now: Now) {
        if let Some((batch, receipt)) = self.underway.take() {
            match receipt.peek() {
                None => {
                    self.underway = Some((batch, receipt));
                    return;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) => self.bag.put_notes_back(batch),
            }
        }
        let is_time = self.noted_at.is_none_or(|noted_at| now.mono >= later(noted_at, NOTE_EVERY));
        if is_time || self.bag.is_urgent() || self.bag.unnoted() >= NOTES_MAX {
            self.note_now(now);
        }
    }

    fn note_now(&mut self, now: Now) {
        if let Some(batch) = self.bag.batch() {
            let receipt = self.funnel.ledger.note(batch.notes.clone());
            self.underway = Some((batch, receipt));
            self.noted_at = Some(now.mono);
        }
    }

    /// Has the ledger remember everything; gives up where it takes nothing.
    async fn note_all(&mut self) {
        loop {
            if let Some((batch, receipt)) = self.underway.take()
                && receipt.await.is_err()
            {
                self.bag.put_notes_back(batch);
                return;
            }
            self.note_now(self.clock.now());
            if self.underway.is_none() {
                return;
            }
        }
    }

    fn publish(&self) {
        let bag = &self.bag;
        self.board.publish(EndpointStatus {
            no: self.no,
            target: self.endpoint.terms.target.clone(),
            kinds: self.endpoint.terms.kinds.clone(),
            cursor: bag.cursor(),
            read: bag.read(),
            pending: bag.pending(),
            is_full: bag.pending() >= LETTERS_MAX,
            delivered: bag.counts.delivered,
            retried: bag.counts.retried,
            dead: bag.counts.dead,
            disabled: bag.disabled().cloned(),
        });
    }
}

async fn fly(endpoint: Arc<Endpoint>, message: Arc<Message>, now: Now) -> (Arc<Message>, Verdict) {
    let verdict = deliver(&endpoint, &message, now.wall).await;
    if fails(Point::WebhookAfterPostBeforeMark) {
        return (message, Verdict::Failed("failpoint".into()));
    }
    (message, verdict)
}
