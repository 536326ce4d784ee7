//! Orders for the shop's people: found, looked through, exported, and moved by hand.
//!
//! **Invariant:** what is shown is read from the ledger beside the sale, and never from its path.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::change::parse;
use super::problem::Problem;
use super::query::Query;
use super::reading::{read, unreadable};
use super::views::{EventView, OfficeOrder, OrderHistory, OrdersPage};
use super::{Here, Office};
use crate::cashier::{Done, Unmoved};
use crate::door::extract::{Named, Whole};
use crate::door::views::OrderView;
use crate::holds;
use crate::ids::{BuyerRef, OrderId, PaymentId, SaleId, Sku};
use crate::keeper::Unchanged;
use crate::ledger::export::{ExportFault, Format, export};
use crate::ledger::orders::{First, OrderFilter, OrderRecord, STRETCH_EVENTS, stretches};
use crate::order::OrderState;
use crate::urgency::beside_the_sale;

/// Orders on a page, where nobody says how many.
pub(in crate::door) const PAGE_ORDERS: u32 = 50;
/// Orders on a page at most: what a screen shows, several times over.
pub(in crate::door) const PAGE_ORDERS_MAX: u32 = 500;
/// Events that one page looks at, before it says where to go on: a filter that lets few through takes a second at most.
const PAGE_EVENTS_MAX: i64 = 500 * STRETCH_EVENTS;
/// How long an export waits for a client that takes nothing.
const EXPORT_PATIENCE: Duration = Duration::from_secs(60);
/// What an order's place in the list begins with, so that a number that was typed isn't taken for one.
const CURSOR: &str = "before:";

fn filter(office: &Office, query: &Query<'_>) -> Result<OrderFilter, Problem> {
    let state = |text: &str| {
        let words: Vec<&str> = OrderState::ALL.into_iter().map(OrderState::word).collect();
        OrderState::of_word(text).ok_or_else(|| format!("must be one of: {}", words.join(", ")))
    };
    let filter = OrderFilter {
        sale: query.filter("sale", SaleId::parse)?,
        state: query.filter("state", state)?,
        buyer: query.filter("buyer", |text| BuyerRef::parse(text.as_bytes()).map(Into::into))?,
        sku: query.filter("sku", Sku::parse)?,
    };
    match &filter.sale {
        Some(sale) if office.funnel.sales.find_sale(sale.as_str()).is_none() => Err(Unchanged::SaleNotFound.into()),
        _ => Ok(filter),
    }
}

/// `GET /v1/admin/orders`
pub(super) async fn list(State(office): Here, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let query = Query::read(text.as_deref(), &["sale", "state", "buyer", "sku", "after", "limit"])?;
    let filter = filter(&office, &query)?;
    let limit = query.parsed("limit", |text| {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        let limit = text.parse().ok().filter(|limit| is_whole && (1..=PAGE_ORDERS_MAX).contains(limit));
        limit.ok_or_else(|| format!("must be a whole number from 1 to {PAGE_ORDERS_MAX}"))
    })?;
    let before = query.filter("after", |text| before_of(text).ok_or("must be the `next` of another page"))?;
    let limit = limit.unwrap_or(PAGE_ORDERS);
    let (orders, next) = read(&office, move |reader, asked| {
        let head = reader.last_seq().map_err(unreadable)?;
        let newest = before.map_or(head, |before| head.min(before - 1));
        let oldest = 1.max(newest.saturating_sub(PAGE_EVENTS_MAX) + 1);
        let mut orders: Vec<OrderRecord> = Vec::new();
        for events in stretches(oldest, newest, First::Newest) {
            asked.check()?;
            // One more than fits says that there is a next page.
            let more = limit + 1 - u32::try_from(orders.len()).unwrap_or(limit);
            orders.extend(reader.orders(&filter, events, First::Newest, more).map_err(unreadable)?);
            if orders.len() > limit as usize {
                break;
            }
        }
        let is_cut = orders.len() > limit as usize;
        orders.truncate(limit as usize);
        let next =
            if is_cut { orders.last().map(|order| order.seq) } else { Some(oldest).filter(|oldest| *oldest > 1) };
        Ok((orders, next))
    })
    .await?;
    let shipped = office.funnel.ledger.shipped();
    let orders = orders.iter().map(|order| OfficeOrder::of_record(order, shipped)).collect();
    let page = OrdersPage { orders, next: next.map(cursor_of) };
    Ok(unkept(Json(page)))
}

fn unkept(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], answer).into_response()
}

pub(in crate::door) fn cursor_of(seq: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{CURSOR}{seq}"))
}

