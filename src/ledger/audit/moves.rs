//! An order moves on: whether it may, and what that does to its item and its buyer.
//!
//! **Invariant:** a move that the state machine has no arrow for changes nothing here: what follows is judged as if it had
//! not been written.

use std::hash::BuildHasher;

use sha2::{Digest, Sha256};

use super::super::moves::MoveKind;
use super::super::row::{EventKind, EventRow};
use super::decode::{Moved, Nonsense};
use super::fold::{Fold, KeyPrint};
use super::report::Invariant;
use crate::ids::{BuyerId, BuyerRef, ItemNo, SaleNo};
use crate::order::OrderState;

/// An order as the log has it so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Its `order.placed` event.
    pub(super) seq: i64,
    /// Of its sale, item, buyer and units: 64 bits tell a row that was mixed up, and cost a tenth of the words.
    pub(super) print: u64,
    pub(super) state: OrderState,
}

/// What the tables must show of an order that isn't as it was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) state: OrderState,
    pub(super) expires_at_us: Option<i64>,
    pub(super) is_late: bool,
    pub(super) payment: Option<String>,
}

/// A fingerprint of what every row about one order repeats.
pub(super) fn terms_print(sale: SaleNo, item: ItemNo, buyer: BuyerRef<'_>, units: u32) -> u64 {
    foldhash::quality::FixedState::default().hash_one((sale.0, item.0, buyer.as_str(), units))
}

/// The arrows of the state machine. A payment that nobody wants moves nothing, and comes for an order that isn't held.
fn may_move(from: OrderState, kind: MoveKind) -> bool {
    use OrderState::{Confirmed, Expired, Held};
    match kind {
        MoveKind::Confirmed { late } => from == if late { Expired } else { Held },
        MoveKind::Cancelled | MoveKind::Expired => from == Held,
        MoveKind::PaymentStarted | MoveKind::PaymentFailed => from == Held,
        MoveKind::Refunded { .. } | MoveKind::PaymentNoted => from == Confirmed,
        MoveKind::PaymentOrphaned => from != Held,
    }
}

impl Fold {
    pub(super) fn move_order(&mut self, kind: EventKind, event: &EventRow<'_>) -> Result<(), Nonsense> {
        let (sale, item) = (self.sale_of(event)?, self.item_of(event)?);
        let moved = Moved::of(kind, event)?;
        let id = moved.id;
        let Some(standing) = self.orders.get(&id).copied() else {
            self.findings.note(Invariant::I4, Some(event.seq), || format!("order {id} was never won"));
            return Ok(());
        };
        if standing.print != terms_print(sale, item, moved.buyer, moved.units) {
            self.findings.note(Invariant::I4, Some(event.seq), || {
                format!("order {id} was won with another sale, item, buyer or quantity, by event {}", standing.seq)
            });
            return Ok(());
        }
        if !may_move(standing.state, moved.kind) {
            let (word, from) = (event.kind, standing.state.word());
            self.findings.note(Invariant::I4, Some(event.seq), || format!("{word} of order {id}, which is {from}"));
            return Ok(());
        }
        self.check_message(event.seq, &moved);
        self.check_amount(event.seq, item, &moved);
        self.move_units(event.seq, (sale, item), &moved);
        self.show(standing, event, &moved);
        Ok(())
    }

    /// I4: a message is acted on once.
    fn check_message(&mut self, seq: i64, moved: &Moved<'_>) {
        let Some(message) = &moved.detail.message else { return };
        let hash: [u8; 32] = Sha256::digest(message).into();
        let mut print = KeyPrint::default();
        print.copy_from_slice(&hash[..16]);
        if let Some(first) = self.messages.insert(print, seq) {
            self.findings.note(Invariant::I4, Some(seq), || {
                format!("message {message:?} has been acted on before, by event {first}")
            });
        }
    }

    /// I7: what is paid is what the order costs.
    fn check_amount(&mut self, seq: i64, item: ItemNo, moved: &Moved<'_>) {
        let Some(item) = self.items.get(item.index()) else { return };
        let (Some(minor), Some(currency)) = (moved.detail.amount_minor, moved.detail.currency.as_deref()) else {
            return;
        };
        let total = item.price.times(moved.units);
        if (minor, currency) != (total.minor(), total.currency()) {
            let id = moved.id;
            self.findings.note(Invariant::I7, Some(seq), || {
                format!("order {id} costs {} {}, paid are {minor} {currency}", total.minor(), total.currency())
            });
        }
    }

    /// I1 and I2: units go back and are taken again.
    fn move_units(&mut self, seq: i64, (sale, item): (SaleNo, ItemNo), moved: &Moved<'_>) {
        let units = i64::from(moved.units);
        match moved.kind {
            MoveKind::Confirmed { late: false } => self.shift(seq, item, |item| {
                item.held -= units;
                item.confirmed += units;
            }),
            MoveKind::Confirmed { late: true } => {
                self.check_limit(seq, sale, moved.buyer, moved.units);
                self.shift(seq, item, |item| item.confirmed += units);
            }
            MoveKind::Cancelled | MoveKind::Expired => {
                self.release(sale, moved);
                self.shift(seq, item, |item| item.held -= units);
            }
            MoveKind::Refunded { restock } => {
                self.release(sale, moved);
                self.shift(seq, item, |item| {
                    item.confirmed -= units;
                    item.stock -= if restock { 0 } else { units };
                });
            }
            MoveKind::PaymentStarted | MoveKind::PaymentFailed | MoveKind::PaymentNoted | MoveKind::PaymentOrphaned => {
            }
        }
    }

    /// The units are no longer their buyer's.
    fn release(&mut self, sale: SaleNo, moved: &Moved<'_>) {
        let units = self.sales[sale.index()].buyers.entry(BuyerId::from(moved.buyer)).or_default();
        *units = units.saturating_sub(u64::from(moved.units));
    }

    /// I7: what the tables have to show from now on.
    fn show(&mut self, standing: Standing, event: &EventRow<'_>, moved: &Moved<'_>) {
        let Some(to) = moved.kind.to() else { return };
        self.orders.insert(moved.id, Standing { state: to, ..standing });
        let new = Shown { state: to, expires_at_us: None, is_late: false, payment: None };
        let shown = self.moved.entry(standing.seq).or_insert(new);
        shown.state = to;
        shown.expires_at_us = event.expires_at_us.or(shown.expires_at_us);
        shown.is_late |= moved.kind == MoveKind::Confirmed { late: true };
        if moved.kind.is_paid() && moved.detail.payment.is_some() {
            shown.payment.clone_from(&moved.detail.payment);
        }
    }
}
