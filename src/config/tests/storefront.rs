//! What a shop says about what buyers see.

use std::fs;

use super::*;

/// A directory with these files.
fn theme(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn with_theme(directory: &Path) -> Shop {
    Shop::with(&format!("[storefront]\ntheme_dir = {:?}", directory.display().to_string()))
}

#[test]
fn a_shops_style_and_texts_are_read_from_its_directory() {
    let texts = r#"{ "shop": "ACME", "left_many": "осталось", "dir": "rtl" }"#;
    let directory =
        theme(&[("style.css", "body {}"), ("texts.ru.json", texts), ("texts.pt-BR.json", "{}"), ("notes", "")]);
    let theme = with_theme(directory.path()).load().config.storefront.theme;
    assert_eq!(theme.style, "body {}");
    assert_eq!(theme.texts.keys().collect::<Vec<_>>(), ["pt-br", "ru"]);
    assert_eq!(theme.texts["ru"]["shop"], "ACME");
}

#[test]
fn looks_that_can_not_be_read_are_complained_about() {
    let complaint = |files: &[(&str, &str)]| {
        let directory = theme(files);
        let complaints = with_theme(directory.path()).complaints();
        assert_eq!(complaints.len(), 1, "{complaints:#?}");
        complaints[0].replace(&directory.path().display().to_string(), "DIR")
    };
    let place = "config.toml:2:13: storefront.theme_dir";
    for (files, says) in [
        (
            &[][..],
            "must be a directory that can be read, with style.css, texts.en.json or texts of other languages: DIR: none of them is there",
        ),
        (
            &[("texts.en.json", r#"{ "sold_oud": "x" }"#)],
            "DIR/texts.en.json has \"sold_oud\", which is no text of the page; did you mean \"sold_out\"?",
        ),
        (
            &[("texts.e n.json", "{}")],
            "DIR/texts.e n.json must be named after a language, such as texts.de.json or texts.pt-br.json",
        ),
    ] {
        let complaint = complaint(files);
        assert!(complaint.contains(place) && complaint.contains(says), "{complaint}");
    }
    let complaint = complaint(&[("texts.en.json", r#"{ "shop": 1 }"#)]);
    assert!(complaint.contains("DIR/texts.en.json must be a JSON object of texts in quotes: "), "{complaint}");
    let complaints = with_theme(Path::new("/no/such/directory")).complaints();
    assert!(complaints[0].contains("must be a directory that can be read"), "{complaints:#?}");
}

#[test]
fn only_origins_may_frame_the_page() {
    let shop = Shop::with(
        "[storefront]\nallowed_origins = [\"https://shop.example\", \"http://localhost:3000\", \"https://[::1]:8443\"]",
    );
    assert_eq!(shop.load().config.storefront.allowed_origins.len(), 3);
    for origin in [
        "*",
        "https://",
        "shop.example",
        "https://shop.example/",
        "https://a b",
        "https://a;b",
        "https://*.example",
        "'self'",
        "https://a:0",
    ] {
        let complaint = complaint_about(&format!("[storefront]\nallowed_origins = [{origin:?}]"));
        assert!(complaint.contains("must be origins such as \"https://shop.example\", without a path"), "{complaint}");
    }
}

#[test]
fn a_payment_link_is_one_that_can_be_signed() {
    let text = "[storefront]\npayment_url = \"https://pay.example/{order}?s={signature}\"\n";
    assert!(complaint_about(text).contains("has {signature}, which needs storefront.payment_link_secret"));
    let shop = Shop::with(&format!("{text}payment_link_secret = \"0123456789abcdef\""));
    assert!(shop.load().config.storefront.payment_url.is_some());
    assert!(complaint_about("[storefront]\npayment_url = \"https://pay.example/\"").contains("must have {order}"));
    assert!(complaint_about("[storefront]\npayment_link_secret = \"short\"").contains("16 to 512 visible ASCII"));
}
