//! What a stretch of the log adds up to: rows to be added, and rows to be changed.
//!
//! Made of the log's rows alone, so that whoever compares can make it again. Deliberately absent: SQL.
//!
//! **Invariant:** a stretch's changes can be made in any cut of the log: two stretches one after the other come to the same
//! as both at once.

mod rows;

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

pub(super) use rows::{EventCells, ItemCells, Moved, OrderCells, SaleChange, SaleTerms};

use super::cells::{JsonText, shown};
use crate::ledger::event::{ItemDetail, SaleDetail};
use crate::ledger::moves::MoveDetail;
use crate::ledger::row::{EventKind, EventRow, GENESIS, Hash};
use crate::ledger::shipping::ItemName;
use crate::ledger::{MoveKind, Shift};
use crate::money::Money;
use crate::order::OrderState;

/// A row that can't be folded: somebody has changed the log, or a newer doorbuster has written it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {seq}: {why}")]
pub struct Poison {
    /// Which event.
    pub seq: i64,
    /// What is wrong with it.
    pub why: String,
}

/// What sales and items are called, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) sales: Vec<String>,
    pub(super) items: Vec<ItemName>,
}

/// What a stretch of the log comes to.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<EventCells>,
    pub(super) placed: Vec<OrderCells>,
    /// Where in `placed` an order is.
    placed_at: HashMap<Uuid, usize>,
    pub(super) moved: BTreeMap<Uuid, Moved>,
    pub(super) sales: BTreeMap<i32, SaleChange>,
    pub(super) items: Vec<ItemCells>,
    pub(super) shifts: BTreeMap<i32, Shift>,
}

type Folded<T> = Result<T, String>;

fn fit(number: i64) -> Folded<i32> {
    i32::try_from(number).map_err(|_| format!("{number} is out of range"))
}

fn some<T>(value: Option<T>, what: &str) -> Folded<T> {
    value.ok_or_else(|| format!("{what} is missing"))
}

fn parsed<'a, T: serde::Deserialize<'a>>(row: &EventRow<'a>) -> Folded<T> {
    serde_json::from_str(some(row.detail, "detail")?).map_err(|error| format!("detail can't be read: {error}"))
}

impl Names {
    fn sale(&self, no: i64) -> Folded<&str> {
        let name = usize::try_from(no).ok().and_then(|no| self.sales.get(no));
        name.map(String::as_str).ok_or_else(|| format!("there is no sale {no}"))
    }

    fn item(&self, no: i64) -> Folded<&ItemName> {
        let name = usize::try_from(no).ok().and_then(|no| self.items.get(no));
        name.ok_or_else(|| format!("there is no item {no}"))
    }

    /// Takes names that may be known already.
    fn learn(&mut self, sale: i64, detail: &SaleDetail) -> Folded<()> {
        match usize::try_from(sale).map(|no| no.cmp(&self.sales.len())) {
            Ok(std::cmp::Ordering::Less) => {}
            Ok(std::cmp::Ordering::Equal) => self.sales.push(detail.id.clone()),
            _ => return Err(format!("sale {sale} is not the next one")),
        }
        for (no, item) in (detail.first_item as usize..).zip(&detail.items) {
            match no.cmp(&self.items.len()) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => {
                    let currency = item.price.currency.clone();
                    self.items.push(ItemName { sale, sku: item.sku.clone(), currency });
                }
                std::cmp::Ordering::Greater => return Err(format!("item {no} is not the next one")),
            }
        }
        Ok(())
    }
}

impl Batch {
    /// The last event's number and link; the beginning's where there is none.
    pub(super) fn head(&self) -> (i64, Hash) {
        self.events.last().map_or((0, GENESIS), |event| (event.seq, event.hash))
    }

    /// Whether it is what comes behind this event.
    pub(super) fn follows(&self, seq: i64) -> bool {
        self.events.first().is_some_and(|event| event.seq == seq + 1)
    }

    /// Adds the next event.
    pub(super) fn take(&mut self, names: &mut Names, row: &EventRow<'_>, hash: Hash) -> Result<(), Poison> {
        self.add(names, row, hash).map_err(|why| Poison { seq: row.seq, why })
    }

    fn add(&mut self, names: &mut Names, row: &EventRow<'_>, hash: Hash) -> Folded<()> {
        let kind = EventKind::of_word(row.kind).ok_or_else(|| format!("{:?} is no kind of event", row.kind))?;
        match kind {
            EventKind::SaleCreated | EventKind::SaleChanged => self.terms(names, row, kind)?,
            EventKind::SaleOpened | EventKind::SaleResumed => self.phase(row, "live")?,
            EventKind::SalePaused => self.phase(row, "paused")?,
            EventKind::SaleEnded => self.phase(row, "ended")?,
            EventKind::StockAdded => self.shift(row, |units| Shift { stock: units, ..Shift::default() })?,
            EventKind::StockTaken => self.shift(row, |units| Shift { stock: -units, ..Shift::default() })?,
            EventKind::StockSoldOut => {}
            EventKind::OrderPlaced => self.place(names, row)?,
            _ => self.r#move(row, kind)?,
        }
        let mut payload = Vec::with_capacity(256);
        row.write_payload(&mut payload);
        let order = row.order_id.map(Uuid::from_slice).transpose().map_err(|_| "order_id is no id")?;
        self.events.push(EventCells {
            seq: row.seq,
            at_us: row.at_us,
            kind: kind.word(),
            sale: shown(names.sale(row.sale)?).into_owned(),
            sku: row.item.map(|item| names.item(item).map(|item| shown(&item.sku).into_owned())).transpose()?,
            order,
            quantity: row.quantity.map(fit).transpose()?,
            detail: row.detail.map(|detail| JsonText(shown(detail).into_owned())),
            payload,
            hash,
        });
        Ok(())
    }

