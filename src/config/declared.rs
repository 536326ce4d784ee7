//! Sales as the admin API declares them: the members of `[[sale]]` as JSON, with the items in `items`.
//!
//! **Invariant:** a sale that was made by hand has passed the same rules as one from the file.

use serde_json::Value as Json;
use toml::Value;

use super::error::{Complaint, Place};
use super::file::{ITEM_KEYS, SALE_KEYS, Setting, Settings, TypedSale};
use super::offers;
use crate::offer::{Offer, SaleChange};

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which member: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What would be right.
    pub says: String,
}

/// Reads a whole sale.
///
/// # Errors
/// Everything that is wrong, in the order of the body.
pub fn offer(body: &Json) -> Result<Offer, Vec<Fault>> {
    let (typed, mut complaints) = typed(body, &SALE_KEYS)?;
    let offers = offers::offers(&[typed], &mut complaints);
    match (offers.into_iter().next(), complaints.is_empty()) {
        (Some(offer), true) => Ok(offer),
        _ => Err(faults(complaints)),
    }
}

/// What a change may take away.
const MAY_GO: [&str; 3] = ["opens_at", "closes_at", "hold"];

/// Reads a change of a sale: any members but `id`; null takes a time or hold away.
///
/// # Errors
/// Everything that is wrong, in the order of the body.
pub fn change(body: &Json) -> Result<SaleChange, Vec<Fault>> {
    // Its id is known, and never changes.
    let (typed, mut complaints) = typed(body, &SALE_KEYS[1..])?;
    let nulls: Vec<&str> = match body {
        Json::Object(members) => {
            members.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    for name in nulls.iter().filter(|name| !MAY_GO.contains(name) && SALE_KEYS.contains(name)) {
        complain(
            &mut complaints,
            &format!("/{name}"),
            format!("can't be taken away; null is for {}", MAY_GO.join(", ")),
        );
    }
    let change = offers::change(&typed, &nulls, &mut complaints);
    if complaints.is_empty() { Ok(change) } else { Err(faults(complaints)) }
}

fn faults(complaints: Vec<Complaint>) -> Vec<Fault> {
    let fault = |complaint: Complaint| {
        let pointer = match complaint.place {
            Place::Body(pointer) => pointer,
            _ => String::new(),
        };
        Fault { pointer, says: complaint.says }
    };
    complaints.into_iter().map(fault).collect()
}

fn typed(body: &Json, keys: &[&str]) -> Result<(TypedSale, Vec<Complaint>), Vec<Fault>> {
    let Json::Object(members) = body else {
        return Err(vec![Fault { pointer: String::new(), says: "must be an object".into() }]);
    };
    let mut complaints = Vec::new();
    let items = match members.get("items") {
        None => Vec::new(),
        Some(Json::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| settings(&format!("/items/{index}"), item, &ITEM_KEYS, &mut complaints))
            .collect(),
        Some(_) => {
            complain(&mut complaints, "/items", "must be an array of items");
            Vec::new()
        }
    };
    let terms: Json = members
        .iter()
        .filter(|(name, _)| *name != "items")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let known: Vec<&str> = keys.iter().copied().chain(["items"]).collect();
    let terms = settings("", &terms, &known, &mut complaints);
    Ok((TypedSale { terms, items }, complaints))
}

fn complain(complaints: &mut Vec<Complaint>, pointer: &str, says: impl Into<String>) {
    complaints.push(Complaint { place: Place::Body(pointer.into()), key: String::new(), says: says.into() });
}

/// The members of one object as the file's reader knows them: dotted keys, absent where they are null.
fn settings(pointer: &str, object: &Json, keys: &[&str], complaints: &mut Vec<Complaint>) -> Settings {
    let mut settings = Settings { place: Place::Body(pointer.into()), rows: Vec::new() };
    let Json::Object(members) = object else {
        complain(complaints, pointer, "must be an object");
        return settings;
    };
    for (name, value) in members {
        match value {
            Json::Object(inner) => {
                for (inner_name, value) in inner {
                    put(&mut settings, pointer, &[name, inner_name], value, keys, complaints);
                }
            }
            value => put(&mut settings, pointer, &[name], value, keys, complaints),
        }
    }
    settings
}

fn put(
    settings: &mut Settings,
    pointer: &str,
    path: &[&str],
    value: &Json,
    keys: &[&str],
    complaints: &mut Vec<Complaint>,
) {
    let pointer = path.iter().fold(pointer.to_owned(), |pointer, name| {
        let escaped = crate::pointer::escaped(name);
        format!("{pointer}/{escaped}")
    });
    let key = path.join(".");
    // A full stop inside a name isn't the one between two names.
    if !keys.contains(&key.as_str()) || path.iter().any(|name| name.contains('.')) {
        return complain(complaints, &pointer, format!("isn't known; there are: {}", keys.join(", ")));
    }
    let value = match value {
        Json::Null => return,
        Json::Bool(value) => Value::Boolean(*value),
        Json::String(text) => Value::String(text.clone()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Integer(whole),
            (None, Some(number)) => Value::Float(number),
            (None, None) => return complain(complaints, &pointer, "is a number that nobody can read"),
        },
        Json::Array(_) | Json::Object(_) => return complain(complaints, &pointer, "must be a plain value"),
    };
    settings.put(Setting { key, value, place: Place::Body(pointer) });
}
