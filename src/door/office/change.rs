//! Changes: each runs to its end, even if whoever asked for it hangs up, because a change that is in the ledger must also
//! happen in memory.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;
use utoipa::ToSchema;

use super::problem::Problem;
use super::show::sale_view;
use super::views::{PhaseView, StockView};
use super::{Here, Office};
use crate::config::declared;
use crate::door::body;
use crate::door::extract::{Named, Whole};
use crate::keeper::Unchanged;
use crate::offer::Phase;
use crate::unique::Unique;

/// Waits for a change that runs in a task of its own.
async fn whole<T: Send + 'static>(
    change: impl Future<Output = Result<T, Unchanged>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(change).await {
        Ok(done) => done.map_err(Problem::from),
        Err(panic) => {
            tracing::error!(%panic, "a change of a sale broke off");
            Err(Problem::Internal)
        }
    }
}

pub(in crate::door) fn parse<T: DeserializeOwned>(headers: &HeaderMap, bytes: &Bytes) -> Result<T, Problem> {
    if !body::is_json(headers) {
        return Err(Problem::UnsupportedMediaType);
    }
    let Unique(body) = serde_json::from_slice(bytes).map_err(|_| Problem::Malformed)?;
    // An array of what its members would be is as good to the library.
    if !body.is_object() {
        return Err(Problem::Invalid { pointer: String::new(), says: "must be an object".into() });
    }
    serde_path_to_error::deserialize(body).map_err(|fault| {
        let pointer = pointer(fault.path());
        Problem::Invalid { pointer, says: fault.into_inner().to_string() }
    })
}

/// As RFC 6901 writes it.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let segment = |segment: &Segment| match segment {
        Segment::Map { key } => format!("/{}", crate::pointer::escaped(key)),
        Segment::Seq { index } => format!("/{index}"),
        Segment::Enum { .. } | Segment::Unknown => String::new(),
    };
    path.iter().map(segment).collect()
}

/// What a body has to be that must say something.
fn said<T>(value: Option<T>, name: &str, wanted: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::Invalid { pointer: format!("/{name}"), says: format!("is missing: {wanted}") })
}

fn phase_view(id: &str, phase: Phase) -> Response {
    Json(PhaseView { sale: id.into(), phase: phase.word() }).into_response()
}

/// `POST /v1/admin/sales/{sale}/pause`
pub(super) async fn pause(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let (keeper, sale) = (Arc::clone(&office.keeper), id.clone());
    Ok(phase_view(&id, whole(async move { keeper.pause(&sale).await }).await?))
}

/// `POST /v1/admin/sales/{sale}/resume`
pub(super) async fn resume(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let (keeper, sale) = (Arc::clone(&office.keeper), id.clone());
    Ok(phase_view(&id, whole(async move { keeper.resume(&sale).await }).await?))
}

/// `POST /v1/admin/sales/{sale}/end`
pub(super) async fn end(State(office): Here, Named(id): Named<String>) -> Result<Response, Problem> {
    let (keeper, sale) = (Arc::clone(&office.keeper), id.clone());
    Ok(phase_view(&id, whole(async move { keeper.end(&sale).await }).await?))
}

/// A change of an item's stock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::door) struct Adjustment {
    /// Units that come; below zero: free units that go.
    #[schema(required, nullable = false)]
    add: Option<i64>,
}

/// `POST /v1/admin/sales/{sale}/items/{sku}/stock`
pub(super) async fn stock(
    State(office): Here,
    Named((id, sku)): Named<(String, String)>,
    headers: HeaderMap,
    Whole(bytes): Whole,
) -> Result<Response, Problem> {
    let Adjustment { add } = parse(&headers, &bytes)?;
    let add = said(add, "add", "a whole number of units that come, or go where it is below zero")?;
    let (keeper, sale, item) = (Arc::clone(&office.keeper), id.clone(), sku.clone());
    let units = whole(async move { keeper.adjust(&sale, &item, add).await }).await?;
    let (stock, remaining, held) = (units.stock, units.remaining, units.held);
    let view = StockView { sale: id, sku, added: add, stock, remaining, held };
    Ok(Json(view).into_response())
}

fn shown(office: &Office, id: &str) -> Result<Response, Problem> {
    let sale = office.funnel.sales.find_sale(id).ok_or(Unchanged::SaleNotFound)?;
    Ok((StatusCode::OK, Json(sale_view(office, sale))).into_response())
}

fn invalid(complaints: Vec<declared::Fault>) -> Problem {
    // The first one: whoever corrects it hears of the next.
    complaints
        .into_iter()
        .next()
        .map_or(Problem::Malformed, |fault| Problem::Invalid { pointer: fault.pointer, says: fault.says })
}

/// `POST /v1/admin/sales`
pub(super) async fn create(State(office): Here, headers: HeaderMap, Whole(bytes): Whole) -> Result<Response, Problem> {
    let typed: Value = parse(&headers, &bytes)?;
    let offer = declared::offer(&typed).map_err(invalid)?;
    let (keeper, id) = (Arc::clone(&office.keeper), offer.sale.id.clone());
    whole(async move { keeper.create(offer).await }).await?;
    shown(&office, id.as_str())
}

/// `PATCH /v1/admin/sales/{sale}`
pub(super) async fn terms(
    State(office): Here,
    Named(id): Named<String>,
    headers: HeaderMap,
    Whole(bytes): Whole,
) -> Result<Response, Problem> {
    let typed: Value = parse(&headers, &bytes)?;
    let change = declared::change(&typed).map_err(invalid)?;
    let (keeper, sale) = (Arc::clone(&office.keeper), id.clone());
    whole(async move { keeper.change(&sale, change).await }).await?;
    shown(&office, &id)
}
