//! The shipper's work: connect, compare, ship, and again from the beginning whenever something goes wrong.
//!
//! **Invariant:** what is shipped next follows what PostgreSQL itself says it has, asked at every connection. Where it says
//! less than before, it is caught up; where it says something else, nothing is written.

mod logbook;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::fault::{PostgresFault, Remedy};
use super::fold::{Batch, Poison};
use super::loader::Loader;
use super::pace::{Pace, rest_after};
use super::session::{Access, Backend, Cursor, Durability, Session};
use super::shipper::ShippingTerms;
use super::status::Board;
use crate::clock::Clock;
use crate::failpoint::{self, Point, fails};
use crate::funnel::Funnel;
use crate::order::Ack;

/// How long events come together where no buyer waits for them: five commits a second, whatever the load.
const LINGER: Duration = Duration::from_millis(200);
/// How often a connection that has nothing to do is asked for a sign of life where buyers wait for it.
const GREET_INTERVAL: Duration = Duration::from_secs(1);
/// While it catches up, PostgreSQL waits for its disk once in so many batches: its disk then writes while it works, which is a
/// quarter faster.
const SYNC_INTERVAL_BATCHES: u32 = 10;
/// What the shipper has with it.
pub(super) struct Voyage {
    funnel: Arc<Funnel>,
    clock: Clock,
    terms: ShippingTerms,
    board: Arc<Board>,
    /// Rung where somebody begins to wait.
    bell: Arc<Notify>,
    leaving: watch::Receiver<bool>,
    loader: Option<Loader>,
    /// Read while the batch before it was on its way.
    ahead: Option<Batch>,
    pace: Pace,
    /// Batches that PostgreSQL has taken and may still lose.
    unsynced: u32,
    /// The last connection.
    former: Option<Backend>,
    /// When PostgreSQL was last heard.
    heard: Instant,
    /// When the log was last told of a fault or a lag.
    told: Option<Instant>,
    /// Attempts that had come, and when they were counted.
    attempts: (u64, Instant),
}

impl Voyage {
    pub(super) fn new(
        (funnel, clock): (Arc<Funnel>, Clock),
        terms: ShippingTerms,
        board: Arc<Board>,
        (bell, leaving): (Arc<Notify>, watch::Receiver<bool>),
    ) -> Self {
        let (heard, attempts) = (Instant::now(), (0, Instant::now()));
        Self {
            funnel,
            clock,
            terms,
            board,
            bell,
            leaving,
            loader: None,
            ahead: None,
            pace: Pace::default(),
            unsynced: 0,
            former: None,
            heard,
            told: None,
            attempts,
        }
    }

