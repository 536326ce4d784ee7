//! The whole descent on one screen: the only room that sees all five floors.
//!
//! An attempt walks down as far as it gets. [`Funnel::descend`] decides everything that can be decided from the request's
//! head, so that a body is read for those few who may still win; [`Funnel::take`] does the rest. Both are synchronous: no
//! lock is held across a wait, and a client that hangs up can't stop them half-way.
//!
//! **Invariant:** floors are asked in the contract's order of precedence, and none can be skipped: each takes the pass
//! that only the floor above can make.

pub mod pace;
mod refusal;
mod settle;
mod tally;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use pace::Pace;
pub use refusal::{FieldName, Layer, Pointer, Refusal, Unfit};
pub use tally::{FunnelReport, RefusedReport, Sums, Tallies, Tally, Visit};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::access::Access;
use crate::client::{Client, PassBuffer, Proof};
use crate::clock::Now;
use crate::failpoint::{self, Point};
use crate::ids::{ItemNo, KeyRef};
#[cfg(all(test, not(doorbuster_loom)))]
use crate::ledger::Writer;
use crate::ledger::{DeskId, Ledger, LedgerFault, OpenLedger, Receipt, Recovered, Settle, Slot, Unwritten};
use crate::order::{Ack, Order, Stored};
use crate::orders::Book;
use crate::sale::{Aim, Catalog, Entered, Underway};
use crate::stock::{Claim, Stock, Wanted};

/// A request to buy, as its head tells it.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Where it comes from, after the rules about proxies.
    pub address: IpAddr,
    /// The sale and item that its path names.
    pub aim: Aim<'a>,
    /// Who it says it is from.
    pub proof: Proof<'a>,
    /// Its idempotency key.
    pub key: Option<KeyRef<'a>>,
}

/// How far the head alone got.
#[derive(Debug)]
pub enum Descent<'a> {
    /// All the way to the shelf: read the body, then [`Funnel::take`].
    Open(Entered<'a>),
    /// There is an order under this key: read the body, then [`Stock::check_replay`] against the item it names.
    Again(Arc<Order>, ItemNo),
}

/// An attempt that has all that it needs but the units: dropped, it leaves no trace.
#[derive(Debug)]
#[must_use]
pub struct Reach<'a> {
    /// Its order, in its buyer's account.
    claim: Claim<'a>,
    /// Its place in the ledger's queue.
    slot: Slot<'a>,
    /// Its foot in the sale's gate, drawn back last.
    underway: Underway<'a>,
}

/// The five floors.
pub struct Funnel {
    /// Floor 1.
    pub client: Client,
    /// Floor 2.
    pub access: Access,
    /// Floor 3.
    pub sales: Arc<Catalog>,
    /// Floor 4.
    pub stock: Arc<Stock>,
    /// Floor 5.
    pub ledger: Ledger,
    /// After the win.
    pub orders: Arc<Book>,
    /// The counts.
    pub tallies: Arc<Tallies>,
    /// How long answers take.
    pub pace: Pace,
    /// What has happened before a buyer is told yes.
    pub ack: Ack,
    /// How long a buyer waits who has let a hold run out: twice as long each time; nothing: he needn't.
    pub cool_down: Duration,
}

impl Funnel {
    /// Builds the house from the bottom up: the ledger says what is already sold, then stock, then sales.
    ///
    /// # Errors
    /// [`LedgerFault`] where the writer can't be started.
    pub fn build(
        (ledger, recovered): (OpenLedger, Recovered),
        doors: (Client, Access),
        ack: Ack,
        on_broken: Box<dyn Fn(&str) + Send>,
    ) -> Result<Self, LedgerFault> {
        Self::furnish(recovered, doors, ack, on_broken, |settle| ledger.start(settle))
    }

    /// The same house, whose writer has no thread: whoever gets it takes its turns.
    #[cfg(all(test, not(doorbuster_loom)))]
    pub(crate) fn by_hand(
        (ledger, recovered): (OpenLedger, Recovered),
        doors: (Client, Access),
        ack: Ack,
        on_broken: Box<dyn Fn(&str) + Send>,
    ) -> Result<(Self, Writer), LedgerFault> {
        let mut hand = None;
        let funnel = Self::furnish(recovered, doors, ack, on_broken, |settle| {
            let (ledger, writer) = ledger.by_hand(settle);
            hand = Some(writer);
            Ok(ledger)
        })?;
        Ok((funnel, hand.expect("a ledger that was started has a writer")))
    }

