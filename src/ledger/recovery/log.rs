//! The log read back in one pass: every order as it stands, and what its moves leave to be known.
//!
//! **Invariant:** an order is read whole, or the ledger isn't opened.

use std::sync::Arc;

use rusqlite::{Connection, Row, Rows};

use super::super::fault::LedgerFault;
use super::super::moves::{MoveDetail, MoveKind};
use super::super::row::EventKind;
use super::{Flaw, RecoveredItem, RecoveredMoves, Strike, bytes, integer, number, some, text};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, ItemNo, KeyRef, MessageId, OrderId, PaymentId, Quantity, SaleNo};
use crate::money::Money;
use crate::order::{Ack, Order, OrderState, OrderTerms, Stored};

/// Orders that are not as they were placed, in the order of the log, read beside it.
struct MovedOn<'a> {
    rows: Rows<'a>,
    next: Option<(i64, Standing)>,
}

/// Where an order stands that isn't as it was placed.
struct Standing {
    state: OrderState,
    deadline: Option<WallTime>,
    is_late: bool,
    payment: Option<PaymentId>,
}

impl<'a> MovedOn<'a> {
    fn new(rows: Rows<'a>) -> Result<Self, Flaw> {
        let mut moved_on = Self { rows, next: None };
        moved_on.step()?;
        Ok(moved_on)
    }

    fn step(&mut self) -> Result<(), Flaw> {
        self.next = match self.rows.next()? {
            None => None,
            Some(row) => {
                let payment = text(row, 4)?.map(PaymentId::parse).transpose();
                let standing = Standing {
                    state: some(text(row, 1)?.and_then(OrderState::of_word), "an order's state is none")?,
                    deadline: integer(row, 2)?.map(WallTime::from_micros),
                    is_late: number::<u8>(row, 3)? == 1,
                    payment: payment.map_err(|_| Flaw::Wrong("a payment's id is malformed"))?,
                };
                Some((number(row, 0)?, standing))
            }
        };
        Ok(())
    }

    /// How the order of this event stands, where it isn't as it was placed.
    fn of(&mut self, seq: i64) -> Result<Option<Standing>, Flaw> {
        match self.next.take_if(|(at, _)| *at == seq) {
            None => Ok(None),
            Some((_, standing)) => self.step().map(|()| Some(standing)),
        }
    }
}

/// What the log tells of orders.
#[derive(Default)]
struct Told {
    orders: Vec<Arc<Order>>,
    moves: RecoveredMoves,
    /// The last event's number.
    last: i64,
}

/// All orders, what their moves leave to be known, and the last event's number.
pub(super) fn read_orders(
    connection: &Connection,
    items: &[RecoveredItem],
) -> Result<(Vec<Arc<Order>>, RecoveredMoves, i64), LedgerFault> {
    let mut told = Told::default();
    read_log(connection, items, &mut told).map_err(|flaw| flaw.at(Some(told.last + 1)))?;
    Ok((told.orders, told.moves, told.last))
}

fn read_log(connection: &Connection, items: &[RecoveredItem], told: &mut Told) -> Result<(), Flaw> {
    let sql = "SELECT seq, state, expires_at_us, late, payment FROM order_states ORDER BY seq";
    let mut states = connection.prepare(sql)?;
    let mut moved_on = MovedOn::new(states.query([])?)?;
    // One pass over the log in its own order: the fastest that the file can be read.
    let sql = "SELECT seq, kind, sale, item, order_id, buyer, idempotency_key, quantity, price_minor, placed_at_us, \
               expires_at_us, ack, at_us, detail FROM events ORDER BY seq";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let placed = EventKind::OrderPlaced.word().as_bytes();
    while let Some(row) = rows.next()? {
        let seq: i64 = number(row, 0)?;
        if seq != told.last + 1 {
            return Err(Flaw::Wrong("an event is missing"));
        }
        let kind = some(bytes(row, 1)?, "an event has no kind")?;
        if kind == placed {
            let standing = moved_on.of(seq)?;
            let order = read_order(row, seq, items, standing.as_ref())?;
            if let Some(payment) = standing.and_then(|standing| standing.payment) {
                told.moves.payments.push((order.terms.id, payment));
            }
            told.orders.push(Arc::new(order));
        } else {
            let kind = std::str::from_utf8(kind).ok().and_then(EventKind::of_word);
            read_move(row, some(kind, "an event's kind is none")?, &mut told.moves)?;
        }
        told.last = seq;
    }
    match moved_on.next {
        None => Ok(()),
        Some(_) => Err(Flaw::Wrong("a state belongs to no order")),
    }
}

