//! The fold: what the log adds up to, event by event, and what is wrong with it on the way.
//!
//! A new kind of event is a new arm of [`Fold::apply`]. One that moves an order along the state machine changes its
//! item through [`Fold::shift`] and notes what is to be shown of the order in `moved`.
//!
//! **Invariant:** memory grows with the orders, keys, messages and buyers (40, 24, 24 and 32 bytes each, twice that where
//! a table has just grown), not with the log.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};

use super::super::event::SaleDetail;
use super::super::read::{BadCell, StoredRow};
use super::super::row::{EventKind, EventRow, GENESIS, Hash};
use super::decode::{self, Nonsense, time};
use super::moves::{Shown, Standing};
use super::report::{AuditReport, Findings, Invariant, ItemTotals};
use crate::ids::{BuyerId, ItemNo, OrderId, SaleNo, Sku};
use crate::money::Money;
use crate::offer::Phase;

/// A sale as the log has it so far.
#[derive(Debug)]
pub(super) struct Sale {
    /// Its terms in force; its items are in [`Fold::items`].
    pub(super) terms: SaleDetail,
    pub(super) phase: Phase,
    /// Whether the hold was another once: then orders of both beginnings stand beside each other around the change.
    pub(super) hold_changed: bool,
    /// Live units of every buyer.
    pub(super) buyers: HashMap<BuyerId, u64>,
}

/// An item as the log has it so far. Signed: what must not fall below zero may, in a log that lies.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sale: SaleNo,
    pub(super) sku: Sku,
    pub(super) title: String,
    pub(super) price: Money,
    pub(super) stock: i64,
    pub(super) held: i64,
    pub(super) confirmed: i64,
}

impl Item {
    pub(super) fn available(&self) -> i64 {
        self.stock - self.held - self.confirmed
    }
}

/// 128 bits of SHA-256 over sale, buyer and key: a map of keys of up to 255 bytes would be most of the audit's memory,
/// and two keys of one print are not to be found before 2⁶⁴ tries.
pub(super) type KeyPrint = [u8; 16];

/// Everything folded so far.
#[derive(Debug)]
pub(super) struct Fold {
    pub(super) findings: Findings,
    pub(super) sales: Vec<Sale>,
    pub(super) items: Vec<Item>,
    /// Every order.
    pub(super) orders: HashMap<OrderId, Standing>,
    /// Every key's order's event.
    pub(super) keys: HashMap<KeyPrint, i64>,
    /// Every message that was acted on, with the event.
    pub(super) messages: HashMap<KeyPrint, i64>,
    /// Orders that aren't as they were placed, by the number of their event.
    pub(super) moved: BTreeMap<i64, Shown>,
    pub(super) placed: u64,
    events: u64,
    last_seq: i64,
    last_at_us: i64,
    /// The link of the last row; none where that row's cannot be read.
    head: Option<Hash>,
    /// The event that took an item's last free unit, if it was the last event: the next must say so.
    emptied: Option<(i64, ItemNo)>,
}

impl Fold {
    pub(super) fn new() -> Self {
        Self {
            findings: Findings::default(),
            sales: Vec::new(),
            items: Vec::new(),
            orders: HashMap::new(),
            keys: HashMap::new(),
            messages: HashMap::new(),
            moved: BTreeMap::new(),
            placed: 0,
            events: 0,
            last_seq: 0,
            last_at_us: i64::MIN,
            head: Some(GENESIS),
            emptied: None,
        }
    }

    pub(super) fn has_order(&self, order: OrderId) -> bool {
        self.orders.contains_key(&order)
    }

    /// The next row of the log.
    pub(super) fn take(&mut self, row: &StoredRow<'_>) {
        self.events += 1;
        self.check_link(row);
        let emptied = self.emptied.take();
        let (kind, meaning) = match &row.event {
            Err(BadCell(column)) => (None, Err(Nonsense(format!("{column} cannot be read")))),
            Ok(event) => match EventKind::of_word(event.kind) {
                None => (None, Err(Nonsense(format!("its kind {:?} is unknown", event.kind)))),
                Some(kind) => (Some(kind), self.apply(kind, event, emptied)),
            },
        };
        if let Err(Nonsense(what)) = meaning {
            self.findings.note(Invariant::I6, Some(row.seq), || format!("the row makes no sense: {what}"));
        }
        if kind != Some(EventKind::StockSoldOut) {
            self.miss_sold_out(emptied);
        }
    }

    /// The log ends here: a writer commits the last unit and its `stock.sold_out` together.
    pub(super) fn finish(&mut self) {
        let emptied = self.emptied.take();
        self.miss_sold_out(emptied);
    }

    /// I6: dense, chained, and never back in time.
    fn check_link(&mut self, row: &StoredRow<'_>) {
        let expected = self.last_seq + 1;
        let is_next = row.seq == expected;
        if !is_next {
            self.findings.note(Invariant::I6, Some(row.seq), || format!("event {expected} should stand here"));
        }
        let previous = self.head;
        self.last_seq = row.seq;
        self.head = row.hash;
        if row.hash.is_none() {
            self.findings.note(Invariant::I6, Some(row.seq), || "the row's hash cannot be read".into());
        }
        let Ok(event) = &row.event else { return };
        if event.at_us < self.last_at_us {
            let (last, this) = (self.last_at_us, event.at_us);
            self.findings
                .note(Invariant::I6, Some(row.seq), || format!("time goes back from {} to {}", time(last), time(this)));
        }
        self.last_at_us = event.at_us;
        // Behind a gap, or a link that cannot be read, there is nothing to check against; both have been noted.
        if let (true, Some(previous), Some(hash)) = (is_next, previous, row.hash)
            && event.link(&previous) != hash
        {
            self.findings.note(Invariant::I6, Some(row.seq), || {
                "the chain is broken: this row, or its hash, isn't what was written".into()
            });
        }
    }

