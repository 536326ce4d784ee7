//! What a payment's message means for an order: the whole table, and nothing that carries it out.
//!
//! **Invariant:** the answer depends on the order, the message, the rules and the time alone.

use std::time::Duration;

use super::notice::{Notice, NoticeKind, PaymentId};
use crate::clock::WallTime;
use crate::money::Money;
use crate::order::{Order, OrderState};

/// What the shop has decided about payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long a hold lasts at least from when its payment began.
    pub payment_grace: Duration,
    /// How much longer than it was told to last a hold gets by payments at most.
    pub payment_extension_max: Duration,
    /// How long a hold lasts at least from when the shop was started again.
    pub restart_grace: Duration,
    /// Whether the units of an order are for sale again whose money a provider has given back.
    pub refund_restocks: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The held order is sold.
    Confirm,
    /// The hold is over: it is sold, if its units can be had once more.
    ConfirmLate,
    /// The confirmed order is given back.
    Refund,
    /// It is held until then, for it is being paid.
    HoldUntil(WallTime),
    /// It is held until then, for it is not being paid any more.
    HoldOnlyUntil(WallTime),
    /// What has paid for an order that was confirmed before is written down.
    Note,
    /// All is as the message wants it.
    Nothing,
    /// There is money, and no order for it.
    Orphaned(Orphan),
    /// Not for an order that stands there.
    NotHeld,
    /// The hold is over.
    Expired,
    /// The order costs something else.
    WrongAmount {
        /// What it costs.
        total: Money,
    },
}

/// Why money has no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// The hold was over, and its units could not be had once more.
    TooLate,
    /// The order was given back.
    GivenBack,
    /// It was paid before, by another payment.
    PaidTwice,
}

impl Orphan {
    /// For people, as the log says it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLate => "the hold was over and no unit was free within the limit",
            Self::GivenBack => "the order was given back",
            Self::PaidTwice => "the order was paid before",
        }
    }
}

/// Until when the buyer may pay by what he was told, payments aside; `opened_at` is when the shop was started.
pub(crate) fn own_deadline(order: &Order, rules: &Rules, opened_at: WallTime) -> Option<WallTime> {
    let told = order.terms.expires_at?;
    // Who could not reach the shop while it was closed gets his time afterwards.
    let grace = (order.terms.placed_at < opened_at).then(|| opened_at.after(rules.restart_grace));
    Some(grace.map_or(told, |grace| told.max(grace)))
}

/// What the message means; `paid_by` is what has paid for the order, if that is known, `opened_at` when the shop was
/// started.
#[must_use]
pub fn judge(
    notice: &Notice,
    (order, paid_by): (&Order, Option<&PaymentId>),
    rules: &Rules,
    (now, opened_at): (WallTime, WallTime),
) -> Verdict {
    use OrderState::{Cancelled, Confirmed, Expired, Held, Refunded};
    let total = order.total();
    if notice.amount.is_some_and(|amount| amount != total) {
        return Verdict::WrongAmount { total };
    }
    match (notice.kind, order.state()) {
        (NoticeKind::Started, Held) => Verdict::HoldUntil(extended(order, rules, now)),
        (NoticeKind::Started, Expired) => Verdict::Expired,
        (NoticeKind::Started, Confirmed | Cancelled | Refunded) => Verdict::NotHeld,
        (NoticeKind::Succeeded, Held) => Verdict::Confirm,
        (NoticeKind::Succeeded, Expired) => Verdict::ConfirmLate,
        (NoticeKind::Succeeded, Cancelled | Refunded) => Verdict::Orphaned(Orphan::GivenBack),
        (NoticeKind::Succeeded, Confirmed) => match (paid_by, &notice.payment) {
            // An order that was confirmed by hand, or at once, has no payment yet: this is the one.
            (None, Some(_)) => Verdict::Note,
            (None, None) => Verdict::Nothing,
            (Some(by), Some(payment)) if by == payment => Verdict::Nothing,
            (Some(_), _) => Verdict::Orphaned(Orphan::PaidTwice),
        },
        (NoticeKind::Failed, Held) => Verdict::HoldOnlyUntil(shortened(order, rules, now, opened_at)),
        // Who has not paid for what he hasn't got, or by another payment, needs no answer but yes.
        (NoticeKind::Failed, _) | (NoticeKind::Refunded, Refunded) => Verdict::Nothing,
        (NoticeKind::Refunded, Confirmed) => Verdict::Refund,
        (NoticeKind::Refunded, Held | Expired | Cancelled) => Verdict::NotHeld,
    }
}

/// A payment has begun: time to end it, within bounds, and never less than there was.
fn extended(order: &Order, rules: &Rules, now: WallTime) -> WallTime {
    let told = order.terms.expires_at.unwrap_or(now);
    let wanted = now.after(rules.payment_grace).min(told.after(rules.payment_extension_max));
    order.deadline().map_or(wanted, |deadline| deadline.max(wanted))
}

/// A payment has failed: the hold ends when it would have without, but not in the past.
fn shortened(order: &Order, rules: &Rules, now: WallTime, opened_at: WallTime) -> WallTime {
    let own = own_deadline(order, rules, opened_at).unwrap_or(now).max(now);
    order.deadline().map_or(own, |deadline| deadline.min(own))
}
