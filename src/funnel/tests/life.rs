//! An order's life after the win, on a real ledger: who may move it, and what comes of it.

use std::sync::{Arc, Barrier};
use std::thread;

use super::house::{Ask, House, OPEN_DOORS, SECOND, TEN_MINUTES, ask, done, notice, offer, wait};
use crate::access::{Limit, Throttled};
use crate::cashier::Unmoved;
use crate::client::PassBuffer;
use crate::funnel::{Descent, Refusal};
use crate::ids::BuyerRef;
use crate::ledger::DeskId;
use crate::offer::SaleChange;
use crate::order::{Order, OrderState};
use crate::orders::notice::NoticeKind;
use crate::orders::rules::Orphan;
use crate::stock::Unavailable;
use NoticeKind::{Failed, Refunded, Started, Succeeded};

fn buyer(name: &str) -> BuyerRef<'_> {
    BuyerRef::parse(name.as_bytes()).expect("a buyer id")
}

/// Free, held and all units.
fn units(house: &House) -> (u32, u32, u32) {
    let (_, item) = house.funnel.sales.find("launch", "shoe").expect("the sale");
    let units = house.keeper.units(item.expect("the item"));
    (units.remaining, units.held, units.stock)
}

#[test]
fn a_hold_that_is_not_paid_in_time_is_for_sale_again() {
    let house = House::holding(1);
    let order = house.buy(ask("ann"));
    assert_eq!(house.refusal(ask("bob")), Some(Unavailable::SoldOut { held_may_return: true }.into()));
    house.clock.advance(TEN_MINUTES - SECOND);
    assert_eq!(house.expire(), 0);
    house.clock.advance(SECOND);
    assert_eq!(house.expire(), 1);
    assert_eq!((order.state(), units(&house)), (OrderState::Expired, (1, 0, 1)));
    house.buy(ask("ann"));
    house.prove(&[order]);
}

#[test]
fn money_that_comes_too_late_gets_a_unit_while_there_is_one_and_is_told_of_where_there_is_none() {
    let house = House::holding(2);
    let [first, second, third] = ["ann", "bob", "cat"].map(|name| {
        let order = house.buy(ask(name));
        house.clock.advance(TEN_MINUTES);
        house.expire();
        order
    });
    let late = |order: &Arc<Order>, message: &str| house.notice(order.terms.id, Succeeded, message);
    assert_eq!((late(&first, "1"), late(&second, "2")), (Ok(true), Ok(true)));
    assert!(first.is_late() && second.is_late());
    assert_eq!(late(&third, "3"), Err(Unmoved::Orphaned(Orphan::TooLate)));
    assert_eq!(late(&third, "3"), Ok(false), "told again, nothing is done");
    assert_eq!((third.state(), units(&house)), (OrderState::Expired, (0, 0, 2)));
    house.prove(&[first, second, third]);
}

#[test]
fn money_that_comes_too_late_gets_no_unit_beyond_the_limit() {
    let house = House::holding(9);
    let late = house.buy(ask("ann").units(2));
    house.clock.advance(TEN_MINUTES);
    house.expire();
    house.buy(ask("ann"));
    assert_eq!(house.notice(late.terms.id, Succeeded, "1"), Err(Unmoved::Orphaned(Orphan::TooLate)));
    wait(house.keeper.change("launch", SaleChange { limit_per_buyer: Some(3), ..SaleChange::default() }))
        .expect("raised");
    wait(house.keeper.end("launch")).expect("ended");
    assert_eq!(house.notice(late.terms.id, Succeeded, "2"), Ok(true), "also when the sale is over");
    assert_eq!(units(&house), (6, 1, 9));
    house.prove(&[late]);
}

