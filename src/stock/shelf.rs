//! One item's units: how many are free, and the sign that says there are none.
//!
//! Free units lie in several counters, so that threads which take at the same time don't share a cache line. Taking from
//! one counter needs nobody's leave. Whatever could mislead somebody who is counting needs the shelf's lock: putting
//! units on, gathering from several counters, hanging out the sign. So under the lock the counters only fall, and
//! whoever has seen each of them empty knows that at that instant all were.
//!
//! A lock, and not the epoch that a scan would compare before and after: who scans has to wait for a move that is
//! underway in either case, and a lock waits without spinning. It is met only near the end of an item's stock, and
//! behind the sign by nobody.
//!
//! Absent: whose units they are, and why they move.
//!
//! **Invariant:** no counter falls below zero: a unit is taken by one checked swap or not at all.
//!
//! **Invariant:** a take is refused only if at an instant within the call too few units were free. Units that a gather
//! has in its hand are free until it has them all: whoever misses them waits for the lock.
//!
//! **Invariant:** while the sign says sold out, every counter is zero: it is written under the lock only, and taken in
//! *before* units are put on.

use std::sync::PoisonError;

use crossbeam_utils::CachePadded;

use super::Unavailable;
use crate::ids::Quantity;
use crate::order::OrderState;
use crate::sync::{AtomicU8, AtomicU32, Mutex, MutexGuard, Ordering};

/// What the sign says, as the word holds it.
const OPEN: u8 = 0;
const SOLD_OUT: u8 = 1;
const SOLD_OUT_HELD_MAY_RETURN: u8 = 2;

/// One item's units.
#[derive(Debug)]
pub struct Shelf {
    /// [`OPEN`], [`SOLD_OUT`] or [`SOLD_OUT_HELD_MAY_RETURN`]; on a line of its own, because everybody reads it.
    sign: CachePadded<AtomicU8>,
    counting: CachePadded<Mutex<()>>,
    /// A power of two of them.
    shards: Box<[CachePadded<Shard>]>,
}

#[derive(Debug)]
struct Shard {
    /// Units that anybody may take. Falls at any time, rises under the lock only.
    free: AtomicU32,
    /// This shard's part of the held units: the sum over all shards, modulo 2³², counts, for a hold may begin at one
    /// home and end at another. Rises before its units are taken, falls under the lock only.
    held: AtomicU32,
}

impl Shard {
    /// All of them or none; says how many are left behind them.
    fn take_whole(&self, units: u32) -> Option<u32> {
        // Acquire: after the return that put the unit here. Release: `held`, raised before, is seen by who finds the
        // shard empty.
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(units));
        taken.ok().map(|free| free - units)
    }

    fn take_up_to(&self, units: u32) -> u32 {
        // Acquire, also where nothing is left: what the takers of the last units counted as held is seen from here on.
        self.free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
                let taken = free.min(units);
                (taken > 0).then(|| free - taken)
            })
            .map_or(0, |free| free.min(units))
    }

    fn put(&self, units: u32) {
        // Release: pairs with the acquire of whoever takes the unit next.
        self.free.fetch_add(units, Ordering::Release);
    }
}

impl Shelf {
    /// A shelf with `free` units, and `held` units in buyers' hands that may come back. `shards` is rounded up to a
    /// power of two.
    #[must_use]
    pub fn new(shards: usize, free: u32, held: u32) -> Self {
        let shard = || CachePadded::new(Shard { free: AtomicU32::new(0), held: AtomicU32::new(0) });
        let shelf = Self {
            sign: CachePadded::new(AtomicU8::new(OPEN)),
            counting: CachePadded::new(Mutex::new(())),
            shards: (0..shards.next_power_of_two()).map(|_| shard()).collect(),
        };
        // Relaxed: nobody else knows the shelf yet.
        shelf.home(0).held.fetch_add(held, Ordering::Relaxed);
        shelf.add(free);
        shelf.look_for_the_end(&shelf.lock());
        shelf
    }

    /// Reads the sign: one load.
    ///
    /// # Refuses
    /// [`Unavailable::SoldOut`]; an open sign promises nothing.
    pub fn peek(&self) -> Result<(), Unavailable> {
        // Relaxed: nothing else is read on the strength of it, and who knows of a return has the sign's change in its
        // past.
        said_by(self.sign.load(Ordering::Relaxed))
    }

    /// Takes units for an order that will be held or confirmed: from `home` first, then from wherever they lie. Who takes the
    /// last one hangs out the sign.
    ///
    /// # Refuses
    /// [`Unavailable::SoldOut`] and hangs out the sign, [`Unavailable::InsufficientStock`].
    pub fn take(&self, home: usize, units: Quantity, becomes: OrderState) -> Result<(), Unavailable> {
        let (units, held) = (units.units(), held_units(units, becomes));
        if held > 0 {
            // Before the take, so that nobody finds the shelf empty and the held ones not counted. Relaxed: published
            // by the take itself.
            self.home(home).held.fetch_add(held, Ordering::Relaxed);
        }
        if let Some(left) = self.beginning_at(home).find_map(|shard| shard.take_whole(units)) {
            if left == 0 {
                // Of several who empty a counter each, the last one in here sees all of them empty.
                self.look_for_the_end(&self.lock());
            }
            return Ok(());
        }
        let counting = self.lock();
        let got = self.gather(&counting, home, units);
        if got == units {
            self.look_for_the_end(&counting);
            return Ok(());
        }
        self.home(home).held.fetch_sub(held, Ordering::Relaxed);
        if got > 0 {
            return Err(Unavailable::InsufficientStock);
        }
        Err(self.hang_out_the_sign(&counting))
    }

