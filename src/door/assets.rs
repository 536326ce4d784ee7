//! Files as they are sent: squeezed in every way that browsers understand, and named by what is in them.
//!
//! Absent: the files. Rooms bring their own, and put a route before them.
//!
//! **Invariant:** an asset's name changes with its bytes: what a name stands for never changes, so it is cached for ever.
//!
//! **Invariant:** nothing is compressed while somebody waits for it.

use std::collections::BTreeMap;
use std::io::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

/// Under this path assets are found, by name.
pub(super) const DIRECTORY: &str = "/assets/";

/// For ever: a year is the longest that caches take seriously.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// 64 bits tell versions of one file apart.
const HASH_BYTES: usize = 8;
/// Of 11. All files in 5 ms; 9 takes ten times as long for nothing, because it clears a table of 32 MB for each of them,
/// and 11 twenty times as long for one part in ten.
const BROTLI_QUALITY: u32 = 5;
/// 2¹⁸ bytes: larger than any file here.
const BROTLI_WINDOW_BITS: u32 = 18;
const BROTLI_BUFFER_BYTES: usize = 4096;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Css,
    Script,
    Json,
    Svg,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Css => "css",
            Self::Script => "js",
            Self::Json => "json",
            Self::Svg => "svg",
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Css => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Json => "application/json",
            Self::Svg => "image/svg+xml",
        })
    }
}

/// How a file is squeezed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Identity,
}

impl Coding {
    /// The smallest first: who takes several gets the first of them.
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// As headers name it.
    fn word(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    fn squeeze(self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Brotli => {
                let mut squeezed = Vec::new();
                let (quality, window) = (BROTLI_QUALITY, BROTLI_WINDOW_BITS);
                brotli::CompressorWriter::new(&mut squeezed, BROTLI_BUFFER_BYTES, quality, window).write_all(plain)?;
                Ok(squeezed)
            }
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Identity => Ok(plain.to_vec()),
        }
    }
}

/// A file in one coding.
#[derive(Debug)]
struct Form {
    coding: Coding,
    bytes: Bytes,
    /// Each form has its own: they aren't the same bytes.
    etag: HeaderValue,
}

/// A file in all its codings.
#[derive(Debug)]
pub(super) struct Document {
    kind: Kind,
    hash: String,
    /// In the order of [`Coding::ALL`]; a coding that doesn't make the file smaller is left out.
    forms: Vec<Form>,
    more: Vec<(HeaderName, HeaderValue)>,
}

impl Document {
    /// Squeezes a file: some milliseconds.
    pub(super) fn new(kind: Kind, plain: &[u8]) -> Self {
        let hash: String = Sha256::digest(plain).iter().take(HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let form = |coding: Coding| {
            // Writing into memory doesn't fail; if it did, the plain form is still there.
            let bytes = coding.squeeze(plain).ok()?;
            let etag = HeaderValue::from_str(&format!("\"{hash}-{}\"", coding.word())).ok()?;
            let is_worth_it = coding == Coding::Identity || bytes.len() < plain.len();
            is_worth_it.then(|| Form { coding, bytes: bytes.into(), etag })
        };
        Self { kind, forms: Coding::ALL.into_iter().filter_map(form).collect(), hash, more: Vec::new() }
    }

    /// With one more header in each answer.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.push((name, value));
        self
    }

    /// The file as it was given.
    #[cfg(all(test, not(doorbuster_loom)))]
    pub(super) fn plain(&self) -> &[u8] {
        self.forms.last().map_or(&[], |form| &form.bytes)
    }

    /// The file's answer to a request with these headers.
    pub(super) fn answer(&self, request: &HeaderMap, caching: HeaderValue) -> Response {
        let liking = Liking::of(request);
        let Some(form) = liking.best(&self.forms) else { return StatusCode::NOT_FOUND.into_response() };
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, caching);
        headers.insert(header::ETAG, form.etag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.extend(self.more.iter().cloned());
        if is_known(request, &form.etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, self.kind.content_type());
        if form.coding != Coding::Identity {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(form.coding.word()));
        }
        *response.body_mut() = form.bytes.clone().into();
        response
    }
}

/// Whether the client has these bytes. Compared weakly (RFC 9110, 13.1.2): a proxy that changes the coding weakens the tag.
fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let etag = etag.as_bytes();
    let is_ours = |tag: &str| tag.trim().trim_start_matches("W/").as_bytes() == etag || tag.trim() == "*";
    let mut tags = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    tags.any(|tags| tags.split(',').any(is_ours))
}

/// How much a client likes each coding, from `Accept-Encoding`: 0: not at all, 1: most.
struct Liking<'a>(Vec<(&'a str, f32)>);

