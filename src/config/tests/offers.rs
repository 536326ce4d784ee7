//! Sales, and the times at which they open.

use super::*;
use crate::clock::WallTime;

#[test]
fn the_sale_that_the_commented_file_shows_is_valid() {
    let commented = DEFAULTS.lines().skip_while(|line| *line != "# [[sale]]");
    let text: Vec<&str> = commented.map(|line| line.trim_start_matches('#')).collect();
    let offers = Shop::with(&text.join("\n")).load().config.offers;
    let [offer] = offers.as_slice() else { panic!("one sale") };
    assert_eq!(offer.sale.id.as_str(), "launch");
    assert_eq!(offer.sale.opens_at.map(WallTime::rfc3339).as_deref(), Some("2026-11-27T14:00:00.000000Z"));
    assert_eq!(offer.sale.closes_at.map(WallTime::rfc3339).as_deref(), Some("2026-11-28T02:00:00.000000Z"));
    assert_eq!((offer.sale.limit_per_buyer, offer.sale.hold), (1, Some(Duration::from_secs(600))));
    let [item] = offer.items.as_slice() else { panic!("one item") };
    assert_eq!((item.sku.as_str(), item.stock, item.price.minor()), ("sneaker-42", 100, 12_900));
}

#[test]
fn what_a_sale_leaves_out_is_filled_in() {
    let offers = Shop::with(&sale("hold = \"0s\"", "")).load().config.offers;
    let [Offer { sale, items }] = offers.as_slice() else { panic!("one sale") };
    assert_eq!((sale.title.as_str(), sale.limit_per_buyer, sale.hold), ("launch", 1, None));
    assert_eq!((sale.opens_at, sale.closes_at, items[0].title.as_str()), (None, None, "s"));
}

#[test]
fn what_is_for_sale_has_to_be_in_order() {
    let twice = [sale("", ""), sale("", "")].concat();
    refuses(&twice, "config.toml:10:6: sale.id: must be unique: an earlier [[sale]] has the same id");
    refuses(
        &sale("", "[[sale.item]]\nsku = \"s\"\nstock = 1\nprice = { amount = \"1\", currency = \"USD\" }"),
        "config.toml:9:7: sale.item.sku: must be unique: an earlier [[sale.item]] of this sale has the same sku",
    );
    refuses(
        &sale("opens_at = \"2026-11-27T09:00:00Z\"\ncloses_at = 2026-11-27T09:00:00Z", ""),
        "config.toml:4:13: sale.closes_at: must be later than opens_at",
    );
    refuses(&sale("hold = \"31d\"", ""), "config.toml:3:8: sale.hold: must be from 0s to 30d, not \"31d\"");
    let long = format!("title = \"{}\"", "é".repeat(201));
    refuses(&sale(&long, ""), "config.toml:3:9: sale.title: must be at most 200 characters, not 201");
    let item = |lines: &str| format!("[[sale]]\nid = \"launch\"\n[[sale.item]]\nsku = \"s\"\n{lines}");
    let price = "price = { amount = \"1.00\", currency = \"USD\" }";
    refuses(&item(price), "config.toml:3:1: sale.item.stock: is missing");
    refuses(
        &item(&format!("stock = 2_147_483_648\n{price}")),
        "config.toml:5:9: sale.item.stock: must be a whole number from 0 to 2147483647, not 2147483648",
    );
    refuses(
        &item("stock = 1"),
        "config.toml:3:1: sale.item.price: is missing: price = { amount = \"129.00\", currency = \"USD\" }",
    );
    refuses(
        &item("stock = 1\nprice = { amount = \"1.005\", currency = \"USD\" }"),
        "config.toml:6:20: sale.item.price.amount: amount must be a decimal number with at most 2 decimals for USD, not \
         \"1.005\"",
    );
    refuses(
        &item("stock = 1\nprice = { amount = \"1\", currency = \"usd\" }"),
        "config.toml:6:36: sale.item.price.currency: currency must be an ISO 4217 code such as \"USD\", not \"usd\"",
    );
    refuses(
        &item("stock = 1\nprice = { amount = \"21474836.48\", currency = \"USD\" }"),
        "config.toml:6:20: sale.item.price.amount: must be at most 21474836.47",
    );
}

