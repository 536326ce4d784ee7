//! What each event looks like as a row, before it has its number, time and link.

use super::super::event::{Event, SaleDetail};
use super::super::moves::Move;
use super::super::row::{EventKind, EventRow};
use super::BadEvent;
use crate::clock::WallTime;
use crate::ids::SaleNo;
use crate::order::Order;

pub(super) fn blank(kind: &str, sale: i64) -> EventRow<'_> {
    EventRow {
        seq: 0,
        at_us: 0,
        kind,
        sale,
        item: None,
        order_id: None,
        buyer: None,
        idempotency_key: None,
        quantity: None,
        price_minor: None,
        placed_at_us: None,
        expires_at_us: None,
        ack: None,
        detail: None,
    }
}

pub(super) fn detail_of(event: &Event) -> Result<Option<String>, BadEvent> {
    let detail = match event {
        Event::SaleCreated { first_item, offer, .. } => SaleDetail::of(&offer.sale, *first_item, &offer.items),
        Event::SaleChanged { terms, first_item, added, .. } => SaleDetail::of(terms, *first_item, added),
        Event::OrderMoved(moved) => {
            return serde_json::to_string(&moved.detail()).map(Some).map_err(|_| BadEvent::Unwritable);
        }
        _ => return Ok(None),
    };
    serde_json::to_string(&detail).map(Some).map_err(|_| BadEvent::Unwritable)
}

pub(super) fn row_of<'a>(event: &'a Event, detail: Option<&'a str>) -> EventRow<'a> {
    let of_sale = |sale: &SaleNo| EventRow { detail, ..blank(event.kind().word(), i64::from(sale.0)) };
    match event {
        Event::SaleCreated { sale, .. }
        | Event::SaleChanged { sale, .. }
        | Event::SaleOpened(sale, _)
        | Event::SalePaused(sale)
        | Event::SaleResumed(sale)
        | Event::SaleEnded(sale) => of_sale(sale),
        Event::StockAdded { sale, item, units } | Event::StockTaken { sale, item, units } => {
            EventRow { item: Some(i64::from(item.0)), quantity: Some(i64::from(*units)), ..of_sale(sale) }
        }
        Event::OrderPlaced(order) => order_row(order),
        Event::OrderMoved(moved) => move_row(moved, detail),
    }
}

fn move_row<'a>(moved: &'a Move, detail: Option<&'a str>) -> EventRow<'a> {
    let terms = &moved.order().terms;
    EventRow {
        item: Some(i64::from(terms.item.0)),
        order_id: Some(terms.id.as_bytes()),
        buyer: Some(terms.buyer.as_str()),
        quantity: Some(i64::from(terms.quantity.units())),
        expires_at_us: moved.deadline().map(WallTime::micros),
        detail,
        ..blank(moved.kind().event().word(), i64::from(terms.sale.0))
    }
}

fn order_row(order: &Order) -> EventRow<'_> {
    let terms = &order.terms;
    EventRow {
        item: Some(i64::from(terms.item.0)),
        order_id: Some(terms.id.as_bytes()),
        buyer: Some(terms.buyer.as_str()),
        idempotency_key: terms.key.as_ref().map(|key| key.as_str()),
        quantity: Some(i64::from(terms.quantity.units())),
        price_minor: Some(terms.unit_price.minor()),
        placed_at_us: Some(terms.placed_at.micros()),
        expires_at_us: terms.expires_at.map(WallTime::micros),
        ack: Some(terms.ack.word()),
        ..blank(EventKind::OrderPlaced.word(), i64::from(terms.sale.0))
    }
}
