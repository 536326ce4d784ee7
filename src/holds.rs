//! Ends holds when their time has come, and waits with whoever has to.
//!
//! **Invariant:** the next holds are ended only when the last ones are stored: a million that end at one moment never
//! fill the ledger's queue.

use std::time::Duration;

use crate::cashier::{Cashier, Decision, Done, EXPIRIES_MAX, Unmoved};
use crate::clock::Clock;

/// The wall clock may be set at any time, so it is looked at again at least this often.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Somebody else decides about the order for as long as a commit takes: so often, and so long, he is waited for.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Ends every hold in its time, until it is dropped.
pub async fn keep(cashier: &Cashier, clock: &Clock) {
    loop {
        let expiries = cashier.expire(clock.now().wall);
        let count = expiries.receipts.len();
        let mut is_held_up = expiries.is_cut_short;
        for receipt in expiries.receipts {
            is_held_up |= receipt.await.is_err();
        }
        if count > 0 {
            tracing::debug!(count, "holds have run out");
        }
        let until_next = match cashier.next_deadline() {
            // The ledger takes nothing for now: not in a busy loop.
            _ if is_held_up => LOOK_AGAIN,
            None => LOOK_AGAIN,
            Some(next) => clock.now().wall.until(next).min(LOOK_AGAIN),
        };
        if until_next.is_zero() && count == EXPIRIES_MAX {
            // A storm: the runtime's other tasks get their turn between two chunks.
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(until_next.max(Duration::from_millis(1))).await;
        }
    }
}

/// Asks the cashier until nobody else is deciding about the order, for a second at most, and waits until the answer is
/// stored.
///
/// # Errors
/// [`Unmoved`]
pub async fn decided(ask: impl Fn() -> Result<Decision, Unmoved>) -> Result<Done, Unmoved> {
    for _ in 1..TRIES {
        match ask() {
            Err(Unmoved::Underway) => tokio::time::sleep(BETWEEN_TRIES).await,
            Err(unmoved) => return Err(unmoved),
            Ok(decision) => return decision.stored().await,
        }
    }
    ask()?.stored().await
}
