//! The engine once more, in one thread and plain maps: what the contract says, and nothing that makes it fast.
//!
//! Absent: rates, and everything that needs two at once.

mod life;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::house::Ask;
use super::told::{Depth, Sold, Told};
use crate::clock::WallTime;
use crate::funnel::{Refusal, Sums};
use crate::keeper::{Unchanged, Units};
use crate::offer::{ItemTerms, Offer, Phase, STOCK_MAX, SaleChange};
use crate::order::OrderState;
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

#[derive(Debug)]
pub(super) struct Item {
    pub(super) stock: u32,
    price_minor: i64,
}

#[derive(Debug)]
pub(super) struct Sale {
    pub(super) phase: Phase,
    pub(super) opens_at: Option<WallTime>,
    pub(super) closes_at: Option<WallTime>,
    pub(super) limit: u32,
    pub(super) hold: Option<Duration>,
    pub(super) items: BTreeMap<String, Item>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) now: WallTime,
    pub(super) sales: BTreeMap<String, Sale>,
    pub(super) orders: Vec<Sold>,
    /// By sale; none: of sales that don't exist.
    pub(super) sums: BTreeMap<Option<String>, Sums>,
    /// Messages that have been acted on.
    messages: BTreeSet<u8>,
    /// Until when held orders are held by what the log says.
    logged: BTreeMap<usize, WallTime>,
    opened_at: WallTime,
}

impl Sale {
    fn ask(&self, now: WallTime) -> Result<(), NotOnSale> {
        match self.phase {
            Phase::Scheduled => Err(NotOnSale::NotOpen { opens_at: self.opens_at }),
            Phase::Paused => Err(NotOnSale::Paused),
            Phase::Ended => Err(NotOnSale::Ended),
            Phase::Live if self.closes_at.is_some_and(|closes_at| now >= closes_at) => Err(NotOnSale::Ended),
            Phase::Live => Ok(()),
        }
    }

    fn put(&mut self, terms: &ItemTerms) {
        let item = Item { stock: terms.stock, price_minor: terms.price.minor() };
        self.items.insert(terms.sku.to_string(), item);
    }
}

impl Model {
    pub(super) fn new(now: WallTime) -> Self {
        let (sales, sums) = (BTreeMap::new(), BTreeMap::new());
        let (messages, logged) = (BTreeSet::new(), BTreeMap::new());
        Self { now, sales, orders: Vec::new(), sums, messages, logged, opened_at: now }
    }

    fn units(&self, counts: impl Fn(&Sold) -> bool) -> u32 {
        self.orders.iter().filter(|order| order.state.is_live() && counts(order)).map(|order| order.units).sum()
    }

    pub(super) fn units_of(&self, sale: &str, buyer: &str) -> u32 {
        self.units(|order| order.sale == sale && order.buyer == buyer)
    }

    pub(super) fn units_on(&self, sale: &str, sku: &str) -> Units {
        let stock = self.sales[sale].items[sku].stock;
        let of_item = |order: &Sold| order.sale == sale && order.sku == sku;
        let held = self.units(|order| of_item(order) && order.state == OrderState::Held);
        Units { stock, remaining: stock - self.units(of_item), held }
    }

    fn sold_out(&self, ask: Ask<'_>) -> Unavailable {
        Unavailable::SoldOut { held_may_return: self.units_on(ask.sale, ask.sku).held > 0 }
    }

    fn order_under(&self, ask: Ask<'_>) -> Option<&Sold> {
        let key = ask.key?;
        let is_it =
            |order: &&Sold| order.sale == ask.sale && order.buyer == ask.buyer && order.key.as_deref() == Some(key);
        self.orders.iter().find(is_it)
    }

    fn counts(&mut self, sale: &str) -> &mut Sums {
        let sale = self.sales.contains_key(sale).then(|| sale.to_owned());
        self.sums.entry(sale).or_default()
    }

