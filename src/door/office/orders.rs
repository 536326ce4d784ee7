//! Orders, for the shop's people: found, looked into, moved by hand, taken along.
//!
//! Lists and histories are read from the ledger, in pages, beside the writer: they cost a sale nothing but the disk's
//! cache. What a change answers comes from memory.
//!
//! **Invariant:** every page is a read transaction of its own, so that no reader holds up the writer's checkpoints.

use std::io::{self, Write};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::change::parse;
use super::problem::Problem;
use super::{Here, Office};
use crate::cashier::{Decision, Unmoved};
use crate::clock::WallTime;
use crate::door::views::OrderView;
use crate::holds;
use crate::ids::{BuyerId, BuyerRef, OrderId, SaleId};
use crate::ledger::export::{self, Format, OrderLine};
use crate::ledger::orders::{OrderFilter, Told};
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::order::OrderState;

/// Orders of a page where nobody says how many, and at most.
const PAGE_ORDERS: u32 = 50;
const PAGE_ORDERS_MAX: u32 = 500;
/// Chunks of a CSV that wait for a slow reader: he holds up nobody else.
const CHUNKS_AHEAD: usize = 4;

/// What may stand behind the question mark.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    sale: Option<String>,
    state: Option<String>,
    buyer: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

type Asked = Result<Query<Wanted>, QueryRejection>;

fn invalid(name: &str, says: &str) -> Problem {
    Problem::Invalid { pointer: format!("/{name}"), says: says.into() }
}

fn asked(asked: Asked) -> Result<Wanted, Problem> {
    let Query(wanted) =
        asked.map_err(|rejection| Problem::Invalid { pointer: String::new(), says: rejection.body_text() })?;
    Ok(wanted)
}

impl Wanted {
    fn filter(&self) -> Result<OrderFilter, Problem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let sale = given(&self.sale).map(|id| SaleId::parse(&id).map_err(|error| invalid("sale", &error.to_string())));
        let buyer = given(&self.buyer).map(|id| {
            BuyerRef::parse(id.as_bytes()).map(BuyerId::from).map_err(|error| invalid("buyer", &error.to_string()))
        });
        let states = "must be held, confirmed, cancelled, expired or refunded";
        let state = given(&self.state).map(|word| OrderState::of_word(&word).ok_or_else(|| invalid("state", states)));
        Ok(OrderFilter { sale: sale.transpose()?, state: state.transpose()?, buyer: buyer.transpose()? })
    }

    /// The number of the event behind which the page begins.
    fn after(&self) -> Result<i64, Problem> {
        let after = self.after.as_deref().filter(|after| !after.is_empty()).unwrap_or("0");
        after.parse().ok().filter(|seq| *seq >= 0).ok_or_else(|| invalid("after", "must be what `next` said"))
    }

    fn limit(&self) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(PAGE_ORDERS);
        let fits = (1..=PAGE_ORDERS_MAX).contains(&limit);
        if fits { Ok(limit) } else { Err(invalid("limit", "must be from 1 to 500")) }
    }
}

fn unreadable(fault: ReadFault) -> Problem {
    tracing::error!(%fault, "the ledger could not be read");
    Problem::Internal
}

/// Reads the ledger on a thread that may wait.
async fn read<T: Send + 'static>(
    office: &Arc<Office>,
    read: impl FnOnce(&LedgerReader) -> Result<T, ReadFault> + Send + 'static,
) -> Result<T, Problem> {
    let office = Arc::clone(office);
    let done = tokio::task::spawn_blocking(move || read(&office.reader()?).map_err(unreadable));
    done.await.map_err(|_| Problem::Internal)?
}

/// `GET /v1/admin/orders`: oldest first; `next` continues.
pub(super) async fn list(State(office): Here, query: Asked) -> Result<Json<Value>, Problem> {
    let wanted = asked(query)?;
    let (filter, after, limit) = (wanted.filter()?, wanted.after()?, wanted.limit()?);
    let records = read(&office, move |reader| reader.orders(&filter, after, limit)).await?;
    let is_full = records.len() == limit as usize;
    let next = records.last().filter(|_| is_full).map(|record| record.seq.to_string());
    let orders: Vec<OrderLine<'_>> = records.iter().map(OrderLine::of).collect();
    Ok(Json(json!({ "orders": orders, "next": next })))
}

