//! What was typed: the keys and values of one TOML text, each with the place where it stands.
//!
//! Absent: what the values mean. A text is walked by hand instead of being deserialized, because serde stops at the first
//! thing that it doesn't like, and a shop that corrects its configuration wants to hear all of it.
//!
//! **Invariant:** a key that nothing reads is a complaint, never silence.

use std::fmt;

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::error::{Complaint, Place};
use super::nearest::nearest;

/// Keys of a `[[sale]]`; its items apart.
pub(super) const SALE_KEYS: [&str; 6] = ["id", "title", "opens_at", "closes_at", "limit_per_buyer", "hold"];
/// Keys of a `[[sale.item]]`.
pub(super) const ITEM_KEYS: [&str; 5] = ["sku", "title", "stock", "price.amount", "price.currency"];

/// Keys of a `[[webhook]]`.
pub(super) const WEBHOOK_KEYS: [&str; 4] = ["url", "secret", "former_secret", "kinds"];

/// A key, what it was set to, and where.
#[derive(Clone, PartialEq)]
pub(super) struct Setting {
    /// Dotted, from the top of its table.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

impl fmt::Debug for Setting {
    /// Without the value, which may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.key, self.place)
    }
}

/// The settings of one table, in the order of the text; each key once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// Where the table begins.
    pub(super) place: Place,
    pub(super) rows: Vec<Setting>,
}

impl Settings {
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.rows.iter().find(|row| row.key == key)
    }

    /// Lets a later layer have its say.
    pub(super) fn put(&mut self, setting: Setting) {
        match self.rows.iter_mut().find(|row| row.key == setting.key) {
            Some(row) => *row = setting,
            None => self.rows.push(setting),
        }
    }
}

/// A sale as it was typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TypedSale {
    pub(super) terms: Settings,
    pub(super) items: Vec<Settings>,
}

/// A whole text as it was typed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Typed {
    pub(super) settings: Settings,
    pub(super) sales: Vec<TypedSale>,
    pub(super) webhooks: Vec<Settings>,
}

/// Which keys there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// Those that the text has: it is the list itself.
    Whatever,
    /// These, dotted.
    Keys(&'a [&'a str]),
}

/// Reads a text; `file` is its name for complaints, `keys` are those outside of the sales.
///
/// # Errors
/// The first place at which the text isn't TOML.
pub(super) fn read(
    file: &str,
    text: &str,
    keys: Known<'_>,
    complaints: &mut Vec<Complaint>,
) -> Result<Typed, Complaint> {
    let mut walk = Walk { file, text, complaints };
    // Only the first: what a parser says after it has stumbled is mostly about the stumbling.
    let mut document = match DeTable::parse(text) {
        Ok(document) => document.into_inner(),
        Err(fault) => {
            let place = walk.place(fault.span().map_or(0, |span| span.start));
            return Err(Complaint { place, key: String::new(), says: format!("not TOML: {}", fault.message()) });
        }
    };
    let sales = document.remove("sale");
    let webhooks = document.remove("webhook");
    let settings = walk.table(0, "", &document, keys);
    let sales = sales.map_or_else(Vec::new, |sales| walk.sales(&sales));
    let webhooks = webhooks.map_or_else(Vec::new, |webhooks| walk.webhooks(&webhooks));
    Ok(Typed { settings, sales, webhooks })
}

struct Walk<'a> {
    file: &'a str,
    text: &'a str,
    complaints: &'a mut Vec<Complaint>,
}

