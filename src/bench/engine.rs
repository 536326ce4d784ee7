//! The engine alone: how many attempts a second the floors decide, from the limits to the ledger's queue.
//!
//! Deliberately absent: sockets, HTTP and disk. What is measured is what an attempt costs where nothing else does.
//!
//! **Invariant:** rates are measured without a clock around each decision; percentiles in a pass of their own, whose clock
//! costs what is named beside them.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::house::{self, Shelf};
use crate::access::Quota;
use crate::client::{PassBuffer, Proof};
use crate::clock::Clock;
use crate::funnel::{Attempt, Descent, Funnel};
use crate::ids::{BuyerRef, Quantity};
use crate::ledger::DeskId;
use crate::offer::Phase;
use crate::order::Ack;
use crate::stock::Wanted;

/// Attempts between two looks at the clock.
const CHUNK: u64 = 1_024;
/// A house is left for a new one after so many wins on each thread: orders live as long as their house.
const WINS_MAX: u64 = 400_000;
/// Of the mix where almost everybody loses, one attempt in so many wins.
const ONE_IN: u64 = 10_000;
/// A prime, so that every buyer comes, in an order that no prefetcher guesses.
const STRIDE: usize = 7_919;
/// Nothing that is measured here takes a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// Who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// Nothing is left.
    SoldOut,
    /// Everybody has knocked too often.
    Limited,
    /// There is enough for everybody.
    AllWin,
    /// One in ten thousand wins.
    AlmostAllLose,
}

impl Mix {
    /// All of them, the cheapest first.
    pub const ALL: [Self; 4] = [Self::SoldOut, Self::Limited, Self::AlmostAllLose, Self::AllWin];

    /// As people call it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SoldOut => "sold out",
            Self::Limited => "limited",
            Self::AllWin => "all win",
            Self::AlmostAllLose => "99.99 % lose",
        }
    }

    fn shelf(self) -> anyhow::Result<Shelf> {
        // A bucket that is empty after the first attempt, and stays so.
        let slow = Quota::new(0.001, 1)?;
        let buyer_quota = if self == Self::Limited { slow } else { None };
        let stock = if matches!(self, Self::AllWin | Self::AlmostAllLose) { crate::offer::STOCK_MAX } else { 0 };
        Ok(Shelf { stock, limit_per_buyer: u32::MAX, buyer_quota, phase: Phase::Live })
    }

    fn sku(self, count: u64) -> &'static str {
        match self {
            Self::AlmostAllLose if !count.is_multiple_of(ONE_IN) => house::GONE,
            _ => house::SKU,
        }
    }
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct EngineTerms {
    /// How long each figure is measured.
    pub seconds: Duration,
    /// How many different buyers come.
    pub buyers: NonZeroUsize,
}

/// What came of one mix on so many threads.
#[derive(Debug, Clone, Serialize)]
pub struct EngineFigures {
    /// Who came.
    pub mix: Mix,
    /// On how many threads.
    pub threads: usize,
    /// By how many buyers.
    pub buyers: usize,
    /// Decisions of all threads together.
    pub decisions_per_s: f64,
    /// Of one thread.
    pub ns_per_decision: f64,
    /// Half of all decisions take no longer, the clock's two looks included.
    pub p50_ns: u64,
    /// Of a thousand decisions 999 take no longer.
    pub p999_ns: u64,
    /// What the two looks cost by themselves.
    pub clock_ns: u64,
    /// How often memory was asked for in each attempt; none where nobody counts.
    pub allocations_per_decision: Option<f64>,
    /// How long all of them took, in nanoseconds.
    #[serde(skip)]
    pub histogram: Histogram<u64>,
}

/// One attempt, as the door makes it. True where it won.
pub fn attempt(funnel: &Funnel, clock: &Clock, sku: &str, buyer: BuyerRef<'_>) -> bool {
    let now = clock.now();
    let aim = funnel.sales.aim(house::SALE, sku);
    let tally = funnel.tallies.of(aim.sale_no());
    let mut buffer = PassBuffer::default();
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let attempt = Attempt { address, aim, proof: Proof::Vouched(buyer), key: None };
    match funnel.descend(attempt, &mut buffer, now) {
        Ok(Descent::Open(entered)) => {
            let wanted = Wanted { key: None, quantity: Quantity::ONE, ack: Ack::Memory };
            let mut visit = tally.attempt();
            let taken = funnel.take(&entered, wanted, DeskId::NONE, now);
            match taken {
                Ok(_) => visit.handed_over(),
                Err(refusal) => visit.refused(refusal.layer()),
            }
            taken.is_ok()
        }
        Ok(Descent::Again(..)) => false,
        Err(refusal) => {
            tally.refused_at_once(refusal.layer());
            false
        }
    }
}

/// One thread's buyers, who come again and again.
struct Crowd<'a> {
    names: &'a [BuyerRef<'a>],
    next: usize,
    count: u64,
    mix: Mix,
}

impl Crowd<'_> {
    fn attempt(&mut self, funnel: &Funnel, clock: &Clock) -> bool {
        self.next = (self.next + STRIDE) % self.names.len();
        self.count += 1;
        attempt(funnel, clock, self.mix.sku(self.count), self.names[self.next])
    }
}

