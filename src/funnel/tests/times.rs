//! When a sale opens, pauses and ends; and what becomes of those who go away.

use super::house::{House, NOON, SECOND, Yes, ask, offer, wait};
use crate::client::PassBuffer;
use crate::clock::WallTime;
use crate::funnel::{Layer, Refusal};
use crate::ledger::DeskId;
use crate::offer::Phase;
use crate::order::Stored;
use crate::sale::NotOnSale;

const ENDED: Option<Refusal> = Some(Refusal::Sale(NotOnSale::Ended));
const OPENING: WallTime = WallTime::from_micros(NOON.micros() + 10_000_000);
const JUST_BEFORE: WallTime = WallTime::from_micros(OPENING.micros() - 1);

fn phase(house: &House) -> Phase {
    house.funnel.sales.find_sale("launch").expect("the sale").phase()
}

/// A sale of nine shoes that ends at what is [`OPENING`] elsewhere.
fn closing() -> House {
    let house = House::new();
    let mut offer = offer("launch", &[("shoe", 9)]);
    offer.sale.closes_at = Some(OPENING);
    house.create(offer);
    house
}

#[test]
fn a_sale_opens_at_its_instant_and_not_before() {
    let house = House::new();
    let mut offer = offer("launch", &[("shoe", 9)]);
    offer.sale.opens_at = Some(OPENING);
    house.create(offer);
    let not_open = Some(Refusal::Sale(NotOnSale::NotOpen { opens_at: Some(OPENING) }));
    house.clock.set_wall(JUST_BEFORE);
    house.tick();
    assert_eq!((phase(&house), house.refusal(ask("ann"))), (Phase::Scheduled, not_open));
    house.clock.set_wall(OPENING);
    assert_eq!(house.refusal(ask("ann")), not_open, "the opening isn't in the ledger yet");
    house.tick();
    assert_eq!((phase(&house), house.refusal(ask("ann"))), (Phase::Live, None));
    house.clock.set_wall(NOON);
    house.tick();
    assert_eq!((phase(&house), house.refusal(ask("bob"))), (Phase::Live, None), "a clock set back closes nothing");
    house.prove(&[]);
}

#[test]
fn nobody_wins_at_or_after_the_end_even_if_the_timer_is_late() {
    let house = closing();
    house.clock.set_wall(JUST_BEFORE);
    house.buy(ask("ann").under("k"));
    house.clock.set_wall(OPENING);
    assert_eq!((phase(&house), house.refusal(ask("bob"))), (Phase::Live, ENDED), "the timer is late");
    assert!(matches!(house.attempt(ask("ann").under("k")), Ok(Yes::Again(_))), "what was won stays");
    house.tick();
    house.clock.set_wall(NOON);
    house.tick();
    assert_eq!((phase(&house), house.refusal(ask("bob"))), (Phase::Ended, ENDED), "a clock set back opens nothing");
    assert_eq!(house.prove(&[]).orders, 1);
}

#[test]
fn a_body_that_comes_at_the_end_comes_too_late() {
    let house = closing();
    house.clock.set_wall(JUST_BEFORE);
    let late = house.slow_attempt(ask("ann"), || house.clock.set_wall(OPENING));
    assert_eq!((late.err(), phase(&house)), (ENDED, Phase::Live));
    assert_eq!(house.prove(&[]).orders, 0);
}

#[test]
fn a_sale_whose_time_passed_while_the_shop_was_closed_ends_without_having_opened() {
    let mut house = House::new();
    let mut offer = offer("launch", &[("shoe", 9)]);
    (offer.sale.opens_at, offer.sale.closes_at) = (Some(OPENING), Some(OPENING.after(SECOND)));
    house.create(offer);
    house.clock.advance(20 * SECOND);
    house.restart();
    assert_eq!(phase(&house), Phase::Scheduled, "nothing happens before the timer");
    house.tick();
    assert_eq!((phase(&house), house.refusal(ask("ann"))), (Phase::Ended, ENDED));
    house.prove(&[]);
}

#[test]
fn a_paused_sale_refuses_newcomers_and_answers_winners() {
    let house = House::selling(9);
    let won = house.buy(ask("ann").under("k"));
    wait(house.keeper.pause("launch")).expect("paused");
    assert_eq!(house.refusal(ask("ann")), Some(Refusal::Sale(NotOnSale::Paused)));
    let again = house.attempt(ask("ann").under("k"));
    assert!(matches!(&again, Ok(Yes::Again(order)) if order.terms.id == won.terms.id), "{again:?}");
    wait(house.keeper.resume("launch")).expect("live");
    assert_eq!(house.refusal(ask("ann")), None);
    house.prove(&[won]);
}

#[test]
fn a_client_that_goes_away_after_its_order_was_taken_has_it_all_the_same() {
    let house = House::selling(9);
    let gone = ask("ann").under("k");
    let mut buffer = PassBuffer::default();
    let entered = house.entered(gone, &mut buffer);
    let mut visit = house.funnel.tallies.of(Some(entered.found().sale().no())).attempt();
    let (order, receipt) =
        house.funnel.take(&entered, gone.wanted(), DeskId::NONE, house.clock.now()).expect("a shoe is left");
    visit.handed_over();
    drop((receipt, visit));
    // The queue is kept in order: once the next order is stored, so is that one.
    house.buy(ask("bob"));
    assert_eq!(order.stored(), Stored::Disk);
    let again = house.attempt(gone);
    assert!(matches!(&again, Ok(Yes::Again(same)) if same.terms.id == order.terms.id), "{again:?}");
    let sums = house.sums();
    assert_eq!((sums.attempts, sums.won, sums.replayed), (3, 2, 1));
    assert_eq!(house.prove(&[order]).orders, 2);
}

#[test]
fn a_client_that_goes_away_before_its_body_takes_nothing_and_is_counted_at_the_door() {
    let house = House::selling(1);
    let mut buffer = PassBuffer::default();
    let entered = house.entered(ask("ann"), &mut buffer);
    drop(house.funnel.tallies.of(Some(entered.found().sale().no())).attempt());
    assert_eq!(house.sums().refused[Layer::Door as usize], 1);
    house.buy(ask("bob"));
    assert_eq!(house.prove(&[]).orders, 1);
}

#[test]
fn a_shop_with_nothing_to_do_rests_between_two_looks_at_its_schedule() {
    let house = House::selling(9);
    let mut looks = 0;
    let mut schedule = std::pin::pin!(house.keeper.keep_schedule());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        // It never ends, so it is watched for a moment: whoever turns without a pause takes thousands of turns in it.
        let watched = std::future::poll_fn(|context| {
            looks += 1;
            schedule.as_mut().poll(context)
        });
        let _ = tokio::time::timeout(std::time::Duration::from_millis(20), watched).await;
    });
    assert!(looks <= 8, "{looks} turns in a moment");
}
