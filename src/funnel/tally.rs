//! The funnel's counts: how many came, where they were refused, how many won.
//!
//! Each thread counts in its own cache line, so that a million refusals don't fight for one; the sum is taken by whoever
//! looks.
//!
//! **Invariant:** whenever nothing is in flight, attempts = Σ refused + won + replayed.

use crossbeam_utils::CachePadded;
use serde::Serialize;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use utoipa::ToSchema;

use super::refusal::Layer;
use crate::home::home;
use crate::ids::SaleNo;

/// Lines per sale. More threads than this share lines, which costs time and no count.
const LINES: usize = 8;

/// One thread's share of a sale's counts.
#[derive(Debug, Default)]
struct Line {
    attempts: AtomicU64,
    replayed: AtomicU64,
    refused: [AtomicU64; Layer::ALL.len()],
    won: AtomicU64,
    stored: AtomicU64,
    reached_ledger: AtomicU64,
}

/// A sale's counts.
#[derive(Debug, Default)]
pub struct Tally {
    lines: [CachePadded<Line>; LINES],
}

/// What a [`Tally`] adds up to, since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests to the attempt's route.
    pub attempts: u64,
    /// Answered with an order that was won before.
    pub replayed: u64,
    /// Refused, by floor.
    pub refused: [u64; Layer::ALL.len()],
    /// Told yes.
    pub won: u64,
    /// Of the won: synced to the ledger's disk.
    pub stored: u64,
    /// Handed to the ledger, whatever came of it.
    pub reached_ledger: u64,
}

impl Tally {
    // Relaxed everywhere: a count orders nothing; who wants an exact sum waits until nothing is in flight.
    fn line(&self) -> &Line {
        &self.lines[home() % LINES]
    }

    /// Somebody came and was refused by what his request's head says.
    pub fn refused_at_once(&self, layer: Layer) {
        self.line().attempts.fetch_add(1, Ordering::Relaxed);
        self.count_refused(layer);
    }

    /// Somebody came; what this returns takes the verdict.
    pub fn attempt(&self) -> Visit<&Self> {
        Visit::begin(self)
    }

    /// An order that was handed over is won.
    pub fn count_won(&self) {
        self.line().won.fetch_add(1, Ordering::Relaxed);
    }

    /// An order is on disk.
    pub fn count_stored(&self) {
        self.line().stored.fetch_add(1, Ordering::Relaxed);
    }

    /// An order that was handed over could not be stored, or nobody knows.
    pub fn count_unwritten(&self) {
        self.count_refused(Layer::Ledger);
    }

    fn count_refused(&self, layer: Layer) {
        self.line().refused[layer as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// What it adds up to now.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for line in &self.lines {
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            sums.attempts += read(&line.attempts);
            sums.replayed += read(&line.replayed);
            for (sum, count) in sums.refused.iter_mut().zip(&line.refused) {
                *sum += read(count);
            }
            sums.won += read(&line.won);
            sums.stored += read(&line.stored);
            sums.reached_ledger += read(&line.reached_ledger);
        }
        sums
    }
}

/// One attempt that has been counted and waits for its verdict; the first one counts. Dropped without one (the client hung
/// up while its body was awaited), it counts as refused at the door.
#[derive(Debug)]
#[must_use]
pub struct Visit<T: Deref<Target = Tally>> {
    tally: Option<T>,
}

impl<T: Deref<Target = Tally>> Visit<T> {
    /// Somebody came.
    pub fn begin(tally: T) -> Self {
        tally.line().attempts.fetch_add(1, Ordering::Relaxed);
        Self { tally: Some(tally) }
    }

    /// It was refused.
    pub fn refused(&mut self, layer: Layer) {
        if let Some(tally) = self.tally.take() {
            tally.count_refused(layer);
        }
    }

    /// It got an order that was won before.
    pub fn replayed(&mut self) {
        if let Some(tally) = self.tally.take() {
            tally.line().replayed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its order was handed to the ledger, which counts the verdict when it is known.
    pub fn handed_over(&mut self) {
        if let Some(tally) = self.tally.take() {
            tally.line().reached_ledger.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<T: Deref<Target = Tally>> Drop for Visit<T> {
    fn drop(&mut self) {
        if let Some(tally) = &self.tally {
            tally.count_refused(Layer::Door);
        }
    }
}

/// The counts of every sale, and of all attempts at sales that don't exist in one place.
#[derive(Debug, Default)]
pub struct Tallies {
    sales: boxcar::Vec<Tally>,
    unknown: Tally,
}

impl Tallies {
    /// Makes room for the sale with the next number.
    pub fn add_sale(&self) {
        self.sales.push(Tally::default());
    }

    /// A sale's counts; none stands for a sale that doesn't exist.
    #[must_use]
    pub fn of(&self, sale: Option<SaleNo>) -> &Tally {
        sale.and_then(|sale| self.sales.get(sale.index())).unwrap_or(&self.unknown)
    }

    /// What all of them add up to.
    #[must_use]
    pub fn total(&self) -> Sums {
        self.sales.iter().map(|(_, tally)| tally.sums()).fold(self.unknown.sums(), Sums::plus)
    }
}

impl Sums {
    fn plus(mut self, other: Self) -> Self {
        self.attempts += other.attempts;
        self.replayed += other.replayed;
        for (sum, count) in self.refused.iter_mut().zip(other.refused) {
            *sum += count;
        }
        self.won += other.won;
        self.stored += other.stored;
        self.reached_ledger += other.reached_ledger;
        self
    }

    /// As the funnel's endpoint shows it.
    #[must_use]
    pub fn report(&self) -> FunnelReport {
        let [door, client, access, sale, stock, ledger] = self.refused;
        FunnelReport {
            attempts: self.attempts,
            replayed: self.replayed,
            refused: RefusedReport { door, client, access, sale, stock, ledger },
            won: self.won,
            stored: self.stored,
            reached_ledger_ratio: ratio(self.reached_ledger, self.attempts),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people; 2⁵³ attempts are out of reach")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The contract's funnel object.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct FunnelReport {
    pub attempts: u64,
    pub replayed: u64,
    pub refused: RefusedReport,
    pub won: u64,
    pub stored: u64,
    pub reached_ledger_ratio: f64,
}

/// Refusals by floor, from the top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct RefusedReport {
    pub door: u64,
    pub client: u64,
    pub access: u64,
    pub sale: u64,
    pub stock: u64,
    pub ledger: u64,
}
