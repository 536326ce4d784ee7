//! One sale's buyers: what each of them has, by which their limit is judged and their retries are answered.
//!
//! Only winners have an account, and those who are trying to become one, so memory is bounded by what was won and not by
//! traffic. One lock of one map shard covers each step; no step touches a second account, and none runs foreign code
//! that could ask for the map again.
//!
//! Absent: units. An account knows nothing of the shelf.
//!
//! **Invariant:** an account's units are the sum over its orders that are underway, held or confirmed; an order entered
//! with a limit leaves them at or below it.
//!
//! **Invariant:** a buyer has at most one order for an idempotency key, from before its units move.
//!
//! **Invariant:** an account without orders is removed.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::quality::RandomState;

use crate::clock::WallTime;
use crate::ids::{BuyerId, BuyerRef, KeyRef, Quantity};
use crate::order::Order;

/// The accounts of one sale. The hash is seeded per process, for buyers choose their ids.
#[derive(Debug, Default)]
pub(super) struct Buyers {
    accounts: DashMap<BuyerId, Account, RandomState>,
    /// Who has let holds run out: few have, and an account is small.
    strikes: DashMap<BuyerId, Strikes, RandomState>,
}

/// Why an order can't be entered.
#[derive(Debug)]
pub(super) enum NotEntered {
    /// There is an order under that key already.
    Twin(Arc<Order>),
    /// The buyer would have more units than allowed.
    LimitReached,
}

/// What happens to an order whose units are no longer its buyer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// It never was, as far as anybody knows.
    Forgotten,
    /// It is shown to its buyer, its key is answered with it, and it may be paid late.
    Remembered,
}

#[derive(Debug)]
struct Account {
    orders: Orders,
    /// At most the limit in force when the last was taken.
    units: u32,
}

/// Holds of a buyer's that ran out unpaid.
#[derive(Debug, Clone, Copy)]
struct Strikes {
    /// How many: one at least.
    count: u32,
    /// When the last of them did.
    last_at: WallTime,
}

/// Most buyers have one order: no allocation for it.
#[derive(Debug)]
enum Orders {
    One(Arc<Order>),
    #[expect(clippy::box_collection, reason = "a word instead of three in every account that has one order")]
    Any(Box<Vec<Arc<Order>>>),
}

impl Orders {
    fn as_slice(&self) -> &[Arc<Order>] {
        match self {
            Self::One(order) => std::slice::from_ref(order),
            Self::Any(orders) => orders,
        }
    }

    fn push(&mut self, order: Arc<Order>) {
        match self {
            Self::One(first) => *self = Self::Any(Box::new(vec![Arc::clone(first), order])),
            Self::Any(orders) => orders.push(order),
        }
    }

    fn remove(&mut self, order: &Order) {
        match self {
            Self::One(only) if only.terms.id == order.terms.id => *self = Self::Any(Box::default()),
            Self::One(_) => {}
            Self::Any(orders) => orders.retain(|other| other.terms.id != order.terms.id),
        }
    }
}

impl Account {
    fn with(order: Arc<Order>, units: u32) -> Self {
        Self { orders: Orders::One(order), units }
    }

    fn under(&self, key: KeyRef<'_>) -> Option<&Arc<Order>> {
        self.orders.as_slice().iter().find(|order| is_under(order, key))
    }
}

fn is_under(order: &Order, key: KeyRef<'_>) -> bool {
    order.terms.key.as_ref().is_some_and(|own| own.as_str() == key.as_str())
}

/// The units of an account that takes `quantity` more.
fn raised(units: u32, quantity: Quantity, limit: u32) -> Result<u32, NotEntered> {
    units.checked_add(quantity.units()).filter(|units| *units <= limit).ok_or(NotEntered::LimitReached)
}

impl Buyers {
    /// Room for about so many buyers, so that a start doesn't move them about while it fills the map.
    pub(super) fn for_about(buyers: usize) -> Self {
        Self {
            accounts: DashMap::with_capacity_and_hasher(buyers, RandomState::default()),
            strikes: DashMap::default(),
        }
    }

