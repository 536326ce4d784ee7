//! The fields of a body: found, typed, and complained about by their JSON pointers.
//!
//! **Invariant:** an object that names a field twice is no object: two readers could each believe another one.

use std::fmt;

use compact_str::{CompactString, format_compact};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Unaccepted;
use crate::orders::notice::PaymentId;

/// How much of an unknown field's name is told back: a longer one was no slip of the pen.
const NAME_CHARS_MAX: usize = 64;

/// Reads a body that must be one object.
///
/// # Refuses
/// [`Unaccepted::Malformed`].
pub(super) fn parse(body: &[u8]) -> Result<Map<String, Value>, Unaccepted> {
    match serde_json::from_slice(body) {
        Ok(Unrepeated(Value::Object(fields))) => Ok(fields),
        Ok(_) | Err(_) => Err(Unaccepted::Malformed),
    }
}

/// An object inside a body. A field that is `null` is one that isn't there.
#[derive(Clone)]
pub(super) struct Object<'a> {
    fields: &'a Map<String, Value>,
    pointer: CompactString,
}

impl<'a> Object<'a> {
    /// The body itself.
    pub(super) fn root(fields: &'a Map<String, Value>) -> Self {
        Self { fields, pointer: CompactString::default() }
    }

    /// The complaint about a field.
    pub(super) fn invalid(&self, name: &str) -> Unaccepted {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Unaccepted::InvalidField { pointer: format_compact!("{}/{escaped}", self.pointer) }
    }

    /// That there are no other fields than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Unaccepted> {
        match self.fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(self.invalid(&name.chars().take(NAME_CHARS_MAX).collect::<String>())),
            None => Ok(()),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// A text, where there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Unaccepted> {
        let value = self.value(name);
        value.map(|value| value.as_str().ok_or_else(|| self.invalid(name))).transpose()
    }

    /// A text that has to be there.
    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, Unaccepted> {
        self.text(name)?.ok_or_else(|| self.invalid(name))
    }

    /// A payment's id, where there is one.
    pub(super) fn payment(&self, name: &str) -> Result<Option<PaymentId>, Unaccepted> {
        let text = self.text(name)?;
        text.map(|text| PaymentId::parse(text).map_err(|_| self.invalid(name))).transpose()
    }

    /// A whole number, where there is one.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.value(name).and_then(Value::as_i64)
    }

    /// Whether a field is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.value(name) == Some(&Value::Bool(true))
    }

    /// An object, where there is one.
    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, Unaccepted> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let fields = value.as_object().ok_or_else(|| self.invalid(name))?;
        Ok(Some(Self { fields, pointer: format_compact!("{}/{name}", self.pointer) }))
    }

    /// An object that has to be there.
    pub(super) fn required_object(&self, name: &str) -> Result<Self, Unaccepted> {
        self.object(name)?.ok_or_else(|| self.invalid(name))
    }
}

/// A value in which no object names a field twice. How deep it may be is bounded by the reader beneath.
struct Unrepeated(Value);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that isn't finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Unrepeated(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Unrepeated(value))) = map.next_entry::<String, _>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a field twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}
