//! What is traced: a shop's first start, a crowd, a crash, a restart, an orderly end, and one more start.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use doorbuster::ledger::read::LedgerReader;

use super::disk::{Chance, Disk, Loss};
use super::judge::Truth;
use super::trace::{self, Op};
use crate::home::Home;
use crate::payments::message;
use crate::plan::{SALE, SKU, Sale};
use crate::shop::Shop;
use crate::wire::{Request, Wire, eventually};

/// The ledger's file.
pub(crate) const DB: &str = "ledger.db";
/// Its write-ahead log.
pub(crate) const WAL: &str = "ledger.db-wal";
/// Few, so that a cut often falls between two commits.
const VOICES: usize = 3;

/// What the shop was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    FirstStart,
    Selling,
    /// The ledger's file is written and not synced, while it sells.
    Checkpoint,
    /// After a crash or an orderly end, before anybody is told anything.
    Restart,
    /// After the last answer.
    Closing,
}

impl Moment {
    pub(crate) const ALL: [Self; 5] = [Self::FirstStart, Self::Selling, Self::Checkpoint, Self::Restart, Self::Closing];
}

/// Three runs of one shop, in one order.
pub(crate) struct Scene {
    pub(crate) ops: Vec<Op>,
    /// What the shop was doing after each operation.
    pub(crate) moments: Vec<Moment>,
    /// After which operation each run ended.
    pub(crate) ends: Vec<usize>,
    pub(crate) truth: Truth,
}

impl fmt::Display for Scene {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |is: fn(&Op) -> bool| self.ops.iter().filter(|op| is(op)).count();
        let writes = count(|op| matches!(op, Op::Write { .. }));
        let syncs = count(|op| matches!(op, Op::Sync(_) | Op::SyncNames));
        let answers = count(|op| matches!(op, Op::Told(..)));
        let (ops, events) = (self.ops.len(), self.truth.links.len());
        write!(
            formatter,
            "traced {ops} operations: {writes} writes, {syncs} syncs, {answers} answers, {events} events;"
        )?;
        for moment in Moment::ALL {
            write!(formatter, " {moment:?} {}", self.moments.iter().filter(|of| **of == moment).count())?;
        }
        Ok(())
    }
}

/// One run under strace.
struct Run {
    shop: Shop,
    there: Vec<String>,
}

impl Run {
    fn open(home: Home) -> Self {
        let there = files(&home.data());
        let starter = trace::starter(&home.path().join("trace"));
        let starter: Vec<_> = starter.iter().map(String::as_str).collect();
        Self { shop: Shop::open_through(home, &starter), there }
    }

    /// What the run did to the disk, once it has ended.
    fn ops(there: &[String], home: &Home) -> Vec<Op> {
        let mut text = String::new();
        eventually("strace has written everything down", || {
            text = std::fs::read_to_string(home.path().join("trace")).expect("strace traces");
            trace::is_whole(&text)
        });
        trace::read(&text, &home.data(), there)
    }
}

fn files(data: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(data) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("a file").file_name().into_string().expect("a name that is text"));
    names.filter(|name| !name.ends_with("-shm") && name != "LOCK").collect()
}

impl Scene {
    pub(crate) fn play() -> Self {
        let mut scene = Self {
            ops: Vec::new(),
            moments: Vec::new(),
            ends: Vec::new(),
            truth: Truth { links: Vec::new(), secret: Vec::new() },
        };
        let plan = crate::payments::plan(Sale::of(SALE, 100_000).hold("1s"));
        let run = Run::open(Home::with(&plan.text()));
        // The file has one page until the log is first copied into it.
        let file = run.shop.home().data().join(DB);
        let is_checkpointed = || file.metadata().expect("the ledger is there").len() > 64 << 10;
        live_until(&run.shop, 1, &is_checkpointed);
        live_until(&run.shop, 2, &|| true);
        let home = scene.end(run, Shop::kill);
        let run = Run::open(home);
        live_until(&run.shop, 3, &|| true);
        let home = scene.end(run, Shop::close);
        let run = Run::open(home);
        live_until(&run.shop, 4, &|| true);
        let home = scene.end(run, Shop::kill);
        let reader = LedgerReader::open(&home.data()).expect("the whole ledger");
        let links = &mut scene.truth.links;
        reader.told(0, i64::MAX, usize::MAX, |told| links.push(told.link)).expect("the whole log");
        scene.truth.secret = std::fs::read(home.data().join("secret.key")).expect("the secret");
        scene
    }

