//! The dashboard's files: the same for whoever comes, because there is nothing in them. What the shop's people may know, the
//! page asks for, and gets once it is let in.
//!
//! **Invariant:** the page runs no script and no style but our own, and no other page shows it in a frame.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Here;
use super::problem::Problem;
use crate::door::assets::{Assets, Document, Kind};
use crate::door::extract::Named;
use crate::door::pages::sent;

/// Asked for again each time: after an update nobody runs a sale with the page of before.
const PAGE_CACHING: HeaderValue = HeaderValue::from_static("no-cache");

const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// One script, in this order.
const SCRIPT: [&str; 23] = [
    include_str!("pages/state.js"),
    include_str!("pages/words.js"),
    include_str!("pages/zones.js"),
    include_str!("pages/net.js"),
    include_str!("pages/dom.js"),
    include_str!("pages/ask.js"),
    include_str!("pages/charts.js"),
    include_str!("pages/past.js"),
    include_str!("pages/funnel.js"),
    include_str!("pages/figures.js"),
    include_str!("pages/waits.js"),
    include_str!("pages/acts.js"),
    include_str!("pages/items.js"),
    include_str!("pages/terms.js"),
    include_str!("pages/sale.js"),
    include_str!("pages/overview.js"),
    include_str!("pages/create.js"),
    include_str!("pages/order.js"),
    include_str!("pages/orders.js"),
    include_str!("pages/house.js"),
    include_str!("pages/live.js"),
    include_str!("pages/entrance.js"),
    include_str!("pages/main.js"),
];

/// The dashboard, ready to be sent.
#[derive(Debug)]
pub struct Desk {
    assets: Assets,
    page: Document,
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

impl Desk {
    /// Puts the files together and squeezes them: some ten milliseconds.
    #[must_use]
    pub fn new() -> Self {
        let mut assets = Assets::default();
        let files = [
            ("{{icon}}", assets.add("icon", Kind::Svg, include_bytes!("../pages/icon.svg"))),
            ("{{style}}", assets.add("office", Kind::Css, include_bytes!("pages/office.css"))),
            ("{{script}}", assets.add("office", Kind::Script, sent(&SCRIPT).as_bytes())),
            ("{{texts}}", assets.add("texts", Kind::Json, include_bytes!("pages/texts.en.json"))),
        ];
        let page = files
            .iter()
            .fold(include_str!("pages/office.html").to_owned(), |page, (name, path)| page.replace(name, path));
        let page = Document::new(Kind::Html, page.as_bytes())
            .with(header::CONTENT_SECURITY_POLICY, POLICY)
            .with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Self { assets, page }
    }
}

/// `GET /`
pub(super) async fn front(State(office): Here, headers: HeaderMap) -> Response {
    office.desk.page.answer(&headers, PAGE_CACHING)
}

/// `GET /assets/{name}`
pub(super) async fn asset(State(office): Here, Named(name): Named<String>, headers: HeaderMap) -> Response {
    office.desk.assets.answer(&name, &headers).unwrap_or_else(|| Problem::NotFound.into_response())
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn nothing_of_the_page_is_left_to_be_filled_in() {
        assert!(!String::from_utf8_lossy(Desk::new().page.plain()).contains("{{"));
    }

    #[test]
    fn every_text_that_the_page_names_is_there() {
        let texts: BTreeMap<String, String> =
            serde_json::from_str(include_str!("pages/texts.en.json")).expect("texts by name");
        let is_there = |name: &str| texts.contains_key(name) || texts.contains_key(&format!("{name}_other"));
        let script = SCRIPT.concat();
        // Where `t` is a name of its own, and not the end of another one.
        let calls =
            script.match_indices("t('").filter(|(at, _)| !script[..*at].ends_with(|end: char| end.is_alphanumeric()));
        let called = calls.filter_map(|(at, call)| script[at + call.len()..].split('\'').next());
        let marked =
            include_str!("pages/office.html").split("data-t=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let names = called.chain(marked).map(str::to_owned);
        let missing: Vec<String> = names.filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