    fn terms(&mut self, names: &mut Names, row: &EventRow<'_>, kind: EventKind) -> Folded<()> {
        let detail: SaleDetail = parsed(row)?;
        names.learn(row.sale, &detail)?;
        let sale_no = fit(row.sale)?;
        for (no, item) in (i64::from(detail.first_item)..).zip(&detail.items) {
            self.items.push(item_cells(fit(no)?, sale_no, &detail.id, item)?);
        }
        let change = self.sales.entry(sale_no).or_default();
        if kind == EventKind::SaleCreated {
            change.phase = Some("scheduled");
        }
        change.terms = Some(SaleTerms {
            title: shown(&detail.title).into_owned(),
            id: detail.id,
            opens_at_us: detail.opens_at_us,
            closes_at_us: detail.closes_at_us,
            limit_per_buyer: i64::from(detail.limit_per_buyer),
            hold_us: detail.hold_us,
        });
        Ok(())
    }

    fn phase(&mut self, row: &EventRow<'_>, phase: &'static str) -> Folded<()> {
        self.sales.entry(fit(row.sale)?).or_default().phase = Some(phase);
        Ok(())
    }

    fn shift(&mut self, row: &EventRow<'_>, shift: impl FnOnce(i64) -> Shift) -> Folded<()> {
        let item = fit(some(row.item, "item")?)?;
        let units = fit(some(row.quantity, "quantity")?)?;
        let shift = shift(i64::from(units));
        if shift != Shift::default() {
            let sum = self.shifts.entry(item).or_default();
            *sum = Shift { held: sum.held + shift.held, sold: sum.sold + shift.sold, stock: sum.stock + shift.stock };
        }
        Ok(())
    }

    fn place(&mut self, names: &Names, row: &EventRow<'_>) -> Folded<()> {
        let is_held = row.expires_at_us.is_some();
        self.shift(row, |units| match is_held {
            true => Shift { held: units, ..Shift::default() },
            false => Shift { sold: units, ..Shift::default() },
        })?;
        let item = names.item(some(row.item, "item")?)?;
        let id = order_of(row)?;
        self.placed_at.insert(id, self.placed.len());
        let state = if is_held { OrderState::Held } else { OrderState::Confirmed };
        self.placed.push(OrderCells {
            id,
            seq: row.seq,
            sale: shown(names.sale(row.sale)?).into_owned(),
            sku: shown(&item.sku).into_owned(),
            buyer: shown(some(row.buyer, "buyer")?).into_owned(),
            key: row.idempotency_key.map(|key| shown(key).into_owned()),
            quantity: fit(some(row.quantity, "quantity")?)?,
            price_minor: some(row.price_minor, "price_minor")?,
            currency: item.currency.clone(),
            state: state.word(),
            placed_at_us: some(row.placed_at_us, "placed_at_us")?,
            stored_at_us: row.at_us,
            expires_at_us: row.expires_at_us,
            late: false,
            payment: None,
        });
        Ok(())
    }

    fn r#move(&mut self, row: &EventRow<'_>, kind: EventKind) -> Folded<()> {
        let detail: MoveDetail = parsed(row)?;
        let kind = detail.kind(kind).ok_or("detail doesn't say where the units are")?;
        let units = u32::try_from(some(row.quantity, "quantity")?).map_err(|_| "quantity is out of range")?;
        self.shift(row, |_| kind.shift(units))?;
        let Some(state) = kind.to() else { return Ok(()) };
        let moved = Moved {
            state: Some(state.word()),
            expires_at_us: row.expires_at_us,
            late: kind == MoveKind::Confirmed { late: true },
            // What has paid, not what has been tried.
            payment: detail.payment.filter(|_| kind.is_paid()).map(|payment| shown(&payment).into_owned()),
        };
        let id = order_of(row)?;
        match self.placed_at.get(&id) {
            Some(at) => self.placed[*at].moved(moved),
            None => self.moved.entry(id).or_default().then(moved),
        }
        Ok(())
    }
}

fn order_of(row: &EventRow<'_>) -> Folded<Uuid> {
    Uuid::from_slice(some(row.order_id, "order_id")?).map_err(|_| "order_id is no id".into())
}

fn item_cells(no: i32, sale_no: i32, sale: &str, item: &ItemDetail) -> Folded<ItemCells> {
    let price = Money::parse(&item.price).map_err(|error| format!("the price of {}: {error}", item.sku))?;
    Ok(ItemCells {
        no,
        sale_no,
        sale: shown(sale).into_owned(),
        sku: shown(&item.sku).into_owned(),
        title: shown(&item.title).into_owned(),
        price_minor: price.minor(),
        currency: price.currency().into(),
        stock: i64::from(item.stock),
    })
}