    fn end(&mut self, run: Run, end: impl FnOnce(Shop) -> Home) -> Home {
        let Run { shop, there } = run;
        let home = end(shop);
        let is_first = self.ops.is_empty();
        let ops = Run::ops(&there, &home);
        self.moments.extend(moments(&self.ops, &ops, is_first));
        self.ops.extend(ops);
        self.ends.push(self.ops.len());
        self.assert_whole(&home);
        home
    }

    /// So many operations after this one the next answer is told.
    pub(crate) fn answer_after(&self, index: usize) -> usize {
        self.ops[index..].iter().position(|op| matches!(op, Op::Told(..))).expect("an answer")
    }

    /// What the trace makes of the files is what they are: nothing that was done to them is missing from it.
    fn assert_whole(&self, home: &Home) {
        let mut disk = Disk::default();
        self.ops.iter().for_each(|op| disk.take(op));
        let image = disk.image(Loss::None, &mut Chance::of(0));
        let traced: Vec<_> = image.keys().cloned().collect();
        let mut found = files(&home.data());
        found.sort();
        assert_eq!(traced, found, "files");
        for (name, bytes) in &image {
            let found = std::fs::read(home.data().join(name)).expect("a file of the shop");
            let differs = bytes.iter().zip(&found).position(|(traced, found)| traced != found);
            assert_eq!((bytes.len(), None), (found.len(), differs), "{name}");
        }
    }
}

fn moments(before: &[Op], ops: &[Op], is_first: bool) -> Vec<Moment> {
    let mut disk = Disk::default();
    before.iter().for_each(|op| disk.take(op));
    let is_answer = |op: &Op| matches!(op, Op::Told(..));
    let first = ops.iter().position(is_answer).unwrap_or(ops.len());
    let last = ops.iter().rposition(is_answer).unwrap_or(ops.len());
    let moment = |(index, op)| {
        disk.take(op);
        match index {
            _ if index < first && is_first => Moment::FirstStart,
            _ if index < first => Moment::Restart,
            _ if index > last => Moment::Closing,
            _ if disk.is_dirty(DB) => Moment::Checkpoint,
            _ => Moment::Selling,
        }
    };
    ops.iter().enumerate().map(moment).collect()
}

/// Buyers win, and pay, give back, are refunded or go away: so many at least, and until this is true.
fn live_until(shop: &Shop, round: usize, is_enough: &(dyn Fn() -> bool + Sync)) {
    const LIVES: usize = 30;
    let (lives, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for voice in 0..VOICES {
            let (lives, is_over) = (&lives, &is_over);
            scope.spawn(move || {
                let mut wire = shop.wire();
                // Relaxed: a count, and a flag that ends a loop.
                for n in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                    live(&mut wire, &format!("r{round}-v{voice}-{n}"), n);
                    lives.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        eventually("the crowd has bought", || lives.load(Ordering::Relaxed) >= LIVES && is_enough());
        is_over.store(true, Ordering::Relaxed);
    });
}

fn live(wire: &mut Wire, buyer: &str, n: usize) {
    let order = crate::contract::won(&wire.ask(&Request::attempt(SALE, SKU).buyer(buyer).key("k")));
    let pay = |kind| message(&format!("{buyer}-{kind}"), kind, (&order, buyer));
    // On a slow machine the hold may be over: what is answered is in the trace, whatever it is.
    match n % 4 {
        0 => drop(wire.ask(&pay("succeeded"))),
        1 => drop(wire.ask(&Request::post(&format!("/v1/orders/{order}/cancel")).buyer(buyer))),
        2 => ["succeeded", "refunded"].into_iter().for_each(|kind| drop(wire.ask(&pay(kind)))),
        _ => {}
    }
}
