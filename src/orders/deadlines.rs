//! Which hold ends next.
//!
//! Deliberately absent: anything that is done when a payment, a cancellation or an extension makes an entry idle. It stays
//! where it is until its time has come, and is looked at once. Whoever wins an order leaves one entry, so memory is
//! bounded by what was won.
//!
//! Times are the wall clock's: it is a deadline on the wall that the buyer was told, so a clock that is set moves the
//! end of the hold with it.
//!
//! **Invariant:** a held order that was put here has an entry at or before the end of its hold, until it has been handed
//! out as due.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::order::{Order, OrderState};

/// An order at a time. Of those that are due at one moment, as all are whose grace after a start is over, the oldest comes
/// first: in any other order the ledger would look for a page of its file for each of them, which took three times as long.
#[derive(Debug)]
struct Entry {
    at: WallTime,
    /// Ordered by time; here, so that a comparison doesn't fetch the order.
    id: OrderId,
    order: Arc<Order>,
}

impl Entry {
    fn of(order: &Arc<Order>, at: WallTime) -> Self {
        Self { at, id: order.terms.id, order: Arc::clone(order) }
    }

    fn key(&self) -> (WallTime, OrderId) {
        (self.at, self.id)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The ends of all holds.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: Mutex<BinaryHeap<Reverse<Entry>>>,
}

impl Deadlines {
    /// The order is to be looked at when its hold is over. One that isn't held needs no look.
    pub fn watch(&self, order: &Arc<Order>) {
        if let Some(deadline) = order.deadline() {
            self.watch_at(order, deadline);
        }
    }

    /// The order is to be looked at then.
    pub fn watch_at(&self, order: &Arc<Order>, at: WallTime) {
        if order.state() == OrderState::Held {
            self.heap.lock().push(Reverse(Entry::of(order, at)));
        }
    }

    /// When somebody has to look next; none: there is no hold.
    #[must_use]
    pub fn next(&self) -> Option<WallTime> {
        self.heap.lock().peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes up to `looks` entries out whose time has come, and hands out the orders whose holds are over. Whether there
    /// is more to be looked at is what [`Deadlines::next`] says.
    pub fn due(&self, now: WallTime, looks: usize) -> Vec<Arc<Order>> {
        let mut due = Vec::new();
        let mut heap = self.heap.lock();
        for _ in 0..looks {
            if heap.peek().is_none_or(|Reverse(entry)| entry.at > now) {
                break;
            }
            let Some(Reverse(Entry { order, .. })) = heap.pop() else { break };
            match (order.state(), order.deadline()) {
                // A payment has moved it.
                (OrderState::Held, Some(deadline)) if deadline > now => heap.push(Reverse(Entry::of(&order, deadline))),
                (OrderState::Held, Some(_)) => due.push(order),
                _ => {}
            }
        }
        due
    }

    /// How many entries there are, idle ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.lock().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.lock().is_empty()
    }
}