#[test]
fn a_time_means_one_instant() {
    for (text, instant) in [
        ("2026-11-27T09:00[America/New_York]", "2026-11-27T14:00:00.000000Z"),
        ("2026-11-27T09:00:00-05:00[America/New_York]", "2026-11-27T14:00:00.000000Z"),
        ("2026-11-27T14:00:00Z", "2026-11-27T14:00:00.000000Z"),
        ("2026-11-27T14:00:00Z[America/New_York]", "2026-11-27T14:00:00.000000Z"),
        ("2026-11-27T15:00+01:00", "2026-11-27T14:00:00.000000Z"),
        // Clocks go back at 02:00: the first 01:30, and the second.
        ("2026-11-01T01:30-04:00[America/New_York]", "2026-11-01T05:30:00.000000Z"),
        ("2026-11-01T01:30-05:00[America/New_York]", "2026-11-01T06:30:00.000000Z"),
    ] {
        assert_eq!(schedule::instant(text).map(WallTime::rfc3339).as_deref(), Ok(instant), "{text}");
    }
}

#[test]
fn a_time_that_the_clock_shows_twice_or_never_is_refused_with_what_would_be_right() {
    refuses(
        &sale("opens_at = \"2026-11-01T01:30[America/New_York]\"", ""),
        "config.toml:3:12: sale.opens_at: is ambiguous: clocks are set back then and show 2026-11-01T01:30:00 twice; \
         must be \"2026-11-01T01:30:00-04:00[America/New_York]\" (the first time) or \
         \"2026-11-01T01:30:00-05:00[America/New_York]\" (the second)",
    );
    refuses(
        &sale("opens_at = \"2026-03-08T02:30[America/New_York]\"", ""),
        "config.toml:3:12: sale.opens_at: is missing: clocks are set forward then and never show 2026-03-08T02:30:00; \
         must be \"2026-03-08T01:30:00-05:00[America/New_York]\" or \"2026-03-08T03:30:00-04:00[America/New_York]\", for \
         example",
    );
    refuses(
        &sale("opens_at = \"2026-11-27T09:00-04:00[America/New_York]\"", ""),
        "config.toml:3:12: sale.opens_at: has an offset that its zone does not have then; must be \
         \"2026-11-27T09:00:00-05:00[America/New_York]\"",
    );
}

#[test]
fn a_time_without_a_zone_that_exists_is_refused() {
    let wanted =
        "must be a time with its zone, such as \"2026-11-27T09:00[America/New_York]\" or \"2026-11-27T14:00:00Z\"";
    for (typed, complaint) in [
        (
            "\"2026-11-27T09:00[America/New_Yrok]\"",
            "there is no time zone \"America/New_Yrok\"; did you mean \"America/New_York\"?".to_owned(),
        ),
        (
            "\"2026-11-27T09:00[Atlantis]\"",
            "there is no time zone \"Atlantis\"; zones are named as in \"America/New_York\" or \"Europe/Berlin\""
                .to_owned(),
        ),
        ("\"2026-11-27T09:00\"", format!("{wanted}; \"2026-11-27T09:00\" says no zone")),
        ("2026-11-27T09:00:00", format!("{wanted}; \"2026-11-27T09:00:00\" says no zone")),
        ("\"2026-11-27\"", format!("{wanted}; \"2026-11-27\" has no time of day")),
        ("\"Black Friday\"", format!("{wanted}, not \"Black Friday\"")),
        ("9", format!("{wanted}, not 9")),
    ] {
        refuses(&sale(&format!("opens_at = {typed}"), ""), &format!("config.toml:3:12: sale.opens_at: {complaint}"));
    }
}

#[test]
fn spans_of_time_have_units() {
    for (text, seconds) in [("10s", 10), ("1h 30m", 5400), ("30d", 2_592_000), ("0s", 0)] {
        assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "10", "-1s", "1 month", "soon"] {
        assert!(span(text).is_err(), "{text}");
    }
}
