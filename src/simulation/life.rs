//! One process, from its start over what the disk has to its death.

use std::sync::Arc;
use std::time::Duration;

use super::waiting::{About, Told, Waiter};
use super::world::{Promised, RULES, SALE, World};
use crate::access::{Access, AccessSettings};
use crate::cashier::Cashier;
use crate::client::{Client, ClientSettings, PassBuffer, Secret};
use crate::funnel::{Funnel, Reach, Tally, Visit};
use crate::keeper::Keeper;
use crate::ledger::imagined::Luck;
use crate::ledger::{LedgerState, Writer};
use crate::order::Ack;
use crate::sale::Entered;

/// So many steps a process lives at most, and so many attempts are made.
const STEPS: u64 = 120;

/// So many turns of the writer are more than enough for everybody to have his answer.
pub(super) const ROUNDS_MAX: u32 = 100;

/// What a buyer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) sku: usize,
    pub(super) buyer: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) units: u32,
}

/// How far an attempt has got.
pub(super) enum Stage<'a> {
    /// It was let in by its head; its body is awaited.
    Entered(Entered<'a>),
    /// It has its claim and its place, and not yet its units.
    Reached(Reach<'a>),
}

/// An attempt that is underway.
pub(super) struct Underway<'a> {
    pub(super) ask: Ask,
    pub(super) visit: Visit<&'a Tally>,
    pub(super) stage: Stage<'a>,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The process is gone from one moment to the next.
    Killed,
    /// It was told to end, and wrote what was queued.
    Closed,
}

pub(super) struct Life<'a, 'w> {
    pub(super) world: &'w mut World,
    pub(super) funnel: &'a Funnel,
    pub(super) cashier: &'a Cashier,
    pub(super) keeper: &'a Keeper,
    pub(super) writer: Writer,
    pub(super) buffers: std::slice::IterMut<'a, PassBuffer>,
    pub(super) attempts: Vec<Underway<'a>>,
    pub(super) waiters: Vec<Waiter<'a>>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Arrive,
    GoOn,
    Write,
    Probe,
    Expire,
    Tick,
    Move,
    Change,
    Time,
    Quiet,
    Kill,
    Close,
}

const STEPS_OF_A_LIFE: [(u64, Step); 12] = [
    (30, Step::Arrive),
    (34, Step::GoOn),
    (22, Step::Write),
    (4, Step::Probe),
    (8, Step::Expire),
    (8, Step::Tick),
    (22, Step::Move),
    (8, Step::Change),
    (12, Step::Time),
    (6, Step::Quiet),
    (2, Step::Kill),
    (1, Step::Close),
];

/// A process lives over what the disk has.
pub(super) fn live(world: &mut World) -> End {
    world.trace.line(&format!("a start at {}", world.now()));
    let opened = world.disk.open(world.clock.clone(), world.queue_orders).expect("a ledger that opens");
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings { spent_keys: 64, ..Default::default() });
    let access = Access::new(&AccessSettings { ip: None, buyer: None, sale: None, table_keys: 64 });
    let on_broken = Box::new(|_: &str| ());
    let (mut funnel, writer) = Funnel::by_hand(opened, (client, access), Ack::Disk, on_broken).expect("a house");
    funnel.cool_down = world.cool_down;
    let funnel = Arc::new(funnel);
    let cashier = Cashier::open(Arc::clone(&funnel), RULES, world.now());
    let keeper = Keeper::new(Arc::clone(&funnel), world.clock.clone());
    let mut buffers = vec![PassBuffer::default(); usize::try_from(2 * STEPS).expect("a length")];
    let mut life = Life {
        world,
        funnel: &funnel,
        cashier: &cashier,
        keeper: &keeper,
        writer,
        buffers: buffers.iter_mut(),
        attempts: Vec::new(),
        waiters: Vec::new(),
    };
    life.remember();
    life.go_through()
}