impl Walk<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::Point {
            file: self.file.into(),
            line: before.matches('\n').count() + 1,
            column: before.chars().count() - before[..line_start].chars().count() + 1,
        }
    }

    fn complain(&mut self, offset: usize, key: &str, says: String) {
        let place = self.place(offset);
        self.complaints.push(Complaint { place, key: key.into(), says });
    }

    fn sales(&mut self, sales: &Spanned<DeValue<'_>>) -> Vec<TypedSale> {
        let mut typed = Vec::new();
        for (offset, mut sale) in self.tables("sale", sales) {
            let items = sale.remove("item");
            let terms = self.table(offset, "sale.", &sale, Known::Keys(&SALE_KEYS));
            let items = items.map_or_else(Vec::new, |items| {
                let tables = self.tables("sale.item", &items).into_iter();
                tables.map(|(offset, item)| self.table(offset, "sale.item.", &item, Known::Keys(&ITEM_KEYS))).collect()
            });
            typed.push(TypedSale { terms, items });
        }
        typed
    }

    fn webhooks(&mut self, webhooks: &Spanned<DeValue<'_>>) -> Vec<Settings> {
        let tables = self.tables("webhook", webhooks).into_iter();
        tables.map(|(offset, webhook)| self.table(offset, "webhook.", &webhook, Known::Keys(&WEBHOOK_KEYS))).collect()
    }

    /// The tables of `[[key]]`, each with the offset of its beginning.
    fn tables<'i>(&mut self, key: &str, value: &Spanned<DeValue<'i>>) -> Vec<(usize, DeTable<'i>)> {
        let mut tables = Vec::new();
        let wanted = || format!("must be written [[{key}]], once for each");
        match value.get_ref().as_array() {
            Some(array) => {
                for element in array.iter() {
                    match element.get_ref().as_table() {
                        Some(table) => tables.push((element.span().start, table.clone())),
                        None => self.complain(element.span().start, key, wanted()),
                    }
                }
            }
            None => self.complain(value.span().start, key, wanted()),
        }
        tables
    }

    /// `shown` goes before each key in complaints.
    fn table(&mut self, offset: usize, shown: &str, table: &DeTable<'_>, known: Known<'_>) -> Settings {
        let mut settings = Settings { place: self.place(offset), rows: Vec::new() };
        let mut offsets = Vec::new();
        self.leaves(shown, "", table, known, &mut |offset, setting| offsets.push((offset, setting)));
        // The parser hands tables out sorted by key; people read the text's order.
        offsets.sort_by_key(|(offset, _)| *offset);
        settings.rows = offsets.into_iter().map(|(_, setting)| setting).collect();
        settings
    }

    fn leaves(
        &mut self,
        shown: &str,
        prefix: &str,
        table: &DeTable<'_>,
        known: Known<'_>,
        found: &mut impl FnMut(usize, Setting),
    ) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let offset = value.span().start;
            match (kind_of(&path, known, value.get_ref()), value.get_ref().as_table()) {
                (Kind::Section, Some(inner)) => self.leaves(shown, &format!("{path}."), inner, known, found),
                (Kind::Section, None) => {
                    self.complain(offset, &format!("{shown}{path}"), "must be a table of keys".into());
                }
                (Kind::Leaf, _) => match Value::deserialize(ValueDeserializer::from(value.clone())) {
                    Ok(value) => found(offset, Setting { key: path, value, place: self.place(offset) }),
                    Err(fault) => self.complain(offset, &format!("{shown}{path}"), fault.message().into()),
                },
                (Kind::Unknown, _) => {
                    let keys = match known {
                        Known::Keys(keys) => keys,
                        Known::Whatever => &[],
                    };
                    self.complain(key.span().start, &format!("{shown}{path}"), unknown(shown, &path, keys));
                }
            }
        }
    }
}

enum Kind {
    Section,
    Leaf,
    Unknown,
}

fn kind_of(path: &str, known: Known<'_>, value: &DeValue<'_>) -> Kind {
    match known {
        Known::Whatever if value.is_table() => Kind::Section,
        Known::Whatever => Kind::Leaf,
        Known::Keys(keys) if keys.contains(&path) => Kind::Leaf,
        Known::Keys(keys) if keys.iter().any(|key| is_below(key, path)) => Kind::Section,
        Known::Keys(_) => Kind::Unknown,
    }
}

/// `server.listen` lies below `server`.
pub(super) fn is_below(key: &str, section: &str) -> bool {
    key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'))
}

/// What to say of a key that isn't one; `shown` is what goes before the keys of its table.
fn unknown(shown: &str, path: &str, keys: &[&str]) -> String {
    let arrays: &[&str] = match shown {
        "" => &["sale", "webhook"],
        "sale." => &["item"],
        _ => &[],
    };
    let sections = keys.iter().flat_map(|key| key.match_indices('.').map(|(dot, _)| &key[..dot]));
    let candidates: Vec<&str> = keys.iter().copied().chain(sections).chain(arrays.iter().copied()).collect();
    if let Some(near) = nearest(path, &candidates) {
        return format!("is no key; did you mean {near}?");
    }
    let section = path.rsplit_once('.').map_or("", |(section, _)| section);
    let below = |candidate| match section {
        "" => Some(candidate),
        section => str::strip_prefix(candidate, section)?.strip_prefix('.'),
    };
    let mut names: Vec<&str> = Vec::new();
    for name in candidates.into_iter().filter_map(below).filter_map(|rest| rest.split('.').next()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("is no key; there are {}", names.join(", "))
}
