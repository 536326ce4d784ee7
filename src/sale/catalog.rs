//! What is on sale, in memory: every sale and item by number and by name.
//!
//! Sales and items are never forgotten while the process runs, so a request borrows them instead of counting
//! references. Names are found through a snapshot that is replaced whole when a sale is added: a reader never waits.
//!
//! **Invariant:** numbers are dense and equal to the ledger's; an item belongs to one sale for ever.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::gate::{Gate, Underway};
use crate::clock::WallTime;
use crate::ids::{ItemNo, SaleId, SaleNo, Sku};
use crate::offer::{ItemTerms, Phase, SaleTerms};

/// A sale in memory.
#[derive(Debug)]
pub struct Sale {
    no: SaleNo,
    /// The terms' id, which never changes.
    id: SaleId,
    terms: ArcSwap<SaleTerms>,
    items: ArcSwap<Vec<ItemNo>>,
    gate: Gate,
    /// `closes_at` in microseconds, [`i64::MAX`] for none: a copy of the terms' that costs one load.
    closes_at_us: AtomicI64,
}

/// An item in memory; how many there are is the stock floor's business.
#[derive(Debug)]
pub struct Item {
    no: ItemNo,
    sale: SaleNo,
    terms: ItemTerms,
    /// Units that the shop has put on sale, sold ones included. Changed when the ledger has it.
    on_sale: AtomicU32,
}

impl Sale {
    /// Its number.
    #[must_use]
    pub fn no(&self) -> SaleNo {
        self.no
    }

    /// Its public id.
    #[must_use]
    pub fn id(&self) -> &SaleId {
        &self.id
    }

    /// What a claim has to know of its terms: units that a buyer may have, and for how long a won one is held.
    #[must_use]
    pub fn limit_and_hold(&self) -> (u32, Option<Duration>) {
        // No reference is counted: that would be one word for all threads.
        let terms = self.terms.load();
        (terms.limit_per_buyer, terms.hold)
    }

    /// Its terms as they are now.
    #[must_use]
    pub fn terms(&self) -> Arc<SaleTerms> {
        self.terms.load_full()
    }

    /// The numbers of its items, in the order in which they are shown.
    #[must_use]
    pub fn items(&self) -> Arc<Vec<ItemNo>> {
        self.items.load_full()
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.gate.phase()
    }

    /// Where an attempt made now finds it: a sale whose time is over has ended, even if its timer is late.
    #[must_use]
    pub fn phase_at(&self, now: WallTime) -> Phase {
        match self.gate.phase() {
            Phase::Live if self.is_over_at(now) => Phase::Ended,
            phase => phase,
        }
    }

    /// Puts a foot in the gate.
    ///
    /// # Refuses
    /// With the phase, where the sale isn't live at that time.
    pub fn step_in_at(&self, now: WallTime) -> Result<Underway<'_>, Phase> {
        let underway = self.gate.step_in()?;
        if self.is_over_at(now) { Err(Phase::Ended) } else { Ok(underway) }
    }

    fn is_over_at(&self, now: WallTime) -> bool {
        // Relaxed: an end that is moved while somebody asks may be seen a moment late; the gate decides in the end.
        now.micros() >= self.closes_at_us.load(Ordering::Relaxed)
    }

    /// Puts a foot in the gate of a sale that may be over: what is decided by its terms gets into the ledger's queue before
    /// the event that changes them.
    pub fn step_past(&self) -> Underway<'_> {
        self.gate.step_past()
    }

    /// Lets attempts in. Call it after the opening or resuming is in the ledger.
    pub fn open(&self) {
        self.gate.set(Phase::Live);
    }

    /// Lets nobody in any more, and returns when nobody is on his way through. Call it before the event goes into the
    /// ledger's queue.
    pub fn close(&self, phase: Phase) {
        self.gate.close(phase);
    }

    /// Puts the phase back that the sale had before [`Sale::close`], where that could not be written down.
    pub fn reopen(&self, phase: Phase) {
        self.gate.set(phase);
    }

    /// Waits until everybody who may have read older terms has got through.
    pub fn settle(&self) {
        self.gate.settle();
    }

    /// Changes the terms. The id stays.
    pub fn change(&self, terms: Arc<SaleTerms>) {
        self.closes_at_us.store(closes_at_us(&terms), Ordering::Relaxed);
        self.terms.store(terms);
    }
}

impl Item {
    /// Its number.
    #[must_use]
    pub fn no(&self) -> ItemNo {
        self.no
    }

    /// The number of its sale.
    #[must_use]
    pub fn sale(&self) -> SaleNo {
        self.sale
    }

    /// Its terms; `stock` is what there was when it came into memory.
    #[must_use]
    pub fn terms(&self) -> &ItemTerms {
        &self.terms
    }

