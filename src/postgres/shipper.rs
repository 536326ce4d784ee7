//! The shipper: one thread beside the sale that carries the log to PostgreSQL.
//!
//! **Invariant:** the sale never waits for it, unless the shop has asked for that; whatever becomes of it, whoever waits
//! is told.
//!
//! **Invariant:** a voyage that breaks off is begun again, from what PostgreSQL says it has.
//!
//! **Invariant:** the ledger is only read, in one short statement for each batch.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinError;

use super::fault::PostgresFault;
use super::status::{Board, ShippingState, ShippingStatus};
use super::target::{NodeId, Target};
use super::voyage::Voyage;
use crate::clock::{Clock, MonoTime};
use crate::funnel::Funnel;
use crate::ledger::Bell;
use crate::order::Ack;
use crate::urgency::beside_the_sale;

/// The shipper's thread.
const THREAD_NAME: &str = "shipper";
/// How often those are looked for who have waited too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Until a voyage that broke off is begun again: what broke it may be there still.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Where to ship, and how.
#[derive(Debug, Clone)]
pub struct ShippingTerms {
    /// To whom.
    pub target: Target,
    /// As whom.
    pub node: NodeId,
    /// How long PostgreSQL may be silent before it counts as away, and buyers who need it are told that nobody knows.
    pub patience: Duration,
    /// What buyers wait for.
    pub ack: Ack,
    /// Where the ledger can be read.
    pub ledger_dir: PathBuf,
}

/// Who carries the log to PostgreSQL.
pub struct Shipper {
    funnel: Arc<Funnel>,
    clock: Clock,
    board: Arc<Board>,
    leave: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Rung by the ledger's writer where somebody begins to wait.
struct ShipBell(Arc<Notify>);

impl Bell for ShipBell {
    fn ring(&self) {
        self.0.notify_one();
    }
}

impl Shipper {
    /// Starts shipping. Where buyers wait for PostgreSQL, none is let in before it is reached.
    ///
    /// # Errors
    /// Where the thread, or what it needs, can't be started.
    pub fn start(funnel: Arc<Funnel>, clock: Clock, terms: ShippingTerms) -> Result<Self, io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (leave, leaving) = watch::channel(false);
        let (board, bell) = (Arc::new(Board::default()), Arc::new(Notify::new()));
        if terms.ack == Ack::Postgres {
            funnel.ledger.set_away(true);
            funnel.ledger.on_departure(Arc::new(ShipBell(Arc::clone(&bell))));
        }
        let is_waited_for = terms.ack == Ack::Postgres;
        let watch = Watch { funnel: Arc::clone(&funnel), clock: clock.clone(), patience: terms.patience };
        let line =
            Line { funnel: Arc::clone(&funnel), clock: clock.clone(), terms, board: Arc::clone(&board), bell, leaving };
        let thread = thread::Builder::new().name(THREAD_NAME.into()).spawn(move || {
            if !is_waited_for {
                beside_the_sale();
            }
            let last_word = LastWord(&watch);
            runtime.block_on(async {
                tokio::select! {
                    () = line.keep_up() => {}
                    () = watch.keep(), if is_waited_for => {}
                }
            });
            drop(last_word);
            // A name that is still being resolved isn't waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { funnel, clock, board, leave, thread: Mutex::new(Some(thread)) })
    }

    /// How the shipping is.
    #[must_use]
    pub fn status(&self) -> ShippingStatus {
        let ledger = &self.funnel.ledger;
        let shipped = ledger.shipped();
        self.board.status((ledger.health().events, shipped), self.clock.now().wall)
    }

    /// Ships what is left, as far as PostgreSQL takes it soon, and goes. Again: does nothing. To be called after the ledger
    /// is closed, and not on a runtime's own thread.
    pub fn leave(&self) {
        self.leave.send_replace(true);
        if let Some(thread) = self.thread.lock().take() {
            // A shipper that died has told so itself: what is left is shipped after the next start.
            let _ = thread.join();
        }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        self.leave.send_replace(true);
    }
}

/// What every voyage needs.
struct Line {
    funnel: Arc<Funnel>,
    clock: Clock,
    terms: ShippingTerms,
    board: Arc<Board>,
    bell: Arc<Notify>,
    leaving: watch::Receiver<bool>,
}

impl Line {
    /// One voyage after the other, until one ends as it should.
    async fn keep_up(mut self) {
        loop {
            let house = (Arc::clone(&self.funnel), self.clock.clone());
            let calls = (Arc::clone(&self.bell), self.leaving.clone());
            let voyage = Voyage::new(house, self.terms.clone(), Arc::clone(&self.board), calls);
            let Err(panic) = tokio::spawn(voyage.run()).await else { return };
            self.told_of(&panic);
            if *self.leaving.borrow() {
                return;
            }
            // The sender says it or is gone: either way it is over soon.
            let _ = tokio::time::timeout(BEGIN_AGAIN_AFTER, self.leaving.wait_for(|leaving| *leaving)).await;
        }
    }

    fn told_of(&self, panic: &JoinError) {
        tracing::error!(%panic, "the shipping to PostgreSQL broke off");
        nobody_waits(&self.funnel);
        self.board.note(|notes| {
            notes.faults += 1;
            (notes.state, notes.why) = (ShippingState::Away, Some("it broke off, and is begun again".to_owned()));
        });
    }
}

/// PostgreSQL counts as away, and whoever waits for it is told that nobody knows.
fn nobody_waits(funnel: &Funnel) {
    funnel.ledger.set_away(true);
    funnel.ledger.give_up(MonoTime::from_nanos(u64::MAX));
}

/// Looks after those who wait.
struct Watch {
    funnel: Arc<Funnel>,
    clock: Clock,
    patience: Duration,
}

impl Watch {
    async fn keep(&self) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let patience_ns = u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX);
            let Some(before) = self.clock.now().mono.nanos().checked_sub(patience_ns) else { continue };
            let given_up = self.funnel.ledger.give_up(MonoTime::from_nanos(before));
            if given_up > 0 && self.funnel.ledger.set_away(true) {
                tracing::error!(given_up, "PostgreSQL is too slow: no orders are taken until it answers");
            }
        }
    }
}

/// However the shipper ends, nobody waits for it any more.
struct LastWord<'a>(&'a Watch);

impl Drop for LastWord<'_> {
    fn drop(&mut self) {
        nobody_waits(&self.0.funnel);
        if thread::panicking() {
            tracing::error!("the shipper has died: nothing is shipped to PostgreSQL until the next start");
        }
    }
}

/// Whether PostgreSQL is why it went wrong, for the state that is shown.
pub(super) fn state_of(fault: &PostgresFault) -> ShippingState {
    match fault.remedy() {
        super::fault::Remedy::Alarm => ShippingState::Stopped,
        super::fault::Remedy::Reconnect | super::fault::Remedy::Fewer => ShippingState::Away,
    }
}