fn id_of(id: &str) -> Result<OrderId, Problem> {
    OrderId::parse(id).map_err(|_| Unmoved::NotFound.into())
}

/// `GET /v1/admin/orders/{order}`: as it stands, and everything that the log says of it.
pub(super) async fn show(State(office): Here, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = id_of(&id)?;
    let order = office.funnel.orders.find(id).ok_or(Unmoved::NotFound)?;
    let view = json!(OrderView::of(&order, &office.funnel));
    let history = match order.seq() {
        Some(placed) => read(&office, move |reader| reader.history(id, placed)).await?,
        // Acknowledged from memory, and not yet written.
        None => Vec::new(),
    };
    let history: Vec<Value> = history.iter().map(told).collect();
    Ok(Json(json!({ "order": view, "history": history })))
}

fn told(told: &Told) -> Value {
    let mut view = json!({ "seq": told.seq, "at": told.at.rfc3339(), "kind": told.kind });
    if let Some(expires_at) = told.expires_at {
        view["expires_at"] = expires_at.rfc3339().into();
    }
    if let Some(detail) = told.detail.as_deref().and_then(|detail| serde_json::from_str::<Value>(detail).ok()) {
        view["detail"] = detail;
    }
    view
}

/// Waits until a decision about an order is stored, and shows the order as it stands then.
async fn decided(office: &Office, ask: impl Fn(WallTime) -> Result<Decision, Unmoved>) -> Result<Json<Value>, Problem> {
    let done = holds::decided(|| ask(office.clock.now().wall)).await?;
    Ok(Json(json!(OrderView::of(&done.order, &office.funnel))))
}

/// `POST /v1/admin/orders/{order}/confirm`
pub(super) async fn confirm(State(office): Here, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = id_of(&id)?;
    decided(&office, |now| office.cashier.confirm(id, now)).await
}

/// `POST /v1/admin/orders/{order}/cancel`
pub(super) async fn cancel(State(office): Here, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = id_of(&id)?;
    decided(&office, |now| office.cashier.cancel_for_office(id, now)).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// Whether its units are for sale again; absent: as `orders.refund_restocks` says.
    restock: Option<bool>,
}

/// `POST /v1/admin/orders/{order}/refund`
pub(super) async fn refund(
    State(office): Here,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Problem> {
    let id = id_of(&id)?;
    let Refund { restock } = if bytes.is_empty() { Refund::default() } else { parse(&headers, &bytes)? };
    decided(&office, |now| office.cashier.refund(id, restock, now)).await
}

/// `GET /v1/admin/orders.csv`: all orders, or one sale's, as `orders export` writes them.
pub(super) async fn csv(State(office): Here, query: Asked) -> Result<Response, Problem> {
    let wanted = asked(query)?;
    let OrderFilter { sale, state, buyer } = wanted.filter()?;
    let filter = OrderFilter { sale: sale.clone(), state, buyer };
    if let Some(sale) = sale
        && office.funnel.sales.find_sale(sale.as_str()).is_none()
    {
        return Err(crate::keeper::Unchanged::SaleNotFound.into());
    }
    let reader = {
        let office = Arc::clone(&office);
        tokio::task::spawn_blocking(move || office.reader()).await.map_err(|_| Problem::Internal)??
    };
    let (chunks, ready) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let written = export::filtered(&reader, Format::Csv, &filter, Chunks(&chunks));
        if let Err(fault) = written {
            tracing::error!(%fault, "an export broke off");
            // The body must not look whole.
            let _ = chunks.blocking_send(Err(io::Error::other("the export broke off")));
        }
    });
    let body = futures_util::stream::unfold(ready, |mut ready| async move { Some((ready.recv().await?, ready)) });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"orders.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// What is written here goes to the client, chunk by chunk.
struct Chunks<'a>(&'a mpsc::Sender<io::Result<Bytes>>);

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whoever has seen enough has gone: that ends the export.
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
