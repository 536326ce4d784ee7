//! The courier: one thread that makes every endpoint's round.
//!
//! **Invariant:** an endpoint is written down before the shop goes on: from then on nothing that happens is kept from it.
//!
//! **Invariant:** a round that breaks off is begun again: what it had underway may be told twice, as after a restart.
//!
//! **Invariant:** a change of the endpoints ends every round first, so no message is on its way twice at once.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::endpoint::Endpoint;
use super::message::Kind;
use super::round::{Again, Round};
use crate::clock::{Clock, WallTime};
use crate::funnel::Funnel;
use crate::ledger::post::EndpointRecord;
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::ledger::{EndpointNo, Note, Unwritten};
use crate::orders::targets::Target;
use crate::urgency::beside_the_sale;

/// The courier's thread.
const THREAD_NAME: &str = "courier";
/// Until a round that broke off is begun again: what broke it may be there still.
const BEGIN_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Threads for names that are being resolved, begun when they are needed. A name server that doesn't answer holds one for
/// half a minute, so an endpoint that is lost holds three times as many as it has messages in flight: five of those fit.
const RESOLVING_THREADS_MAX: usize = 256;

/// Why the courier can't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum CourierFault {
    /// Its thread, or what the thread needs, can't be started.
    #[error("the courier can't be started")]
    Start(#[source] io::Error),
    /// The ledger can't be read.
    #[error("the ledger can't be read for messages")]
    Read(#[from] ReadFault),
    /// The ledger hasn't taken the endpoints down.
    #[error("the webhooks can't be written down ({0:?})")]
    Unwritten(Unwritten),
    /// No events are written down anywhere.
    #[error("webhooks need a ledger: messages are made of its events")]
    NoLedger,
    /// The courier has gone already.
    #[error("the courier has gone")]
    Gone,
}

impl CourierFault {
    /// Whether it may be another time.
    fn may_pass(&self) -> bool {
        match self {
            Self::Start(_) | Self::Read(_) | Self::Unwritten(_) => true,
            Self::NoLedger | Self::Gone => false,
        }
    }
}

/// How an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its number.
    pub no: EndpointNo,
    /// Where its messages go.
    pub target: Target,
    /// Which messages it wants; none named: all.
    pub kinds: Vec<Kind>,
    /// All events up to here are delivered, or remembered one by one.
    pub cursor: i64,
    /// The log has been read up to here.
    pub read: i64,
    /// Messages in memory: in flight, due, and waiting to be tried again.
    pub pending: usize,
    /// Whether the log has to wait, because so many wait to be tried again.
    pub is_full: bool,
    /// Messages delivered since the start.
    pub delivered: u64,
    /// Tries since the start that failed and are followed by another.
    pub retried: u64,
    /// Messages that nobody tries any more.
    pub dead: u64,
    /// Since when it wants no messages, and what it said.
    pub disabled: Option<(WallTime, String)>,
}

/// Where the rounds say how they are.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<EndpointNo, EndpointStatus>>);

impl Board {
    pub(super) fn publish(&self, status: EndpointStatus) {
        self.0.lock().insert(status.no, status);
    }

    fn wipe(&self) {
        self.0.lock().clear();
    }
}

enum Errand {
    /// These endpoints from now on, and no others.
    Serve(Vec<Endpoint>, oneshot::Sender<Result<(), CourierFault>>),
    Again(EndpointNo, Again),
    Leave,
}