pub(in crate::door) fn before_of(cursor: &str) -> Option<i64> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let seq = std::str::from_utf8(&text).ok()?.strip_prefix(CURSOR)?.parse().ok()?;
    // A number has more spellings than the one that a page says.
    Some(seq).filter(|seq| *seq > 0 && cursor_of(*seq) == cursor)
}

/// `GET /v1/admin/orders/{order}`
pub(super) async fn show(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let order = OrderId::parse(&id).ok().and_then(|id| office.funnel.orders.find(id)).ok_or(Unmoved::NotFound)?;
    let history = match (&office.ledger_dir, order.seq()) {
        (Some(_), Some(placed)) => {
            let id = order.terms.id;
            let reading = read(&office, move |reader, asked| {
                let head = reader.last_seq().map_err(unreadable)?;
                let mut history = Vec::new();
                for events in stretches(placed, head, First::Oldest) {
                    asked.check()?;
                    history.extend(reader.history(id, events).map_err(unreadable)?);
                }
                Ok(history)
            });
            reading.await?
        }
        _ => Vec::new(),
    };
    let payment = office.funnel.orders.payment_of(order.terms.id);
    let order =
        OfficeOrder { order: OrderView::of(&order, &office.funnel), payment: payment.as_ref().map(PaymentId::as_str) };
    Ok(unkept(Json(OrderHistory { order, history: history.into_iter().map(EventView::from).collect() })))
}

/// Where an export goes: to a client, chunk by chunk.
struct Outlet {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Outlet {
    fn send(&self, chunk: io::Result<Bytes>) -> io::Result<()> {
        let sent = self.runtime.block_on(self.chunks.send_timeout(chunk, EXPORT_PATIENCE));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl io::Write for &Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(Ok(Bytes::copy_from_slice(bytes)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.chunks.is_closed() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }
}

/// `GET /v1/admin/orders.csv`
pub(super) async fn csv(State(office): Here, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let query = Query::read(text.as_deref(), &["sale", "state"])?;
    let filter = filter(&office, &query)?;
    let turn = Arc::clone(&office.reading).acquire_owned().await.map_err(|_| Problem::Internal)?;
    // One on its way, one in the making.
    let (chunks, told) = mpsc::channel(1);
    let outlet = Outlet { chunks, runtime: Handle::current() };
    // Opened here, so that what can't be opened is a problem and not half a file.
    let reader = office.reader()?;
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        beside_the_sale();
        if let Err(fault) = export(&reader, Format::Csv, &filter, &outlet) {
            tracing::error!(%fault, "an export broke off");
            let broken = match fault {
                ExportFault::Write(error) => error,
                ExportFault::Read(_) | ExportFault::UnknownSale(_) => io::Error::other("the ledger can't be read"),
            };
            // The body breaks off, so that nobody takes it for the whole.
            let _ = outlet.send(Err(broken));
        }
    });
    let body = futures_util::stream::unfold(told, |mut told| async move { Some((told.recv().await?, told)) });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orders.csv\""),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn moved(office: &Office, done: &Done) -> Response {
    let payment = office.funnel.orders.payment_of(done.order.terms.id);
    let order = OrderView::of(&done.order, &office.funnel);
    unkept(Json(OfficeOrder { order, payment: payment.as_ref().map(PaymentId::as_str) }))
}

fn order_named(id: &str) -> Result<OrderId, Problem> {
    OrderId::parse(id).map_err(|_| Unmoved::NotFound.into())
}

/// `POST /v1/admin/orders/{order}/confirm`
pub(super) async fn confirm(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let id = order_named(&id)?;
    Ok(moved(&office, &holds::decided(|| office.cashier.confirm(id, office.clock.now().wall)).await?))
}

/// `POST /v1/admin/orders/{order}/cancel`
pub(super) async fn cancel(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let id = order_named(&id)?;
    Ok(moved(&office, &holds::decided(|| office.cashier.cancel_for_office(id, office.clock.now().wall)).await?))
}

/// What is wanted of a refund.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refund)]
pub(in crate::door) struct Refund {
    /// Whether the units are for sale again; absent: as `orders.refund_restocks` says.
    restock: Option<bool>,
}

/// `POST /v1/admin/orders/{order}/refund`
pub(super) async fn refund(
    State(office): Here,
    Named(id): Named<String>,
    headers: HeaderMap,
    Whole(bytes): Whole,
) -> Result<Response, Problem> {
    let Refund { restock } = if bytes.is_empty() { Refund::default() } else { parse(&headers, &bytes)? };
    let id = order_named(&id)?;
    Ok(moved(&office, &holds::decided(|| office.cashier.refund(id, restock, office.clock.now().wall)).await?))
}
