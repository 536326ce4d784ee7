//! The office: routes for the shop's people, on a listener of their own.
//!
//! **Invariant:** every route that tells or changes anything asks for credentials first, and no change can be
//! triggered from another site's page.

pub(super) mod change;
mod comparison;
mod desk;
pub(super) mod guard;
mod lately;
mod listener;
pub(super) mod orders;
pub(super) mod problem;
pub(super) mod query;
mod reading;
mod show;
pub(super) mod views;
pub(super) mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware;
use axum::response::Response;
use tower_http::csrf::CsrfLayer;

pub use desk::Desk;
pub use guard::Credentials;
pub use lately::Lately;
pub use listener::serve;
use problem::Problem;

use super::openapi;
use super::routes::{Route, Verb, router};
use super::shop::healthz;
use crate::cashier::Cashier;
use crate::clock::Clock;
use crate::funnel::Funnel;
use crate::keeper::Keeper;
use crate::ledger::read::LedgerReader;
use crate::messages::Courier;
use crate::metrics::Metrics;
use crate::postgres::Shipper;
use crate::readiness::Readiness;

/// Largest body of the office: a sale with thousands of items fits.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Everything that the office's routes need.
pub struct Office {
    /// The five floors.
    pub funnel: Arc<Funnel>,
    /// Who changes sales.
    pub keeper: Arc<Keeper>,
    /// Who moves orders after the win.
    pub cashier: Arc<Cashier>,
    /// Who brings messages to the shop.
    pub courier: Arc<Courier>,
    /// Who ships to PostgreSQL; none where nobody does.
    pub shipper: Option<Arc<Shipper>>,
    /// Where time comes from.
    pub clock: Clock,
    /// How long people wait, lately.
    pub lately: Lately,
    /// The dashboard's files.
    pub desk: Desk,
    /// Who may come in.
    pub credentials: Credentials,
    /// Whether the house takes orders.
    pub readiness: Arc<Readiness>,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// Where the ledger can be read; none where orders are written nowhere.
    pub ledger_dir: Option<std::path::PathBuf>,
    /// One proof at a time.
    pub proving: Arc<tokio::sync::Semaphore>,
    /// How many may read the ledger for people at a time.
    pub reading: Arc<tokio::sync::Semaphore>,
}

impl Office {
    /// The ledger, opened for reading beside the writer.
    fn reader(&self) -> Result<LedgerReader, Problem> {
        let dir = self.ledger_dir.as_ref().ok_or(Problem::NoLedger)?;
        LedgerReader::open(dir).map_err(|fault| {
            tracing::error!(%fault, "the ledger could not be opened for reading");
            Problem::Internal
        })
    }
}

type Here = State<Arc<Office>>;

/// Routes for whoever has credentials.
pub(super) fn guarded() -> Vec<Route<Arc<Office>>> {
    vec![
        Route::get("/metrics", show::metrics),
        Route::get("/v1/admin/funnel", show::funnel),
        Route::get("/v1/admin/events", show::events),
        Route::get("/v1/admin/audit", show::audit),
        Route::get("/v1/admin/webhooks", webhooks::list),
        Route::post("/v1/admin/webhooks/{no}/retry", webhooks::retry),
        Route::get("/v1/admin/sales", show::sales),
        Route::post("/v1/admin/sales", change::create),
        Route::new(Verb::Patch, "/v1/admin/sales/{sale}", change::terms),
        Route::post("/v1/admin/sales/{sale}/pause", change::pause),
        Route::post("/v1/admin/sales/{sale}/resume", change::resume),
        Route::post("/v1/admin/sales/{sale}/end", change::end),
        Route::post("/v1/admin/sales/{sale}/items/{sku}/stock", change::stock),
        Route::get("/v1/admin/orders", orders::list),
        Route::get("/v1/admin/orders.csv", orders::csv),
        Route::get("/v1/admin/orders/{order}", orders::show),
        Route::post("/v1/admin/orders/{order}/confirm", orders::confirm),
        Route::post("/v1/admin/orders/{order}/cancel", orders::cancel),
        Route::post("/v1/admin/orders/{order}/refund", orders::refund),
    ]
}

/// Routes for everybody who gets to the listener.
pub(super) fn open() -> Vec<Route<Arc<Office>>> {
    vec![
        Route::get("/", desk::front),
        Route::get("/assets/{name}", desk::asset),
        Route::get("/v1/admin/session", guard::session),
        Route::post("/v1/admin/session", guard::log_in),
        Route::new(Verb::Delete, "/v1/admin/session", guard::log_out),
        Route::get(openapi::PATH, openapi::of_office),
        Route::get("/healthz", healthz),
        Route::get("/readyz", readyz),
    ]
}

/// The office's routes.
pub fn routes(office: Arc<Office>) -> Router {
    let guard = middleware::from_fn_with_state(Arc::clone(&office), guard::admit);
    let guarded = router(guarded()).layer(guard);
    let open = router(open());
    guarded
        .merge(open)
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .layer(
            CsrfLayer::new()
                .with_rejection_response(|_| axum::response::IntoResponse::into_response(Problem::CrossSite)),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(office)
}

async fn readyz(State(office): Here) -> Response {
    super::ready(&office.readiness, &office.funnel)
}
