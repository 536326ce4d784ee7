//! A batch of events on its way to the log: their rows, one after another, and the little that the writer must remember
//! to make them.
//!
//! **Invariant:** the tally is the fold of exactly what is stored: a page that isn't stored leaves it as it was.
//!
//! **Invariant:** `seq` is dense, `at_us` never goes back, each row's hash covers the row before it.

mod rows;

use super::event::Event;
use super::notes::Note;
use super::queue::Entry;
use super::row::{EventKind, EventRow, GENESIS, Hash};
use crate::clock::WallTime;
use crate::ids::{ItemNo, SaleNo};
use crate::order::{Order, OrderState};
use rows::{blank, detail_of, row_of};

/// An event that contradicts the log: whoever sent it has not made sure that it may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadEvent {
    #[error("its sale is not the next one")]
    NotTheNextSale,
    #[error("its items are not the next ones")]
    NotTheNextItem,
    #[error("there is no such sale")]
    NoSuchSale,
    #[error("there is no such item in this sale")]
    NoSuchItem,
    #[error("its order is not in the log")]
    NotPlaced,
    #[error("its terms cannot be written as JSON")]
    Unwritable,
}

/// Where the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The last event's number; 0 before the first.
    pub(super) seq: i64,
    /// Its time.
    pub(super) at_us: i64,
    /// Its link.
    pub(super) hash: Hash,
}

impl Head {
    /// Before the first event.
    pub(super) const START: Self = Self { seq: 0, at_us: i64::MIN, hash: GENESIS };
}

/// What the writer remembers of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ItemTally {
    /// Whose item it is.
    pub(super) sale: SaleNo,
    /// Units that are neither held nor sold. Below zero only while a page is made that the store will refuse.
    pub(super) available: i64,
}

/// What the writer remembers of the log: enough to number, chain and judge the next event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) head: Head,
    /// How many sales there are: the next one's number.
    pub(super) sales: u32,
    /// All items, by number.
    pub(super) items: Vec<ItemTally>,
}

/// How to make a page unmade.
#[derive(Debug)]
struct Undo {
    head: Head,
    sales: u32,
    items: usize,
    /// Items that the page has changed, and what they had before; latest last.
    available: Vec<(usize, i64)>,
}

impl Tally {
    fn item(&mut self, sale: SaleNo, item: ItemNo) -> Result<&mut ItemTally, BadEvent> {
        self.items.get_mut(item.index()).filter(|tally| tally.sale == sale).ok_or(BadEvent::NoSuchItem)
    }

    fn add_items(&mut self, sale: SaleNo, first: ItemNo, stocks: impl Iterator<Item = u32>) -> Result<(), BadEvent> {
        let known = self.items.len();
        self.items.extend(stocks.map(|stock| ItemTally { sale, available: i64::from(stock) }));
        // A change that adds nothing may name any first item.
        if self.items.len() > known && first.index() != known { Err(BadEvent::NotTheNextItem) } else { Ok(()) }
    }

    fn known(&self, sale: SaleNo) -> Result<(), BadEvent> {
        if sale.0 < self.sales { Ok(()) } else { Err(BadEvent::NoSuchSale) }
    }

    /// Adds an event up. Says which item it has sold out, if any.
    fn add(&mut self, event: &Event, undo: &mut Undo) -> Result<Option<ItemNo>, BadEvent> {
        let (sale, item, units) = match event {
            Event::SaleCreated { sale, first_item, offer } => {
                if sale.0 != self.sales {
                    return Err(BadEvent::NotTheNextSale);
                }
                self.sales += 1;
                self.add_items(*sale, *first_item, offer.items.iter().map(|item| item.stock))?;
                return Ok(None);
            }
            Event::SaleChanged { sale, first_item, added, .. } => {
                self.known(*sale)?;
                self.add_items(*sale, *first_item, added.iter().map(|item| item.stock))?;
                return Ok(None);
            }
            Event::SaleOpened(sale, _)
            | Event::SalePaused(sale)
            | Event::SaleResumed(sale)
            | Event::SaleEnded(sale) => {
                self.known(*sale)?;
                return Ok(None);
            }
            Event::StockAdded { sale, item, units } => (*sale, *item, i64::from(*units)),
            Event::StockTaken { sale, item, units } => (*sale, *item, -i64::from(*units)),
            Event::OrderPlaced(order) => (order.terms.sale, order.terms.item, -i64::from(order.terms.quantity.units())),
            Event::OrderMoved(moved) => {
                let (order, terms) = (moved.order(), &moved.order().terms);
                // Its units would be given back by a row that belongs to somebody else.
                if order.noted_seq() == 0 {
                    return Err(BadEvent::NotPlaced);
                }
                (terms.sale, terms.item, moved.kind().shift(terms.quantity.units()).available())
            }
        };
        let tally = self.item(sale, item)?;
        let before = tally.available;
        undo.available.push((item.index(), before));
        tally.available += units;
        Ok((before > 0 && tally.available <= 0).then_some(item))
    }