    fn furnish(
        recovered: Recovered,
        (client, access): (Client, Access),
        ack: Ack,
        on_broken: Box<dyn Fn(&str) + Send>,
        start: impl FnOnce(Box<dyn Settle>) -> Result<Ledger, LedgerFault>,
    ) -> Result<Self, LedgerFault> {
        let (stock, tallies) = (Arc::new(Stock::new()), Arc::new(Tallies::default()));
        let orders = Arc::new(Book::of(recovered.orders.len()));
        let sales = Arc::new(Catalog::default());
        // One order a buyer, nearly always.
        let mut buyers = vec![0; recovered.sales.len()];
        for order in &recovered.orders {
            buyers[order.terms.sale.index()] += 1;
        }
        for (sale, buyers) in recovered.sales.into_iter().zip(buyers) {
            stock.add_sale_of(sale.no, buyers);
            tallies.add_sale();
            sales.add(sale.terms, sale.phase, []);
        }
        for item in recovered.items {
            stock.add_item(item.no, item.terms.stock - item.held - item.sold, item.held);
            if let Some(sale) = sales.sale(item.sale) {
                sales.add_items(sale, [item.terms]);
            }
        }
        // At once, and from both ends, so that the two don't count references to the same orders at the same moment.
        std::thread::scope(|scope| {
            scope.spawn(|| recovered.orders.iter().rev().for_each(|order| orders.enter(Arc::clone(order))));
            recovered.orders.iter().for_each(|order| stock.restore(Arc::clone(order)));
        });
        for (order, payment) in recovered.moves.payments {
            orders.note_payment(order, payment);
        }
        for message in recovered.moves.messages {
            orders.messages.note_done(message);
        }
        for strike in recovered.moves.strikes {
            stock.strike(strike.sale, strike.buyer.as_ref(), strike.at);
        }
        let settlement = settle::Settlement {
            sales: Arc::clone(&sales),
            stock: Arc::clone(&stock),
            orders: Arc::clone(&orders),
            tallies: Arc::clone(&tallies),
            on_broken,
        };
        let ledger = start(Box::new(settlement))?;
        Ok(Self {
            client,
            access,
            sales,
            stock,
            ledger,
            orders,
            tallies,
            pace: Pace::default(),
            ack,
            cool_down: Duration::ZERO,
        })
    }

    /// Walks down as far as the head alone leads.
    ///
    /// # Refuses
    /// By floors 1 to 4, in the contract's order of precedence.
    pub fn descend<'a>(
        &'a self,
        attempt: Attempt<'a>,
        buffer: &'a mut PassBuffer,
        now: Now,
    ) -> Result<Descent<'a>, Refusal> {
        let knocked = self.access.knock(attempt.address, now.mono)?; // 2, at the threshold
        let cleared = self.client.clear(attempt.aim.sale_id(), attempt.proof, buffer, now.wall)?; // 1
        let admitted = self.access.admit(knocked, cleared, now.mono)?; // 2
        let found = self.sales.seek(&admitted, attempt.aim)?; // 3
        if let Some(order) = attempt.key.and_then(|key| self.stock.replay_of(&found, key)) {
            return Ok(Descent::Again(order, found.item().no())); // a winner gets his order, whatever has become of the sale
        }
        let entered = self.sales.enter(found, now.wall)?; // 3
        self.stock.peek(&entered)?; // 4
        Ok(Descent::Open(entered))
    }

    /// Takes the units and hands the order to the ledger, whose verdict the receipt brings.
    ///
    /// # Refuses
    /// By floor 3, if the sale was paused or ended meanwhile; in the name of floor 2, where the buyer has let holds run
    /// out; by floor 4; by floor 5, where its queue is full.
    pub fn take(
        &self,
        entered: &Entered<'_>,
        wanted: Wanted<'_>,
        desk: DeskId,
        now: Now,
    ) -> Result<(Arc<Order>, Receipt), Refusal> {
        self.grasp(self.reach(entered, wanted, now)?, desk)
    }

    /// The first half of [`Funnel::take`]: everything but the units. Keep it for no longer than that takes, for the keeper
    /// waits for feet in the gate.
    ///
    /// # Refuses
    /// As [`Funnel::take`], but for the units.
    pub fn reach<'a>(&'a self, entered: &Entered<'a>, wanted: Wanted<'_>, now: Now) -> Result<Reach<'a>, Refusal> {
        let underway = self.sales.hold_open(entered, now.wall)?; // 3, until the order is in the queue
        self.stock.cooled_down(entered, self.cool_down, now.wall)?; // 4, who lets holds run out waits
        let claim = self.stock.claim(entered, wanted, now.wall)?; // 4, the buyer's limit
        if failpoint::fails(Point::AfterLimitTaken) {
            return Err(Unwritten::Busy.into());
        }
        let slot = self.ledger.slot_for(self.ack)?; // 5, a place in the queue
        Ok(Reach { claim, slot, underway })
    }

    /// The other half: the units, and the order is handed over.
    ///
    /// # Refuses
    /// By floor 4, where the units are gone.
    pub fn grasp(&self, reach: Reach<'_>, desk: DeskId) -> Result<(Arc<Order>, Receipt), Refusal> {
        let Reach { underway: _underway, claim, slot } = reach;
        let reserved = self.stock.take(claim)?; // 4, the units are off the shelf
        failpoint::pass(Point::AfterStockTaken);
        let order = reserved.keep();
        // After this point the order must succeed.
        self.orders.enter(Arc::clone(&order));
        if self.ack == Ack::Memory {
            order.mark_stored(Stored::Memory);
            self.tallies.of(Some(order.terms.sale)).count_won();
        }
        let receipt = self.ledger.accept(slot, Arc::clone(&order), desk); // 5
        failpoint::pass(Point::AfterEnqueued);
        Ok((order, receipt))
    }
}
