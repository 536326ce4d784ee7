//! Our own body, for a shop or a provider that signs as in Standard Webhooks:
//!
//! ```json
//! {"type": "payment.succeeded", "timestamp": "2026-11-27T09:00:01Z",
//!  "data": {"order": "0193…", "payment": "pay_1", "amount": {"amount": "129.00", "currency": "USD"}}}
//! ```
//!
//! `type` is `payment.started`, `.succeeded`, `.failed` or `.refunded`. `payment`, `timestamp` (when it happened, which
//! decides nothing: the signed header does) and, unless money has moved, `amount` may be left out.
//!
//! **Invariant:** what isn't known is refused: a field that was misspelt must not pass for one that was left out.

use super::Unaccepted;
use super::fields::{Object, parse};
use crate::clock::WallTime;
use crate::ids::OrderId;
use crate::money::{Money, MoneyError, MoneyText};
use crate::orders::notice::{MessageId, Notice, NoticeKind};
use crate::orders::signature::{Headers, Keys};

/// Reads a message.
///
/// # Refuses
/// [`Unaccepted`].
pub(super) fn read<'a>(
    header: impl Fn(&'static str) -> Option<&'a [u8]>,
    body: &[u8],
    now: WallTime,
    keys: &Keys,
) -> Result<Notice, Unaccepted> {
    let headers = Headers::read(header)?;
    headers.verify(body, now, keys)?;
    let message =
        std::str::from_utf8(headers.id).ok().and_then(|id| MessageId::parse(id).ok()).ok_or(Unaccepted::Malformed)?;
    let fields = parse(body)?;
    let root = Object::root(&fields);
    root.only(&["type", "timestamp", "data"])?;
    let kind = kind(root.required_text("type")?).ok_or_else(|| root.invalid("type"))?;
    if root.text("timestamp")?.is_some_and(|text| text.parse::<jiff::Timestamp>().is_err()) {
        return Err(root.invalid("timestamp"));
    }
    let data = root.required_object("data")?;
    data.only(&["order", "payment", "amount"])?;
    let order = OrderId::parse(data.required_text("order")?).map_err(|_| data.invalid("order"))?;
    let payment = data.payment("payment")?;
    let amount = amount(&data)?;
    let has_moved = matches!(kind, NoticeKind::Succeeded | NoticeKind::Refunded);
    if has_moved && amount.is_none() {
        return Err(data.invalid("amount"));
    }
    Ok(Notice { message, kind, order, payment, amount })
}

fn kind(word: &str) -> Option<NoticeKind> {
    match word {
        "payment.started" => Some(NoticeKind::Started),
        "payment.succeeded" => Some(NoticeKind::Succeeded),
        "payment.failed" => Some(NoticeKind::Failed),
        "payment.refunded" => Some(NoticeKind::Refunded),
        _ => None,
    }
}

fn amount(data: &Object<'_>) -> Result<Option<Money>, Unaccepted> {
    let Some(object) = data.object("amount")? else {
        return Ok(None);
    };
    object.only(&["amount", "currency"])?;
    let text = MoneyText {
        amount: object.required_text("amount")?.into(),
        currency: object.required_text("currency")?.into(),
    };
    Money::parse(&text).map(Some).map_err(|fault| match fault {
        MoneyError::Currency(_) => object.invalid("currency"),
        MoneyError::Amount { .. } => object.invalid("amount"),
    })
}