    fn unmake(&mut self, undo: &mut Undo) {
        for (item, available) in undo.available.drain(..).rev() {
            self.items[item].available = available;
        }
        self.head = undo.head;
        self.sales = undo.sales;
        self.items.truncate(undo.items);
    }
}

/// One row, ready to be written.
pub(super) struct Line<'a> {
    pub(super) row: EventRow<'a>,
    pub(super) hash: &'a Hash,
    /// The event that the row tells of; none where the row is a consequence of the one before.
    pub(super) event: Option<&'a Event>,
    /// So many rows are still to come at least, this one included.
    pub(super) at_least: usize,
}

/// A batch that is being written.
pub(super) struct Page<'a> {
    entries: &'a [Entry],
    /// What is written beside the log, in the same transaction.
    pub(super) notes: &'a [Note],
    tally: &'a mut Tally,
    undo: Undo,
    /// When it is written: each row's time, unless an earlier row is later.
    now: WallTime,
    is_kept: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(entries: &'a [Entry], tally: &'a mut Tally, now: WallTime, notes: &'a [Note]) -> Self {
        let undo = Undo { head: tally.head, sales: tally.sales, items: tally.items.len(), available: Vec::new() };
        Self { entries, notes, tally, undo, now, is_kept: false }
    }

    /// The log's last number before this page.
    pub(super) fn seq_before(&self) -> i64 {
        self.undo.head.seq
    }

    /// The page is stored: the tally stays as it is now.
    pub(super) fn keep(mut self) {
        self.undo.available.clear();
        self.undo.head = self.tally.head;
        self.undo.sales = self.tally.sales;
        self.undo.items = self.tally.items.len();
        self.is_kept = true;
    }

    /// Makes the rows, in order, and hands each to `write`. May be done once.
    pub(super) fn each<E: From<BadEvent>>(
        &mut self,
        mut write: impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.undo.available.reserve(self.entries.len());
        for (index, Entry { event, .. }) in self.entries.iter().enumerate() {
            // Each entry makes a row or more.
            let at_least = self.entries.len() - index;
            let sold_out = self.tally.add(event, &mut self.undo)?;
            let detail = detail_of(event)?;
            let row = row_of(event, detail.as_deref());
            if let Event::OrderPlaced(order) = event {
                order.note_seq(self.tally.head.seq + 1);
            }
            self.line(row, Some(event), at_least, &mut write)?;
            if let Some(item) = sold_out {
                let kind = EventKind::StockSoldOut.word();
                let row = EventRow { item: Some(i64::from(item.0)), ..blank(kind, row.sale) };
                self.line(row, None, at_least, &mut write)?;
            }
        }
        Ok(())
    }

    fn line<E>(
        &mut self,
        mut row: EventRow<'_>,
        event: Option<&Event>,
        at_least: usize,
        write: &mut impl FnMut(Line<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let head = &mut self.tally.head;
        row.seq = head.seq + 1;
        // Not before it was decided: a clock that was set back since doesn't open a sale too early.
        let decided_us = match event {
            Some(Event::SaleOpened(_, decided)) => decided.micros(),
            _ => i64::MIN,
        };
        row.at_us = head.at_us.max(self.now.micros()).max(decided_us);
        *head = Head { seq: row.seq, at_us: row.at_us, hash: row.link(&head.hash) };
        write(Line { row, hash: &head.hash, event, at_least })
    }

    /// Counts the events without making rows of them: for a store that keeps nothing.
    pub(super) fn count(&mut self) {
        self.tally.head.seq += i64::try_from(self.entries.len()).unwrap_or(0);
    }
}

impl Drop for Page<'_> {
    /// A page that wasn't kept was never made.
    fn drop(&mut self) {
        self.tally.unmake(&mut self.undo);
        if !self.is_kept {
            for entry in self.entries {
                if let Event::OrderPlaced(order) = &entry.event {
                    order.note_seq(0);
                }
            }
        }
    }
}

/// What an order adds to its item's held and sold units, by the state that it is in.
pub(super) fn committed(state: OrderState, units: u32) -> (i64, i64) {
    match state {
        OrderState::Held => (i64::from(units), 0),
        OrderState::Confirmed => (0, i64::from(units)),
        OrderState::Cancelled | OrderState::Expired | OrderState::Refunded => (0, 0),
    }
}

/// The state that an order is placed in.
pub(super) fn placed_state(order: &Order) -> OrderState {
    if order.terms.expires_at.is_some() { OrderState::Held } else { OrderState::Confirmed }
}
