//! Floor 2, access: may they knock now?
//!
//! Token buckets for each address (IPv4, or IPv6 by its /64), each buyer and each sale. The address is asked at the
//! threshold, before anything is computed for the request; the others once it is known who it is. The decision is pure
//! arithmetic ([`bucket`]); where buckets are kept knows nothing of rates ([`table`]). There is no clock here, no sweeper
//! and no memory of who was refused.
//!
//! **Invariant:** memory is fixed when the floor is built, whatever comes.
//!
//! **Invariant:** nobody is refused because a table is full: see [`table`] for who gives way.

mod address;
mod bucket;
mod setting;
mod table;

#[cfg(all(test, doorbuster_loom))]
mod loom_models;
#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use foldhash::quality::RandomState;

pub use address::{AddressRules, ClientIpHeader, key as address_key};
pub use bucket::{Quota, QuotaError};
use setting::Setting;
use table::Table;

use crate::client::Cleared;
use crate::clock::MonoTime;

/// Sales that have a budget at the same time: sales are the shop's own, and few.
const SALE_KEYS: usize = 4096;

/// Whose bucket was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The address's.
    Ip,
    /// The buyer's.
    Buyer,
    /// The whole sale's.
    Sale,
}

impl Limit {
    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Buyer => "buyer",
            Self::Sale => "sale",
        }
    }
}

/// The refusal of this floor: not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttled {
    /// Whose bucket was empty.
    pub limit: Limit,
    /// What it may have.
    pub quota: Quota,
    /// How long until the next attempt passes, if nobody else takes from the bucket meanwhile.
    pub retry_after: Duration,
}

/// What each may have. None: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessSettings {
    /// An address.
    pub ip: Option<Quota>,
    /// A buyer.
    pub buyer: Option<Quota>,
    /// A whole sale.
    pub sale: Option<Quota>,
    /// Addresses, and buyers, that may owe something at the same time: 8 bytes each, rounded up to a power of two.
    pub table_keys: usize,
}

/// Proof that the address's bucket was asked.
#[derive(Debug, Clone, Copy)]
pub struct Knocked(());

/// The pass of this floor: their rate allows it.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    cleared: Cleared<'a>,
}

impl<'a> Admitted<'a> {
    /// What the floor above has found out.
    #[must_use]
    pub fn cleared(&self) -> Cleared<'a> {
        self.cleared
    }
}

/// The buckets.
#[derive(Debug)]
pub struct Access {
    ip: Setting,
    buyer: Setting,
    sale: Setting,
    /// Keyed at random for each process: nobody outside can aim at a set.
    hasher: RandomState,
    ips: Table,
    buyers: Table,
    sales: Table,
}

impl Access {
    /// All buckets full.
    #[must_use]
    pub fn new(settings: &AccessSettings) -> Self {
        Self {
            ip: Setting::new(settings.ip),
            buyer: Setting::new(settings.buyer),
            sale: Setting::new(settings.sale),
            hasher: RandomState::default(),
            ips: Table::new(settings.table_keys),
            buyers: Table::new(settings.table_keys),
            sales: Table::new(SALE_KEYS),
        }
    }

    /// New quotas, from the next attempt on. What a bucket owes stays owed as long as the new quota can owe so much;
    /// beyond that it starts full. The tables keep their size.
    pub fn retune(&self, settings: &AccessSettings) {
        self.ip.set(settings.ip);
        self.buyer.set(settings.buyer);
        self.sale.set(settings.sale);
    }

    /// At the threshold: may this address knock?
    ///
    /// # Refuses
    /// [`Throttled`] with [`Limit::Ip`].
    pub fn knock(&self, address: IpAddr, now: MonoTime) -> Result<Knocked, Throttled> {
        if let Some(quota) = self.ip.get() {
            let hash = self.hasher.hash_one(address::key(address));
            self.ips.take(hash, quota, now).map_err(|retry_after| Throttled {
                limit: Limit::Ip,
                quota,
                retry_after,
            })?;
        }
        Ok(Knocked(()))
    }

    /// Once it is known who knocks: may this buyer, and is the sale's budget not used up?
    ///
    /// # Refuses
    /// [`Throttled`] with [`Limit::Buyer`] or [`Limit::Sale`].
    pub fn admit<'a>(&self, _knocked: Knocked, cleared: Cleared<'a>, now: MonoTime) -> Result<Admitted<'a>, Throttled> {
        if let Some(quota) = self.buyer.get() {
            let hash = self.hasher.hash_one(cleared.buyer().as_str());
            let taken = self.buyers.take(hash, quota, now);
            taken.map_err(|retry_after| Throttled { limit: Limit::Buyer, quota, retry_after })?;
        }
        if let Some(quota) = self.sale.get() {
            let hash = self.hasher.hash_one(cleared.sale());
            let taken = self.sales.take(hash, quota, now);
            taken.map_err(|retry_after| Throttled { limit: Limit::Sale, quota, retry_after })?;
        }
        Ok(Admitted { cleared })
    }

    /// Buckets that gave way to others although they owed something: above 0, the tables are too small for the crowd.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.ips.evicted() + self.buyers.evicted() + self.sales.evicted()
    }
}
