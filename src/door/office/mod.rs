//! The office: routes for the shop's people, on a listener of their own.
//!
//! **Invariant:** every route but the log-in and the health checks asks for credentials first, and no change can be
//! triggered from another site's page.

mod change;
mod comparison;
mod guard;
mod listener;
mod orders;
mod problem;
mod show;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, patch, post};
use tower_http::csrf::CsrfLayer;

pub use guard::Credentials;
pub use listener::serve;
use problem::Problem;

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
    /// Who may come in.
    pub credentials: Credentials,
    /// Whether the house takes orders.
    pub readiness: Arc<Readiness>,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// Where the ledger can be read; none where orders are written nowhere.
    pub ledger_dir: Option<std::path::PathBuf>,
    /// One proof at a time.
    pub proving: tokio::sync::Semaphore,
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

/// The office's routes.
pub fn routes(office: Arc<Office>) -> Router {
    let guarded = Router::new()
        .route("/", get(show::front))
        .route("/metrics", get(show::metrics))
        .route("/v1/admin/funnel", get(show::funnel))
        .route("/v1/admin/events", get(show::events))
        .route("/v1/admin/audit", get(show::audit))
        .route("/v1/admin/webhooks", get(webhooks::list))
        .route("/v1/admin/webhooks/{no}/retry", post(webhooks::retry))
        .route("/v1/admin/sales", get(show::sales).post(change::create))
        .route("/v1/admin/sales/{sale}", patch(change::terms))
        .route("/v1/admin/sales/{sale}/pause", post(change::pause))
        .route("/v1/admin/sales/{sale}/resume", post(change::resume))
        .route("/v1/admin/sales/{sale}/end", post(change::end))
        .route("/v1/admin/sales/{sale}/items/{sku}/stock", post(change::stock))
        .route("/v1/admin/orders", get(orders::list))
        .route("/v1/admin/orders.csv", get(orders::csv))
        .route("/v1/admin/orders/{order}", get(orders::show))
        .route("/v1/admin/orders/{order}/confirm", post(orders::confirm))
        .route("/v1/admin/orders/{order}/cancel", post(orders::cancel))
        .route("/v1/admin/orders/{order}/refund", post(orders::refund))
        .layer(middleware::from_fn_with_state(Arc::clone(&office), guard::admit));
    let open = Router::new()
        .route("/v1/admin/session", post(guard::log_in).delete(guard::log_out))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz));
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
