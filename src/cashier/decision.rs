//! What the cashier answers: what was decided, and what becomes of it.
//!
//! **Invariant:** who is told yes is told so by the ledger.

use std::sync::Arc;

use crate::ledger::{Receipt, Unwritten};
use crate::money::Money;
use crate::order::Order;
use crate::orders::rules::Orphan;

/// Why an order isn't moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmoved {
    /// There is no such order, or it is another buyer's: `order_not_found`, 404.
    NotFound,
    /// It stands where that can't be done: `order_not_held`, 409.
    NotHeld,
    /// Its hold is over: `order_expired`, 409.
    Expired,
    /// It costs something else: `invalid_field`, 422.
    WrongAmount {
        /// What it costs.
        total: Money,
    },
    /// There is money, and no order for it; that is written down. `order_expired` where it came too late, else
    /// `order_not_held`: 409.
    Orphaned(Orphan),
    /// Somebody else is deciding about it: in a moment it is known what comes of it. `busy`, 503.
    Underway,
    /// The ledger didn't take it.
    Unwritten(Unwritten),
}

impl From<Unwritten> for Unmoved {
    fn from(unwritten: Unwritten) -> Self {
        Self::Unwritten(unwritten)
    }
}

/// What was decided. True once it is [`stored`](Decision::stored).
#[must_use = "a decision is known when it is stored"]
#[derive(Debug)]
pub struct Decision {
    pub(super) order: Arc<Order>,
    /// None: nothing had to be done.
    pub(super) receipt: Option<Receipt>,
    /// The money that came has no order.
    pub(super) orphan: Option<Orphan>,
}

/// What became of a decision.
#[derive(Debug, Clone)]
pub struct Done {
    /// The order as it stands now.
    pub order: Arc<Order>,
    /// Whether something was done, or all was as it should be already.
    pub is_change: bool,
}

impl Decision {
    pub(super) fn nothing(order: Arc<Order>) -> Self {
        Self { order, receipt: None, orphan: None }
    }

    /// Waits until the ledger has it.
    ///
    /// # Errors
    /// [`Unmoved::Unwritten`] where it hasn't, [`Unmoved::Orphaned`] where what was written down is money without an order.
    pub async fn stored(self) -> Result<Done, Unmoved> {
        let is_change = self.receipt.is_some();
        if let Some(receipt) = self.receipt {
            receipt.await?;
        }
        match self.orphan {
            Some(orphan) => Err(Unmoved::Orphaned(orphan)),
            None => Ok(Done { order: self.order, is_change }),
        }
    }
}
