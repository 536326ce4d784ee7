//! From what was typed to values: text, numbers, spans of time, each within its range.
//!
//! **Invariant:** reading never stops at a complaint: it hands out a filler and goes on, so that all complaints are
//! heard. Whoever reads throws everything away if there was one.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Value;

use super::error::{Complaint, Place};
use super::file::Settings;
use super::schedule;

/// Reads the settings of one table.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    /// Goes before each key in complaints, `sale.` for example.
    pub(super) shown: &'static str,
    pub(super) complaints: &'a mut Vec<Complaint>,
}

impl Reader<'_> {
    /// Complains about a key, where it was set or else where its table begins.
    pub(super) fn complain(&mut self, key: &str, says: impl Into<String>) {
        let place = self.place(key);
        self.complaints.push(Complaint { place, key: format!("{}{key}", self.shown), says: says.into() });
    }

    pub(super) fn place(&self, key: &str) -> Place {
        self.settings.get(key).map_or(&self.settings.place, |setting| &setting.place).clone()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.settings.get(key).is_some()
    }

    /// What `parse` makes of a key's value, or the filler and its complaint.
    pub(super) fn read<T>(&mut self, key: &str, filler: T, parse: impl FnOnce(&Value) -> Result<T, String>) -> T {
        let read = match self.settings.get(key) {
            Some(setting) => parse(&setting.value),
            None => Err("is missing".into()),
        };
        read.unwrap_or_else(|says| {
            self.complain(key, says);
            filler
        })
    }

    /// What `parse` makes of a text.
    pub(super) fn parsed<T>(&mut self, key: &str, filler: T, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        self.read(key, filler, |value| parse(text_of(value)?))
    }

    /// One of these words; the first is the filler.
    pub(super) fn word<T: Copy, const N: usize>(&mut self, key: &str, words: [(&str, T); N]) -> T {
        const { assert!(N > 0, "there is at least one word") };
        self.parsed(key, words[0].1, |text| {
            words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning).ok_or_else(|| {
                let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
                format!("must be {}, not {text:?}", words.join(" or "))
            })
        })
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.read(key, false, |value| match value {
            Value::Boolean(flag) => Ok(*flag),
            // As an environment variable says it.
            Value::String(text) if text == "true" || text == "false" => Ok(text == "true"),
            _ => Err(format!("must be true or false, not {value}")),
        })
    }

    /// A whole number.
    pub(super) fn whole<T>(&mut self, key: &str, range: RangeInclusive<T>) -> T
    where
        T: Copy + PartialOrd + TryFrom<i64> + std::fmt::Display,
    {
        let wanted = || format!("must be a whole number from {} to {}", range.start(), range.end());
        self.read(key, *range.start(), |value| {
            let number = value.as_integer().ok_or_else(|| format!("{}, not {value}", wanted()))?;
            let fitting = T::try_from(number).ok().filter(|number| range.contains(number));
            fitting.ok_or_else(|| format!("{}, not {number}", wanted()))
        })
    }

    /// A number, with or without decimals; NaN is none.
    pub(super) fn number(&mut self, key: &str, fits: impl FnOnce(f64) -> bool, wanted: &str) -> f64 {
        self.read(key, 0.0, |value| {
            let number = match value {
                Value::Float(number) => Some(*number),
                // Every whole number that a range admits is far below 2⁵³, so nothing is lost.
                Value::Integer(number) => Some(*number as f64),
                _ => None,
            };
            number.filter(|number| fits(*number)).ok_or_else(|| format!("must be {wanted}, not {value}"))
        })
    }

    /// A span of time; `wanted` says its range in words.
    pub(super) fn span(&mut self, key: &str, range: RangeInclusive<Duration>, wanted: &str) -> Duration {
        self.read(key, *range.start(), |value| {
            let text = value.as_str().ok_or_else(|| format!("{}, not {value}", schedule::WANTED_SPAN))?;
            let span = schedule::span(text)?;
            if range.contains(&span) { Ok(span) } else { Err(format!("must be {wanted}, not {text:?}")) }
        })
    }

    /// Yes or no.
    pub(super) fn switch(&mut self, key: &str) -> bool {
        self.read(key, false, |value| value.as_bool().ok_or_else(|| format!("must be true or false, not {value}")))
    }

    /// A list of texts, each parsed.
    pub(super) fn list<T>(&mut self, key: &str, parse: impl Fn(&str) -> Result<Vec<T>, String>) -> Vec<T> {
        self.read(key, Vec::new(), |value| {
            let elements =
                value.as_array().ok_or_else(|| format!("must be a list such as [\"…\", \"…\"], not {value}"))?;
            let mut list = Vec::new();
            for element in elements {
                list.extend(parse(text_of(element)?)?);
            }
            Ok(list)
        })
    }
}

fn text_of(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("must be text in quotes, not {value}"))
}
