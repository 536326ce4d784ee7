//! Who lets holds run out has to wait: a buyer who takes units off sale again and again without paying keeps them from
//! those who would.
//!
//! **Invariant:** how often, and when last, is what the log says; how long that counts is the shop's to say.

use std::time::Duration;

use super::Stock;
use crate::clock::WallTime;
use crate::ids::{BuyerRef, SaleNo};
use crate::sale::Entered;

/// The buyer has let a hold run out, and has to wait before he may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooling {
    /// How long, from when it ran out.
    pub span: Duration,
    /// How long still.
    pub retry_after: Duration,
}

/// Longest cool-down, whatever it doubles to: a sale is over after a day, or the buyer is somebody else by then.
pub const COOL_DOWN_MAX: Duration = Duration::from_secs(24 * 60 * 60);

impl Stock {
    /// A buyer has let a hold run out in that sale; none: one of those was paid after all.
    pub fn strike(&self, sale: SaleNo, buyer: BuyerRef<'_>, at: Option<WallTime>) {
        if let Some(buyers) = self.sales.get(sale.index()) {
            buyers.strike(buyer, at);
        }
    }

    /// Asks whether a buyer who has let holds run out has waited long enough: `cool_down` after the first, twice as long
    /// after each further one, at most [`COOL_DOWN_MAX`].
    ///
    /// # Refuses
    /// [`Cooling`].
    pub fn cooled_down(&self, entered: &Entered<'_>, cool_down: Duration, now: WallTime) -> Result<(), Cooling> {
        if cool_down.is_zero() {
            return Ok(());
        }
        let found = entered.found();
        let strikes = self.sales.get(found.sale().no().index()).and_then(|buyers| buyers.strikes(found.buyer()));
        let Some((strikes, struck_at)) = strikes else { return Ok(()) };
        // 2³¹ times any cool-down is beyond the cap.
        let span = cool_down.saturating_mul(1 << (strikes - 1).min(31)).min(COOL_DOWN_MAX);
        let until = struck_at.after(span);
        if now < until { Err(Cooling { span, retry_after: now.until(until) }) } else { Ok(()) }
    }
}
