//! Many at once, on real threads and a real ledger: what comes out is proven from the log.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::house::{Ask, House, ask, offer, wait};
use crate::client::PassBuffer;
use crate::funnel::{Descent, Layer, Refusal, Tally, Visit};
use crate::ledger::{DeskId, Receipt};
use crate::offer::{STOCK_MAX, SaleChange};
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

const THREADS: u32 = 8;
/// Threads that hammer while something else happens: a pause spins for those on their way, and needs a core now and then.
const HAMMERS: u32 = 3;
/// Enough that a race which is lost once in a hundred times is lost here.
const ROUNDS: u32 = 200;
/// Orders that a thread leaves in the queue before it waits: so that takes, and not syncs, are what it does.
const UNAWAITED: usize = 16;

/// Hands an order over and doesn't wait for it.
fn hand_over(house: &House, ask: Ask<'_>) -> Result<Receipt, Refusal> {
    let tally = house.funnel.tallies.of(house.funnel.sales.find_sale(ask.sale).map(crate::sale::Sale::no));
    let mut visit: Visit<&Tally> = tally.attempt();
    let mut buffer = PassBuffer::default();
    let now = house.clock.now();
    let taken = match house.funnel.descend(ask.attempt(&house.funnel), &mut buffer, now) {
        Ok(Descent::Open(entered)) => house.funnel.take(&entered, ask.wanted(), DeskId::NONE, now),
        Ok(Descent::Again(..)) => panic!("nobody brings a key here"),
        Err(refusal) => Err(refusal),
    };
    match &taken {
        Ok(_) => visit.handed_over(),
        Err(refusal) => visit.refused(refusal.layer()),
    }
    taken.map(|(_, receipt)| receipt)
}

/// Attempts one unit after another until `over`; `buyer` says for whom. Says how many were won.
fn hammer(house: &House, over: &AtomicBool, buyer: impl Fn() -> String, may: fn(Refusal) -> bool) -> u64 {
    let (mut won, mut receipts) = (0, Vec::new());
    // Relaxed: only when to stop.
    while !over.load(Ordering::Relaxed) {
        match hand_over(house, ask(&buyer())) {
            Ok(receipt) => receipts.push(receipt),
            Err(refusal) => {
                assert!(may(refusal), "{refusal:?}");
                thread::yield_now();
            }
        }
        if receipts.len() == UNAWAITED {
            won += collect(&mut receipts);
        }
    }
    won + collect(&mut receipts)
}

fn collect(receipts: &mut Vec<Receipt>) -> u64 {
    receipts.drain(..).map(|receipt| wait(receipt).map(|_| 1).expect("stored")).sum()
}

/// Runs `act` while all threads hammer, and says how many orders they won.
fn while_hammering(
    house: &House,
    buyer: impl Fn() -> String + Sync,
    may: fn(Refusal) -> bool,
    act: impl FnOnce(),
) -> u64 {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..HAMMERS).map(|_| scope.spawn(|| hammer(house, &over, &buyer, may))).collect();
        act();
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a thread that is done")).sum()
    })
}

/// A sale that nobody can buy empty.
fn endless(limit_per_buyer: u32) -> House {
    let house = House::new();
    let mut offer = offer("launch", &[("shoe", STOCK_MAX)]);
    offer.sale.limit_per_buyer = limit_per_buyer;
    house.create(offer);
    house
}

#[test]
fn eight_threads_sell_each_of_a_hundred_units_once() {
    let house = House::selling(100);
    let won: u64 = thread::scope(|scope| {
        let many = |thread: u32| {
            let house = &house;
            move || {
                let buyers = (0..50).map(|number| format!("buyer-{thread}-{number}"));
                buyers.filter(|buyer| house.attempt(ask(buyer)).is_ok()).count() as u64
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(many(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that is done")).sum()
    });
    let sums = house.sums();
    assert_eq!((won, sums.won, sums.stored, sums.attempts), (100, 100, 100, 400));
    assert_eq!(sums.refused[Layer::Stock as usize], 300);
    let report = house.prove(&[]);
    assert_eq!((report.orders, report.items[0].available), (100, 0));
}

#[test]
fn a_pause_that_races_with_attempts_parts_the_log_cleanly() {
    let house = endless(STOCK_MAX);
    let may = |refusal| refusal == Refusal::Sale(NotOnSale::Paused);
    let won = while_hammering(
        &house,
        || "ann".into(),
        may,
        || {
            for _ in 0..ROUNDS {
                wait(house.keeper.pause("launch")).expect("paused");
                wait(house.keeper.resume("launch")).expect("live");
            }
        },
    );
    assert_eq!((house.sums().won, house.prove(&[]).orders), (won, won));
}

#[test]
fn nobody_gets_more_than_a_limit_that_is_lowered_while_he_buys() {
    let house = endless(2);
    let round = AtomicU32::new(0);
    // Relaxed: anybody's number will do.
    let buyer = || format!("buyer-{}", round.load(Ordering::Relaxed));
    let limit = |units| SaleChange { limit_per_buyer: Some(units), ..SaleChange::default() };
    let may = |refusal| refusal == Refusal::Stock(Unavailable::LimitReached);
    let won = while_hammering(&house, buyer, may, || {
        for next in 0..ROUNDS {
            wait(house.keeper.change("launch", limit(2))).expect("lowered");
            round.store(next, Ordering::Relaxed);
            wait(house.keeper.change("launch", limit(STOCK_MAX))).expect("raised");
        }
    });
    assert_eq!((house.sums().won, house.prove(&[]).orders), (won, won));
}
