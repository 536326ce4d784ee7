//! What outlives a process: the disk, the clock, the dice, and what people have been told.

use std::collections::HashMap;
use std::time::Duration;

use super::dice::{Dice, Trace};
use crate::clock::{Clock, WallTime};
use crate::ids::OrderId;
use crate::ledger::imagined::ImaginedDisk;
use crate::ledger::row::EventKind;
use crate::offer::Phase;
use crate::orders::rules::Rules;

pub(super) const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
pub(super) const SALE: &str = "launch";
pub(super) const SKUS: [&str; 2] = ["shoe", "hat"];
pub(super) const BUYERS: [&str; 6] = ["ann", "ben", "cem", "dana", "eve", "finn"];
pub(super) const KEYS: [&str; 3] = ["k-1", "k-2", "k-3"];
pub(super) const RULES: Rules = Rules {
    payment_grace: Duration::from_secs(10),
    payment_extension_max: Duration::from_secs(25),
    restart_grace: Duration::from_secs(5),
    refund_restocks: true,
};

/// What the buyer of an order knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promised {
    /// He was told nothing.
    Nothing,
    /// It is his.
    Yes,
    /// It is certainly not his.
    No,
}

/// An order that was ever handed to the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) id: OrderId,
    pub(super) promised: Promised,
}

/// What a simulation came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) steps: u64,
    pub(super) deaths: u64,
    pub(super) faults: u64,
    pub(super) orders: u64,
    pub(super) events: u64,
    pub(super) quiet_moments: u64,
    /// Sales that have opened at their bell, and attempts before it.
    pub(super) bells: u64,
    pub(super) too_early: u64,
    /// Events of each kind, in their order.
    pub(super) kinds: [u64; EventKind::ALL.len()],
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.deaths += other.deaths;
        self.faults += other.faults;
        self.orders += other.orders;
        self.events += other.events;
        self.quiet_moments += other.quiet_moments;
        self.bells += other.bells;
        self.too_early += other.too_early;
        for (sum, count) in self.kinds.iter_mut().zip(other.kinds) {
            *sum += count;
        }
    }
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    pub(super) clock: Clock,
    /// The latest that the wall clock has ever shown, for it may be set back.
    pub(super) latest: WallTime,
    pub(super) disk: ImaginedDisk,
    /// In the order in which they were handed over: a trace names them by their numbers, for ids are random.
    pub(super) known: Vec<Known>,
    pub(super) numbers: HashMap<OrderId, usize>,
    pub(super) cool_down: Duration,
    pub(super) queue_orders: usize,
    /// Events that the trace has, and where they have brought the sale.
    pub(super) traced: i64,
    pub(super) phase: Option<Phase>,
    /// Messages of payments that were made up.
    pub(super) messages: u64,
    pub(super) sum: Sum,
}

impl World {
    pub(super) fn new(seed: u64, is_shown: bool) -> Self {
        let mut dice = Dice::new(seed);
        // A queue that is soon full, mostly.
        let queue_orders = dice.pick(&[2, 4, 8, 1000]);
        let cool_down = Duration::from_secs(dice.pick(&[0, 0, 30]));
        Self {
            dice,
            trace: Trace::new(is_shown),
            clock: Clock::manual(NOON),
            latest: NOON,
            disk: ImaginedDisk::new(),
            known: Vec::new(),
            numbers: HashMap::new(),
            cool_down,
            queue_orders,
            traced: 0,
            phase: None,
            messages: 0,
            sum: Sum::default(),
        }
    }

    pub(super) fn now(&self) -> WallTime {
        self.clock.now().wall
    }

    pub(super) fn handed_over(&mut self, id: OrderId) -> usize {
        self.numbers.insert(id, self.known.len());
        self.known.push(Known { id, promised: Promised::Nothing });
        self.sum.orders += 1;
        self.known.len() - 1
    }

    /// Writes into the trace what the disk has got since the last time.
    pub(super) fn trace_disk(&mut self) {
        for event in self.disk.events_after(self.traced) {
            self.traced += 1;
            let nth = EventKind::ALL.iter().position(|kind| kind.word() == event.kind).expect("a known kind");
            self.sum.kinds[nth] += 1;
            self.follow(EventKind::ALL[nth]);
            let number = event.order.and_then(|id| self.numbers.get(&OrderId::from_bytes(id)));
            let number = number.map_or(String::new(), |number| format!(" #{number}"));
            let units = event.quantity.map_or(String::new(), |units| format!(" {units}"));
            self.trace.line(&format!("  {}: {}{number}{units}", self.traced, event.kind));
        }
    }

    /// Goes where an event brings the sale: it opens at its bell, and nothing is won but while it is live, in the log's order.
    fn follow(&mut self, kind: EventKind) {
        match kind {
            EventKind::SaleCreated => self.phase = Some(Phase::Scheduled),
            EventKind::SaleOpened => {
                let opens_at = self.disk.durable().sales[0].opens_at_us;
                let latest = self.latest.max(self.now()).micros();
                assert!(
                    opens_at.is_none_or(|opens_at| opens_at <= latest),
                    "I5: open at {latest}, before {opens_at:?}"
                );
                self.sum.bells += u64::from(opens_at.is_some());
                self.phase = Some(Phase::Live);
            }
            EventKind::SalePaused => self.phase = Some(Phase::Paused),
            EventKind::SaleResumed => self.phase = Some(Phase::Live),
            EventKind::SaleEnded => self.phase = Some(Phase::Ended),
            EventKind::OrderPlaced => assert_eq!(self.phase, Some(Phase::Live), "I5: an order at {}", self.traced),
            _ => {}
        }
    }

    /// Whether the disk has an event of that kind about an order.
    pub(super) fn has(&self, number: usize, kinds: &[&str]) -> bool {
        let id = self.known[number].id;
        kinds.iter().any(|kind| self.disk.has(kind, Some(id.as_bytes()), None))
    }
}
