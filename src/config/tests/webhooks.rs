//! `[[webhook]]`: who hears of orders and sales.

use super::*;
use crate::messages::Kind;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook(url: &str, more: &str) -> String {
    format!("[[webhook]]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n{more}\n")
}

#[test]
fn webhooks_are_read_in_the_order_of_the_file() {
    let former = "former_secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"\nkinds = [\"order.held\", \"sale.ended\"]";
    let text = webhook("https://a.example/hook?key=1", former) + &webhook("https://b.example", "kinds = []");
    let webhooks = Shop::with(&text).load().config.webhooks.endpoints;
    assert_eq!(
        webhooks.iter().map(|webhook| webhook.url.expose()).collect::<Vec<_>>(),
        ["https://a.example/hook?key=1", "https://b.example"]
    );
    assert_eq!(webhooks[0].kinds, [Kind::OrderHeld, Kind::SaleEnded]);
    assert_eq!((webhooks[0].former_secret.is_some(), webhooks[1].former_secret.is_some()), (true, false));
    assert_eq!(webhooks[1].kinds, []);
}

#[test]
fn a_private_target_needs_a_word_of_its_own() {
    let text = webhook("http://127.0.0.1:9000/hook", "");
    refuses(
        &text,
        "config.toml:2:7: webhook.url: must begin with \"https://\" (or \"http://\", where private targets are allowed) \
         (webhooks.allow_private_targets is false)",
    );
    let allowed = "[webhooks]\nallow_private_targets = true\ntimeout = \"5s\"\n".to_owned() + &text;
    let webhooks = Shop::with(&allowed).load().config.webhooks;
    assert_eq!((webhooks.endpoints.len(), webhooks.timeout), (1, Duration::from_secs(5)));
    let by_variable = Shop::with(&text).env("DOORBUSTER_WEBHOOKS__ALLOW_PRIVATE_TARGETS", "true").load();
    assert!(by_variable.config.webhooks.allow_private_targets);
}

#[test]
fn what_is_wrong_with_a_webhook_is_said_without_its_secrets() {
    let url = "https://a.example/T0/secret-path";
    refuses(
        "[[webhook]]\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
        "config.toml:1:1: webhook.url: is missing",
    );
    refuses(&format!("[[webhook]]\nurl = \"{url}\""), "config.toml:1:1: webhook.secret: is missing");
    refuses(
        &format!("[[webhook]]\nurl = \"{url}\"\nsecret = \"hunter2\""),
        "config.toml:3:10: webhook.secret: must begin with \"whsec_\"",
    );
    refuses(
        &(webhook(url, "") + &webhook(url, "")),
        "config.toml:6:7: webhook.url: must be unique: an earlier [[webhook]] has the same",
    );
    let complaint = complaint_about(&webhook(url, "kinds = [\"order.hold\"]"));
    assert!(complaint.starts_with("config.toml:4:9: webhook.kinds: must be of \"order.held\""), "{complaint}");
    refuses(&webhook(url, "kind = 1"), "config.toml:4:1: webhook.kind: is no key; did you mean kinds?");
    refuses(
        "[webhooks]\nallow_private_targets = 1",
        "config.toml:2:25: webhooks.allow_private_targets: must be true or false, not 1",
    );
    refuses("[webhook]\nurl = 1", "config.toml:1:1: webhook: must be written [[webhook]], once for each");
}

#[test]
fn secrets_and_paths_of_webhooks_are_masked() {
    let text =
        webhook("https://a.example/T0/secret-path?q=1", "former_secret = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"");
    let loaded = Shop::with(&text).load();
    for shown in [loaded.provenance.show(), format!("{loaded:?}")] {
        assert!(!shown.contains("whsec") && !shown.contains("secret-path"), "{shown}");
    }
    assert!(loaded.provenance.show().contains("url = \"https://a.example/***\""));
}

#[test]
fn webhooks_are_reloaded() {
    let before = Shop::without_file().load().config;
    let after = Shop::with(&webhook("https://a.example/hook", "")).load().config;
    assert!(before != after && before.needs_restart(&after).is_empty());
}
