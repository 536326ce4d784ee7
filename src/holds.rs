//! Ends holds when their time has come, and waits with whoever has to.
//!
//! **Invariant:** two chunks of holds at most are in the ledger's queue: a million that end at one moment never fill it.

use std::time::Duration;

use crate::cashier::{Cashier, Decision, Done, Expiries, Unmoved};
use crate::clock::Clock;

/// The wall clock may be set at any time, so it is looked at again at least this often.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Somebody else decides about the order for as long as a commit takes: so often, and so long, he is waited for.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Ends every hold in its time, until it is dropped.
pub async fn keep(cashier: &Cashier, clock: &Clock) {
    loop {
        let is_held_up = end_due(cashier, clock).await;
        let until_next = match cashier.next_deadline() {
            // The ledger takes nothing for now: not in a busy loop.
            _ if is_held_up => LOOK_AGAIN,
            None => LOOK_AGAIN,
            Some(next) => clock.now().wall.until(next).min(LOOK_AGAIN),
        };
        tokio::time::sleep(until_next.max(Duration::from_millis(1))).await;
    }
}

/// Ends all holds that are over, and says whether the ledger took less than that. While one chunk is being stored the next
/// one is queued, so that the writer needn't wait for us.
async fn end_due(cashier: &Cashier, clock: &Clock) -> bool {
    let (mut count, mut is_held_up) = (0, false);
    let mut stored = Expiries::default();
    loop {
        let queued = cashier.expire(clock.now().wall);
        count += queued.receipts.len();
        is_held_up |= queued.is_cut_short;
        for receipt in stored.receipts {
            is_held_up |= receipt.await.is_err();
        }
        let is_over = queued.receipts.is_empty() || is_held_up;
        stored = queued;
        if is_over {
            break;
        }
        // A storm: the runtime's other tasks get their turn between two chunks.
        tokio::task::yield_now().await;
    }
    for receipt in stored.receipts {
        is_held_up |= receipt.await.is_err();
    }
    if count > 0 {
        tracing::debug!(count, "holds have run out");
    }
    is_held_up
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
