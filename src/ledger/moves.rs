//! What moves an order on its way, and what the log says of it.
//!
//! **Invariant:** whoever queues a move that changes an order has its [`Deciding`]: nobody else moves the order until the
//! ledger's verdict has been carried out.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

use super::Outcome;
use super::row::EventKind;
use crate::clock::WallTime;
use crate::ids::{MessageId, PaymentId};
use crate::money::Money;
use crate::order::{Deciding, Order, OrderState};

/// What happens to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveKind {
    /// It is sold.
    Confirmed {
        /// Its hold was over: its units are taken once more.
        late: bool,
    },
    /// It is given back before it was paid.
    Cancelled,
    /// It wasn't paid in time.
    Expired,
    /// It is given back after it was paid.
    Refunded {
        /// Whether its units are for sale again; if not, the shop has so many less.
        restock: bool,
    },
    /// The buyer is paying: the hold may last longer.
    PaymentStarted,
    /// The buyer has tried to pay, and has not.
    PaymentFailed,
    /// It was confirmed before without a payment; this is the one.
    PaymentNoted,
    /// There is money, and no order that it could pay.
    PaymentOrphaned,
}

impl MoveKind {
    /// As the log calls it.
    #[must_use]
    pub fn event(self) -> EventKind {
        match self {
            Self::Confirmed { .. } => EventKind::OrderConfirmed,
            Self::Cancelled => EventKind::OrderCancelled,
            Self::Expired => EventKind::OrderExpired,
            Self::Refunded { .. } => EventKind::OrderRefunded,
            Self::PaymentStarted => EventKind::PaymentStarted,
            Self::PaymentFailed => EventKind::PaymentFailed,
            Self::PaymentNoted => EventKind::PaymentNoted,
            Self::PaymentOrphaned => EventKind::PaymentOrphaned,
        }
    }

    /// Where the order stands afterwards; none: where it stood.
    #[must_use]
    pub fn to(self) -> Option<OrderState> {
        match self {
            Self::Confirmed { .. } | Self::PaymentNoted => Some(OrderState::Confirmed),
            Self::Cancelled => Some(OrderState::Cancelled),
            Self::Expired => Some(OrderState::Expired),
            Self::Refunded { .. } => Some(OrderState::Refunded),
            Self::PaymentStarted | Self::PaymentFailed => Some(OrderState::Held),
            Self::PaymentOrphaned => None,
        }
    }

    /// Whether the payment that it names is what has paid for the order.
    pub(crate) fn is_paid(self) -> bool {
        matches!(self, Self::Confirmed { .. } | Self::PaymentNoted)
    }

    /// What it changes in the totals of the order's item.
    pub(crate) fn shift(self, units: u32) -> Shift {
        let units = i64::from(units);
        match self {
            Self::Confirmed { late: false } => Shift { held: -units, sold: units, stock: 0 },
            Self::Confirmed { late: true } => Shift { held: 0, sold: units, stock: 0 },
            Self::Cancelled | Self::Expired => Shift { held: -units, sold: 0, stock: 0 },
            Self::Refunded { restock: true } => Shift { held: 0, sold: -units, stock: 0 },
            Self::Refunded { restock: false } => Shift { held: 0, sold: -units, stock: -units },
            Self::PaymentStarted | Self::PaymentFailed | Self::PaymentNoted | Self::PaymentOrphaned => Shift::default(),
        }
    }
}

/// A change of an item's totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) held: i64,
    pub(crate) sold: i64,
    pub(crate) stock: i64,
}

impl Shift {
    /// By how much free units become more.
    pub(super) fn available(self) -> i64 {
        self.stock - self.held - self.sold
    }
}

/// Who wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Whose order it is.
    Buyer,
    /// Somebody in the office.
    Admin,
    /// Whoever takes the money.
    Payment,
    /// The end of the hold.
    Deadline,
}

/// What belongs to a move because a payment's message asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The message.
    pub message: MessageId,
    /// Which payment it is about, where it says.
    pub payment: Option<PaymentId>,
    /// How much, where it says.
    pub amount: Option<Money>,
}

/// An order on the move: decided, and not yet written down.
#[derive(Debug)]
pub struct Move {
    order: Arc<Order>,
    kind: MoveKind,
    by: By,
    told: Option<Told>,
    /// Until when it is held from now on.
    deadline: Option<WallTime>,
    /// Why, for people.
    reason: Option<&'static str>,
    /// When it was decided.
    at: WallTime,
    /// None where nothing is decided about the order itself, or not any more.
    deciding: Option<Deciding>,
}

