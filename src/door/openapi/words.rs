//! Words that are one of a few, in the document: taken from those who say them, so that none is forgotten.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::ledger::row::EventKind;
use crate::messages::message;
use crate::offer::Phase;
use crate::order::{OrderState, Stored};

/// A text that is one of these.
pub(super) fn one_of(words: impl IntoIterator<Item = &'static str>) -> RefOr<Schema> {
    let mut words: Vec<&str> = words.into_iter().collect();
    words.dedup();
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident($shown:literal): $words:expr;)*) => {$(
        $(#[$doc])*
        pub(in crate::door) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                one_of($words)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $shown.into()
            }
        }
    )*};
}

words! {
    /// Where an order stands.
    StateWord("OrderState"): OrderState::ALL.into_iter().map(OrderState::word);
    /// How safe an order is.
    StoredWord("Stored"): Stored::ALL.into_iter().map(Stored::word);
    /// Where a sale stands.
    PhaseWord("Phase"): Phase::ALL.into_iter().map(Phase::word);
    /// What the shop can be told of.
    MessageWord("MessageKind"): message::Kind::ALL.into_iter().map(message::Kind::word);
    /// What can happen to an order.
    EventWord("OrderEventKind"): EventKind::ALL.into_iter().filter(|kind| kind.moves_an_order() || *kind == EventKind::OrderPlaced).map(EventKind::word);
}