    /// An attempt's head has come.
    pub(super) fn arrive(&mut self, ask: Ask<'_>) -> Result<Depth, Refusal> {
        self.counts(ask.sale).attempts += 1;
        let depth = self.descend(ask);
        if let Err(refusal) = depth {
            self.counts(ask.sale).refused[refusal.layer() as usize] += 1;
        }
        depth
    }

    fn descend(&self, ask: Ask<'_>) -> Result<Depth, Refusal> {
        let sale = self.sales.get(ask.sale).ok_or(NotOnSale::SaleNotFound)?;
        sale.items.get(ask.sku).ok_or(NotOnSale::ItemNotFound)?;
        if let Some(order) = self.order_under(ask) {
            return Ok(Depth::Again(order.clone()));
        }
        sale.ask(self.now)?;
        let is_sold_out = self.units_on(ask.sale, ask.sku).remaining == 0;
        if is_sold_out { Err(self.sold_out(ask).into()) } else { Ok(Depth::Open) }
    }

    /// Its body has come.
    pub(super) fn finish(&mut self, ask: Ask<'_>, depth: Depth) -> Result<Told, Refusal> {
        let told = match depth {
            Depth::Open => self.take(ask).map(Told::Won),
            Depth::Again(order) if (order.sku.as_str(), order.units) == (ask.sku, ask.units) => {
                Ok(Told::Again(self.orders[order.number].clone()))
            }
            Depth::Again(_) => Err(Unavailable::IdempotencyMismatch.into()),
        };
        match &told {
            Ok(Told::Again(_)) => self.counts(ask.sale).replayed += 1,
            Err(refusal) => self.counts(ask.sale).refused[refusal.layer() as usize] += 1,
            Ok(Told::Won(_)) => {
                let sums = self.counts(ask.sale);
                (sums.won, sums.stored, sums.reached_ledger) = (sums.won + 1, sums.stored + 1, sums.reached_ledger + 1);
            }
        }
        told
    }

    fn take(&mut self, ask: Ask<'_>) -> Result<Sold, Refusal> {
        let sale = &self.sales[ask.sale];
        sale.ask(self.now)?;
        if let Some(twin) = self.order_under(ask) {
            let same = (twin.sku.as_str(), twin.units) == (ask.sku, ask.units);
            return Err(if same { Unavailable::InProgress } else { Unavailable::IdempotencyMismatch }.into());
        }
        if self.units_of(ask.sale, ask.buyer) + ask.units > sale.limit {
            return Err(Unavailable::LimitReached.into());
        }
        let remaining = self.units_on(ask.sale, ask.sku).remaining;
        if remaining == 0 {
            return Err(self.sold_out(ask).into());
        }
        if remaining < ask.units {
            return Err(Unavailable::InsufficientStock.into());
        }
        let sold = Sold {
            number: self.orders.len(),
            sale: ask.sale.into(),
            sku: ask.sku.into(),
            buyer: ask.buyer.into(),
            key: ask.key.map(Into::into),
            units: ask.units,
            price_minor: sale.items[ask.sku].price_minor,
            placed_at: self.now,
            expires_at: sale.hold.map(|hold| self.now.after(hold)),
            state: if sale.hold.is_some() { OrderState::Held } else { OrderState::Confirmed },
            deadline: sale.hold.map(|hold| self.now.after(hold)),
            is_late: false,
            paid_by: None,
        };
        self.orders.push(sold.clone());
        Ok(sold)
    }

    fn item(&mut self, sale: &str, sku: &str) -> Result<&mut Item, NotOnSale> {
        self.sales.get_mut(sale).and_then(|sale| sale.items.get_mut(sku)).ok_or(NotOnSale::ItemNotFound)
    }

    /// Turns a sale to a phase from others; where it stands there already, that's fine.
    pub(super) fn turn(&mut self, sale: &str, from: &[Phase], to: Phase) -> Result<Phase, Unchanged> {
        let sale = self.sales.get_mut(sale).ok_or(Unchanged::SaleNotFound)?;
        if sale.phase != to && !from.contains(&sale.phase) {
            return Err(Unchanged::InvalidTransition { phase: sale.phase });
        }
        sale.phase = to;
        Ok(to)
    }