    /// Puts the units of an order back that was held or confirmed.
    pub fn put_back(&self, home: usize, units: Quantity, was: OrderState) {
        let _counting = self.lock();
        self.take_in_the_sign();
        self.home(home).put(units.units());
        self.home(home).held.fetch_sub(held_units(units, was), Ordering::Relaxed);
    }

    /// A held order was confirmed: its units won't come back by themselves.
    pub fn confirm(&self, home: usize, units: Quantity) {
        let counting = self.lock();
        self.home(home).held.fetch_sub(units.units(), Ordering::Relaxed);
        // Relaxed: only written under the lock.
        if self.sign.load(Ordering::Relaxed) != OPEN {
            self.hang_out_the_sign(&counting);
        }
    }

    /// Puts new units on, spread over all shards. The item's stock stays at most [`crate::offer::STOCK_MAX`].
    pub fn add(&self, units: u32) {
        let _counting = self.lock();
        if units == 0 {
            return;
        }
        self.take_in_the_sign();
        // At most 8 shards by default; a count of shards that doesn't fit 32 bits doesn't fit memory.
        let shards = u32::try_from(self.shards.len()).unwrap_or(u32::MAX);
        for (shard, number) in self.shards.iter().zip(0..) {
            shard.put(units / shards + u32::from(number < units % shards));
        }
    }

    /// Takes free units off sale, all or none; says whether it could.
    #[must_use]
    pub fn withdraw(&self, home: usize, units: u32) -> bool {
        let counting = self.lock();
        let is_done = self.gather(&counting, home, units) == units;
        self.look_for_the_end(&counting);
        is_done
    }

    /// How many units are free. Waits for a gather that is underway, so that it never shows one.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let _counting = self.lock();
        self.shards.iter().map(|shard| shard.free.load(Ordering::Acquire)).sum()
    }

    /// How many units held orders have, those underway included.
    #[must_use]
    pub fn held(&self) -> u32 {
        self.count_held(&self.lock())
    }

    /// Takes units from as many shards as it needs; too few are put back. Returns how many there were, at most `units`:
    /// where they are fewer, they were all that was free when the last shard was emptied.
    fn gather(&self, _counting: &MutexGuard<'_, ()>, home: usize, units: u32) -> u32 {
        let got = self.beginning_at(home).fold(0, |got, shard| got + shard.take_up_to(units - got));
        if got < units {
            self.home(home).put(got);
        }
        got
    }

    fn look_for_the_end(&self, counting: &MutexGuard<'_, ()>) {
        // Acquire: as in `Shard::take_up_to`.
        if self.shards.iter().all(|shard| shard.free.load(Ordering::Acquire) == 0) {
            self.hang_out_the_sign(counting);
        }
    }

    fn hang_out_the_sign(&self, counting: &MutexGuard<'_, ()>) -> Unavailable {
        let held_may_return = self.count_held(counting) > 0;
        let word = if held_may_return { SOLD_OUT_HELD_MAY_RETURN } else { SOLD_OUT };
        // Relaxed: see `peek`.
        self.sign.store(word, Ordering::Relaxed);
        Unavailable::SoldOut { held_may_return }
    }

    fn take_in_the_sign(&self) {
        // Relaxed: the release of `put`, which follows, publishes it with the unit.
        self.sign.store(OPEN, Ordering::Relaxed);
    }

    /// Exact for every take that was found done, for those before it; a take that is underway may be counted. Never
    /// less than zero, as under the lock the parts only rise.
    fn count_held(&self, _counting: &MutexGuard<'_, ()>) -> u32 {
        // Relaxed: published by the shard's `free`, or by the lock.
        self.shards.iter().fold(0, |sum: u32, shard| sum.wrapping_add(shard.held.load(Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        // A poisoned lock guards nothing that could be half done: the counters are true at every step.
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self, home: usize) -> &Shard {
        &self.shards[home & (self.shards.len() - 1)]
    }

    fn beginning_at(&self, home: usize) -> impl Iterator<Item = &Shard> {
        (0..self.shards.len()).map(move |step| self.home(home.wrapping_add(step)))
    }
}

fn said_by(sign: u8) -> Result<(), Unavailable> {
    match sign {
        OPEN => Ok(()),
        word => Err(Unavailable::SoldOut { held_may_return: word == SOLD_OUT_HELD_MAY_RETURN }),
    }
}

fn held_units(units: Quantity, state: OrderState) -> u32 {
    if state == OrderState::Held { units.units() } else { 0 }
}