impl Move {
    /// The order of this decision moves.
    #[must_use]
    pub fn of(deciding: Deciding, kind: MoveKind, by: By, at: WallTime) -> Self {
        let order = Arc::clone(deciding.order());
        Self { order, kind, by, told: None, deadline: None, reason: None, at, deciding: Some(deciding) }
    }

    /// There is money that this order doesn't want.
    #[must_use]
    pub fn orphaned(order: Arc<Order>, told: Told, reason: &'static str, at: WallTime) -> Self {
        let (kind, by) = (MoveKind::PaymentOrphaned, By::Payment);
        Self { order, kind, by, told: Some(told), deadline: None, reason: Some(reason), at, deciding: None }
    }

    /// A payment's message asked for it.
    #[must_use]
    pub fn told(mut self, told: Told) -> Self {
        self.told = Some(told);
        self
    }

    /// The order is held until then.
    #[must_use]
    pub fn until(mut self, deadline: WallTime) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Whose it is.
    #[must_use]
    pub fn order(&self) -> &Arc<Order> {
        &self.order
    }

    /// What happens.
    #[must_use]
    pub fn kind(&self) -> MoveKind {
        self.kind
    }

    /// The message that asked for it.
    #[must_use]
    pub fn message(&self) -> Option<&MessageId> {
        self.told.as_ref().map(|told| &told.message)
    }

    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> Option<&PaymentId> {
        self.told.as_ref().and_then(|told| told.payment.as_ref())
    }

    /// Until when the order is held from now on, where that changes.
    #[must_use]
    pub fn deadline(&self) -> Option<WallTime> {
        self.deadline
    }

    /// When it was decided.
    #[must_use]
    pub fn at(&self) -> WallTime {
        self.at
    }

    /// Carries the ledger's verdict to the order: it moves, or is as before, or nobody may move it any more. To be called
    /// once, after its units have moved.
    pub fn settle(&mut self, outcome: Outcome) {
        let Some(deciding) = self.deciding.take() else { return };
        match outcome {
            Outcome::Stored(_) => {
                if let Some(deadline) = self.deadline {
                    self.order.hold_until(deadline);
                }
                match self.kind.to() {
                    Some(to) => deciding.settle(to),
                    None => drop(deciding),
                }
            }
            Outcome::NotStored => drop(deciding),
            Outcome::Unknown => deciding.leave_undecided(),
        }
    }

    pub(super) fn detail(&self) -> MoveDetail {
        let amount = self.told.as_ref().and_then(|told| told.amount);
        MoveDetail {
            by: self.by,
            message: self.message().map(|message| message.as_str().into()),
            payment: self.payment().map(|payment| payment.as_str().into()),
            amount_minor: amount.map(Money::minor),
            currency: amount.map(|amount| amount.currency().into()),
            late: (self.kind == MoveKind::Confirmed { late: true }).then_some(true),
            restock: if let MoveKind::Refunded { restock } = self.kind { Some(restock) } else { None },
            reason: self.reason.map(Into::into),
        }
    }
}

/// The `detail` of `order.confirmed`, `order.cancelled`, `order.expired`, `order.refunded` and of `payment.*`: how it came
/// to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoveDetail {
    /// Who wanted it.
    pub by: By,
    /// The id of the message that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The provider's id of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// What was paid, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// The ISO 4217 code of what was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// True where the hold was over and the units were taken once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<bool>,
    /// Whether the units of a refunded order are for sale again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restock: Option<bool>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl MoveDetail {
    /// What happened by a row of this kind with this detail; none where the kind moves no order, or a refund doesn't say
    /// where the units went.
    pub(crate) fn kind(&self, event: EventKind) -> Option<MoveKind> {
        match event {
            EventKind::OrderConfirmed => Some(MoveKind::Confirmed { late: self.late == Some(true) }),
            EventKind::OrderCancelled => Some(MoveKind::Cancelled),
            EventKind::OrderExpired => Some(MoveKind::Expired),
            EventKind::OrderRefunded => self.restock.map(|restock| MoveKind::Refunded { restock }),
            EventKind::PaymentStarted => Some(MoveKind::PaymentStarted),
            EventKind::PaymentFailed => Some(MoveKind::PaymentFailed),
            EventKind::PaymentNoted => Some(MoveKind::PaymentNoted),
            EventKind::PaymentOrphaned => Some(MoveKind::PaymentOrphaned),
            _ => None,
        }
    }
}
