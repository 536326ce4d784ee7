//! Stripe's Checkout, event by event.
//!
//! | event | says |
//! | --- | --- |
//! | `checkout.session.completed` | succeeded; started, where a slower payment is on its way (`payment_status: unpaid`) |
//! | `checkout.session.async_payment_succeeded` | succeeded |
//! | `checkout.session.async_payment_failed`, `checkout.session.expired` | failed |
//! | `charge.refunded` | refunded, once all of it went back |
//!
//! The shop puts the order's id into the session's `client_reference_id` or `metadata.order`, and, so that refunds can
//! be told, into `payment_intent_data.metadata.order`, which Stripe copies to the charge. Deliberately absent: `refund.*`
//! events, which carry neither the order nor how much of the charge is left, and everything that isn't Checkout.
//!
//! **Invariant:** fields that we don't read may be whatever Stripe makes of them next year.

use super::fields::{Object, parse};
use super::{Ignored, Incoming, Unaccepted};
use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::money::Money;
use crate::orders::notice::{MessageId, Notice, NoticeKind, PaymentId};
use crate::orders::signature::{Keys, Unsigned, is_same, timely};

/// The header with the time and the signatures: `t=SECONDS,v1=HEX`, and more of them while a secret is changed.
const SIGNATURE_HEADER: &str = "stripe-signature";

/// Reads a message.
///
/// # Refuses
/// [`Unaccepted`].
pub(super) fn read<'a>(
    header: impl Fn(&'static str) -> Option<&'a [u8]>,
    body: &[u8],
    now: WallTime,
    keys: &Keys,
) -> Result<Incoming, Unaccepted> {
    verify(header(SIGNATURE_HEADER).ok_or(Unsigned::MissingHeader)?, body, now, keys)?;
    let fields = parse(body)?;
    let event = Object::root(&fields);
    let Some(kind) = Kind::of(event.required_text("type")?) else {
        return Ok(Incoming::Ignored(Ignored::OtherKind));
    };
    let message = MessageId::parse(event.required_text("id")?).map_err(|_| event.invalid("id"))?;
    let object = event.required_object("data")?.required_object("object")?;
    let Some(order) = order(&object) else {
        return Ok(Incoming::Ignored(Ignored::NoOrder));
    };
    let (kind, amount) = match kind {
        Kind::Refunded if !object.is_true("refunded") => return Ok(Incoming::Ignored(Ignored::PartialRefund)),
        Kind::Refunded => (NoticeKind::Refunded, Some(amount(&object, "amount_refunded")?)),
        // No money has moved, and what a session that came to nothing would have cost decides nothing.
        Kind::Failed => (NoticeKind::Failed, None),
        Kind::Succeeded => (NoticeKind::Succeeded, Some(amount(&object, "amount_total")?)),
        Kind::Completed => (completed(&object)?, Some(amount(&object, "amount_total")?)),
    };
    let payment = Some(payment(&object)?);
    Ok(Incoming::Notice(Notice { message, kind, order, payment, amount }))
}

/// The signed text is `t.body`; `v1` may be there several times; other schemes (`v0`) mean nothing.
fn verify(header: &[u8], body: &[u8], now: WallTime, keys: &Keys) -> Result<(), Unsigned> {
    let parts = || header.split(|byte| *byte == b',');
    let timestamp = parts().find_map(|part| part.strip_prefix(b"t=")).ok_or(Unsigned::BadSignature)?;
    let is_signed = keys.macs(&[timestamp, body]).any(|mac| {
        let expected = hex(&mac);
        parts().filter_map(|part| part.strip_prefix(b"v1=")).any(|given| is_same(given, &expected))
    });
    if is_signed { timely(timestamp, now) } else { Err(Unsigned::BadSignature) }
}

fn hex(mac: &[u8; 32]) -> Vec<u8> {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    mac.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The events that are ours.
enum Kind {
    Completed,
    Succeeded,
    Failed,
    Refunded,
}

impl Kind {
    fn of(word: &str) -> Option<Self> {
        match word {
            "checkout.session.completed" => Some(Self::Completed),
            "checkout.session.async_payment_succeeded" => Some(Self::Succeeded),
            "checkout.session.async_payment_failed" | "checkout.session.expired" => Some(Self::Failed),
            "charge.refunded" => Some(Self::Refunded),
            _ => None,
        }
    }
}

/// What a completed session says. One that is free of charge is as good as paid: its amount says that it was nothing.
fn completed(session: &Object<'_>) -> Result<NoticeKind, Unaccepted> {
    match session.required_text("payment_status")? {
        "paid" | "no_payment_required" => Ok(NoticeKind::Succeeded),
        "unpaid" => Ok(NoticeKind::Started),
        _ => Err(session.invalid("payment_status")),
    }
}

/// The order that a session or a charge is about. What isn't an id of ours is somebody else's reference, not a mistake.
fn order(object: &Object<'_>) -> Option<OrderId> {
    let parse = |text: Option<&str>| text.and_then(|text| OrderId::parse(text).ok());
    // Metadata that is no object has no order in it either.
    let metadata = object.object("metadata").ok().flatten();
    let reference = parse(object.text("client_reference_id").ok().flatten());
    reference.or_else(|| parse(metadata?.text("order").ok().flatten()))
}

/// The payment's id: the same one in each event about it. A session that never came to a payment has only its own.
fn payment(object: &Object<'_>) -> Result<PaymentId, Unaccepted> {
    match object.payment("payment_intent")? {
        Some(payment) => Ok(payment),
        None => object.payment("id")?.ok_or_else(|| object.invalid("id")),
    }
}

fn amount(object: &Object<'_>, name: &str) -> Result<Money, Unaccepted> {
    let units = object.whole(name).ok_or_else(|| object.invalid(name))?;
    let code = object.required_text("currency")?.to_ascii_uppercase();
    if Money::from_minor(0, &code).is_none() {
        return Err(object.invalid("currency"));
    }
    minor(units, &code).and_then(|minor| Money::from_minor(minor, &code)).ok_or_else(|| object.invalid(name))
}

/// ISO 4217's minor units from Stripe's, which differ in three currencies (docs.stripe.com/currencies, "Special cases"
/// and "Zero-decimal currencies"); none where it would take a part of one.
fn minor(units: i64, code: &str) -> Option<i64> {
    match code {
        // No decimals, but Stripe goes on counting in hundredths.
        "ISK" | "UGX" => (units % 100 == 0).then_some(units / 100),
        // Two decimals, on paper: Stripe counts whole ones.
        "MGA" => units.checked_mul(100),
        _ => Some(units),
    }
}
