//! The effective configuration as TOML that could be a `config.toml` again, but for the masked secrets.

use std::fmt::Write as _;

use toml::Value;

use super::error::Place;
use super::file::{Setting, Settings, Typed};
use super::sections::MASK;
use crate::orders::targets::{Reach, Target};

/// Keys whose values nobody may see. A PostgreSQL URL holds a password.
const SECRETS: [&str; 6] = [
    "admin.token",
    "admin.password_hash",
    "ledger.postgres.url",
    "payments.secret",
    "payments.former_secret",
    "storefront.payment_link_secret",
];
/// Where the comments begin, if the line before isn't longer.
const COMMENT_COLUMN: usize = 44;

/// Every setting, section by section, with its origin as a comment.
pub(super) fn toml(typed: &Typed) -> String {
    let mut shown = String::new();
    let mut section = "";
    for setting in &typed.settings.rows {
        let (its_section, key) = setting.key.split_once('.').unwrap_or(("", &setting.key));
        if its_section != section {
            let between = if section.is_empty() { "" } else { "\n" };
            let _ = writeln!(shown, "{between}[{its_section}]");
            section = its_section;
        }
        line(&mut shown, key, &value(setting), &setting.place);
    }
    for webhook in &typed.webhooks {
        table(&mut shown, "[[webhook]]", &masked(webhook));
    }
    for sale in &typed.sales {
        table(&mut shown, "[[sale]]", &sale.terms);
        for item in &sale.items {
            table(&mut shown, "[[sale.item]]", item);
        }
    }
    shown
}

fn table(shown: &mut String, header: &str, settings: &Settings) {
    let _ = writeln!(shown, "\n{header}");
    for setting in &settings.rows {
        line(shown, &setting.key, &setting.value.to_string(), &setting.place);
    }
}

/// A webhook without its secrets; of its URL, the path is often one.
fn masked(webhook: &Settings) -> Settings {
    let mut masked = webhook.clone();
    for setting in &mut masked.rows {
        let text = match (setting.key.as_str(), setting.value.as_str()) {
            ("url", Some(url)) => Target::parse(url, Reach::Anywhere).map_or_else(|_| MASK.into(), shown_url),
            ("kinds", _) => continue,
            _ => MASK.into(),
        };
        setting.value = Value::String(text);
    }
    masked
}

fn shown_url(target: Target) -> String {
    if target.path() == "/" { format!("{target}/") } else { format!("{target}/{MASK}") }
}

fn line(shown: &mut String, key: &str, value: &str, place: &Place) {
    let assignment = format!("{key} = {value}");
    let _ = writeln!(shown, "{assignment:COMMENT_COLUMN$} # {place}");
}

fn value(setting: &Setting) -> String {
    let is_empty = setting.value.as_str().is_some_and(str::is_empty);
    if SECRETS.contains(&setting.key.as_str()) && !is_empty {
        return Value::String(MASK.into()).to_string();
    }
    setting.value.to_string()
}
