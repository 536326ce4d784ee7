//! What is for sale: the nouns that configuration declares, the ledger keeps and the sale floor serves.
//!
//! **Invariant:** plain values; who may change them and when is the floors' business.

use std::time::Duration;

use crate::clock::WallTime;
use crate::ids::{SaleId, Sku};
use crate::money::Money;

/// Most that one unit may cost, in minor units: 2³¹−1, so that a price times any quantity fits 63 bits.
pub const PRICE_MINOR_MAX: i64 = i32::MAX as i64;
/// Most units that an item may have: 2³¹−1, so that sums of two counts fit 32 bits.
pub const STOCK_MAX: u32 = i32::MAX as u32;
/// Longest title of a sale or item, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// Where a sale stands. `Scheduled → Live ⇄ Paused → Ended`; a scheduled sale may also end without having opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Its opening time has not come.
    Scheduled,
    /// Attempts are let in.
    Live,
    /// Stopped by the shop, for now.
    Paused,
    /// Over, for good.
    Ended,
}

impl Phase {
    /// All phases, in the order of a sale's life.
    pub const ALL: [Self; 4] = [Self::Scheduled, Self::Live, Self::Paused, Self::Ended];

    /// The contract's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }

    /// The phase of a contract's word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.word() == word)
    }
}

/// A sale's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleTerms {
    /// Its public id; never changes.
    pub id: SaleId,
    /// Its name, for people. Any text of at most [`TITLE_CHARS_MAX`].
    pub title: String,
    /// When it opens; none: as soon as it is created.
    pub opens_at: Option<WallTime>,
    /// When it ends; none: when somebody ends it.
    pub closes_at: Option<WallTime>,
    /// Units that one buyer may have over the whole sale, at least 1.
    pub limit_per_buyer: u32,
    /// How long a won unit is kept for its buyer to pay; none: an order is confirmed at once.
    pub hold: Option<Duration>,
}

/// An item's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTerms {
    /// Its public id within the sale; never changes.
    pub sku: Sku,
    /// Its name, for people. Any text of at most [`TITLE_CHARS_MAX`].
    pub title: String,
    /// Price of one unit, at most [`PRICE_MINOR_MAX`].
    pub price: Money,
    /// Units that the shop has put on sale, sold ones included. At most [`STOCK_MAX`].
    pub stock: u32,
}

/// A sale as configuration or an administrator declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The sale's own terms.
    pub sale: SaleTerms,
    /// Its items, at least one, in the order in which they are shown.
    pub items: Vec<ItemTerms>,
}

/// What an administrator wants to be different about a sale. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaleChange {
    /// Its name.
    pub title: Option<String>,
    /// When it opens; only a sale that has not opened yet can still be moved. Inner none: at once.
    pub opens_at: Option<Option<WallTime>>,
    /// When it ends. Inner none: when somebody ends it.
    pub closes_at: Option<Option<WallTime>>,
    /// Units per buyer, for orders from now on.
    pub limit_per_buyer: Option<u32>,
    /// How long units are held, for orders from now on. Inner none: no payment step.
    pub hold: Option<Option<Duration>>,
    /// Items to add.
    pub items: Vec<ItemTerms>,
}
