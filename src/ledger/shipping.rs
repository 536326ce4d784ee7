//! What the shipper asks of the ledger, and tells it: rows to ship, and how far PostgreSQL has got.
//!
//! **Invariant:** a row is handed out whole or reported as damaged, and none is passed over.

use std::sync::Arc;

use super::read::{LedgerReader, ReadFault};
use super::receipt::{Bell, DeskId, Outbox, Promise, Receipt};
use super::row::{EventRow, Hash};
use super::{Ledger, Slot, Unwritten};
use crate::clock::{MonoTime, WallTime};
use crate::order::{Ack, Order, Stored};

/// What an item is called, and in which currency it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemName {
    /// Its sale's number.
    pub sale: i64,
    /// Its sku.
    pub sku: String,
    /// The code of its currency.
    pub currency: String,
}

impl LedgerReader {
    /// Shows the rows behind `after`, at most `rows_max` of them, each with its link. Says how many there were.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read them, or one is damaged: the rows before it have been shown.
    pub fn cargo(
        &self,
        after: i64,
        rows_max: usize,
        mut each: impl FnMut(&EventRow<'_>, &Hash),
    ) -> Result<usize, ReadFault> {
        let mut damage = None;
        let mut count = 0;
        let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
        self.events(after.saturating_add(1), i64::MAX, rows_max, |row| match (&row.event, &row.hash, &damage) {
            (Ok(event), Some(hash), None) => {
                each(event, hash);
                count += 1;
            }
            (Err(cell), _, None) => damage = Some(ReadFault::Order { seq: row.seq, what: cell.0 }),
            (_, None, None) => damage = Some(ReadFault::Order { seq: row.seq, what: "hash" }),
            (_, _, Some(_)) => {}
        })?;
        match damage {
            Some(damage) if count == 0 => Err(damage),
            _ => Ok(count),
        }
    }

    /// When an event was written down; none where there is no such event.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read it.
    pub fn written_at(&self, seq: i64) -> Result<Option<WallTime>, ReadFault> {
        let mut at = None;
        self.events(seq, seq, 1, |row| at = row.event.as_ref().ok().map(|event| WallTime::from_micros(event.at_us)))?;
        Ok(at)
    }

    /// What all sales and items are called, by their numbers.
    ///
    /// # Errors
    /// [`ReadFault`] where SQLite cannot read them.
    pub fn names(&self) -> Result<(Vec<String>, Vec<ItemName>), ReadFault> {
        let mut sales = self.connection.prepare_cached("SELECT id FROM sales ORDER BY no")?;
        let sales = sales.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut items = self.connection.prepare_cached("SELECT sale, sku, currency FROM items ORDER BY no")?;
        let name =
            |row: &rusqlite::Row<'_>| Ok(ItemName { sale: row.get(0)?, sku: row.get(1)?, currency: row.get(2)? });
        let items = items.query_map((), name)?.collect::<Result<_, _>>()?;
        Ok((sales, items))
    }
}

/// What the ledger and the shipper have to say to each other.
impl Ledger {
    /// A place in the queue for an order with this promise: [`Ledger::slot`], but where PostgreSQL has to have the order
    /// and is away, or too many wait for it already, nobody begins what can't be finished.
    ///
    /// # Refuses
    /// As [`Ledger::slot`], and [`Unwritten::Busy`] for PostgreSQL's sake.
    pub fn slot_for(&self, ack: Ack) -> Result<Slot<'_>, Unwritten> {
        let commons = &self.commons;
        if ack == Ack::Postgres && !commons.abroad.takes(commons.queue.places.capacity()) {
            return Err(Unwritten::Busy);
        }
        self.slot()
    }

    /// How safe an order is by now, PostgreSQL included.
    #[must_use]
    pub fn stored(&self, order: &Order) -> Stored {
        match order.seq() {
            Some(seq) if seq <= self.commons.abroad.shipped() => Stored::Postgres,
            _ => order.stored(),
        }
    }

    /// Whether what was promised of an order has come true: for whoever asks for an order that is on disk already. In a shop
    /// that promises PostgreSQL no more nobody waits for it: what is true of the order is all that there is to say.
    pub fn kept(&self, order: &Order, desk: DeskId, since: MonoTime) -> Receipt {
        let (stored, commons) = (self.stored(order), &self.commons);
        let waits = order.terms.ack == Ack::Postgres && stored < Stored::Postgres && commons.abroad.is_attended();
        let Some(seq) = order.seq().filter(|_| waits) else {
            return Receipt::known(Ok(stored));
        };
        if !commons.abroad.takes(commons.queue.places.capacity()) {
            return Receipt::known(Err(Unwritten::OutcomeUnknown));
        }
        let (promise, receipt) = Promise::new(desk);
        self.deliver(|outbox| commons.abroad.wait(&mut vec![super::abroad::Waiting { seq, since, promise }], outbox));
        receipt
    }

    /// Whom to ring when an order begins to wait for PostgreSQL. Called once.
    pub fn on_departure(&self, bell: Arc<dyn Bell>) {
        self.commons.abroad.attend(bell);
    }

    /// PostgreSQL has the log up to here: whoever has waited for it is told.
    pub fn arrived(&self, seq: i64) {
        self.deliver(|outbox| self.commons.abroad.arrived(seq, outbox));
    }

    /// PostgreSQL has the log up to here; 0 where nobody has said so yet.
    #[must_use]
    pub fn shipped(&self) -> i64 {
        self.commons.abroad.shipped()
    }

    /// Whoever has waited for PostgreSQL since `before` or longer is told that nobody knows. Says how many they were.
    pub fn give_up(&self, before: MonoTime) -> usize {
        let mut count = 0;
        self.deliver(|outbox| count = self.commons.abroad.give_up(before, outbox));
        count
    }

    /// Says whether PostgreSQL is away, and hears whether that is news. While it is, no order is let in that needs it.
    pub fn set_away(&self, is_away: bool) -> bool {
        self.commons.abroad.set_away(is_away)
    }

    /// Whether PostgreSQL is away, as far as somebody ships there.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.commons.abroad.is_away()
    }

    fn deliver(&self, tell: impl FnOnce(&mut Outbox)) {
        let mut outbox = Outbox::default();
        tell(&mut outbox);
        outbox.deliver(&self.commons.desks);
    }
}
