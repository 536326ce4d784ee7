//! Floor 5, ledger: write it down.
//!
//! An append-only, hash-chained log of events in SQLite, and its fold. Producers put events into a bounded queue; one
//! writer thread takes all that is waiting, commits once and tells everybody. There is no second way to the disk, and
//! no answer before the commit but for orders whose shop has asked for that (`ack = "memory"`).
//!
//! Three answers, not two: *stored*, *certainly not stored*, *unknown*. After the third the ledger never writes again:
//! the process ends, and the restart reads what is true.
//!
//! **Invariant:** whoever has a [`Slot`] can hand his order over; whoever has handed it over is told one outcome.
//!
//! **Invariant:** the log's order is the order of the queue: events are decided before they are queued.
//!
//! **Invariant:** one process, one thread, one connection writes.

mod abroad;
mod append;
pub mod audit;
pub mod backup;
mod beside;
pub mod event;
pub mod export;
mod fault;
mod health;
#[cfg(all(test, not(doorbuster_loom)))]
pub(crate) mod imagined;
mod inserter;
mod lock;
pub mod moves;
mod notes;
mod open;
pub mod orders;
mod page;
pub mod payload;
mod places;
pub mod post;
mod proof;
mod queue;
pub mod read;
pub mod rebuild;
mod receipt;
mod recovery;
pub mod row;
mod schema;
pub mod shipping;
mod sqlite;
mod store;
mod tail;
mod writer;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(all(test, doorbuster_loom))]
mod loom_models;
#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

pub use event::Event;
pub use fault::LedgerFault;
pub use health::{Breakage, LedgerHealth, LedgerState};
pub(crate) use moves::Shift;
pub use moves::{By, Move, MoveKind, Told};
pub use notes::{Delivery, EndpointNo, Note};
pub use open::{LedgerSettings, OpenLedger, StoreKind};
pub use places::QUEUE_ORDERS_MAX;
pub use queue::Slot;
pub use receipt::{Bell, DeskId, Receipt};
pub use recovery::{Recovered, RecoveredItem, RecoveredMoves, RecoveredSale, Strike};
pub use schema::{APPLICATION_ID, FILE_NAME, SCHEMA_VERSION};
pub use writer::Writer;

use crate::order::{Ack, Order, Stored};
use abroad::Abroad;
use health::Board;
use notes::NoteBox;
use queue::{Haste, Queue};
use receipt::{Desks, Promise};

/// Refusals of this floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritten {
    /// Too many are waiting, or the shop is closing. Nothing has been written.
    Busy,
    /// The disk takes nothing for now, or refused the event. It is certainly not written.
    NotStored,
    /// It may be written and may not be: the restart will tell.
    OutcomeUnknown,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored, so safely.
    Stored(Stored),
    /// It is certainly not stored: its units go back.
    NotStored,
    /// It may be stored and may not be: its units stay with it.
    Unknown,
}

/// Who hears what became of orders. Called on the writer's thread: must be quick, must not wait for the ledger.
pub trait Settle: Send {
    /// Called for each order that was won, before its receipt is told.
    fn settled(&self, order: &Arc<Order>, outcome: Outcome);
    /// Called for each order that moves on, before the receipt is told. Who has nothing else to do has the order settled.
    fn moved(&self, moved: &mut Move, outcome: Outcome) {
        moved.settle(outcome);
    }
    /// The ledger is broken: the process must end. Called once.
    fn broken(&self, why: &str);
}

/// What producers and the writer share.
struct Commons {
    queue: Queue,
    desks: Desks,
    board: Board,
    notes: NoteBox,
    abroad: Abroad,
}

/// The ledger, as everybody but the writer sees it.
pub struct Ledger {
    commons: Arc<Commons>,
    /// The writer; none once it was waited for, or where somebody has it by hand.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// A place in the queue. To be asked for before stock moves.
    ///
    /// # Refuses
    /// [`Unwritten::Busy`] while the queue is full or the ledger closes, [`Unwritten::NotStored`] while the disk takes
    /// nothing, [`Unwritten::OutcomeUnknown`] once the ledger is broken.
    pub fn slot(&self) -> Result<Slot<'_>, Unwritten> {
        Slot::reserve(&self.commons.queue.places)
    }

    /// Takes an order over, which cannot fail. The receipt of an order with `ack = memory` is told at once, any other's
    /// after the commit; its task is woken from `desk`. `slot` must be this ledger's.
    pub fn accept(&self, slot: Slot<'_>, order: Arc<Order>, desk: DeskId) -> Receipt {
        if order.terms.ack == Ack::Memory {
            order.mark_stored(Stored::Memory);
            self.commons.queue.push(slot, Event::OrderPlaced(order), None, Haste::Crowd);
            return Receipt::known(Ok(Stored::Memory));
        }
        let (promise, receipt) = Promise::new(desk);
        self.commons.queue.push(slot, Event::OrderPlaced(order), Some(promise), Haste::Crowd);
        receipt
    }

    /// Takes any other event over. What belongs to it in memory is the caller's to do, once the receipt says *stored*.
    ///
    /// # Refuses
    /// As [`Ledger::slot`].
    pub fn record(&self, event: Event) -> Result<Receipt, Unwritten> {
        Ok(self.record_in(self.slot()?, event))
    }

    /// Takes an event over that has its place already, which cannot fail: for whoever takes something in memory first.
    /// `slot` must be this ledger's.
    pub fn record_in(&self, slot: Slot<'_>, event: Event) -> Receipt {
        let (promise, receipt) = Promise::new(DeskId::NONE);
        self.commons.queue.push(slot, event, Some(promise), Haste::Urgent);
        receipt
    }

    /// Takes notes over, to be written with the next events, or alone where there are none for now. Whoever sends notes
    /// waits for the receipt before he sends the next; `busy` once the ledger is closed.
    pub fn note(&self, notes: Vec<Note>) -> Receipt {
        let receipt = self.commons.notes.put(notes);
        self.commons.queue.places.nudge();
        receipt
    }

    /// Opens a desk: a runtime's own place to wake its tasks from. After a commit its bell is rung once, whereupon the
    /// runtime calls [`Ledger::wake_waiting`].
    pub fn desk(&self, bell: Arc<dyn Bell>) -> DeskId {
        self.commons.desks.open(bell)
    }

    /// Wakes every task of a desk whose receipt has been told.
    pub fn wake_waiting(&self, desk: DeskId) {
        self.commons.desks.wake_waiting(desk);
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> LedgerHealth {
        self.commons.board.health(&self.commons.queue.places)
    }

    /// How long commits have taken since the start, in microseconds.
    #[must_use]
    pub fn commit_micros(&self) -> Histogram<u64> {
        self.commons.board.commit_micros()
    }

    /// Hands out no more places, has everything written that is queued, and waits until the file is closed. Again: does
    /// nothing. Whoever has the writer by hand finishes it himself.
    pub fn close(&self) {
        self.commons.queue.places.close();
        // Whoever lets go of the ledger on the writer's own thread cannot wait for it.
        let own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.lock().take_if(|thread| !own(thread)) {
            // A writer that died has told so itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close();
    }
}