impl<'a> Liking<'a> {
    fn of(request: &'a HeaderMap) -> Self {
        let lines = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let word = |part: &'a str| {
            let (coding, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().trim_start_matches(['q', 'Q']).trim_start_matches('=').parse();
            (coding.trim(), weight.unwrap_or(0.0))
        };
        Self(lines.flat_map(|line| line.split(',')).map(word).collect())
    }

    /// The form that the client likes best; the plain one where it takes none.
    fn best<'f>(&self, forms: &'f [Form]) -> Option<&'f Form> {
        // The last of several that are liked equally would be taken: so from the largest to the smallest.
        let taken = forms.iter().rev().filter(|form| self.of_form(form) > 0.0);
        taken.max_by(|one, other| self.of_form(one).total_cmp(&self.of_form(other))).or(forms.last())
    }

    fn of_form(&self, form: &Form) -> f32 {
        /// Who says nothing of a plain file takes it, if there is nothing better.
        const UNSAID: f32 = 0.0001;
        let said = |word: &str| self.0.iter().find(|(coding, _)| coding.eq_ignore_ascii_case(word));
        match (said(form.coding.word()).or_else(|| said("*")), form.coding) {
            (Some((_, weight)), _) => *weight,
            (None, Coding::Identity) => UNSAID,
            (None, _) => 0.0,
        }
    }
}

/// Files that never change under their names.
#[derive(Debug, Default)]
pub(super) struct Assets(BTreeMap<String, Document>);

impl Assets {
    /// Adds a file, and says its path: `/assets/{stem}.{hash}.{extension}`.
    pub(super) fn add(&mut self, stem: &str, kind: Kind, plain: &[u8]) -> String {
        let document = Document::new(kind, plain);
        let name = format!("{stem}.{}.{}", document.hash, kind.extension());
        let path = format!("{DIRECTORY}{name}");
        self.0.insert(name, document);
        path
    }

    /// What the files are called.
    #[cfg(all(test, not(doorbuster_loom)))]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The answer of the file with that name; none: there is no such file.
    pub(super) fn answer(&self, name: &str, request: &HeaderMap) -> Option<Response> {
        self.0.get(name).map(|document| document.answer(request, FOR_EVER))
    }
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use super::*;

    const CACHING: HeaderValue = HeaderValue::from_static("no-cache");

    fn accepting(codings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(codings))])
    }

    fn coding_of(response: &Response) -> &str {
        response.headers().get(header::CONTENT_ENCODING).map_or("plain", |value| value.to_str().expect("text"))
    }

    #[test]
    fn each_client_gets_the_smallest_form_that_it_takes() {
        let document = Document::new(Kind::Css, "main { color: red }\n".repeat(50).as_bytes());
        for (accepted, given) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, deflate", "gzip"),
            ("GZIP", "gzip"),
            ("br;q=0.2, gzip;q=0.8", "gzip"),
            ("br;q=0, *", "gzip"),
            ("*", "br"),
            ("*;q=0", "plain"),
            ("identity, gzip;q=0.5", "plain"),
            ("br; q=1.0", "br"),
            ("br;q=nonsense", "plain"),
            ("zstd", "plain"),
            ("", "plain"),
        ] {
            assert_eq!(coding_of(&document.answer(&accepting(accepted), CACHING)), given, "{accepted:?}");
        }
        assert_eq!(coding_of(&document.answer(&HeaderMap::new(), CACHING)), "plain");
    }

    #[test]
    fn what_does_not_get_smaller_is_sent_as_it_is() {
        let answer = Document::new(Kind::Css, b"a{}").answer(&accepting("br, gzip"), CACHING);
        assert_eq!(coding_of(&answer), "plain");
    }

    #[test]
    fn forms_have_tags_of_their_own_and_a_known_one_is_not_sent_again() {
        let document = Document::new(Kind::Script, "let a = 1;\n".repeat(50).as_bytes());
        let tag = |headers: &HeaderMap| document.answer(headers, CACHING).headers()[header::ETAG].clone();
        let (br, plain) = (tag(&accepting("br")), tag(&HeaderMap::new()));
        assert_ne!(br, plain);
        for (known, status) in [(&br, StatusCode::NOT_MODIFIED), (&plain, StatusCode::OK)] {
            let mut headers = accepting("br");
            headers.insert(header::IF_NONE_MATCH, known.clone());
            let answer = document.answer(&headers, CACHING);
            assert_eq!((answer.status(), &answer.headers()[header::ETAG]), (status, &br));
        }
    }

    #[test]
    fn a_name_changes_with_the_bytes() {
        let mut assets = Assets::default();
        let (one, other) = (assets.add("a", Kind::Svg, b"<svg/>"), assets.add("a", Kind::Svg, b"<svg />"));
        assert_ne!(one, other);
        for path in [one, other] {
            assert!(assets.answer(path.strip_prefix(DIRECTORY).expect("a path"), &HeaderMap::new()).is_some());
        }
        assert!(assets.answer("a.svg", &HeaderMap::new()).is_none());
    }
}
