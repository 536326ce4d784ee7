//! What the admin listener answers.

use utoipa::ToSchema;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::ANYWHERE;
use super::codes::*;
use super::parts::{Described, Op, pattern, text, whole};
use super::words::one_of;
use crate::door::office::change::Adjustment;
use crate::door::office::guard::{LogIn, SessionView};
use crate::door::office::orders::{PAGE_ORDERS_MAX, Refund};
use crate::door::office::views::{
    FunnelView, OfficeOrder, OrderHistory, OrdersPage, PhaseView, SaleView, SalesView, StockView,
};
use crate::door::office::webhooks::{RetriedView, WebhooksView};
use crate::door::routes::Verb::{Delete, Get, Patch, Post};
use crate::ledger::audit::AuditReport;
use crate::money::MoneyText;
use crate::order::OrderState;

const PEOPLE: &[&str] = &["token", "session"];
const BODY: &[Code] = &[TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INVALID_FIELD];
const WRITING: &[Code] = &[CROSS_SITE, BUSY, NOT_STORED, OUTCOME_UNKNOWN];

/// A sale to be.
#[derive(ToSchema)]
#[schema(as = NewSale)]
#[expect(dead_code, reason = "describes what `config::declared` reads by hand")]
struct NewSale {
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    id: String,
    /// For people; absent: the id.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// "2026-11-27T09:00[America/New_York]" or "2026-11-27T14:00:00Z"; absent: live at once.
    opens_at: Option<String>,
    /// Absent: until it is ended.
    closes_at: Option<String>,
    /// Units over the whole sale; absent: 1.
    #[schema(minimum = 1)]
    limit_per_buyer: Option<u32>,
    /// Time to pay: "10m"; absent: orders are confirmed at once.
    hold: Option<String>,
    #[schema(min_items = 1)]
    items: Vec<NewItem>,
}

/// An item to be.
#[derive(ToSchema)]
#[schema(as = NewItem)]
#[expect(dead_code, reason = "as above")]
struct NewItem {
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    sku: String,
    /// For people; absent: the sku.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// Units on sale.
    #[schema(minimum = 0, maximum = 2_147_483_647_u32)]
    stock: u32,
    /// Of one unit.
    price: MoneyText,
}

/// What changes about a sale; what is absent stays.
#[derive(ToSchema)]
#[schema(as = SaleChange)]
#[expect(dead_code, reason = "as above")]
struct Change {
    #[schema(max_length = 200)]
    title: Option<String>,
    /// Null: live at once.
    opens_at: Option<String>,
    /// Null: until it is ended.
    closes_at: Option<String>,
    #[schema(minimum = 1)]
    limit_per_buyer: Option<u32>,
    /// Null: orders are confirmed at once.
    hold: Option<String>,
    /// Items that are added.
    items: Option<Vec<NewItem>>,
}

pub(super) fn operations() -> Vec<Described> {
    let mut operations = service();
    operations.extend(looking());
    operations.extend(sales());
    operations.extend(orders());
    operations
}

fn service() -> Vec<Described> {
    let op = |verb, path, words| Op::new((verb, path), words).refuses(ANYWHERE);
    let document = ObjectBuilder::new().schema_type(Type::Object).into();
    vec![
        op(Get, super::PATH, ("service", "openapi", "This document"))
            .answers(200, "OpenAPI 3.1", Some(("application/json", document)), &["Cache-Control"])
            .build(),
        op(Get, "/healthz", ("service", "healthz", "Whether the process answers"))
            .answers(200, "It does", Some(("text/plain", text())), &[])
            .build(),
        op(Get, "/readyz", ("service", "readyz", "Whether orders are taken"))
            .answers(200, "They are", Some(("text/plain", text())), &[])
            .answers(503, "They are not, and why", Some(("text/plain", text())), &[])
            .build(),
        op(Get, "/", ("service", "dashboard", "The dashboard's page: nothing is in it before somebody is let in"))
            .may(ParameterIn::Header, "If-None-Match", text(), "The ETag of the bytes that are there already")
            .answers(200, "The page", Some(("text/html", text())), &["Cache-Control", "ETag"])
            .answers(304, "The page that the client has", None, &["Cache-Control", "ETag"])
            .build(),
        op(Get, "/assets/{name}", ("service", "asset", "A file of the page, under a name that changes with its bytes"))
            .may(ParameterIn::Header, "If-None-Match", text(), "The ETag of the bytes that are there already")
            .answers(200, "The file", Some(("text/css", text())), &["Cache-Control", "ETag"])
            .answers(304, "The file that the client has", None, &["Cache-Control", "ETag"])
            .refuses(&[NOT_FOUND])
            .build(),
        op(Get, "/v1/admin/session", ("service", "session", "Whether somebody has to log in"))
            .gives::<SessionView>(200, "It says so", &["Cache-Control"])
            .build(),
        op(
            Post,
            "/v1/admin/session",
            ("service", "logIn", "Begins a session for whoever knows the password or the token"),
        )
        .takes::<LogIn>(Required::True)
        .answers(204, "The session's cookie", None, &["Set-Cookie"])
        .refuses(&[UNAUTHORIZED, ADMIN_RATE_LIMITED, CROSS_SITE])
        .refuses(BODY)
        .build(),
        op(Delete, "/v1/admin/session", ("service", "logOut", "Ends the session"))
            .answers(204, "The cookie is void", None, &["Set-Cookie"])
            .refuses(&[CROSS_SITE])
            .build(),
    ]
}

