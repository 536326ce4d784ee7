//! What stands behind the question mark.
//!
//! **Invariant:** a name that isn't known, or that is there twice, is refused: a filter that was misspelt must not pass
//! for one that was left out. An empty filter is none, as forms send it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// The parameters of one request.
#[derive(Debug, Default)]
pub(super) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

/// For [`crate::fuzz`]: what is read is known, and there once.
#[cfg(any(test, feature = "torture"))]
pub(in crate::door) fn fuzzed(text: &str) {
    let known = ["sale", "state", "buyer", "sku", "after", "limit"];
    let Ok(query) = Query::read(Some(text), &known) else { return };
    assert!(query.0.len() <= known.len() && query.0.iter().all(|(name, _)| known.contains(&&**name)));
}

/// The complaint about a parameter.
pub(super) fn invalid(name: &str, says: impl Into<String>) -> Problem {
    let escaped = crate::pointer::escaped(name);
    Problem::Invalid { pointer: format!("/{escaped}"), says: says.into() }
}

impl<'a> Query<'a> {
    /// Reads parameters of these names.
    ///
    /// # Errors
    /// [`Problem::Invalid`]
    pub(super) fn read(text: Option<&'a str>, known: &[&str]) -> Result<Self, Problem> {
        let mut query = Self::default();
        for pair in text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &'a str| percent_decode_str(text).decode_utf8();
            let (Ok(name), Ok(value)) = (decoded(name), decoded(value)) else {
                return Err(invalid(name, "must be text in UTF-8"));
            };
            if !known.contains(&&*name) {
                return Err(invalid(&name, format!("isn't known; there are: {}", known.join(", "))));
            }
            if query.0.iter().any(|(other, _)| *other == name) {
                return Err(invalid(&name, "must be there once"));
            }
            query.0.push((name, value));
        }
        Ok(query)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// What `parse` makes of a filter; none where it is absent or empty.
    pub(super) fn filter<T, E: ToString>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        if self.text(name).is_some_and(str::is_empty) { Ok(None) } else { self.parsed(name, parse) }
    }

    /// What `parse` makes of a parameter; none where it is absent.
    pub(super) fn parsed<T, E: ToString>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let value = self.text(name).map(parse).transpose();
        value.map_err(|fault| invalid(name, fault.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_an_empty_filter_is_none() {
        let query = Query::read(Some("buyer=a%26b%3D%2B+&sale=&&state"), &["buyer", "sale", "state"]).expect("a query");
        assert_eq!(
            (query.text("buyer"), query.text("sale"), query.text("state")),
            (Some("a&b=++"), Some(""), Some(""))
        );
        assert!(matches!(query.filter("sale", str::parse::<u32>), Ok(None)));
        assert!(matches!(query.parsed("sale", str::parse::<u32>), Err(Problem::Invalid { .. })));
        assert!(matches!(query.parsed("sku", str::parse::<u32>), Ok(None)));
        assert!(Query::read(None, &[]).is_ok());
    }

    #[test]
    fn what_is_unknown_twice_or_no_text_is_refused_by_name() {
        for (text, pointer) in
            [("sael=x", "/sael"), ("sale=x&sale=x", "/sale"), ("sale=%ff", "/sale"), ("a/b=", "/a~1b")]
        {
            let refused = Query::read(Some(text), &["sale"]).map(drop);
            assert!(
                matches!(&refused, Err(Problem::Invalid { pointer: at, .. }) if at == pointer),
                "{text}: {refused:?}"
            );
        }
    }
}
