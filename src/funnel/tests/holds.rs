//! The timer, and those who wait with somebody who decides: on a runtime, under a clock that a test moves.

use std::pin::pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use super::house::{House, TEN_MINUTES, ask};
use crate::cashier::Unmoved;
use crate::holds;
use crate::order::OrderState;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

#[test]
fn the_timer_ends_holds_in_their_time_and_those_that_come_later_too() {
    let house = House::holding(3);
    runtime().block_on(async {
        let mut timer = pin!(holds::keep(&house.cashier, &house.clock));
        let ends = async {
            for name in ["ann", "bob", "cat"] {
                let order = house.buy(ask(name));
                house.clock.advance(TEN_MINUTES);
                while order.state() != OrderState::Expired {
                    sleep(Duration::from_millis(1)).await;
                }
            }
        };
        tokio::select! {
            () = &mut timer => unreachable!("the timer never ends"),
            () = ends => {}
        }
    });
    assert_eq!(house.funnel.stock.remaining(crate::ids::ItemNo(0)), 3);
    house.prove(&[]);
}

#[test]
fn who_finds_somebody_deciding_waits_until_it_is_known_what_comes_of_it() {
    let house = House::holding(1);
    let order = house.buy(ask("ann"));
    let cancel = || house.cashier.cancel(order.terms.id, order.terms.buyer.as_ref(), house.now());
    let deciding = order.decide(&[OrderState::Held]).expect("nobody decides");
    assert_eq!(cancel().err(), Some(Unmoved::Underway));
    let done = runtime().block_on(async {
        let gives_up = async {
            sleep(Duration::from_millis(1)).await;
            drop(deciding);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            done = holds::decided(cancel) => done,
            () = gives_up => unreachable!("it never ends"),
        }
    });
    assert!(done.expect("cancelled").is_change);
    assert_eq!(order.state(), OrderState::Cancelled);
    house.prove(&[order]);
}
