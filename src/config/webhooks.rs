//! From `[[webhook]]` to who wants messages.

use std::collections::HashSet;
use std::time::Duration;

use super::error::Complaint;
use super::file::{Settings, Typed};
use super::reader::Reader;
use super::{Secret, WebhookConfig, WebhooksConfig};
use crate::messages::Kind;
use crate::orders::signature::Key;
use crate::orders::targets::{Reach, Target};

/// Longest delivery: a message that takes longer holds up the next ones about the same order.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The endpoints that are in order; about all others there is a complaint.
pub(super) fn webhooks(typed: &Typed, complaints: &mut Vec<Complaint>) -> WebhooksConfig {
    let mut reader = Reader { settings: &typed.settings, shown: "", complaints };
    let allow_private_targets = reader.flag("webhooks.allow_private_targets");
    let timeout = reader.span("webhooks.timeout", Duration::from_millis(100)..=TIMEOUT_MAX, "from 100ms to 60s");
    let reach = if allow_private_targets { Reach::Anywhere } else { Reach::Public };
    let mut urls = HashSet::new();
    let endpoints = typed.webhooks.iter().filter_map(|settings| endpoint(settings, reach, &mut urls, complaints));
    WebhooksConfig { allow_private_targets, timeout, endpoints: endpoints.collect() }
}

fn endpoint(
    settings: &Settings,
    reach: Reach,
    urls: &mut HashSet<String>,
    complaints: &mut Vec<Complaint>,
) -> Option<WebhookConfig> {
    let reader = &mut Reader { settings, shown: "webhook.", complaints };
    let url = url(reader, reach);
    if url.as_ref().is_some_and(|url| !urls.insert(url.expose().to_owned())) {
        reader.complain("url", "must be unique: an earlier [[webhook]] has the same");
    }
    let secret = key(reader, "secret");
    let former_secret = if reader.has("former_secret") { Some(key(reader, "former_secret")?) } else { None };
    let kinds = if reader.has("kinds") { reader.list("kinds", kind) } else { Vec::new() };
    Some(WebhookConfig { url: url?, secret: secret?, former_secret, kinds })
}

/// A URL; what is said of it doesn't repeat it.
fn url(reader: &mut Reader<'_>, reach: Reach) -> Option<Secret> {
    reader.parsed("url", None, |text| match Target::parse(text, reach) {
        Ok(_) => Ok(Some(Secret::new(text.into()))),
        Err(fault) => Err(format!("{fault} (webhooks.allow_private_targets is {})", reach == Reach::Anywhere)),
    })
}

fn key(reader: &mut Reader<'_>, name: &str) -> Option<Secret> {
    reader.read(name, None, |value| {
        let text = value.as_str().ok_or("must be text in quotes")?;
        Key::parse(text).map(|_| Some(Secret::new(text.into()))).map_err(|fault| fault.to_string())
    })
}

fn kind(text: &str) -> Result<Vec<Kind>, String> {
    Kind::of_word(text).map(|kind| vec![kind]).ok_or_else(|| {
        let words = Kind::ALL.map(|kind| format!("{:?}", kind.word()));
        format!("must be of {}, not {text:?}", words.join(", "))
    })
}
