//! What buyers see: the same bytes for everybody, so that a CDN can keep them.
//!
//! The files are written by hand and sent as they are; all that is made here is one script out of several, and one file
//! of texts out of all languages. What a shop changes of them comes after what is built in.
//!
//! Deliberately absent: anything about a sale. The page asks for that itself.
//!
//! **Invariant:** a page says nothing about who asks, and allows no script, style or connection but our own.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use hyper::header;

use super::assets::{Assets, Document, Kind};
use super::extract::Named;
use super::shop::{self, Here, Shop};
use crate::funnel::Unfit;
use crate::ids::SaleId;
use crate::orders::payment_link::PaymentLink;

/// A minute: then a new style or text is seen, and a million openings are one request a minute for each place of a CDN.
const PAGE_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// Embedding pages name it without its hash.
const EMBED_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// What the page's script will ask for: a browser that knows early has it a whole way there and back sooner.
const SOON: &str = "</v1/sales{}>; rel=preload; as=fetch; crossorigin";

/// Nothing but our own files; `data:` for pictures and fonts that a shop's style brings with it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; \
                      img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors";

/// One script, in this order.
const SCRIPT: [&str; 13] = [
    include_str!("pages/store/state.js"),
    include_str!("pages/store/time.js"),
    include_str!("pages/store/net.js"),
    include_str!("pages/store/pass.js"),
    include_str!("pages/store/attempt.js"),
    include_str!("pages/store/orders.js"),
    include_str!("pages/store/watch.js"),
    include_str!("pages/store/words.js"),
    include_str!("pages/store/face.js"),
    include_str!("pages/store/view.js"),
    include_str!("pages/store/receipts.js"),
    include_str!("pages/store/list.js"),
    include_str!("pages/store/main.js"),
];

const LANGUAGES: [(&str, &str); 2] =
    [("en", include_str!("pages/store/texts.en.json")), ("zh", include_str!("pages/store/texts.zh.json"))];

/// Texts by language and name.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// What a shop says about its storefront.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    /// Comes after the built-in style.
    pub style: String,
    /// Go before the built-in ones; languages may be new.
    pub texts: Texts,
    /// Whose pages may show it in a frame: origins.
    pub allowed_origins: Vec<String>,
    /// Where held orders are paid; none: the shop is in touch.
    pub payment_link: Option<PaymentLink>,
}

/// The storefront, ready to be sent.
#[derive(Debug)]
pub struct Storefront {
    assets: Arc<Assets>,
    /// Pages that were sent a moment ago name the assets of before.
    former: Option<Arc<Assets>>,
    page: Document,
    embed: Document,
    pub(super) payment_link: Option<PaymentLink>,
}