/// Who brings messages to the shop.
#[derive(Debug)]
pub struct Courier {
    errands: mpsc::UnboundedSender<Errand>,
    board: Arc<Board>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Courier {
    /// Starts the courier, who serves nobody yet. `ledger_dir`: where the ledger can be read; none where there is none.
    ///
    /// # Errors
    /// [`CourierFault::Start`].
    pub fn start(funnel: Arc<Funnel>, clock: Clock, ledger_dir: Option<PathBuf>) -> Result<Self, CourierFault> {
        let (errands, inbox) = mpsc::unbounded_channel();
        let board = Arc::new(Board::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(RESOLVING_THREADS_MAX)
            .build()
            .map_err(CourierFault::Start)?;
        let desk = Desk { funnel, clock, ledger_dir, board: Arc::clone(&board) };
        let thread = thread::Builder::new().name(THREAD_NAME.into()).spawn(move || {
            beside_the_sale();
            runtime.block_on(desk.work(inbox));
            // A name that is still being resolved isn't waited for.
            runtime.shutdown_background();
        });
        Ok(Self { errands, board, thread: Mutex::new(Some(thread.map_err(CourierFault::Start)?)) })
    }

    /// Serves these endpoints from now on, and no others. One that is seen for the first time hears of what happens after
    /// this call; one that was known hears of everything since.
    ///
    /// # Errors
    /// [`CourierFault`].
    pub async fn serve(&self, endpoints: Vec<Endpoint>) -> Result<(), CourierFault> {
        let (told, answer) = oneshot::channel();
        self.errands.send(Errand::Serve(endpoints, told)).map_err(|_| CourierFault::Gone)?;
        answer.await.map_err(|_| CourierFault::Gone)?
    }

    /// Tries an endpoint's dead letters again, and the endpoint itself where it is disabled. Says whether it is served.
    pub async fn again(&self, no: EndpointNo) -> bool {
        let (told, answer) = oneshot::channel();
        self.errands.send(Errand::Again(no, told)).is_ok() && answer.await.is_ok()
    }

    /// How the endpoints are that are served, by number.
    #[must_use]
    pub fn statuses(&self) -> Vec<EndpointStatus> {
        self.board.0.lock().values().cloned().collect()
    }

    /// Waits a moment for what is on its way, has the ledger remember the rest, and goes. Again: does nothing. To be called
    /// before the ledger is closed, and not on a runtime's own thread. A courier that is dropped goes too, unwaited for.
    pub fn leave(&self) {
        let _ = self.errands.send(Errand::Leave);
        if let Some(thread) = self.thread.lock().take() {
            // A courier that died has told so itself: its messages are delivered after the next start.
            let _ = thread.join();
        }
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        let _ = self.errands.send(Errand::Leave);
    }
}

/// Everything that the thread has.
struct Desk {
    funnel: Arc<Funnel>,
    clock: Clock,
    ledger_dir: Option<PathBuf>,
    board: Arc<Board>,
}

/// Rounds that are being made, and how to ask them something.
#[derive(Default)]
struct Rounds {
    tasks: JoinSet<()>,
    asking: BTreeMap<EndpointNo, mpsc::UnboundedSender<Again>>,
    /// Whose they are.
    endpoints: Vec<Endpoint>,
    /// Whether one of them has broken off.
    is_broken: bool,
}

impl Desk {
    async fn work(self, mut inbox: mpsc::UnboundedReceiver<Errand>) {
        let mut rounds = Rounds::default();
        loop {
            let errand = tokio::select! {
                errand = inbox.recv() => errand,
                () = rounds.broken_off() => {
                    self.begin_again(&mut rounds).await;
                    continue;
                }
            };
            match errand {
                Some(Errand::Serve(endpoints, told)) => {
                    let served = self.serve_only(endpoints, &mut rounds).await;
                    rounds.is_broken = served.as_ref().is_err_and(CourierFault::may_pass);
                    // Whoever has asked and gone doesn't want to know.
                    let _ = told.send(served);
                }
                Some(Errand::Again(no, again)) => {
                    // Not sent: the answer is dropped, which says that nobody serves it.
                    let _ = rounds.asking.get(&no).map(|asking| asking.send(again));
                }
                Some(Errand::Leave) | None => break,
            }
        }
        rounds.end().await;
    }

    async fn serve_only(&self, endpoints: Vec<Endpoint>, rounds: &mut Rounds) -> Result<(), CourierFault> {
        rounds.end().await;
        self.board.wipe();
        rounds.endpoints = endpoints;
        self.serve(rounds).await
    }

    /// From what the ledger knows to be delivered, as after a restart.
    async fn begin_again(&self, rounds: &mut Rounds) {
        if let Err(fault) = self.serve_only(rounds.endpoints.clone(), rounds).await {
            tracing::error!(%fault, "no webhook is served: it is tried again");
            rounds.is_broken = fault.may_pass();
        }
    }

    async fn serve(&self, rounds: &mut Rounds) -> Result<(), CourierFault> {
        let endpoints = rounds.endpoints.clone();
        if endpoints.is_empty() {
            return Ok(());
        }
        let dir = self.ledger_dir.as_ref().ok_or(CourierFault::NoLedger)?;
        let reader = LedgerReader::open(dir)?;
        let known = reader.endpoints()?;
        let urls = endpoints.iter().map(|endpoint| endpoint.terms.url.clone());
        let unknown = urls.filter(|url| known.iter().all(|record| record.url != *url));
        let notes: Vec<_> = unknown.map(|url| Note::Enrolled { url }).collect();
        // A disk that takes nothing for now keeps nobody from whom it knows.
        if !notes.is_empty() {
            self.funnel.ledger.note(notes).await.map_err(CourierFault::Unwritten)?;
        }
        let records = reader.endpoints()?;
        let mut taken_up = Vec::new();
        for endpoint in endpoints {
            let is_his = |record: &&EndpointRecord| record.url == endpoint.terms.url;
            let record = records.iter().find(is_his).cloned().ok_or(CourierFault::Unwritten(Unwritten::NotStored))?;
            let (no, house) = (record.no, (Arc::clone(&self.funnel), self.clock.clone()));
            let board = Arc::clone(&self.board);
            taken_up.push((no, Round::take_up(record, Arc::new(endpoint), house, LedgerReader::open(dir)?, board)?));
        }
        for (no, round) in taken_up {
            let (asking, asked) = mpsc::unbounded_channel();
            rounds.asking.insert(no, asking);
            rounds.tasks.spawn(round.run(asked));
        }
        Ok(())
    }
}

impl Rounds {
    /// Until one of them has broken off, and a moment longer. May be asked again in between: nothing is forgotten.
    async fn broken_off(&mut self) {
        while !self.is_broken {
            match self.tasks.join_next().await {
                Some(ended) => self.is_broken = broke_off(ended),
                None => return std::future::pending().await,
            }
        }
        tokio::time::sleep(BEGIN_AGAIN_AFTER).await;
    }

    /// Ends all rounds, and waits until they have.
    async fn end(&mut self) {
        self.asking.clear();
        while let Some(ended) = self.tasks.join_next().await {
            let _ = broke_off(ended);
        }
        self.is_broken = false;
    }
}

fn broke_off(ended: Result<(), JoinError>) -> bool {
    ended.inspect_err(|panic| tracing::error!(%panic, "a webhook's round broke off")).is_err()
}
