//! What an attempt is told, in the words that engine and model share.

use crate::clock::WallTime;
use crate::order::OrderState;

/// An order, as its buyer reads it. Ids are random: here orders are numbered as they are won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sold {
    pub(super) number: usize,
    pub(super) sale: String,
    pub(super) sku: String,
    pub(super) buyer: String,
    pub(super) key: Option<String>,
    pub(super) units: u32,
    pub(super) price_minor: i64,
    pub(super) placed_at: WallTime,
    pub(super) expires_at: Option<WallTime>,
    pub(super) state: OrderState,
    /// Until when it is held, extensions included.
    pub(super) deadline: Option<WallTime>,
    pub(super) is_late: bool,
    pub(super) paid_by: Option<String>,
}

/// A yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Won(Sold),
    Again(Sold),
}

/// How far an attempt gets before its body is read.
#[derive(Debug)]
pub(super) enum Depth {
    Open,
    Again(Sold),
}