impl<'a> Life<'a, '_> {
    fn go_through(mut self) -> End {
        if self.funnel.sales.find_sale(SALE).is_none() {
            self.put_on_sale();
        }
        self.compare();
        for _ in 0..STEPS {
            self.world.sum.steps += 1;
            // No two orders are placed in one millisecond, so that their ids are in one order.
            let millis = 1 + self.world.dice.below(5);
            self.world.clock.advance(Duration::from_millis(millis));
            self.world.latest = self.world.latest.max(self.world.now());
            // A house that is broken ends itself, sooner or later.
            let is_broken = matches!(self.funnel.ledger.health().state, LedgerState::Broken(_));
            if is_broken && self.world.dice.one_in(4) {
                return self.die();
            }
            match self.world.dice.weighed(&STEPS_OF_A_LIFE) {
                Step::Arrive => self.arrive(),
                Step::GoOn => self.go_on(),
                Step::Write => self.write(),
                Step::Probe => self.writer.probe(),
                Step::Expire => self.expire(),
                Step::Tick => self.tick(),
                Step::Move => self.move_an_order(),
                Step::Change => self.change_the_sale(),
                Step::Time => self.let_time_pass(),
                Step::Quiet => self.be_quiet(),
                Step::Kill => return self.die(),
                Step::Close => return self.close(),
            }
        }
        self.close()
    }

    fn die(mut self) -> End {
        self.world.sum.deaths += 1;
        if self.world.dice.one_in(2) {
            // Its last page is written, and nobody hears of it.
            let most = self.batch();
            self.world.disk.set_luck(Luck::Good);
            self.writer.turn_of(most);
        }
        self.world.trace.line("a kill");
        self.world.trace_disk();
        End::Killed
    }

    fn close(mut self) -> End {
        self.world.trace.line("an end");
        self.leave();
        self.world.disk.set_luck(Luck::Good);
        self.writer.probe();
        let mut rounds = 0;
        // Whoever waits has his place in the queue, or is the keeper, who acts when he is asked.
        while self.writer.turn() > 0 || !self.waiters.is_empty() {
            self.hear();
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "somebody waits for ever: {} do", self.waiters.len());
            if matches!(self.funnel.ledger.health().state, LedgerState::Broken(_)) {
                self.world.trace_disk();
                return End::Killed;
            }
        }
        self.world.trace_disk();
        assert_eq!(self.funnel.ledger.health().underway, 0, "places are left behind");
        let Self { writer, .. } = self;
        writer.finish();
        End::Closed
    }

    /// A size for the next batch.
    fn batch(&mut self) -> usize {
        match self.world.dice.below(4) {
            0 => 1,
            1 => 2,
            2 => 1 + self.world.dice.index(6),
            _ => usize::MAX,
        }
    }

    pub(super) fn write(&mut self) {
        let most = self.batch();
        let luck = self.world.dice.weighed(&[(90, Luck::Good), (5, Luck::Refused), (2, Luck::Lost), (2, Luck::Kept)]);
        if luck != Luck::Good {
            self.world.sum.faults += 1;
        }
        self.world.disk.set_luck(luck);
        let count = self.writer.turn_of(most);
        self.world.disk.set_luck(Luck::Good);
        self.world.trace.line(&format!("write {count} of {most}: {luck:?}"));
        self.world.trace_disk();
        self.hear();
    }

    /// Whoever has a foot in the gate: the keeper waits for him, and nobody else would make him go on.
    pub(super) fn has_feet(&self) -> bool {
        self.attempts.iter().any(|attempt| matches!(attempt.stage, Stage::Reached(_)))
    }

    /// Asks everybody who waits whether he has his answer.
    pub(super) fn hear(&mut self) {
        let has_feet = self.has_feet();
        let mut waiters = std::mem::take(&mut self.waiters);
        waiters.retain_mut(|waiter| {
            if has_feet && waiter.about == About::Sale {
                return true;
            }
            let Some(told) = waiter.ask() else { return true };
            self.told(waiter.about, &told);
            false
        });
        waiters.append(&mut self.waiters);
        self.waiters = waiters;
    }

    pub(super) fn wait(&mut self, waiter: Waiter<'a>) {
        self.waiters.push(waiter);
        self.hear();
    }

    /// What somebody is told is true of the disk, at this very moment.
    fn told(&mut self, about: About, told: &Told) {
        self.world.trace.line(&format!("  {about:?}: {told:?}"));
        match (about, told) {
            (About::Placed(number), Told::Yes) => {
                assert!(self.world.has(number, &["order.placed"]), "I8: #{number} is acknowledged and not on disk");
                self.world.known[number].promised = Promised::Yes;
            }
            (About::Placed(number), Told::No) => {
                assert!(!self.world.has(number, &["order.placed"]), "#{number} is on disk and was refused");
                self.world.known[number].promised = Promised::No;
            }
            (About::Moved(number, kinds), Told::Yes) => {
                assert!(self.world.has(number, kinds), "I8: #{number} has moved ({kinds:?}) and not on disk");
            }
            _ => {}
        }
    }
}