fn looking() -> Vec<Described> {
    let op = |path, words| Op::new((Get, path), words).known_by(PEOPLE).refuses(ANYWHERE).refuses(&[UNAUTHORIZED]);
    vec![
        op("/metrics", ("looking", "metrics", "Numbers for Prometheus"))
            .answers(200, "OpenMetrics", Some(("application/openmetrics-text", text())), &[])
            .build(),
        op("/v1/admin/funnel", ("looking", "funnel", "Who was refused where, since start"))
            .gives::<FunnelView>(200, "The counts, in all and by sale", &["Cache-Control"])
            .build(),
        op("/v1/admin/events", ("looking", "events", "The same while it goes on"))
            .says("Server-sent events `funnel`, twice a second: the counts, the sales, the ledger, PostgreSQL, and how long answers \
                 took in the last minute.")
            .answers(
                200,
                "A stream that doesn't end by itself",
                Some(("text/event-stream", text())),
                &["Cache-Control"],
            )
            .build(),
        op("/v1/admin/audit", ("looking", "audit", "Proves the ledger, and memory against it"))
            .gives::<AuditReport>(200, "What was found", &[])
            .refuses(&[NO_LEDGER])
            .build(),
        op("/v1/admin/webhooks", ("looking", "listWebhooks", "Who is told of orders and sales, and what could not be"))
            .gives::<WebhooksView>(200, "As they are now", &[])
            .refuses(&[NO_LEDGER])
            .build(),
        Op::new((Post, "/v1/admin/webhooks/{no}/retry"), ("looking", "retryWebhook", "Tries its dead letters again"))
            .known_by(PEOPLE)
            .gives::<RetriedView>(200, "They are on their way, and the webhook is enabled", &[])
            .refuses(ANYWHERE)
            .refuses(&[UNAUTHORIZED, NOT_FOUND, CROSS_SITE])
            .build(),
    ]
}

fn sales() -> Vec<Described> {
    let op =
        |verb, path, words| Op::new((verb, path), words).known_by(PEOPLE).refuses(ANYWHERE).refuses(&[UNAUTHORIZED]);
    let turns: &[Code] = &[SALE_NOT_FOUND, INVALID_TRANSITION];
    vec![
        op(Get, "/v1/admin/sales", ("sales", "listSales", "All sales"))
            .gives::<SalesView>(200, "With all that the shop's people may know", &[])
            .build(),
        op(Post, "/v1/admin/sales", ("sales", "createSale", "Creates a sale"))
            .takes::<NewSale>(Required::True)
            .gives::<SaleView>(200, "It opens when its time has come: at once, where it has none", &[])
            .refuses(&[SALE_EXISTS])
            .refuses(BODY)
            .refuses(WRITING)
            .build(),
        op(Patch, "/v1/admin/sales/{sale}", ("sales", "changeSale", "Changes a sale's terms, and adds items"))
            .takes::<Change>(Required::True)
            .gives::<SaleView>(200, "As it is now", &[])
            .refuses(turns)
            .refuses(&[ITEM_EXISTS])
            .refuses(BODY)
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/admin/sales/{sale}/pause", ("sales", "pauseSale", "Stops a live sale for now"))
            .gives::<PhaseView>(200, "Paused", &[])
            .refuses(turns)
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/admin/sales/{sale}/resume", ("sales", "resumeSale", "Lets a paused sale go on"))
            .gives::<PhaseView>(200, "Live", &[])
            .refuses(turns)
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/admin/sales/{sale}/end", ("sales", "endSale", "Ends a sale, for good"))
            .gives::<PhaseView>(200, "Ended", &[])
            .refuses(turns)
            .refuses(WRITING)
            .build(),
        op(
            Post,
            "/v1/admin/sales/{sale}/items/{sku}/stock",
            ("sales", "changeStock", "Puts units on sale, or takes free ones away"),
        )
        .takes::<Adjustment>(Required::True)
        .gives::<StockView>(200, "The item's units now", &[])
        .refuses(turns)
        .refuses(&[ITEM_NOT_FOUND, BELOW_COMMITTED])
        .refuses(BODY)
        .refuses(WRITING)
        .build(),
    ]
}