#[test]
fn money_for_what_was_given_back_or_paid_before_is_written_down_once() {
    let mut house = House::holding(9);
    let [cancelled, paid] = ["ann", "bob"].map(|name| house.buy(ask(name)));
    assert_eq!(done(house.cashier.cancel(cancelled.terms.id, buyer("ann"), house.now())), Ok(true));
    assert_eq!(house.notice(paid.terms.id, Succeeded, "1"), Ok(true));
    let told = |house: &House| {
        let cases = [(&cancelled, "2", Orphan::GivenBack), (&paid, "3", Orphan::PaidTwice)];
        cases.map(|(order, message, orphan)| {
            let first = house.notice(order.terms.id, Succeeded, message);
            assert!(matches!(first, Ok(false) | Err(Unmoved::Orphaned(_))));
            (first, orphan)
        })
    };
    for (first, orphan) in told(&house) {
        assert_eq!(first, Err(Unmoved::Orphaned(orphan)));
    }
    house.restart();
    assert!(told(&house).iter().all(|(again, _)| *again == Ok(false)), "also after a restart");
    let mut again = notice(paid.terms.id, Succeeded, "4");
    again.payment = notice(paid.terms.id, Succeeded, "1").payment;
    assert_eq!(house.told(&again), Ok(false), "the payment that is known, in another message");
    house.prove(&[cancelled, paid]);
}

#[test]
fn a_payment_that_begins_holds_the_order_longer_and_one_that_fails_no_longer() {
    let mut house = House::holding(1);
    let order = house.buy(ask("ann"));
    let told = order.deadline().expect("held");
    house.clock.advance(TEN_MINUTES - SECOND);
    assert_eq!(house.notice(order.terms.id, Started, "1"), Ok(true));
    assert_eq!(order.deadline(), Some(told.after(9 * SECOND)));
    house.clock.advance(2 * SECOND);
    assert_eq!(house.expire(), 0, "it is being paid");
    assert_eq!(house.notice(order.terms.id, Started, "1"), Ok(false), "told again");
    house.restart();
    let again = house.funnel.orders.find(order.terms.id).expect("the order");
    assert_eq!(again.deadline(), Some(told.after(9 * SECOND)), "also after a restart");
    assert_eq!(house.notice(order.terms.id, Failed, "2"), Ok(true));
    assert_eq!(again.deadline(), Some(house.now().after(5 * SECOND)), "no less than the restart gave");
    house.clock.advance(5 * SECOND);
    assert_eq!(house.expire(), 1);
    assert_eq!(house.notice(order.terms.id, Started, "3"), Err(Unmoved::Expired));
    house.prove(&[order]);
}

#[test]
fn a_hold_that_ran_out_while_the_shop_was_closed_gets_its_grace() {
    let mut house = House::holding(1);
    let order = house.buy(ask("ann"));
    house.clock.advance(2 * TEN_MINUTES);
    house.restart();
    assert_eq!(house.expire(), 0);
    let order = house.funnel.orders.find(order.terms.id).expect("the order");
    assert_eq!(order.deadline(), Some(house.now().after(5 * SECOND)));
    house.clock.advance(5 * SECOND);
    assert_eq!(house.expire(), 1);
    house.prove(&[order]);
}

#[test]
fn a_refund_brings_units_back_or_lowers_the_stock() {
    let house = House::holding(3);
    let [one, other, provider] = ["ann", "bob", "cat"].map(|name| {
        let order = house.buy(ask(name));
        assert_eq!(house.notice(order.terms.id, Refunded, name), Err(Unmoved::NotHeld), "nothing is paid");
        assert_eq!(done(house.cashier.refund(order.terms.id, None, house.now())), Err(Unmoved::NotHeld));
        assert_eq!(done(house.cashier.confirm(order.terms.id, house.now())), Ok(true));
        assert_eq!(done(house.cashier.confirm(order.terms.id, house.now())), Ok(false));
        assert_eq!(done(house.cashier.cancel_for_office(order.terms.id, house.now())), Err(Unmoved::NotHeld));
        order
    });
    assert_eq!(units(&house), (0, 0, 3));
    assert_eq!(done(house.cashier.refund(one.terms.id, Some(true), house.now())), Ok(true));
    assert_eq!(done(house.cashier.refund(one.terms.id, Some(true), house.now())), Ok(false));
    assert_eq!(units(&house), (1, 0, 3));
    assert_eq!(done(house.cashier.refund(other.terms.id, None, house.now())), Ok(true));
    assert_eq!(units(&house), (1, 0, 2));
    assert_eq!(house.notice(provider.terms.id, Refunded, "cat"), Ok(true));
    assert_eq!(units(&house), (1, 0, 1));
    assert_eq!(wait(house.keeper.adjust("launch", "shoe", 1)).map(|units| units.stock), Ok(2));
    house.prove(&[one, other, provider]);
}

