//! What the public listener answers.

use utoipa::ToSchema;
use utoipa::openapi::Required;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::ANYWHERE;
use super::codes::*;
use super::parts::{Described, Op, pattern, text};
use crate::client::{Challenge, SolvedChallenge};
use crate::door::attempt;
use crate::door::body::QUANTITY_MAX;
use crate::door::routes::Verb::{Get, Post};
use crate::door::views::{
    IgnoredView, OrderView, OrdersView, PassView, PaymentLinkView, SaleView, SalesView, TimeView,
};
use crate::money::MoneyText;

const ASKER: &[Code] = &[RATE_LIMITED, PASS_REQUIRED, PASS_INVALID, PASS_EXPIRED];
const BODY: &[Code] = &[TOO_LARGE, UNSUPPORTED_MEDIA_TYPE];
const WRITING: &[Code] = &[BUSY, NOT_STORED, OUTCOME_UNKNOWN];
/// Who may say who the buyer is.
const BUYERS: &[&str] = &["pass", "gateway"];

/// The attempt's body; absent: one unit.
#[derive(ToSchema)]
#[schema(as = Attempt)]
#[expect(dead_code, reason = "describes what `body::read_quantity` reads by hand")]
struct AttemptBody {
    /// Units.
    #[schema(minimum = 1, maximum = 1_000_000)]
    #[schema(required = false, default = 1)]
    quantity: u32,
}

const _: () = assert!(QUANTITY_MAX == 1_000_000, "the maximum above");

/// A payment, as the shop's own messages say it.
#[derive(ToSchema)]
#[schema(as = PaymentMessage)]
#[expect(dead_code, reason = "describes what `orders::payment` reads by hand")]
struct Message {
    /// `payment.started`, `payment.succeeded`, `payment.failed` or `payment.refunded`.
    #[schema(pattern = "^payment\\.(started|succeeded|failed|refunded)$")]
    r#type: String,
    /// When it happened; decides nothing.
    #[schema(format = DateTime)]
    timestamp: Option<String>,
    data: MessageData,
}

/// What happened to which order.
#[derive(ToSchema)]
#[schema(as = PaymentMessageData)]
#[expect(dead_code, reason = "as above")]
struct MessageData {
    #[schema(format = "uuid")]
    order: String,
    /// The payment's own id: two of them are two payments.
    payment: Option<String>,
    /// Must be the order's total; needed where money has moved.
    amount: Option<MoneyText>,
}

pub(super) fn operations() -> Vec<Described> {
    let mut operations = pages();
    operations.extend(sales());
    operations.extend(orders());
    operations
}

fn pages() -> Vec<Described> {
    let op = |path, words| Op::new((Get, path), words).refuses(ANYWHERE);
    let known = "If-None-Match";
    let caching = &["Cache-Control", "ETag"];
    vec![
        op("/", ("pages", "front", "The storefront"))
            .may(ParameterIn::Header, known, text(), "The ETag of the bytes that are there already")
            .answers(200, "The page, the same for everybody", Some(("text/html", text())), caching)
            .answers(304, "The bytes are there already", None, caching)
            .build(),
        op("/s/{sale}", ("pages", "salePage", "A sale's page"))
            .may(ParameterIn::Header, known, text(), "The ETag of the bytes that are there already")
            .answers(200, "The page, the same for everybody", Some(("text/html", text())), caching)
            .answers(304, "The bytes are there already", None, caching)
            .build(),
        op("/assets/{name}", ("pages", "asset", "A file of the pages: `{name}.{hash}.{ext}`"))
            .may(ParameterIn::Header, known, text(), "The ETag of the bytes that are there already")
            .answers(200, "For ever the same", Some(("text/css", text())), caching)
            .answers(304, "The bytes are there already", None, caching)
            .refuses(&[NOT_FOUND])
            .build(),
        op("/embed.js", ("pages", "embed", "A script that puts a sale's page into another page"))
            .says("`<script src=\"…/embed.js\" data-sale=\"launch\"></script>`; for pages of `storefront.allowed_origins`.")
            .may(ParameterIn::Header, known, text(), "The ETag of the bytes that are there already")
            .answers(200, "The script, the same for everybody", Some(("text/javascript", text())), caching)
            .answers(304, "The bytes are there already", None, caching)
            .build(),
        op(super::PATH, ("service", "openapi", "This document"))
            .answers(
                200,
                "OpenAPI 3.1",
                Some(("application/json", ObjectBuilder::new().schema_type(Type::Object).into())),
                &[],
            )
            .build(),
        op("/v1/time", ("service", "time", "What time it is here"))
            .says("Never cached: the clock for countdowns.")
            .gives::<TimeView>(200, "Now", &["Cache-Control"])
            .build(),
        op("/healthz", ("service", "healthz", "Whether the process answers"))
            .answers(200, "It does", Some(("text/plain", text())), &[])
            .build(),
        op("/readyz", ("service", "readyz", "Whether orders are taken"))
            .answers(200, "They are", Some(("text/plain", text())), &[])
            .answers(503, "They are not, and why", Some(("text/plain", text())), &[])
            .build(),
    ]
}