/// A text of a pattern, or none at all.
fn filter(of: &str) -> RefOr<Schema> {
    pattern(&format!("^({of})?$"))
}

fn orders() -> Vec<Described> {
    let op =
        |verb, path, words| Op::new((verb, path), words).known_by(PEOPLE).refuses(ANYWHERE).refuses(&[UNAUTHORIZED]);
    let query = ParameterIn::Query;
    let state = || one_of(std::iter::once("").chain(OrderState::ALL.into_iter().map(OrderState::word)));
    let name = || filter("[A-Za-z0-9._-]{1,64}");
    let moves: &[Code] = &[ORDER_NOT_FOUND, ORDER_NOT_HELD, ORDER_EXPIRED];
    vec![
        op(Get, "/v1/admin/orders", ("orders", "listOrders", "Orders, newest first"))
            .says("What is empty or absent lets all through; a name that isn't known is refused.")
            .may(query.clone(), "sale", name(), "Only this sale's")
            .may(query.clone(), "state", state(), "Only those that stand here")
            .may(query.clone(), "buyer", filter("[!-~]{1,128}"), "Only this buyer's")
            .may(query.clone(), "sku", name(), "Only this item's, in whichever sale")
            .may(query.clone(), "after", filter("[A-Za-z0-9_-]+"), "The `next` of another page: what comes behind it")
            .may(query.clone(), "limit", whole(1, PAGE_ORDERS_MAX), "How many at most; absent: 50")
            .gives::<OrdersPage<'_>>(200, "A page", &["Cache-Control"])
            .refuses(&[SALE_NOT_FOUND, INVALID_FIELD, NO_LEDGER])
            .build(),
        op(Get, "/v1/admin/orders.csv", ("orders", "exportOrders", "Orders for a spreadsheet, oldest first"))
            .says("As `doorbuster orders export --format csv`: no cell is a formula. A body that breaks off is not the whole.")
            .may(query.clone(), "sale", name(), "Only this sale's")
            .may(query, "state", state(), "Only those that stand here")
            .answers(200, "A header and one line for each", Some(("text/csv", text())), &["Content-Disposition", "Cache-Control"])
            .refuses(&[SALE_NOT_FOUND, INVALID_FIELD, NO_LEDGER])
            .build(),
        op(Get, "/v1/admin/orders/{order}", ("orders", "showOrder", "An order with its whole life"))
            .gives::<OrderHistory<'_>>(200, "As it stands now, and how it came to it", &["Cache-Control"])
            .refuses(&[ORDER_NOT_FOUND])
            .build(),
        op(Post, "/v1/admin/orders/{order}/confirm", ("orders", "confirmOrder", "Says by hand that an order is paid"))
            .says("One whose hold is over is sold if its units can be had once more within the buyer's limit.")
            .gives::<OfficeOrder<'_>>(200, "Confirmed, now or before", &["Cache-Control"])
            .refuses(moves)
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/admin/orders/{order}/cancel", ("orders", "cancelOrder", "Takes a held order back"))
            .gives::<OfficeOrder<'_>>(200, "Cancelled: its units are for sale again", &["Cache-Control"])
            .refuses(moves)
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/admin/orders/{order}/refund", ("orders", "refundOrder", "Says that a confirmed order's money has gone back"))
            .takes::<Refund>(Required::False)
            .gives::<OfficeOrder<'_>>(200, "Refunded, now or before", &["Cache-Control"])
            .refuses(moves)
            .refuses(BODY)
            .refuses(WRITING)
            .build(),
    ]
}
