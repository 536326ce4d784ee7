//! Small windows of a shop in which nothing goes wrong: a few people at once, and everything that they heard is searched for
//! an order in which one after the other would have heard it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::asking::{self, Asking};
use super::checker::linear::is_linearizable;
use super::checker::{Objection, Rule};
use super::client::{Client, Reply};
use super::dice::Dice;
use super::history::{Heard, Operation, Stopwatch, Terms};
use super::remains::remembered;
use super::rounds::layout;
use crate::ids::OrderId;
use crate::rig::child::Child;

/// People at once.
const PEOPLE: u32 = 4;
/// What each of them does in a window.
const STEPS: u32 = 3;
/// Names that they go by, so that limits and keys are fought for.
const BUYERS: u32 = 3;
/// Units: few.
const TERMS: Terms = Terms { stock: 3, limit_per_buyer: 2, hold: Duration::from_secs(3600) };

/// One of them.
struct Person {
    client: Client,
    dice: Dice,
    number: u32,
    /// Orders that it knows of, and whose they are.
    orders: Vec<(OrderId, String)>,
    operations: Vec<Operation>,
}

impl Person {
    fn new(shop: SocketAddr, number: u32, dice: Dice) -> Self {
        Self { client: Client::new(shop), dice, number, orders: Vec::new(), operations: Vec::new() }
    }

    fn step(&mut self, watch: Stopwatch, window: u32) {
        let known = self.dice.roll(self.orders.len() as u32) as usize;
        match (self.dice.roll(10), self.orders.get(known).cloned()) {
            (0..3, Some((order, buyer))) => _ = self.ask(watch, asking::cancel(order, &buyer)),
            (3..5, Some((order, buyer))) => _ = self.ask(watch, asking::look(order, &buyer)),
            _ => self.attempt(watch, window),
        }
    }

    fn attempt(&mut self, watch: Stopwatch, window: u32) {
        let (name, key) = (self.dice.roll(BUYERS), self.dice.roll(2));
        // Mostly a key is asked for the same.
        let units = if self.dice.is_lucky(10) { 2 - key } else { 1 + key };
        let buyer = format!("w{window}-b{name}");
        let key = format!("k{key}");
        if let Heard::Yes { order: Some(order), .. } = self.ask(watch, asking::buy((&buyer, &key), units)) {
            self.orders.push((order, buyer));
        }
    }

    fn ask(&mut self, watch: Stopwatch, (want, request): Asking) -> Heard {
        let begun = watch.now();
        let reply = self.client.ask(&request, None);
        let heard = if reply == Reply::Unasked { Heard::Nothing } else { reply.heard(false) };
        let client = self.number;
        self.operations.push(Operation { client, want, begun, ended: watch.now(), heard: heard.clone() });
        heard
    }

    /// Gives back all that it knows of, so that the next window finds the shelf full.
    fn tidy_up(&mut self) -> bool {
        self.orders.drain(..).all(|(order, buyer)| {
            let (_, request) = asking::cancel(order, &buyer);
            let reply = self.client.ask(&request, None);
            match reply.heard(false) {
                Heard::Yes { .. } => true,
                // Somebody else of the same name, or it itself, has done it already.
                Heard::No { code } => code == "order_not_held",
                Heard::Nothing => false,
            }
        })
    }
}

/// Plays so many windows, or those up to the first that can't be put in order: that one.
///
/// # Errors
/// Where the shop can't be opened or closed, or doesn't take back what is given back.
pub(super) fn play(dir: &Path, windows: u32, seed: u64) -> anyhow::Result<Option<Objection>> {
    let mut child = Child::start(dir, &layout(TERMS, ""))?;
    let (shop, watch) = (child.shop()?, Stopwatch::start());
    let mut people: Vec<_> = (0..PEOPLE).map(|nth| Person::new(shop, nth, Dice::new(seed, u64::from(nth)))).collect();
    for window in 0..windows {
        let ready = Barrier::new(people.len());
        thread::scope(|scope| {
            for person in &mut people {
                scope.spawn(|| {
                    ready.wait();
                    (0..STEPS).for_each(|_| person.step(watch, window));
                });
            }
        });
        let operations: Vec<_> = people.iter_mut().flat_map(|person| person.operations.drain(..)).collect();
        if !is_linearizable(TERMS, &operations) {
            let what = format!("window {window}: {}", serde_json::to_string(&operations)?);
            return Ok(Some(Objection { rule: Rule::Linearizability, what }));
        }
        anyhow::ensure!(people.iter_mut().all(Person::tidy_up), "window {window}: an order isn't taken back");
    }
    let forgotten = remembered(child.office_address()?)?;
    child.stop()?;
    Ok(forgotten.into_iter().next())
}