    /// Until the shop closes; then what is left, if PostgreSQL takes it.
    pub(super) async fn run(mut self) {
        while !self.is_leaving() {
            let Err(fault) = self.sail().await else { break };
            let pause = self.mend(&fault);
            let mut leaving = self.leaving.clone();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = leaving.wait_for(|leaving| *leaving) => {}
            }
        }
        self.part().await;
    }

    fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Ships until something goes wrong, or the shop closes.
    async fn sail(&mut self) -> Result<(), PostgresFault> {
        let (session, mut cursor) = self.board_ship().await?;
        // What came while nothing could be shipped says nothing of now.
        self.attempts = (self.funnel.tallies.total().attempts, Instant::now());
        while !self.is_leaving() {
            let begun = Instant::now();
            let shipped = self.ship(&session, &mut cursor).await?;
            let rest = self.rest(begun.elapsed());
            if shipped == self.pace.rows() && rest.is_zero() {
                continue;
            }
            if shipped == 0 || self.terms.ack != Ack::Postgres {
                self.wait(&session, rest.max(LINGER), shipped > 0).await?;
            }
        }
        Ok(())
    }

    /// One connection, compared with the ledger.
    async fn board_ship(&mut self) -> Result<(Session, Cursor), PostgresFault> {
        let patience = self.terms.patience;
        let connecting = async {
            let session = Session::open(&self.terms.target, &self.terms.node, patience, Access::Write).await?;
            let own = session.backend().await?;
            if let Some(former) = &self.former {
                session.end(former).await?;
            }
            // Only now: until here this one has begun nothing, and the one before may still have to be ended.
            self.former = Some(own);
            let cursor = session.ready(patience).await?;
            Ok::<_, PostgresFault>((session, cursor))
        };
        // Several hosts, or a schema that is being made, take their time.
        let (session, cursor) =
            tokio::time::timeout(patience * 4, connecting).await.map_err(|_| PostgresFault::Silent(patience * 4))??;
        self.compare(cursor)?;
        (self.heard, self.unsynced) = (Instant::now(), 0);
        self.funnel.ledger.arrived(cursor.seq);
        tracing::info!(target = %self.terms.target, node = %self.terms.node, seq = cursor.seq, "shipping to PostgreSQL");
        Ok((session, cursor))
    }

    fn loader(&mut self) -> Result<&mut Loader, PostgresFault> {
        let loader = match self.loader.take() {
            Some(loader) => loader,
            None => Loader::open(&self.terms.ledger_dir)?,
        };
        Ok(self.loader.insert(loader))
    }

    /// Whether PostgreSQL's log is the beginning of ours.
    fn compare(&mut self, cursor: Cursor) -> Result<(), PostgresFault> {
        if cursor.seq == 0 {
            return Ok(());
        }
        let node = self.terms.node.clone();
        let ours = self.loader()?.link(cursor.seq)?;
        match ours {
            Some(hash) if hash == cursor.hash => Ok(()),
            Some(_) => Err(PostgresFault::Diverged(format!(
                "event {} of node {node} is another one than in the ledger; nothing is overwritten: if this is another \
                 shop, give it another ledger.postgres.node",
                cursor.seq
            ))),
            None => Err(PostgresFault::Diverged(format!(
                "it has event {} of node {node}, and the ledger ends before; nothing is overwritten: was the ledger set \
                 back, or is this another shop?",
                cursor.seq
            ))),
        }
    }

    /// Ships a batch; says of how many events, and moves the cursor.
    async fn ship(&mut self, session: &Session, cursor: &mut Cursor) -> Result<usize, PostgresFault> {
        let rows_max = self.pace.rows();
        let read_ahead = self.ahead.take().filter(|batch| batch.follows(cursor.seq));
        let batch = match read_ahead {
            Some(batch) => batch,
            None => self.loader()?.load(cursor.seq, rows_max)?,
        };
        let rows = batch.events.len();
        if rows == 0 && self.unsynced == 0 {
            self.is_well(cursor.seq);
            return Ok(0);
        }
        let patience = self.terms.patience;
        let durability = self.durability(rows == rows_max);
        let writing = tokio::time::timeout(patience, session.write(*cursor, &batch, durability));
        let reading = read_ahead_of(&batch, rows_max, &mut self.loader);
        let (written, ahead) = tokio::join!(writing, reading);
        if let Some((loader, ahead)) = ahead {
            (self.loader, self.ahead) = (Some(loader), ahead);
        }
        let written = written.unwrap_or(Err(PostgresFault::Silent(patience)));
        let is_lost = written.is_ok() && fails(Point::PostgresAfterCommitSent);
        *cursor = match if is_lost { Err(PostgresFault::Silent(patience)) } else { written } {
            Ok(cursor) => cursor,
            Err(fault) if fault.remedy() == Remedy::Fewer && !self.pace.fewer(rows) && fault.is_about_the_rows() => {
                return Err(Poison { seq: cursor.seq + 1, why: fault.to_string() }.into());
            }
            Err(fault) => return Err(fault),
        };
        failpoint::pass(Point::PostgresBeforeCursor);
        self.pace.succeeded();
        self.unsynced = match durability {
            Durability::Now => 0,
            Durability::Later => self.unsynced + 1,
        };
        if durability == Durability::Now {
            self.funnel.ledger.arrived(cursor.seq);
        }
        self.is_well(cursor.seq);
        Ok(rows)
    }

    /// Behind a full batch comes another one, and nobody waits for this one.
    fn durability(&self, is_full: bool) -> Durability {
        let is_early = is_full && self.terms.ack != Ack::Postgres && self.unsynced < SYNC_INTERVAL_BATCHES;
        if is_early { Durability::Later } else { Durability::Now }
    }

    /// In a stampede the sale has the cores.
    fn rest(&mut self, work: Duration) -> Duration {
        if self.terms.ack == Ack::Postgres {
            return Duration::ZERO;
        }
        let (before, since) = self.attempts;
        let (attempts, span) = (self.funnel.tallies.total().attempts, since.elapsed());
        self.attempts = (attempts, Instant::now());
        rest_after(work, attempts.saturating_sub(before), span)
    }

    /// Until there is something to do: for buyers at once, else after a while.
    async fn wait(&mut self, session: &Session, rest: Duration, was_busy: bool) -> Result<(), PostgresFault> {
        let mut leaving = self.leaving.clone();
        let is_urgent = self.terms.ack == Ack::Postgres;
        let pause = if is_urgent && !was_busy { GREET_INTERVAL } else { rest };
        tokio::select! {
            () = self.bell.notified(), if is_urgent => return Ok(()),
            _ = leaving.wait_for(|leaving| *leaving) => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        if is_urgent {
            let patience = self.terms.patience;
            tokio::time::timeout(patience, session.greet()).await.map_err(|_| PostgresFault::Silent(patience))??;
        } else if session.client.is_closed() {
            // Nothing to ship, and nobody there: to be said, and mended.
            session.greet().await?;
        }
        Ok(())
    }

    /// What is left, as far as PostgreSQL takes it within a while.
    async fn part(&mut self) {
        let patience = self.terms.patience;
        let rest = async {
            let (session, mut cursor) = self.board_ship().await?;
            while self.ship(&session, &mut cursor).await? > 0 {}
            Ok::<_, PostgresFault>(())
        };
        let rest = tokio::time::timeout(patience, rest).await.unwrap_or(Err(PostgresFault::Silent(patience)));
        let left = self.funnel.ledger.health().events.saturating_sub(self.funnel.ledger.shipped().unsigned_abs());
        if let (Err(why), true) = (rest, left > 0) {
            tracing::warn!(%why, left, "events that PostgreSQL lacks are shipped after the next start");
        }
    }
}

/// Reads what comes behind a full batch, on a thread of its own: PostgreSQL is busy for as long as that takes. What can't
/// be read is found out when it is its turn.
async fn read_ahead_of(batch: &Batch, rows_max: usize, loader: &mut Option<Loader>) -> Option<(Loader, Option<Batch>)> {
    if batch.events.len() < rows_max {
        return None;
    }
    let (head, _) = batch.head();
    let mut loader = loader.take()?;
    let reading = tokio::task::spawn_blocking(move || {
        let batch = loader.load(head, rows_max).ok();
        (loader, batch)
    });
    // A reader that has panicked is replaced by a new one.
    reading.await.ok()
}