#[test]
fn another_buyers_order_and_one_that_is_not_there_are_one_answer() {
    let house = House::holding(1);
    let order = house.buy(ask("ann"));
    let cancel = |id, name| done(house.cashier.cancel(id, buyer(name), house.now()));
    assert_eq!(cancel(order.terms.id, "bob"), Err(Unmoved::NotFound));
    assert_eq!(cancel(crate::ids::OrderId::from_bytes([0; 16]), "ann"), Err(Unmoved::NotFound));
    assert_eq!(cancel(order.terms.id, "ann"), Ok(true));
    assert_eq!(cancel(order.terms.id, "ann"), Err(Unmoved::NotHeld));
    assert_eq!(units(&house), (1, 0, 1));
    house.prove(&[order]);
}

#[test]
fn who_lets_holds_run_out_waits_before_he_may_try_again_also_after_a_restart() {
    let mut house = House::with_cool_down(&OPEN_DOORS, 60 * SECOND);
    let mut held = offer("launch", &[("shoe", 1)]);
    held.sale.hold = Some(TEN_MINUTES);
    house.create(held);
    let waits = |house: &House| match house.refusal(ask("ann")) {
        Some(Refusal::Access(Throttled { limit: Limit::Buyer, retry_after, .. })) => retry_after,
        other => panic!("{other:?}"),
    };
    for wait in [60, 120] {
        let order = house.buy(ask("ann"));
        house.clock.advance(TEN_MINUTES);
        house.expire();
        assert_eq!((order.state(), waits(&house)), (OrderState::Expired, wait * SECOND));
        house.restart();
        assert_eq!(waits(&house), wait * SECOND);
        house.clock.advance(wait * SECOND - SECOND);
        assert_eq!(waits(&house), SECOND);
        house.clock.advance(SECOND);
    }
    house.buy(ask("ann"));
    house.prove(&[]);
}

/// Hands orders of so many buyers over, some thousands at a time.
fn sell_to(house: &House, names: impl Iterator<Item = String>) -> Vec<Arc<Order>> {
    let names: Vec<_> = names.collect();
    let mut orders = Vec::new();
    for chunk in names.chunks(5_000) {
        let take = |name: &String| {
            let wanted = ask(name);
            let mut buffer = PassBuffer::default();
            let now = house.clock.now();
            let tally = house.funnel.tallies.of(house.funnel.sales.find_sale("launch").map(crate::sale::Sale::no));
            tally.attempt().handed_over();
            match house.funnel.descend(wanted.attempt(&house.funnel), &mut buffer, now) {
                Ok(Descent::Open(entered)) => house.funnel.take(&entered, Ask::wanted(wanted), DeskId::NONE, now),
                other => panic!("{other:?}"),
            }
        };
        let taken: Vec<_> = chunk.iter().map(|name| take(name).expect("there are enough")).collect();
        for (order, receipt) in taken {
            wait(receipt).expect("stored");
            orders.push(order);
        }
    }
    orders
}

