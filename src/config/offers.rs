//! From `[[sale]]` to what is for sale.

use std::collections::HashSet;
use std::time::Duration;

use toml::Value;

use super::error::{Complaint, Place};
use super::file::TypedSale;
use super::reader::Reader;
use super::schedule;
use crate::clock::WallTime;
use crate::ids::{SaleId, Sku};
use crate::money::{Money, MoneyError, MoneyText};
use crate::offer::{ItemTerms, Offer, PRICE_MINOR_MAX, STOCK_MAX, SaleChange, SaleTerms, TITLE_CHARS_MAX};

/// Longest hold: a unit that nobody pays for in a month comes back.
const HOLD_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The sales that are in order; about all others there is a complaint.
pub(super) fn offers(sales: &[TypedSale], complaints: &mut Vec<Complaint>) -> Vec<Offer> {
    let mut ids = HashSet::new();
    sales.iter().filter_map(|sale| offer(sale, &mut ids, complaints)).collect()
}

/// A change of a sale: what is set changes, what is null goes away, what is absent stays.
pub(super) fn change(typed: &TypedSale, nulls: &[&str], complaints: &mut Vec<Complaint>) -> SaleChange {
    let reader = &mut Reader { settings: &typed.terms, shown: "sale.", complaints };
    let mut change = SaleChange {
        title: reader.has("title").then(|| title(reader, "")),
        opens_at: nulls.contains(&"opens_at").then_some(None).or_else(|| time(reader, "opens_at").map(Some)),
        closes_at: nulls.contains(&"closes_at").then_some(None).or_else(|| time(reader, "closes_at").map(Some)),
        limit_per_buyer: reader.has("limit_per_buyer").then(|| reader.whole("limit_per_buyer", 1..=u32::MAX)),
        hold: nulls.contains(&"hold").then_some(None).or_else(|| reader.has("hold").then(|| hold(reader))),
        items: Vec::new(),
    };
    change.items = items(typed, complaints).into_iter().flatten().collect();
    change
}

fn offer(typed: &TypedSale, ids: &mut HashSet<SaleId>, complaints: &mut Vec<Complaint>) -> Option<Offer> {
    let sale = terms(&mut Reader { settings: &typed.terms, shown: "sale.", complaints }, ids);
    let items = items(typed, complaints);
    if items.is_empty() {
        let (place, item) = match &typed.terms.place {
            Place::Body(pointer) => (Place::Body(format!("{pointer}/items")), "item"),
            place => (place.clone(), "[[sale.item]]"),
        };
        let says = format!("is missing: a sale needs at least one {item}");
        complaints.push(Complaint { place, key: "sale.item".into(), says });
    }
    Some(Offer { sale: sale?, items: items.into_iter().collect::<Option<_>>()? })
}

fn items(typed: &TypedSale, complaints: &mut Vec<Complaint>) -> Vec<Option<ItemTerms>> {
    let mut skus = HashSet::new();
    let items = typed.items.iter();
    items.map(|settings| item(&mut Reader { settings, shown: "sale.item.", complaints }, &mut skus)).collect()
}

fn hold(reader: &mut Reader<'_>) -> Option<Duration> {
    Some(reader.span("hold", Duration::ZERO..=HOLD_MAX, "from 0s to 30d")).filter(|hold| !hold.is_zero())
}

fn terms(reader: &mut Reader<'_>, ids: &mut HashSet<SaleId>) -> Option<SaleTerms> {
    let id = reader.parsed("id", None, |text| SaleId::parse(text).map(Some).map_err(|fault| fault.to_string()));
    if id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
        reader.complain("id", "must be unique: an earlier [[sale]] has the same id");
    }
    let title = title(reader, id.as_ref().map_or("", SaleId::as_str));
    let opens_at = time(reader, "opens_at");
    let closes_at = time(reader, "closes_at");
    if opens_at.zip(closes_at).is_some_and(|(opens_at, closes_at)| closes_at <= opens_at) {
        reader.complain("closes_at", "must be later than opens_at");
    }
    let limit_per_buyer = if reader.has("limit_per_buyer") { reader.whole("limit_per_buyer", 1..=u32::MAX) } else { 1 };
    let hold = if reader.has("hold") { hold(reader) } else { None };
    Some(SaleTerms { id: id?, title, opens_at, closes_at, limit_per_buyer, hold })
}

fn item(reader: &mut Reader<'_>, skus: &mut HashSet<Sku>) -> Option<ItemTerms> {
    let sku = reader.parsed("sku", None, |text| Sku::parse(text).map(Some).map_err(|fault| fault.to_string()));
    if sku.as_ref().is_some_and(|sku| !skus.insert(sku.clone())) {
        reader.complain("sku", "must be unique: an earlier [[sale.item]] of this sale has the same sku");
    }
    let title = title(reader, sku.as_ref().map_or("", Sku::as_str));
    let stock = reader.whole("stock", 0..=STOCK_MAX);
    let price = price(reader);
    Some(ItemTerms { sku: sku?, title, price: price?, stock })
}

fn title(reader: &mut Reader<'_>, fallback: &str) -> String {
    if !reader.has("title") {
        return fallback.into();
    }
    reader.parsed("title", String::new(), |text| {
        let chars = text.chars().count();
        let says = || format!("must be at most {TITLE_CHARS_MAX} characters, not {chars}");
        (chars <= TITLE_CHARS_MAX).then(|| text.to_owned()).ok_or_else(says)
    })
}

fn time(reader: &mut Reader<'_>, key: &str) -> Option<WallTime> {
    if !reader.has(key) {
        return None;
    }
    reader.read(key, None, |value| match value {
        Value::String(text) => schedule::instant(text).map(Some),
        // TOML has times of its own, written without quotes.
        Value::Datetime(datetime) => schedule::instant(&datetime.to_string()).map(Some),
        _ => Err(format!("{}, not {value}", schedule::WANTED_TIME)),
    })
}

fn price(reader: &mut Reader<'_>) -> Option<Money> {
    if !reader.has("price.amount") && !reader.has("price.currency") {
        reader.complain("price", "is missing: price = { amount = \"129.00\", currency = \"USD\" }");
        return None;
    }
    let amount = reader.parsed("price.amount", None, |text| Ok(Some(text.to_owned())));
    let currency = reader.parsed("price.currency", None, |text| Ok(Some(text.to_owned())));
    match Money::parse(&MoneyText { amount: amount?, currency: currency? }) {
        Ok(price) if price.minor() <= PRICE_MINOR_MAX => Some(price),
        Ok(price) => {
            let most = Money::from_minor(PRICE_MINOR_MAX, price.currency()).map(|most| most.to_string());
            reader.complain("price.amount", format!("must be at most {}", most.unwrap_or_default()));
            None
        }
        Err(fault) => {
            let key = match fault {
                MoneyError::Currency(_) => "price.currency",
                MoneyError::Amount { .. } => "price.amount",
            };
            reader.complain(key, fault.to_string());
            None
        }
    }
}
