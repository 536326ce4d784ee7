//! `GET /openapi.json`: what each listener answers, for programs and for people.
//!
//! Each listener describes itself, so that a client made of its document works against the address that it came from.
//! Bodies are described by the types that are written (`ToSchema`), words by those who say them, refusals by the table of
//! codes, and routes here; a test holds routes and document together.
//!
//! **Invariant:** the document is made once, and never while somebody buys.

mod codes;
mod office;
mod parts;
mod shop;
#[cfg(test)]
mod tests;
pub(super) mod words;

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem};

use self::codes::Code;
use self::parts::{Described, Schemas};

/// What every path may answer, whatever it is asked.
const ANYWHERE: &[Code] =
    &[codes::MALFORMED, codes::METHOD_NOT_ALLOWED, codes::TIMEOUT, codes::HEADERS_TOO_LARGE, codes::INTERNAL];

/// Where the document lies.
pub(super) const PATH: &str = "/openapi.json";

static SHOP: LazyLock<Bytes> = LazyLock::new(|| bytes(&shop()));
static OFFICE: LazyLock<Bytes> = LazyLock::new(|| bytes(&office()));

fn bytes(document: &OpenApi) -> Bytes {
    // Texts, numbers and lists of them can always be written.
    document.to_json().map(Bytes::from).unwrap_or_default()
}

/// The public listener's document, as an answer.
pub(super) async fn of_shop() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, SHOP.clone()).into_response()
}

/// The office's document, as an answer.
pub(super) async fn of_office() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], OFFICE.clone()).into_response()
}

fn shop() -> OpenApi {
    document(
        "doorbuster: the shop",
        SHOP_SAYS,
        shop::operations(),
        [
            (
                "pass",
                bearer("A pass for this sale: what `POST /v1/sales/{sale}/pass` or `doorbuster pass issue` gives"),
            ),
            (
                "gateway",
                SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                    "buyer-id",
                    "With `identity.mode = \"header\"`: who the buyer is, said by a trusted proxy in the header that is configured",
                ))),
            ),
        ],
    )
}

const SHOP_SAYS: &str = "What buyers and payment providers ask. Refusals are problems (RFC 9457) with a stable `code` and \
    the `layer` that said no. The pass of a sale is also taken from the cookie `doorbuster-pass-{sale}`. Requests with \
    the same `Idempotency-Key` get the same order.";

fn office() -> OpenApi {
    document(
        "doorbuster: the office",
        OFFICE_SAYS,
        office::operations(),
        [
            ("token", bearer("`admin.token`")),
            (
                "session",
                SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                    "doorbuster-session",
                    "What `POST /v1/admin/session` gives for the password",
                ))),
            ),
        ],
    )
}

const OFFICE_SAYS: &str = "What the shop's people and their programs ask. Where neither a token nor a password is \
    configured, everybody on this machine may. A change that is answered with 200 is on disk.";

fn bearer(description: &str) -> SecurityScheme {
    let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
    SecurityScheme::Http(http.build())
}

fn document(title: &str, says: &str, operations: Vec<Described>, schemes: [(&str, SecurityScheme); 2]) -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new().title(title).version(env!("CARGO_PKG_VERSION")).description(Some(says));
    let (mut paths, mut schemas) = (PathsBuilder::new(), Schemas::new());
    for described in operations {
        paths = paths.path(described.path, PathItem::new(described.verb.in_document(), described.operation));
        schemas.extend(described.schemas);
    }
    let components = schemas.into_iter().fold(ComponentsBuilder::new(), |all, (name, schema)| all.schema(name, schema));
    let components = schemes.into_iter().fold(components, |all, (name, scheme)| all.security_scheme(name, scheme));
    OpenApiBuilder::new()
        .info(info.license(Some(license)).build())
        .paths(paths.build())
        .components(Some(components.build()))
        .build()
}