/// Until the time is over or the house is full: how many decisions, in how long.
fn race(funnel: &Funnel, crowd: &mut Crowd<'_>, until: Duration) -> (u64, Duration) {
    let clock = Clock::system();
    let (begun, mut decided, mut wins) = (Instant::now(), 0, 0);
    while begun.elapsed() < until && wins < WINS_MAX {
        for _ in 0..CHUNK {
            wins += u64::from(crowd.attempt(funnel, &clock));
        }
        decided += CHUNK;
    }
    (decided, begun.elapsed())
}

/// Until the time is over or the house is full: how long each decision takes.
fn time_each(funnel: &Funnel, crowd: &mut Crowd<'_>, until: Duration) -> anyhow::Result<Histogram<u64>> {
    let clock = Clock::system();
    let mut histogram = Histogram::new_with_max(LONGEST_NS, 3)?;
    let (begun, mut wins) = (Instant::now(), 0);
    while begun.elapsed() < until && wins < WINS_MAX {
        for _ in 0..CHUNK {
            let before = Instant::now();
            wins += u64::from(crowd.attempt(funnel, &clock));
            histogram.saturating_record(nanos(before));
        }
    }
    Ok(histogram)
}

/// What two looks at the clock cost, one behind the other.
fn clock_ns() -> anyhow::Result<u64> {
    let mut histogram = Histogram::<u64>::new_with_max(LONGEST_NS, 3)?;
    for _ in 0..100_000 {
        let before = Instant::now();
        histogram.saturating_record(nanos(before));
    }
    Ok(histogram.value_at_quantile(0.5))
}

/// Runs `work` on so many threads, each with buyers of its own, all in one house.
fn on_threads<T: Send>(
    (threads, mix): (usize, Mix),
    names: &[BuyerRef<'_>],
    work: impl Fn(&Funnel, &mut Crowd<'_>) -> T + Sync,
) -> anyhow::Result<Vec<T>> {
    let funnel = house::open(mix.shelf()?)?;
    let own = (names.len() / threads).max(1);
    let done = thread::scope(|scope| {
        let workers = names.chunks(own).take(threads).map(|names| {
            let (work, funnel) = (&work, &funnel);
            scope.spawn(move || work(funnel, &mut Crowd { names, next: 0, count: 0, mix }))
        });
        let workers: Vec<_> = workers.collect();
        workers.into_iter().map(|worker| worker.join()).collect::<Result<Vec<_>, _>>()
    });
    funnel.ledger.close();
    done.map_err(|_| anyhow::anyhow!("a thread has panicked"))
}

/// One mix on so many threads.
///
/// # Errors
/// Where threads can't be started.
pub fn measure(mix: Mix, threads: usize, terms: EngineTerms) -> anyhow::Result<EngineFigures> {
    let names: Vec<String> = (0..terms.buyers.get()).map(|number| format!("b-{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| BuyerRef::parse(name.as_bytes())).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    let (mut rates, mut per_thread_ns) = (Vec::new(), Vec::new());
    while rates.is_empty() || begun.elapsed() < terms.seconds {
        let left = terms.seconds.saturating_sub(begun.elapsed()).max(terms.seconds / 10);
        let done = on_threads((threads, mix), &names, |funnel, crowd| race(funnel, crowd, left))?;
        let each = |(decided, took): &(u64, Duration)| *decided as f64 / took.as_secs_f64();
        let rate: f64 = done.iter().map(each).sum();
        rates.push(rate);
        per_thread_ns.push(threads as f64 * 1e9 / rate);
    }
    let mut all = Histogram::<u64>::new_with_max(LONGEST_NS, 3)?;
    for histogram in on_threads((threads, mix), &names, |funnel, crowd| time_each(funnel, crowd, terms.seconds / 2))? {
        all.add(histogram?)?;
    }
    Ok(EngineFigures {
        mix,
        threads,
        buyers: terms.buyers.get(),
        decisions_per_s: median(&mut rates),
        ns_per_decision: median(&mut per_thread_ns),
        p50_ns: all.value_at_quantile(0.5),
        p999_ns: all.value_at_quantile(0.999),
        clock_ns: clock_ns()?,
        allocations_per_decision: allocations(mix, &names)?,
        histogram: all,
    })
}

/// How often an attempt asks for memory, counted by a test build's allocator: a counting one has no place in a shop.
#[cfg(feature = "torture")]
fn allocations(mix: Mix, names: &[BuyerRef<'_>]) -> anyhow::Result<Option<f64>> {
    let funnel = house::open(mix.shelf()?)?;
    let (mut crowd, clock) = (Crowd { names, next: 0, count: 0, mix }, Clock::system());
    let mut come = || (0..CHUNK).filter(|_| crowd.attempt(&funnel, &clock)).count();
    // Who comes first finds out that nothing is left, and fills tables that stay.
    come();
    let counted = allocation_counter::measure(|| {
        come();
    })
    .count_total;
    funnel.ledger.close();
    Ok(Some(counted as f64 / CHUNK as f64))
}

#[cfg(not(feature = "torture"))]
fn allocations(_: Mix, _: &[BuyerRef<'_>]) -> anyhow::Result<Option<f64>> {
    Ok(None)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
