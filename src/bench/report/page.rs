//! What all pages are made of.

use std::fmt::Write as _;

/// A whole page around `body`: nothing is fetched, nothing runs, it can be mailed.
pub(super) fn whole(title: &str, body: &str) -> String {
    let style = include_str!("report.css");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{style}</style>\n\
         <main>\n{body}</main>\n</html>\n"
    )
}

pub(super) fn section(page: &mut String, title: &str, body: &str) {
    // Writing into a string never fails, here and below.
    let _ = write!(page, "<section>\n<h2>{title}</h2>\n{body}</section>\n");
}

/// The command in small, and what came of it in large letters.
pub(super) fn headline(page: &mut String, brand: &str, figure: &str, unit: &str) {
    let _ = write!(page, "<header>\n<p class=\"brand\">{brand}</p>\n<h1>{figure}<small> {unit}</small></h1>\n");
}

pub(super) fn legend(entries: &[(&str, &str)]) -> String {
    let items: String = entries.iter().map(|(class, word)| format!("<li class=\"{class}\">{word}</li>")).collect();
    format!("<ul class=\"legend\">{items}</ul>\n")
}

/// Names and values, as they are.
pub(super) fn conditions(rows: &[(&str, String)]) -> String {
    let mut text = String::from("<dl class=\"conditions\">\n");
    for (name, value) in rows {
        let _ = writeln!(text, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    text.push_str("</dl>\n");
    text
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
