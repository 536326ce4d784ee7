//! Which lines the log has.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// A level, or which lines of which module: "info,doorbuster=debug".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // The library counts letters without the space in front of them and cuts with it: at the wrong one, or through one.
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let filter = Self(parts.join(","));
        // It takes a lone word for a module: a mistyped level would silence everything.
        let is_level = |part: &&str| part.contains(['=', '[']) || part.parse::<LevelFilter>().is_ok();
        if parts.iter().all(is_level) && filter.compile().is_ok() {
            return Ok(filter);
        }
        Err(format!("must be a level or a filter such as \"info,doorbuster=debug\", not {text:?}"))
    }

    /// As the log takes it.
    ///
    /// # Errors
    /// None, for it has been compiled before.
    pub fn compile(&self) -> Result<EnvFilter, ParseError> {
        // What a field's value is compared with is text: of an expression the library makes all states at once, and they
        // can double with each letter.
        EnvFilter::builder().with_regex(false).parse(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_between_the_parts_belongs_to_none_of_them() {
        let parse = |text: &str| LogFilter::parse(text).map(|filter| filter.0);
        assert_eq!(parse("warn, doorbuster=debug").as_deref(), Ok("warn,doorbuster=debug"));
        assert_eq!(parse(" error ,hyper=off ").as_deref(), Ok("error,hyper=off"));
        // The library's parser cut through the letter, and panicked.
        assert!(parse("info, ab\u{9b2c}=x").is_err());
    }

    #[test]
    fn what_looks_like_an_expression_is_text() {
        // As an expression it would have four billion states.
        let filter = LogFilter::parse(&format!("[span{{field=(a|b)*a{}}}]=info", "(a|b)".repeat(32)));
        assert!(filter.is_ok_and(|filter| filter.compile().is_ok()));
    }
}