fn sales() -> Vec<Described> {
    let op = |verb, path, words| Op::new((verb, path), words).refuses(ANYWHERE);
    let gates: &[Code] = &[RATE_LIMITED, SALE_NOT_FOUND, SALE_NOT_OPEN, SALE_ENDED];
    vec![
        op(Get, "/v1/sales", ("sales", "listSales", "All sales"))
            .gives::<SalesView>(200, "What is for sale", &["Cache-Control"])
            .build(),
        op(Get, "/v1/sales/{sale}", ("sales", "showSale", "A sale"))
            .gives::<SaleView>(200, "Its phase and what remains", &["Cache-Control"])
            .refuses(&[SALE_NOT_FOUND])
            .build(),
        op(Get, "/v1/sales/{sale}/events", ("sales", "saleEvents", "A sale while it goes on"))
            .says("Server-sent events `sale`: `{\"phase\":…,\"items\":[{\"sku\":…,\"remaining\":…}]}`, as often as it changes; \
                 `held_may_return` where none remains.")
            .answers(200, "A stream that doesn't end by itself", Some(("text/event-stream", text())), &["Cache-Control"])
            .refuses(&[SALE_NOT_FOUND])
            .build(),
        op(Post, "/v1/sales/{sale}/challenge", ("buying", "challenge", "A fresh challenge"))
            .says("A proof of work (ALTCHA, version 2), bound to the sale.")
            .gives::<Challenge>(200, "What is to be solved", &["Cache-Control"])
            .refuses(gates)
            .build(),
        op(Post, "/v1/sales/{sale}/pass", ("buying", "redeem", "A pass for a solved challenge"))
            .says("With `client.challenge = \"off\"` the body may be left out.")
            .takes::<SolvedChallenge>(Required::False)
            .gives::<PassView<'_>>(200, "A new buyer's pass", &["Set-Cookie", "Cache-Control"])
            .refuses(gates)
            .refuses(&[CHALLENGE_INVALID, CHALLENGE_EXPIRED, BUSY])
            .refuses(BODY)
            .build(),
        op(Post, attempt::PATH, ("buying", "buy", "The attempt: buys, if there is one left for this buyer"))
            .known_by(BUYERS)
            .may(
                ParameterIn::Header,
                "Idempotency-Key",
                pattern("^[!-~]{1,255}$"),
                "The same key of the same buyer in the same sale gets the same order again",
            )
            .takes::<AttemptBody>(Required::False)
            .gives::<OrderView<'_>>(201, "Won, and stored on disk", &["Location", "Idempotent-Replayed", "Cache-Control"])
            .gives::<OrderView<'_>>(202, "Won, with `ledger.ack = \"memory\"`", &["Location", "Idempotent-Replayed", "Cache-Control"])
            .refuses(ASKER)
            .refuses(&[SALE_NOT_FOUND, ITEM_NOT_FOUND, SALE_NOT_OPEN, SALE_PAUSED, SALE_ENDED])
            .refuses(&[SOLD_OUT, INSUFFICIENT_STOCK, LIMIT_REACHED, IDEMPOTENCY_MISMATCH, IN_PROGRESS, INVALID_FIELD])
            .refuses(BODY)
            .refuses(WRITING)
            .build(),
    ]
}

fn orders() -> Vec<Described> {
    let op = |verb, path, words| Op::new((verb, path), words).refuses(ANYWHERE);
    vec![
        op(Get, "/v1/orders", ("orders", "listOrders", "The buyer's own orders"))
            .known_by(BUYERS)
            .gives::<OrdersView<'_>>(200, "In all sales that he has passes for", &["Cache-Control"])
            .refuses(ASKER)
            .build(),
        op(Get, "/v1/orders/{order}", ("orders", "showOrder", "One of the buyer's own orders"))
            .known_by(BUYERS)
            .gives::<OrderView<'_>>(200, "As it stands now", &["Cache-Control"])
            .refuses(ASKER)
            .refuses(&[ORDER_NOT_FOUND])
            .build(),
        op(Get, "/v1/orders/{order}/payment", ("orders", "payOrder", "Where a held order is paid"))
            .says("`storefront.payment_url` for this order, signed; null where the shop has none.")
            .known_by(BUYERS)
            .gives::<PaymentLinkView>(200, "Where", &["Cache-Control"])
            .refuses(ASKER)
            .refuses(&[ORDER_NOT_FOUND, ORDER_NOT_HELD])
            .build(),
        op(Post, "/v1/orders/{order}/cancel", ("orders", "cancelOrder", "Gives a held order back"))
            .known_by(BUYERS)
            .gives::<OrderView<'_>>(200, "Cancelled: its units are for sale again", &["Cache-Control"])
            .refuses(ASKER)
            .refuses(&[ORDER_NOT_FOUND, ORDER_NOT_HELD, ORDER_EXPIRED])
            .refuses(WRITING)
            .build(),
        op(Post, "/v1/payments", ("payments", "receivePayment", "A payment provider or the shop says what became of a payment"))
            .says(
                "Signed as in Standard Webhooks (`payments.provider = \"generic\"`), or an event of Stripe's with its \
                 `Stripe-Signature` (`\"stripe\"`). Where `payments.secret` isn't set nobody is believed. The same message told \
                 again changes nothing. Money that no order wants is written down and answered `order_expired` or \
                 `order_not_held` with `\"orphaned\":true`: it has to be given back.",
            )
            .must("webhook-id", "The message's id: the same at each delivery")
            .must("webhook-timestamp", "When it was signed, in seconds since 1970; five minutes are tolerated")
            .must("webhook-signature", "`v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`; several apart by spaces")
            .takes::<Message>(Required::True)
            .gives_one_of::<OrderView<'_>, IgnoredView>(200, "The order as it stands now, or that it concerns none", &["Cache-Control"])
            .refuses(&[SIGNATURE_INVALID, SIGNATURE_STALE, INVALID_FIELD])
            .refuses(&[ORDER_NOT_FOUND, ORDER_NOT_HELD, ORDER_EXPIRED])
            .refuses(BODY)
            .refuses(WRITING)
            .build(),
    ]
}