impl Storefront {
    /// Puts the files together and squeezes them: some ten milliseconds.
    #[must_use]
    pub fn new(looks: &Looks) -> Self {
        let mut assets = Assets::default();
        let style = format!("{}\n{}", include_str!("pages/store.css"), looks.style);
        let files = [
            ("{{icon}}", assets.add("icon", Kind::Svg, include_bytes!("pages/icon.svg"))),
            ("{{style}}", assets.add("store", Kind::Css, style.as_bytes())),
            ("{{script}}", assets.add("store", Kind::Script, sent(&SCRIPT).as_bytes())),
            ("{{worker}}", assets.add("work", Kind::Script, sent(&[include_str!("pages/store/work.js")]).as_bytes())),
            ("{{texts}}", assets.add("texts", Kind::Json, texts(&looks.texts).as_bytes())),
        ];
        let page = files
            .iter()
            .fold(include_str!("pages/store.html").to_owned(), |page, (name, path)| page.replace(name, path));
        let page = Document::new(Kind::Html, page.as_bytes())
            .with(header::CONTENT_SECURITY_POLICY, policy(&looks.allowed_origins))
            .with(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Self {
            assets: Arc::new(assets),
            former: None,
            page,
            embed: Document::new(Kind::Script, include_bytes!("pages/embed.js")),
            payment_link: looks.payment_link.clone(),
        }
    }

    /// The same, still answering for what the one before had.
    #[must_use]
    pub fn after(self, former: &Self) -> Self {
        Self { former: Some(Arc::clone(&former.assets)), ..self }
    }

    fn asset(&self, name: &str, headers: &HeaderMap) -> Option<Response> {
        let former = || self.former.as_ref()?.answer(name, headers);
        self.assets.answer(name, headers).or_else(former)
    }
}

/// Scripts as they are sent: without the lines that are for whoever reads them here.
pub(super) fn sent(scripts: &[&str]) -> String {
    let lines = scripts.iter().flat_map(|script| script.lines()).filter(|line| !line.trim_start().starts_with("//"));
    lines.fold(String::new(), |sent, line| sent + line + "\n")
}

/// All languages in one file: a browser says which it wants before it knows which there are.
fn texts(own: &Texts) -> String {
    let mut all = Texts::new();
    for (language, texts) in LANGUAGES {
        // Built in and held by a test: they can be read.
        all.insert(language.into(), serde_json::from_str(texts).unwrap_or_default());
    }
    for (language, texts) in own {
        all.entry(language.clone()).or_default().extend(texts.clone());
    }
    serde_json::to_string(&all).unwrap_or_default()
}

/// The policy, with those who may frame the page.
fn policy(allowed_origins: &[String]) -> HeaderValue {
    let nobody = || HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    let framers = if allowed_origins.is_empty() { "'none'".into() } else { allowed_origins.join(" ") };
    HeaderValue::from_str(&format!("{POLICY} {framers}")).unwrap_or_else(|_| nobody())
}

/// The storefront: the one sale, or all of them.
pub(super) async fn front(State(shop): Here, headers: HeaderMap) -> Response {
    page(&shop, &headers, HeaderValue::try_from(SOON.replace("{}", "")).ok())
}

/// A sale's page: the same one, whatever the sale.
pub(super) async fn sale(State(shop): Here, Named(id): Named<String>, headers: HeaderMap) -> Response {
    // What is no sale's id is nothing to ask for; and nothing that a request brings is in its answer's headers unchecked.
    let soon = SaleId::parse(&id).ok().map(|id| SOON.replace("{}", &format!("/{id}")));
    page(&shop, &headers, soon.and_then(|soon| HeaderValue::try_from(soon).ok()))
}

fn page(shop: &Shop, headers: &HeaderMap, soon: Option<HeaderValue>) -> Response {
    let mut response = shop.storefront.load().page.answer(headers, PAGE_CACHING);
    if let Some(soon) = soon {
        response.headers_mut().insert(header::LINK, soon);
    }
    response
}

/// The script that puts the page into a frame of another page.
pub(super) async fn embed(State(shop): Here, headers: HeaderMap) -> Response {
    shop.storefront.load().embed.answer(&headers, EMBED_CACHING)
}

/// An asset: for ever the same under its name.
pub(super) async fn asset(State(shop): Here, Named(name): Named<String>, headers: HeaderMap) -> Response {
    let answer = shop.storefront.load().asset(&name, &headers);
    answer.unwrap_or_else(|| shop::refuse(&shop, Unfit::NotFound))
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn names(texts: &str) -> BTreeSet<String> {
        let texts: BTreeMap<String, String> = serde_json::from_str(texts).expect("texts");
        // What differs between languages is how they count.
        texts.into_keys().map(|name| name.trim_end_matches("_one").trim_end_matches("_other").to_owned()).collect()
    }

    #[test]
    fn every_language_has_every_text() {
        let [(_, first), others @ ..] = LANGUAGES;
        for (language, texts) in others {
            assert_eq!(names(texts), names(first), "{language}");
        }
    }

    #[test]
    fn nothing_of_the_page_is_left_to_be_filled_in() {
        let page = Storefront::new(&Looks::default()).page;
        assert!(!String::from_utf8_lossy(page.plain()).contains("{{"));
    }

    #[test]
    fn a_shops_texts_go_before_those_that_are_built_in() {
        let own =
            |language: &str, name: &str| (language.to_owned(), BTreeMap::from([(name.to_owned(), "X".to_owned())]));
        let all: Texts =
            serde_json::from_str(&texts(&Texts::from([own("en", "paused"), own("de", "shop")]))).expect("texts");
        assert_eq!((all["en"]["paused"].as_str(), all["de"]["shop"].as_str()), ("X", "X"));
        assert_eq!(all["en"]["sold_out"], "Sold out");
    }

    #[test]
    fn an_asset_of_before_is_still_there_after_a_reload() {
        let former = Storefront::new(&Looks::default());
        let name = former.assets.names().find(|name| name.ends_with(".css")).expect("a style").to_owned();
        let looks = Looks { style: "body { color: red }".into(), ..Looks::default() };
        let new = Storefront::new(&looks).after(&former);
        assert!(!new.assets.names().any(|other| other == name));
        assert!(new.asset(&name, &HeaderMap::new()).is_some());
    }
}
