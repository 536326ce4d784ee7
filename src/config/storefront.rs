//! From `[storefront]` to what buyers see, and where they may see it.
//!
//! **Invariant:** what a shop has written about its looks is read here, once, or complained about: the door serves what
//! it is given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::nearest::nearest;
use super::reader::Reader;
use super::{Secret, StorefrontConfig, Theme};
use crate::orders::payment_link::PaymentLink;

/// The built-in texts: their names are all that there are.
const TEXTS: &str = include_str!("../door/pages/store/texts.en.json");
/// A style or a language that is larger makes the page slow for everybody.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Shortest secret that nobody guesses, and longest that is still typed rather than pasted by mistake.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=512;
/// The forms that languages have for counts, as `Intl.PluralRules` names them.
const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

pub(super) fn storefront(reader: &mut Reader<'_>) -> StorefrontConfig {
    let theme = reader.parsed("storefront.theme_dir", Theme::default(), |text| match text {
        "" => Ok(Theme::default()),
        directory => theme(Path::new(directory)),
    });
    let allowed_origins = reader.list("storefront.allowed_origins", origin);
    let payment_link_secret = reader.read("storefront.payment_link_secret", None, |value| match value.as_str() {
        Some("") => Ok(None),
        Some(text) if SECRET_CHARS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(Secret::new(text.into())))
        }
        _ => Err("must be text in quotes, 16 to 512 visible ASCII characters".into()),
    });
    let payment_url = reader.parsed("storefront.payment_url", None, |text| match text {
        "" => Ok(None),
        template => PaymentLink::parse(template, payment_link_secret.as_ref().map(Secret::expose))
            .map(|_| Some(template.to_owned()))
            .map_err(|error| error.to_string()),
    });
    StorefrontConfig { theme, allowed_origins, payment_url, payment_link_secret }
}

/// An origin, as browsers write it: it goes into a header as it is.
fn origin(text: &str) -> Result<Vec<String>, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let (name, port) = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((host, "1"));
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.[:]".contains(&byte);
    let fits = !name.is_empty() && name.bytes().all(is_name) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if fits {
        Ok(vec![text.into()])
    } else {
        Err(format!("must be origins such as \"https://shop.example\", without a path, not {text:?}"))
    }
}

/// What lies in a shop's directory of looks.
fn theme(directory: &Path) -> Result<Theme, String> {
    let wanted = |error: &dyn std::fmt::Display| {
        let files = "style.css, texts.en.json or texts of other languages";
        format!("must be a directory that can be read, with {files}: {}: {error}", directory.display())
    };
    let mut theme = Theme::default();
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| wanted(&error))? {
        files.push(entry.map_err(|error| wanted(&error))?.path());
    }
    files.sort();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "style.css" {
            theme.style = read(&file)?;
        } else if let Some(language) = language(name) {
            theme.texts.insert(tag(&file, language)?, texts(&file, &read(&file)?)?);
        }
    }
    if theme == Theme::default() { Err(wanted(&"none of them is there")) } else { Ok(theme) }
}

fn read(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| format!("can't read {}: {error}", file.display()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("{} must be at most {FILE_BYTES_MAX} bytes, not {size}", file.display()));
    }
    fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))
}

/// Whose texts a file of that name has.
pub(super) fn language(name: &str) -> Option<&str> {
    name.strip_prefix("texts.")?.strip_suffix(".json")
}

/// A language, as browsers name it.
pub(super) fn tag(file: &Path, language: &str) -> Result<String, String> {
    let fits =
        (2..=35).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let wanted =
        || format!("{} must be named after a language, such as texts.de.json or texts.pt-br.json", file.display());
    if fits { Ok(language.to_lowercase()) } else { Err(wanted()) }
}

/// What is written in such a file.
pub(super) fn texts(file: &Path, text: &str) -> Result<BTreeMap<String, String>, String> {
    let shown = file.display();
    let texts: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| format!("{shown} must be a JSON object of texts in quotes: {error}"))?;
    let known: BTreeMap<String, String> = serde_json::from_str(TEXTS).unwrap_or_default();
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    // Another language may have forms that English hasn't.
    let is_form = |name: &str| {
        let parts = name.rsplit_once('_').filter(|(_, form)| FORMS.contains(form));
        parts.is_some_and(|(stem, _)| known.contains_key(&format!("{stem}_other")))
    };
    match texts.keys().find(|name| !known.contains_key(*name) && *name != "dir" && !is_form(name)) {
        None => Ok(texts),
        Some(name) => {
            let hint = nearest(name, &names).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            Err(format!("{shown} has {name:?}, which is no text of the page{hint}"))
        }
    }
}
