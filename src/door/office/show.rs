//! What the office shows.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::problem::Problem;
use super::views::{FunnelView, ItemView, SaleFunnelView, SaleView, SalesView};
use super::{Here, Office, comparison};
use crate::ledger::LedgerState;
use crate::ledger::audit::AuditReport;
use crate::sale::Sale;
use crate::urgency::beside_the_sale;

/// How often the funnel's stream tells: a picture that moves.
const FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// A sale with all that the shop's people may know.
pub(super) fn sale_view(office: &Office, sale: &Sale) -> SaleView {
    let terms = sale.terms();
    let items = sale.items();
    let item_view = |no: &_| {
        let item = office.funnel.sales.item(*no)?;
        let (units, terms) = (office.keeper.units(item), item.terms());
        Some(ItemView {
            sku: terms.sku.to_string(),
            title: terms.title.clone(),
            price: terms.price.into(),
            stock: units.stock,
            remaining: units.remaining,
            held: units.held,
        })
    };
    SaleView {
        id: terms.id.to_string(),
        title: terms.title.clone(),
        phase: sale.phase_at(office.clock.now().wall).word(),
        opens_at: terms.opens_at,
        closes_at: terms.closes_at,
        limit_per_buyer: terms.limit_per_buyer,
        hold: terms.hold.map(|hold| format!("{}s", hold.as_secs_f64())),
        items: items.iter().filter_map(item_view).collect(),
    }
}

fn sales_view(office: &Office) -> Vec<SaleView> {
    office.funnel.sales.sales().map(|sale| sale_view(office, sale)).collect()
}

/// `GET /v1/admin/sales`
pub(super) async fn sales(State(office): Here) -> Json<SalesView> {
    Json(SalesView { sales: sales_view(&office) })
}

fn report(office: &Office) -> FunnelView {
    let tallies = &office.funnel.tallies;
    let sales = office.funnel.sales.sales();
    let sales = sales.map(|sale| SaleFunnelView {
        sale: sale.terms().id.to_string(),
        report: tallies.of(Some(sale.no())).sums().report(),
    });
    FunnelView {
        total: tallies.total().report(),
        sales: sales.collect(),
        unknown_sales: tallies.of(None).sums().report(),
    }
}

/// `GET /v1/admin/funnel`
pub(super) async fn funnel(State(office): Here) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(report(&office))).into_response()
}

/// How long commits take since the start, in seconds; null where there was none.
fn commit_spans(office: &Office) -> serde_json::Value {
    let micros = office.funnel.ledger.commit_micros();
    let seconds = |quantile| {
        let span = std::time::Duration::from_micros(micros.value_at_quantile(quantile));
        (!micros.is_empty()).then_some(span.as_secs_f64())
    };
    json!({ "measured": micros.len(), "p50": seconds(0.5), "p99": seconds(0.99), "p999": seconds(0.999) })
}

/// `GET /v1/admin/events`
pub(super) async fn events(State(office): Here) -> Response {
    let frames = futures_util::stream::unfold((office, Duration::ZERO), |(office, pause)| async move {
        tokio::time::sleep(pause).await;
        if office.readiness.is_leaving() {
            return None;
        }
        let sales = sales_view(&office);
        let health = office.funnel.ledger.health();
        let frame = json!({
            "now": office.clock.now().wall.rfc3339(), "funnel": report(&office), "sales": sales,
            "ledger": { "ready": health.state == LedgerState::Writing, "queued": health.queued, "events": health.events,
                        "commit": commit_spans(&office) },
            "pace": office.lately.view(&office.funnel.pace, office.clock.now().mono),
            "postgres": office.shipper.as_ref().map(|shipper| shipper.status()),
        });
        let bytes = bytes::Bytes::from(format!("event: funnel\ndata: {frame}\n\n"));
        Some((Ok::<_, Infallible>(bytes), (office, FRAME_INTERVAL)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

/// `GET /metrics`
pub(super) async fn metrics(State(office): Here) -> Result<Response, Problem> {
    let text = office.metrics.render().map_err(|_| Problem::Internal)?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

/// `GET /v1/admin/audit`: the proof from the ledger alone, and whether memory agrees with it (I9).
pub(super) async fn audit(State(office): Here) -> Result<Json<AuditReport>, Problem> {
    // One at a time: a proof reads the whole log.
    // It goes on when whoever asked has gone, so the turn goes with it.
    let turn = Arc::clone(&office.proving).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let report = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        beside_the_sale();
        office.reader().and_then(|reader| comparison::prove(&office, &reader))
    });
    Ok(Json(report.await.map_err(|_| Problem::Internal)??))
}
