//! The fields of a body: found, typed, and complained about by their JSON pointers.
//!
//! **Invariant:** an object that names a field twice is no object: two readers could each believe another one.

use compact_str::{CompactString, format_compact};
use serde_json::{Map, Value};

use super::Unaccepted;
use crate::orders::notice::PaymentId;
use crate::unique::Unique;

/// How much of an unknown field's name is told back: a longer one was no slip of the pen.
const NAME_CHARS_MAX: usize = 64;

/// Reads a body that must be one object.
///
/// # Refuses
/// [`Unaccepted::Malformed`].
pub(super) fn parse(body: &[u8]) -> Result<Map<String, Value>, Unaccepted> {
    match serde_json::from_slice(body) {
        Ok(Unique(Value::Object(fields))) => Ok(fields),
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
        let escaped = crate::pointer::escaped(name);
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