    pub(super) fn adjust(&mut self, id: &str, sku: &str, add: i64) -> Result<Units, Unchanged> {
        let sale = self.sales.get(id).ok_or(Unchanged::SaleNotFound)?;
        let item = sale.items.get(sku).ok_or(Unchanged::ItemNotFound)?;
        if sale.phase == Phase::Ended {
            return Err(Unchanged::InvalidTransition { phase: sale.phase });
        }
        let stock = i64::from(item.stock) + add;
        let committed = item.stock - self.units_on(id, sku).remaining;
        if add > 0 && stock > i64::from(STOCK_MAX) {
            return Err(Unchanged::AboveMaximum);
        }
        if add < 0 && stock < i64::from(committed) {
            return Err(Unchanged::BelowCommitted { committed });
        }
        let item = self.item(id, sku).map_err(|_| Unchanged::ItemNotFound)?;
        item.stock = u32::try_from(stock).map_err(|_| Unchanged::AboveMaximum)?;
        Ok(self.units_on(id, sku))
    }

    pub(super) fn create(&mut self, offer: &Offer) -> Result<(), Unchanged> {
        let terms = &offer.sale;
        if self.sales.contains_key(terms.id.as_str()) {
            return Err(Unchanged::SaleExists);
        }
        let (opens_at, closes_at, limit, hold) = (terms.opens_at, terms.closes_at, terms.limit_per_buyer, terms.hold);
        let mut sale = Sale { phase: Phase::Scheduled, opens_at, closes_at, limit, hold, items: BTreeMap::new() };
        offer.items.iter().for_each(|item| sale.put(item));
        self.sales.insert(terms.id.to_string(), sale);
        self.tick();
        Ok(())
    }

    pub(super) fn change(&mut self, id: &str, change: &SaleChange) -> Result<(), Unchanged> {
        let sale = self.sales.get_mut(id).ok_or(Unchanged::SaleNotFound)?;
        if sale.phase == Phase::Ended || change.opens_at.is_some() && sale.phase != Phase::Scheduled {
            return Err(Unchanged::InvalidTransition { phase: sale.phase });
        }
        if change.items.iter().any(|item| sale.items.contains_key(item.sku.as_str())) {
            return Err(Unchanged::ItemExists);
        }
        let opens_at = change.opens_at.unwrap_or(sale.opens_at);
        let closes_at = change.closes_at.unwrap_or(sale.closes_at);
        if opens_at.zip(closes_at).is_some_and(|(opens_at, closes_at)| closes_at <= opens_at) {
            return Err(Unchanged::ClosesBeforeOpening);
        }
        (sale.opens_at, sale.closes_at) = (opens_at, closes_at);
        sale.limit = change.limit_per_buyer.unwrap_or(sale.limit);
        sale.hold = change.hold.unwrap_or(sale.hold);
        change.items.iter().for_each(|item| sale.put(item));
        self.tick();
        Ok(())
    }

    /// The timer goes off.
    pub(super) fn tick(&mut self) {
        for sale in self.sales.values_mut().filter(|sale| sale.phase != Phase::Ended) {
            if sale.closes_at.is_some_and(|closes_at| self.now >= closes_at) {
                sale.phase = Phase::Ended;
            } else if sale.phase == Phase::Scheduled && sale.opens_at.is_none_or(|opens_at| self.now >= opens_at) {
                sale.phase = Phase::Live;
            }
        }
    }

    /// What isn't in the ledger is forgotten.
    pub(super) fn restart(&mut self) {
        self.sums.clear();
        self.opened_at = self.now;
        for number in 0..self.orders.len() {
            let logged = self.logged.get(&number).copied().or(self.orders[number].expires_at);
            let is_held = self.orders[number].state == OrderState::Held;
            let own = self.own_deadline(number).filter(|_| is_held);
            self.orders[number].deadline = logged.max(logged.and(own));
        }
    }
}
