//! The configuration's own parsers, for [`crate::fuzz`].

use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::error::{Complaint, Place};
use super::{declared, file, layers, rules, show, storefront};
use crate::money::{Money, MoneyText};
use crate::offer::{ItemTerms, Offer, PRICE_MINOR_MAX, STOCK_MAX, TITLE_CHARS_MAX};

/// Read once: ten thousand bytes each time would be most of the work.
static BELOW: LazyLock<file::Typed> = LazyLock::new(|| layers::defaults().expect("the built-in file is one"));

/// A file of this text, over the defaults.
pub(crate) fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut complaints = Vec::new();
    match layers::of_text(BELOW.clone(), text, &mut complaints) {
        Ok(typed) => drop(rules::config(&typed, &mut complaints)),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
    let lines = text.matches('\n').count() + 1;
    for complaint in &complaints {
        assert!(!complaint.says.is_empty(), "{complaint:?}");
        if let Place::Point { line, column, .. } = complaint.place {
            assert!((1..=lines).contains(&line) && column >= 1, "{complaint:?}");
        }
    }
}

/// Variables over the defaults, a line for each, and `config show` of what comes of them.
pub(crate) fn environment(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let variables = lines.filter_map(|line| line.split_once('='));
    // What lies on this machine is nobody's business: names of files are relative to a place that isn't there.
    let is_ours = |(name, value): &(&str, &str)| !(name.to_lowercase().ends_with("_file") && value.starts_with('/'));
    let variables: Vec<_> = variables.filter(is_ours).collect();
    if !variables.iter().any(|(name, _)| name.starts_with(layers::PREFIX)) {
        return;
    }
    let environment: layers::Environment = variables.into_iter().collect();
    let (mut typed, mut complaints) = (BELOW.clone(), Vec::new());
    layers::lay_variables(
        &mut typed,
        &environment,
        &BELOW.settings.rows,
        Path::new("/nowhere/at/all"),
        &mut complaints,
    );
    let is_in_order = |complaints: &[Complaint]| complaints.iter().all(|complaint| !complaint.says.is_empty());
    assert!(is_in_order(&complaints), "{complaints:?}");
    drop(rules::config(&typed, &mut complaints));
    assert!(is_in_order(&complaints), "{complaints:?}");
    // Nothing is shown of what is refused.
    if !complaints.is_empty() {
        return;
    }
    let shown: toml::Table = show::toml(&typed).parse().expect("what is shown could be a file again");
    assert!(shown.contains_key("server"), "{shown:?}");
}

/// A body of the office that declares a sale or changes one.
pub(crate) fn declared(body: &Json) {
    match declared::offer(body) {
        Ok(Offer { sale, items }) => {
            assert_eq!(body["id"], sale.id.as_str());
            assert!(sale.limit_per_buyer >= 1 && sale.title.chars().count() <= TITLE_CHARS_MAX);
            assert!(!items.is_empty(), "a sale has items");
            are_as_typed(&items, &body["items"]);
        }
        Err(faults) => point_at(&faults, body),
    }
    match declared::change(body) {
        Ok(change) => are_as_typed(&change.items, &body["items"]),
        Err(faults) => point_at(&faults, body),
    }
}

/// Items are what somebody has typed, under the names that the contract has, and nothing else.
fn are_as_typed(items: &[ItemTerms], typed: &Json) {
    assert_eq!(items.len(), typed.as_array().map_or(0, Vec::len));
    for (item, typed) in items.iter().zip(typed.as_array().into_iter().flatten()) {
        assert!(item.title.chars().count() <= TITLE_CHARS_MAX && item.stock <= STOCK_MAX);
        assert_eq!((&typed["sku"], typed["stock"].as_u64()), (&item.sku.as_str().into(), Some(item.stock.into())));
        let [amount, currency] = ["amount", "currency"].map(|name| typed["price"][name].as_str().map(str::to_owned));
        let price = MoneyText { amount: amount.expect("an amount"), currency: currency.expect("a currency") };
        assert_eq!(Money::parse(&price).ok(), Some(item.price));
        assert!((0..=PRICE_MINOR_MAX).contains(&item.price.minor()));
    }
}

/// What is wrong is in the body, where its pointer says (RFC 6901), or would be there.
fn point_at(faults: &[declared::Fault], body: &Json) {
    assert!(!faults.is_empty());
    for fault in faults {
        let (around, _) = fault.pointer.rsplit_once('/').unwrap_or_default();
        let is_there = [fault.pointer.as_str(), around].iter().any(|pointer| body.pointer(pointer).is_some());
        assert!(is_there && !fault.says.is_empty(), "{fault:?}");
    }
}

/// A shop's own texts: the name of their file, and behind the end of the line what is in it.
pub(crate) fn theme(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (name, text) = text.split_once('\n').unwrap_or((text, ""));
    let file = Path::new(name);
    if let Some(Ok(tag)) = storefront::language(name).map(|language| storefront::tag(file, language)) {
        let is_in_a_tag = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!((2..=35).contains(&tag.len()) && tag.bytes().all(is_in_a_tag), "{tag:?}");
    }
    match storefront::texts(file, text) {
        Ok(texts) => {
            let written = serde_json::to_string(&texts).expect("texts are JSON");
            assert_eq!(storefront::texts(file, &written), Ok(texts), "what is served is what was read");
        }
        Err(says) => assert!(says.starts_with(name), "{says}"),
    }
}