    fn apply(&mut self, kind: EventKind, event: &EventRow<'_>, emptied: Option<(i64, ItemNo)>) -> Result<(), Nonsense> {
        match kind {
            EventKind::SaleCreated => self.create_sale(event),
            EventKind::SaleChanged => self.change_sale(event),
            EventKind::SaleOpened => self.turn(event, &[Phase::Scheduled], Phase::Live),
            EventKind::SalePaused => self.turn(event, &[Phase::Live], Phase::Paused),
            EventKind::SaleResumed => self.turn(event, &[Phase::Paused], Phase::Live),
            EventKind::SaleEnded => self.turn(event, &[Phase::Scheduled, Phase::Live, Phase::Paused], Phase::Ended),
            EventKind::StockAdded => {
                let (item, units) = (self.item_of(event)?, decode::units(event)?);
                self.shift(event.seq, item, |item| item.stock += i64::from(units));
                Ok(())
            }
            EventKind::StockTaken => {
                let (item, units) = (self.item_of(event)?, decode::units(event)?);
                self.shift(event.seq, item, |item| item.stock -= i64::from(units));
                Ok(())
            }
            EventKind::StockSoldOut => self.sell_out(event, emptied),
            EventKind::OrderPlaced => self.place_order(event),
            EventKind::OrderConfirmed
            | EventKind::OrderCancelled
            | EventKind::OrderExpired
            | EventKind::OrderRefunded
            | EventKind::PaymentStarted
            | EventKind::PaymentFailed
            | EventKind::PaymentNoted
            | EventKind::PaymentOrphaned => self.move_order(kind, event),
        }
    }

    /// I10: `stock.sold_out` is said when, and only when, the event before it took the last free unit.
    fn sell_out(&mut self, event: &EventRow<'_>, emptied: Option<(i64, ItemNo)>) -> Result<(), Nonsense> {
        let number = self.item_of(event)?;
        let item = &self.items[number.index()];
        let available = item.available();
        let is_due = emptied.is_some_and(|(_, emptied)| emptied == number);
        if available != 0 {
            let sku = &item.sku;
            self.findings.note(Invariant::I10, Some(event.seq), || {
                format!("{sku} is said to be sold out with {available} units available")
            });
        } else if !is_due {
            let sku = &item.sku;
            self.findings.note(Invariant::I10, Some(event.seq), || {
                format!("{sku} is said to be sold out, but the event before took no last unit of it")
            });
        }
        if !is_due {
            self.miss_sold_out(emptied);
        }
        Ok(())
    }

    fn miss_sold_out(&mut self, emptied: Option<(i64, ItemNo)>) {
        let Some((seq, item)) = emptied else { return };
        let sku = self.items.get(item.index()).map(|item| &item.sku);
        self.findings.note(Invariant::I10, Some(seq), || {
            format!("the last unit of {} went, and no stock.sold_out follows", sku.map_or("?", Sku::as_str))
        });
    }

    /// I1: moves units of an item, and sees whether they are there.
    pub(super) fn shift(&mut self, seq: i64, number: ItemNo, change: impl FnOnce(&mut Item)) {
        let Some(item) = self.items.get_mut(number.index()) else { return };
        let before = item.available();
        change(item);
        let after = item.available();
        // Once per step down: a return to a shelf that is still overdrawn is not a second wrong.
        if after < 0 && after < before || item.stock.min(item.held).min(item.confirmed) < 0 {
            self.findings.note(Invariant::I1, Some(seq), || {
                format!(
                    "{}: stock {} = {after} available + {} held + {} confirmed",
                    item.sku, item.stock, item.held, item.confirmed
                )
            });
        }
        if before > 0 && after == 0 {
            self.emptied = Some((seq, number));
        }
    }

    pub(super) fn sale_of(&self, event: &EventRow<'_>) -> Result<SaleNo, Nonsense> {
        let number = u32::try_from(event.sale).ok().map(SaleNo).filter(|number| number.index() < self.sales.len());
        number.ok_or_else(|| Nonsense(format!("there is no sale number {}", event.sale)))
    }

    pub(super) fn item_of(&self, event: &EventRow<'_>) -> Result<ItemNo, Nonsense> {
        let sale = self.sale_of(event)?;
        let number = event.item.and_then(|number| u32::try_from(number).ok()).map(ItemNo);
        let number = number.filter(|number| self.items.get(number.index()).is_some_and(|item| item.sale == sale));
        number.ok_or_else(|| Nonsense(format!("sale number {} has no item number {:?}", event.sale, event.item)))
    }

    pub(super) fn into_report(self, acks: Option<u64>) -> AuditReport {
        let items = self.items.iter().enumerate().map(|(number, item)| ItemTotals {
            item: ItemNo(u32::try_from(number).unwrap_or(u32::MAX)),
            sale_no: item.sale,
            sale: self.sales[item.sale.index()].terms.id.clone(),
            sku: item.sku.as_str().into(),
            stock: item.stock,
            available: item.available(),
            held: item.held,
            confirmed: item.confirmed,
        });
        let items = items.collect();
        AuditReport::new(
            self.findings,
            self.events,
            self.placed,
            self.last_seq,
            self.head.unwrap_or(GENESIS),
            items,
            acks,
        )
    }
}