    /// Enters the order that `make` makes, if its buyer may have that many more and has none under that key.
    ///
    /// # Refuses
    /// [`NotEntered::Twin`] before [`NotEntered::LimitReached`].
    pub(super) fn enter(
        &self,
        buyer: BuyerRef<'_>,
        key: Option<KeyRef<'_>>,
        quantity: Quantity,
        limit: u32,
        make: impl FnOnce() -> Order,
    ) -> Result<Arc<Order>, NotEntered> {
        match self.accounts.entry(BuyerId::from(buyer)) {
            Entry::Occupied(mut entry) => {
                let account = entry.get_mut();
                if let Some(twin) = key.and_then(|key| account.under(key)) {
                    return Err(NotEntered::Twin(Arc::clone(twin)));
                }
                account.units = raised(account.units, quantity, limit)?;
                let order = Arc::new(make());
                account.orders.push(Arc::clone(&order));
                Ok(order)
            }
            Entry::Vacant(entry) => {
                let units = raised(0, quantity, limit)?;
                let order = Arc::new(make());
                entry.insert(Account::with(Arc::clone(&order), units));
                Ok(order)
            }
        }
    }

    /// Enters an order that the ledger remembers, with the units it has: no limit, for it was asked when it was won.
    pub(super) fn restore(&self, order: Arc<Order>, units: u32) {
        match self.accounts.entry(order.terms.buyer.clone()) {
            Entry::Occupied(mut entry) => {
                let account = entry.get_mut();
                account.units += units;
                account.orders.push(order);
            }
            Entry::Vacant(entry) => {
                entry.insert(Account::with(order, units));
            }
        }
    }

    /// Puts a stored order's units on its buyer's account once more, if he may have that many.
    ///
    /// # Refuses
    /// [`NotEntered::LimitReached`].
    pub(super) fn raise(&self, order: &Arc<Order>, limit: u32) -> Result<(), NotEntered> {
        let quantity = order.terms.quantity;
        match self.accounts.entry(order.terms.buyer.clone()) {
            Entry::Occupied(mut entry) => {
                let account = entry.get_mut();
                account.units = raised(account.units, quantity, limit)?;
            }
            Entry::Vacant(entry) => {
                let units = raised(0, quantity, limit)?;
                entry.insert(Account::with(Arc::clone(order), units));
            }
        }
        Ok(())
    }

    /// Counts a hold that ran out unpaid, or takes one back.
    pub(super) fn strike(&self, buyer: BuyerRef<'_>, at: Option<WallTime>) {
        match at {
            Some(last_at) => {
                let mut strikes = self.strikes.entry(buyer.into()).or_insert(Strikes { count: 0, last_at });
                *strikes = Strikes { count: strikes.count.saturating_add(1), last_at };
            }
            None => {
                self.strikes.remove_if_mut(buyer.as_str(), |_, strikes| {
                    strikes.count -= 1;
                    strikes.count == 0
                });
            }
        }
    }

    /// How many holds of the buyer ran out unpaid, and when the last one did; none: none did.
    pub(super) fn strikes(&self, buyer: BuyerRef<'_>) -> Option<(u32, WallTime)> {
        self.strikes.get(buyer.as_str()).map(|strikes| (strikes.count, strikes.last_at))
    }

    /// Takes an order's units off its buyer's account.
    pub(super) fn release(&self, order: &Order, afterwards: Afterwards) {
        self.accounts.remove_if_mut(order.terms.buyer.as_str(), |_, account| {
            account.units -= order.terms.quantity.units();
            if afterwards == Afterwards::Forgotten {
                account.orders.remove(order);
            }
            account.orders.as_slice().is_empty()
        });
    }

    /// The buyer's order under that key.
    pub(super) fn order_under(&self, buyer: BuyerRef<'_>, key: KeyRef<'_>) -> Option<Arc<Order>> {
        self.accounts.get(buyer.as_str())?.under(key).map(Arc::clone)
    }

    /// The buyer's orders, in the order in which they were entered.
    pub(super) fn orders_of(&self, buyer: BuyerRef<'_>) -> Vec<Arc<Order>> {
        self.accounts.get(buyer.as_str()).map_or_else(Vec::new, |account| account.orders.as_slice().to_vec())
    }

    /// How many units the buyer has.
    pub(super) fn units_of(&self, buyer: BuyerRef<'_>) -> u32 {
        self.accounts.get(buyer.as_str()).map_or(0, |account| account.units)
    }

    /// How many accounts there are.
    #[cfg(all(test, not(doorbuster_loom)))]
    pub(super) fn len(&self) -> usize {
        self.accounts.len()
    }
}

/// What a buyer costs beside the order itself, in bytes: the map's entry.
#[cfg(all(test, not(doorbuster_loom)))]
pub(super) const ENTRY_BYTES: usize = size_of::<(BuyerId, Account)>();
