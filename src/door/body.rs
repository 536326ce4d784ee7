//! Bodies: read only when the floors above have agreed, within a size and a time.
//!
//! **Invariant:** a body never grows beyond its limit in memory, and none is waited for longer than its deadline.

use std::fmt;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body;
use hyper::header::{self, HeaderMap};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::passage::Heard;
use crate::funnel::{FieldName, Pointer, Unfit};
use crate::ids::Quantity;

/// Largest body of the public listener. An attempt's is 14 bytes; a payment provider's message a few kilobytes.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most units that one attempt may ask for: beyond any real order, far below what sums could overflow.
pub(super) const QUANTITY_MAX: u32 = 1_000_000;

/// Reads how many units an attempt wants: one, where it has no body.
pub(super) async fn read_quantity(headers: &HeaderMap, body: Heard) -> Result<Quantity, Unfit> {
    if body.is_end_stream() {
        return Ok(Quantity::ONE);
    }
    let bytes = read(headers, body).await?;
    if bytes.is_empty() {
        return Ok(Quantity::ONE);
    }
    if !is_json(headers) {
        return Err(Unfit::UnsupportedMediaType);
    }
    parse_quantity(&bytes)
}

/// Reads a body whole. It is [`Heard`]: the connection's pulse keeps its deadline.
pub(super) async fn read<B>(headers: &HeaderMap, body: B) -> Result<Bytes, Unfit>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let announced = body.size_hint().exact().unwrap_or(0);
    if announced > BODY_BYTES_MAX as u64 {
        return Err(Unfit::TooLarge);
    }
    // A coded body would have to be unpacked before anybody knew its size.
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Unfit::UnsupportedMediaType);
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Unfit::TooLarge),
        // A chunk that can't be read, or a peer that hung up in the middle.
        Err(_) => Err(Unfit::Malformed),
    }
}

/// Whether the body says that it is JSON, in UTF-8.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(header::CONTENT_TYPE).map(header::HeaderValue::to_str) else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(|parameter| parameter.is_empty() || is_utf8(parameter))
}

fn is_utf8(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("charset") && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

pub(super) fn parse_quantity(bytes: &[u8]) -> Result<Quantity, Unfit> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let fields = reader.deserialize_any(OrderFields).map_err(|_| Unfit::Malformed)?;
    reader.end().map_err(|_| Unfit::Malformed)?;
    fields
}

/// The fields of an attempt's body. The visitor reads on after a bad field, so that bytes that aren't JSON at all are
/// told from JSON that says the wrong thing.
struct OrderFields;

impl<'de> Visitor<'de> for OrderFields {
    type Value = Result<Quantity, Unfit>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut quantity = None;
        let mut unknown = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == "quantity" {
                let value = map.next_value::<serde_json::Value>()?;
                // The second one of two would win elsewhere: here neither does.
                if quantity.replace(units(&value)).is_some() {
                    return Err(serde::de::Error::duplicate_field("quantity"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
                unknown = Some(Unfit::InvalidField { pointer: Pointer::Unknown(FieldName::of(&name)) });
            }
        }
        Ok(match (unknown, quantity) {
            (Some(unfit), _) => Err(unfit),
            (None, None) => Ok(Quantity::ONE),
            (None, Some(quantity)) => quantity.ok_or(Unfit::InvalidField { pointer: Pointer::Quantity }),
        })
    }
}

fn units(value: &serde_json::Value) -> Option<Quantity> {
    let units = u32::try_from(value.as_u64()?).ok()?;
    Quantity::new(units).filter(|_| units <= QUANTITY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_how_many_or_one() {
        for (body, units) in [("{}", 1), (r#"{"quantity":1}"#, 1), (r#" { "quantity" : 1000000 } "#, 1_000_000)] {
            assert_eq!(parse_quantity(body.as_bytes()).map(Quantity::units), Ok(units), "{body}");
        }
    }

    #[test]
    fn json_that_says_the_wrong_thing_is_told_from_bytes_that_are_not_json() {
        let quantity = Unfit::InvalidField { pointer: Pointer::Quantity };
        let unknown = |name| Unfit::InvalidField { pointer: Pointer::Unknown(FieldName::of(name)) };
        for (body, unfit) in [
            (r#"{"quantity":0}"#, quantity),
            (r#"{"quantity":-1}"#, quantity),
            (r#"{"quantity":1.5}"#, quantity),
            (r#"{"quantity":1.0}"#, quantity),
            (r#"{"quantity":1000001}"#, quantity),
            (r#"{"quantity":18446744073709551615}"#, quantity),
            (r#"{"quantity":"1"}"#, quantity),
            (r#"{"quantity":null}"#, quantity),
            (r#"{"quantity":[1]}"#, quantity),
            (r#"{"quantity":1,"price":0}"#, unknown("price")),
            (r#"{"Quantity":1}"#, unknown("Quantity")),
            (r#"{"quantity":1,"quantity":9}"#, Unfit::Malformed),
            (r#"{"quantity":1}x"#, Unfit::Malformed),
            (r#"{"quantity":1e999}"#, Unfit::Malformed),
            (r#"{"quantity":NaN}"#, Unfit::Malformed),
            (r#"{"quantity":"#, Unfit::Malformed),
            (r#"{"quantity":1,"x":}"#, Unfit::Malformed),
            ("\u{feff}{}", Unfit::Malformed),
            ("[1]", Unfit::Malformed),
            ("1", Unfit::Malformed),
            ("// {}", Unfit::Malformed),
        ] {
            assert_eq!(parse_quantity(body.as_bytes()).map(Quantity::units), Err(unfit), "{body}");
        }
        let deep = format!("{{\"x\":{}", "[".repeat(10_000));
        assert_eq!(parse_quantity(deep.as_bytes()).map(Quantity::units), Err(Unfit::Malformed));
    }
}