/// What a move leaves to be known beside where its order stands; other kinds leave nothing.
fn read_move(row: &Row<'_>, kind: EventKind, moves: &mut RecoveredMoves) -> Result<(), Flaw> {
    if !kind.moves_an_order() {
        return Ok(());
    }
    let detail = some(text(row, 13)?, "an order moves without a detail")?;
    let detail: MoveDetail =
        serde_json::from_str(detail).map_err(|_| Flaw::Wrong("the detail of an order's move is malformed"))?;
    let strike = |at| -> Result<Strike, Flaw> {
        let buyer = bytes(row, 5)?.and_then(|buyer| BuyerRef::parse(buyer).ok());
        Ok(Strike { sale: SaleNo(number(row, 2)?), buyer: some(buyer, "a buyer's id is malformed")?.into(), at })
    };
    match some(detail.kind(kind), "a refund doesn't say where the units are")? {
        MoveKind::Expired => moves.strikes.push(strike(Some(WallTime::from_micros(number(row, 12)?)))?),
        MoveKind::Confirmed { late: true } => moves.strikes.push(strike(None)?),
        _ => {}
    }
    if let Some(message) = detail.message {
        moves.messages.push(MessageId::parse(&message).map_err(|_| Flaw::Wrong("a message's id is malformed"))?);
    }
    Ok(())
}

fn read_order(row: &Row<'_>, seq: i64, items: &[RecoveredItem], standing: Option<&Standing>) -> Result<Order, Flaw> {
    let (sale, item) = (SaleNo(number(row, 2)?), ItemNo(number(row, 3)?));
    let of = some(items.get(item.index()).filter(|of| of.sale == sale), "an order's item is none")?;
    let price_minor: i64 = number(row, 8)?;
    // Nearly always the item's own price; else its currency has to be found by its code.
    let unit_price = match of.terms.price {
        price if price.minor() == price_minor => Some(price),
        price => Money::from_minor(price_minor, price.currency()),
    };
    let id = bytes(row, 4)?.and_then(|id| id.try_into().ok()).map(OrderId::from_bytes);
    let key = match bytes(row, 6)? {
        None => None,
        Some(key) => Some(some(KeyRef::parse(key).ok(), "an idempotency key is malformed")?.into()),
    };
    let terms = OrderTerms {
        id: some(id, "an order's id is malformed")?,
        sale,
        item,
        buyer: some(bytes(row, 5)?.and_then(|buyer| BuyerRef::parse(buyer).ok()), "a buyer's id is malformed")?.into(),
        key,
        quantity: some(Quantity::new(number(row, 7)?), "an order has no units")?,
        unit_price: some(unit_price, "an order's price is none")?,
        placed_at: WallTime::from_micros(number(row, 9)?),
        expires_at: integer(row, 10)?.map(WallTime::from_micros),
        ack: some(text(row, 11)?.and_then(Ack::of_word), "an order's ack is none")?,
    };
    let placed = if terms.expires_at.is_some() { OrderState::Held } else { OrderState::Confirmed };
    let order = Order::recovered(terms, standing.map_or(placed, |standing| standing.state), Stored::Disk);
    order.note_seq(seq);
    if let Some(deadline) = standing.and_then(|standing| standing.deadline) {
        order.hold_until(deadline);
    }
    if standing.is_some_and(|standing| standing.is_late) {
        order.note_late();
    }
    Ok(order)
}
