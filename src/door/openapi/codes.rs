//! Every refusal that the document knows: its code, status and layer, and what its answer says beyond that.
//!
//! **Invariant:** what is written here is what the doors answer (`tests.rs` asks them).

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use super::words::one_of;

/// What an answer's body may say beyond what all problems say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// `pointer`: which field or parameter is meant.
    Pointer,
    /// `detail`: what would be right.
    Detail,
    /// `limit`: which limit was hit.
    Limit,
    /// `opens_at`
    OpensAt,
    /// `held_may_return`: whether held units may come back.
    HeldMayReturn,
    /// `orders`: those that use the limit up.
    Orders,
    /// `orphaned`: money came that no order wants.
    Orphaned,
    /// `phase`: where the sale stands.
    Phase,
    /// `committed`: units that are held or sold.
    Committed,
}

impl Member {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pointer => "pointer",
            Self::Detail => "detail",
            Self::Limit => "limit",
            Self::OpensAt => "opens_at",
            Self::HeldMayReturn => "held_may_return",
            Self::Orders => "orders",
            Self::Orphaned => "orphaned",
            Self::Phase => "phase",
            Self::Committed => "committed",
        }
    }

    /// Whether it is there each time.
    pub(super) fn is_required(self) -> bool {
        !matches!(self, Self::Detail | Self::Orphaned)
    }

    pub(super) fn schema(self) -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let is = || ObjectBuilder::new().schema_type(Type::Boolean).into();
        match self {
            Self::Pointer => {
                text().description(Some("JSON pointer of a field, or a slash and a parameter's name")).into()
            }
            Self::Detail => text().into(),
            Self::Limit => one_of(["ip", "buyer", "sale"]),
            Self::OpensAt => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into(),
            Self::HeldMayReturn | Self::Orphaned => is(),
            Self::Orders => ArrayBuilder::new().items(text()).into(),
            Self::Phase => one_of(crate::offer::Phase::ALL.into_iter().map(crate::offer::Phase::word)),
            Self::Committed => ObjectBuilder::new().schema_type(Type::Integer).into(),
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) layer: &'static str,
    pub(super) code: &'static str,
    pub(super) status: u16,
    pub(super) members: &'static [Member],
    /// Headers that its answer has.
    pub(super) headers: &'static [&'static str],
}

impl Code {
    /// What its schema is called.
    pub(super) fn schema_name(&self) -> String {
        // Two layers have a rate limit.
        let layer = if self.layer == "admin" { "Admin" } else { "" };
        let camel = self.code.split('_').map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            first.to_uppercase() + rest
        });
        format!("{layer}{}Problem", camel.collect::<String>())
    }
}

macro_rules! codes {
    ($($name:ident = $layer:literal $code:literal $status:literal [$($member:ident)*] [$($header:literal)*];)*) => {
        $(pub(super) const $name: Code = Code {
            layer: $layer,
            code: $code,
            status: $status,
            members: &[$(Member::$member),*],
            headers: &[$($header),*],
        };)*
        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    MALFORMED = "door" "malformed" 400 [] [];
    INVALID_FIELD = "door" "invalid_field" 422 [Pointer Detail] [];
    NOT_FOUND = "door" "not_found" 404 [] [];
    METHOD_NOT_ALLOWED = "door" "method_not_allowed" 405 [] ["Allow"];
    TOO_LARGE = "door" "too_large" 413 [] [];
    UNSUPPORTED_MEDIA_TYPE = "door" "unsupported_media_type" 415 [] [];
    TIMEOUT = "door" "timeout" 408 [] [];
    HEADERS_TOO_LARGE = "door" "headers_too_large" 431 [] [];
    INTERNAL = "door" "internal" 500 [] [];
    PASS_REQUIRED = "client" "pass_required" 401 [] ["WWW-Authenticate"];
    PASS_INVALID = "client" "pass_invalid" 401 [] ["WWW-Authenticate"];
    PASS_EXPIRED = "client" "pass_expired" 401 [] ["WWW-Authenticate"];
    CHALLENGE_INVALID = "client" "challenge_invalid" 403 [] [];
    CHALLENGE_EXPIRED = "client" "challenge_expired" 403 [] [];
    SIGNATURE_INVALID = "client" "signature_invalid" 401 [] ["WWW-Authenticate"];
    SIGNATURE_STALE = "client" "signature_stale" 400 [] [];
    RATE_LIMITED = "access" "rate_limited" 429 [Limit] ["Retry-After" "RateLimit" "RateLimit-Policy"];
    SALE_NOT_FOUND = "sale" "sale_not_found" 404 [] [];
    ITEM_NOT_FOUND = "sale" "item_not_found" 404 [] [];
    SALE_NOT_OPEN = "sale" "sale_not_open" 403 [OpensAt] ["Retry-After"];
    SALE_PAUSED = "sale" "sale_paused" 403 [] [];
    SALE_ENDED = "sale" "sale_ended" 410 [] [];
    SOLD_OUT = "stock" "sold_out" 409 [HeldMayReturn] [];
    INSUFFICIENT_STOCK = "stock" "insufficient_stock" 409 [] [];
    LIMIT_REACHED = "stock" "limit_reached" 409 [Orders] [];
    IDEMPOTENCY_MISMATCH = "stock" "idempotency_mismatch" 422 [] [];
    IN_PROGRESS = "stock" "in_progress" 409 [] ["Retry-After"];
    BUSY = "ledger" "busy" 503 [] ["Retry-After"];
    NOT_STORED = "ledger" "not_stored" 503 [] ["Retry-After"];
    OUTCOME_UNKNOWN = "ledger" "outcome_unknown" 503 [] ["Retry-After"];
    NO_LEDGER = "ledger" "no_ledger" 409 [] [];
    ORDER_NOT_FOUND = "orders" "order_not_found" 404 [] [];
    ORDER_NOT_HELD = "orders" "order_not_held" 409 [Orphaned] [];
    ORDER_EXPIRED = "orders" "order_expired" 409 [Orphaned] [];
    UNAUTHORIZED = "admin" "unauthorized" 401 [] ["WWW-Authenticate"];
    CROSS_SITE = "admin" "cross_site" 403 [] [];
    ADMIN_RATE_LIMITED = "admin" "rate_limited" 429 [] ["Retry-After"];
    SALE_EXISTS = "sale" "sale_exists" 409 [] [];
    ITEM_EXISTS = "sale" "item_exists" 409 [] [];
    INVALID_TRANSITION = "sale" "invalid_transition" 409 [Phase] [];
    BELOW_COMMITTED = "stock" "below_committed" 409 [Committed] [];
}