    /// Units that the shop has put on sale, sold ones included.
    #[must_use]
    pub fn on_sale(&self) -> u32 {
        // Relaxed: a figure for people, and for the keeper's bound, which a refund can only move away from it.
        self.on_sale.load(Ordering::Relaxed)
    }

    /// The shop has put units on sale.
    pub fn put_on_sale(&self, units: u32) {
        // Relaxed, and one step, for a refund may take some off sale at the same moment.
        self.on_sale.fetch_add(units, Ordering::Relaxed);
    }

    /// The shop has taken units off sale, or they were refunded and haven't come back.
    pub fn take_off_sale(&self, units: u32) {
        self.on_sale.fetch_sub(units, Ordering::Relaxed);
    }
}

fn closes_at_us(terms: &SaleTerms) -> i64 {
    terms.closes_at.map_or(i64::MAX, WallTime::micros)
}

#[derive(Debug, Default, Clone)]
struct Names {
    sales: HashMap<SaleId, NamedSale, RandomState>,
}

#[derive(Debug, Clone)]
struct NamedSale {
    no: SaleNo,
    items: HashMap<Sku, ItemNo, RandomState>,
}

/// Every sale and item there is.
#[derive(Debug, Default)]
pub struct Catalog {
    sales: boxcar::Vec<Sale>,
    items: boxcar::Vec<Item>,
    names: ArcSwap<Names>,
    /// Held while something is added, so that numbers are given one by one.
    adding: Mutex<()>,
}

impl Catalog {
    /// Adds a sale with its items, as the ledger has it. It gets the next number, its items the next ones.
    pub fn add(&self, terms: SaleTerms, phase: Phase, items: impl IntoIterator<Item = ItemTerms>) -> &Sale {
        let adding = self.adding.lock();
        let no = SaleNo(u32::try_from(self.sales.count()).unwrap_or(u32::MAX));
        let id = terms.id.clone();
        let index = self.sales.push(Sale {
            no,
            id: id.clone(),
            closes_at_us: AtomicI64::new(closes_at_us(&terms)),
            terms: ArcSwap::from_pointee(terms),
            items: ArcSwap::default(),
            gate: Gate::new(phase),
        });
        let mut names = Names::clone(&self.names.load());
        names.sales.insert(id, NamedSale { no, items: HashMap::default() });
        self.names.store(Arc::new(names));
        drop(adding);
        let sale = &self.sales[index];
        self.add_items(sale, items);
        sale
    }

    /// Adds items to a sale; they get the next numbers.
    pub fn add_items(&self, sale: &Sale, items: impl IntoIterator<Item = ItemTerms>) {
        let _adding = self.adding.lock();
        let mut shown = Vec::clone(&sale.items.load());
        let mut names = Names::clone(&self.names.load());
        for terms in items {
            let no = ItemNo(u32::try_from(self.items.count()).unwrap_or(u32::MAX));
            if let Some(named) = names.sales.get_mut(&sale.terms.load().id) {
                named.items.insert(terms.sku.clone(), no);
            }
            shown.push(no);
            self.items.push(Item { no, sale: sale.no, on_sale: AtomicU32::new(terms.stock), terms });
        }
        sale.items.store(Arc::new(shown));
        // Last: who finds a name finds what it means.
        self.names.store(Arc::new(names));
    }

    /// All sales, in the order of their numbers.
    pub fn sales(&self) -> impl Iterator<Item = &Sale> {
        self.sales.iter().map(|(_, sale)| sale)
    }

    /// The sale of a number that the ledger or the catalog has given.
    #[must_use]
    pub fn sale(&self, no: SaleNo) -> Option<&Sale> {
        self.sales.get(no.index())
    }

    /// The item of a number that the ledger or the catalog has given.
    #[must_use]
    pub fn item(&self, no: ItemNo) -> Option<&Item> {
        self.items.get(no.index())
    }

    /// The number of the next sale that is added.
    #[must_use]
    pub fn next_sale(&self) -> SaleNo {
        SaleNo(u32::try_from(self.sales.count()).unwrap_or(u32::MAX))
    }

    /// The number of the next item that is added.
    #[must_use]
    pub fn next_item(&self) -> ItemNo {
        ItemNo(u32::try_from(self.items.count()).unwrap_or(u32::MAX))
    }

    /// The sale of a name.
    #[must_use]
    pub fn find_sale(&self, id: &str) -> Option<&Sale> {
        self.sales.get(self.names.load().sales.get(id)?.no.index())
    }

    /// The item of a name, with its sale: the second is none where the sale has no such item.
    #[must_use]
    pub fn find(&self, id: &str, sku: &str) -> Option<(&Sale, Option<&Item>)> {
        let names = self.names.load();
        let named = names.sales.get(id)?;
        let item = named.items.get(sku).and_then(|no| self.items.get(no.index()));
        Some((self.sales.get(named.no.index())?, item))
    }
}