#[test]
fn a_hundred_thousand_holds_that_end_at_one_moment_are_all_for_sale_again() {
    const HOLDS: u32 = 100_000;
    let house = House::holding(HOLDS);
    let orders = sell_to(&house, (0..HOLDS).map(|number| format!("b-{number}")));
    assert_eq!(units(&house), (0, HOLDS, HOLDS));
    house.clock.advance(TEN_MINUTES);
    let begun = std::time::Instant::now();
    assert_eq!(house.expire(), orders.len());
    eprintln!("{HOLDS} holds ended in {:?}", begun.elapsed());
    assert_eq!(units(&house), (HOLDS, 0, HOLDS));
    assert!(orders.iter().all(|order| order.state() == OrderState::Expired));
    sell_to(&house, (0..HOLDS / 10).map(|number| format!("c-{number}")));
    let audit = std::time::Instant::now();
    let report = house.prove(&orders);
    eprintln!("proven in {:?}", audit.elapsed());
    assert_eq!((report.items[0].held, report.items[0].available), (10_000, 90_000));
}

/// The hold is over, and the buyer cancels, the provider says paid and the timer goes off.
///
/// | paid | cancelled | the order |
/// | --- | --- | --- |
/// | yes | refused | confirmed, late if the timer was first: allowed |
/// | money without an order | yes | cancelled: allowed |
/// | yes | yes | forbidden |
/// | refused | refused | forbidden |
#[test]
fn of_payment_expiry_and_cancellation_at_one_moment_one_wins() {
    const ROUNDS: u32 = 1_000;
    let house = House::holding(ROUNDS);
    let orders: Vec<_> = sell_to(&house, (0..ROUNDS).map(|number| format!("b-{number}")));
    house.clock.advance(TEN_MINUTES);
    // The timer gets them one by one.
    while house.cashier.next_deadline().is_some() {
        house.funnel.orders.deadlines.due(house.now(), 1_000);
    }
    let start = Barrier::new(3);
    /// Asks until nobody else decides.
    fn insist(ask: impl Fn() -> Result<bool, Unmoved>) -> Result<bool, Unmoved> {
        loop {
            match ask() {
                Err(Unmoved::Underway) => thread::yield_now(),
                answer => return answer,
            }
        }
    }
    let (paid, cancelled) = thread::scope(|scope| {
        let paid = scope.spawn(|| {
            let pay = |order: &Arc<Order>| {
                start.wait();
                let id = order.terms.id;
                insist(|| house.notice(id, Succeeded, &id.to_string()))
            };
            orders.iter().map(pay).collect::<Vec<_>>()
        });
        let cancelled = scope.spawn(|| {
            let cancel = |order: &Arc<Order>| {
                start.wait();
                let (id, name) = (order.terms.id, order.terms.buyer.as_ref());
                insist(|| done(house.cashier.cancel(id, name, house.now())))
            };
            orders.iter().map(cancel).collect::<Vec<_>>()
        });
        let expired = scope.spawn(|| {
            for order in &orders {
                house.funnel.orders.deadlines.watch(order);
                start.wait();
                for receipt in house.cashier.expire(house.now()).receipts {
                    wait(receipt).expect("stored");
                }
            }
        });
        expired.join().expect("the timer doesn't panic");
        (paid.join().expect("the provider doesn't panic"), cancelled.join().expect("the buyer doesn't panic"))
    });
    for (order, (paid, cancelled)) in orders.iter().zip(paid.iter().zip(&cancelled)) {
        match (order.state(), paid, cancelled) {
            (OrderState::Confirmed, Ok(true), Err(Unmoved::NotHeld | Unmoved::Expired))
            | (OrderState::Cancelled, Err(Unmoved::Orphaned(Orphan::GivenBack)), Ok(true)) => {}
            other => panic!("{other:?}"),
        }
    }
    let sold = u32::try_from(paid.iter().filter(|paid| paid.is_ok()).count()).expect("a thousand at most");
    assert_eq!(units(&house), (ROUNDS - sold, 0, ROUNDS));
    let late = orders.iter().filter(|order| order.is_late()).count();
    eprintln!("of {ROUNDS}: {sold} sold, {late} of them late");
    house.prove(&orders);
}
