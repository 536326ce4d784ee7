//! The answers to whoever wants to move an order, or says that it was paid.

use hyper::StatusCode;

use super::{Also, Problem, ledger};
use crate::cashier::Unmoved;
use crate::clock::WallTime;
use crate::ledger::Unwritten;
use crate::orders::rules::Orphan;

impl Problem {
    /// The answer to whoever wanted to move an order.
    pub(in crate::door) fn of_unmoved(unmoved: Unmoved, now: WallTime) -> Self {
        match unmoved {
            Unmoved::NotFound => {
                problem!(NOT_FOUND, 404, "orders", "order_not_found", "order-not-found", "There is no such order")
            }
            Unmoved::NotHeld => {
                problem!(CONFLICT, 409, "orders", "order_not_held", "order-not-held", "The order isn't held any more")
            }
            Unmoved::Expired => {
                problem!(CONFLICT, 409, "orders", "order_expired", "order-expired", "The order's hold is over")
            }
            Unmoved::WrongAmount { .. } => Self::invalid_field("/data/amount"),
            Unmoved::Orphaned(orphan) => orphaned(orphan),
            Unmoved::Underway => ledger(Unwritten::Busy, now),
            Unmoved::Unwritten(unwritten) => ledger(unwritten, now),
        }
    }

    /// Nobody who has the key has signed this.
    pub(in crate::door) fn signature_invalid() -> Self {
        problem!(
            UNAUTHORIZED,
            401,
            "client",
            "signature_invalid",
            "signature-invalid",
            "The message isn't signed with the shop's secret"
        )
        .and(Also::Signature)
    }

    /// It was signed too long ago, or by a clock that differs too much.
    pub(in crate::door) fn signature_stale() -> Self {
        problem!(
            BAD_REQUEST,
            400,
            "client",
            "signature_stale",
            "signature-stale",
            "The message was signed more than five minutes ago, or in the future"
        )
    }
}

/// Money came that no order wants: said, because somebody has to give it back.
fn orphaned(orphan: Orphan) -> Problem {
    match orphan {
        Orphan::TooLate => problem!(
            CONFLICT,
            409,
            "orders",
            "order_expired",
            "order-expired",
            "The hold was over and no unit was free: give the money back",
            r#","orphaned":true"#
        ),
        Orphan::GivenBack => problem!(
            CONFLICT,
            409,
            "orders",
            "order_not_held",
            "order-not-held",
            "The order was given back before: give the money back",
            r#","orphaned":true"#
        ),
        Orphan::PaidTwice => problem!(
            CONFLICT,
            409,
            "orders",
            "order_not_held",
            "order-not-held",
            "The order was paid before by another payment: give the money back",
            r#","orphaned":true"#
        ),
    }
}
