//! What the sale floor lets through, by phase and by the clock.

use std::time::Duration;

use super::*;
use crate::ids::{SaleId, Sku};
use crate::money::Money;
use crate::offer::{ItemTerms, SaleTerms};

const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn terms(id: &str, opens_at: Option<WallTime>, closes_at: Option<WallTime>) -> SaleTerms {
    SaleTerms {
        id: SaleId::parse(id).expect("a name"),
        title: id.into(),
        opens_at,
        closes_at,
        limit_per_buyer: 1,
        hold: None,
    }
}

fn item(sku: &str) -> ItemTerms {
    let price = Money::from_minor(100, "EUR").expect("a price");
    ItemTerms { sku: Sku::parse(sku).expect("a name"), title: sku.into(), price, stock: 3 }
}

#[test]
fn numbers_are_dense_over_all_sales_and_names_lead_to_them() {
    let catalog = Catalog::default();
    catalog.add(terms("a", None, None), Phase::Live, [item("x"), item("y")]);
    let b = catalog.add(terms("b", None, None), Phase::Live, [item("x")]);
    catalog.add_items(b, [item("z")]);
    let numbers = |id: &str, sku: &str| {
        let (sale, item) = catalog.find(id, sku).expect("the sale exists");
        (sale.no().0, item.map(|item| item.no().0))
    };
    assert_eq!(numbers("a", "y"), (0, Some(1)));
    assert_eq!(numbers("b", "x"), (1, Some(2)));
    assert_eq!(numbers("b", "z"), (1, Some(3)));
    assert_eq!(numbers("a", "z"), (0, None), "an item of another sale");
    assert!(catalog.find("c", "x").is_none());
    assert_eq!((catalog.next_sale().0, catalog.next_item().0), (2, 4));
}

#[test]
fn a_sale_whose_time_is_over_lets_nobody_in_even_if_its_timer_is_late() {
    let catalog = Catalog::default();
    let sale = catalog.add(terms("a", None, Some(NOON)), Phase::Live, [item("x")]);
    let before = WallTime::from_micros(NOON.micros() - 1);
    assert_eq!(sale.phase_at(before), Phase::Live);
    assert_eq!(sale.phase_at(NOON), Phase::Ended);
    assert!(sale.step_in_at(before).is_ok());
    assert_eq!(sale.step_in_at(NOON).err(), Some(Phase::Ended));
}

#[test]
fn each_phase_is_refused_in_its_own_words_and_only_a_live_sale_lets_in() {
    let catalog = Catalog::default();
    let opens_at = Some(NOON.after(HOUR));
    let sale = catalog.add(terms("a", opens_at, None), Phase::Scheduled, [item("x")]);
    assert_eq!(not_live(sale, sale.phase()), NotOnSale::NotOpen { opens_at });
    assert!(sale.step_in_at(NOON).is_err());
    sale.open();
    assert!(sale.step_in_at(NOON).is_ok());
    sale.close(Phase::Paused);
    assert_eq!(not_live(sale, sale.phase()), NotOnSale::Paused);
    sale.close(Phase::Ended);
    assert_eq!(not_live(sale, sale.phase()), NotOnSale::Ended);
    assert!(sale.step_in_at(NOON).is_err());
}

#[test]
fn the_schedule_opens_and_ends_a_sale_once_and_never_goes_back() {
    let catalog = Catalog::default();
    let closes_at = NOON.after(HOUR);
    let sale = catalog.add(terms("a", Some(NOON), Some(closes_at)), Phase::Scheduled, [item("x")]);
    let early = WallTime::from_micros(NOON.micros() - 1);
    assert_eq!((due(sale, early), next_due(sale, early)), (None, Some(Duration::from_micros(1))));
    assert_eq!(due(sale, NOON), Some(Due::Open));
    sale.open();
    assert_eq!(due(sale, early), None, "the clock was set back: the sale stays open");
    assert_eq!((due(sale, NOON), next_due(sale, NOON)), (None, Some(HOUR)));
    sale.close(Phase::Paused);
    assert_eq!(due(sale, closes_at), Some(Due::End), "a paused sale ends too");
    sale.close(Phase::Ended);
    assert_eq!((due(sale, closes_at), next_due(sale, closes_at)), (None, None));
}

#[test]
fn a_sale_whose_whole_time_passed_while_the_shop_was_closed_ends_unopened() {
    let catalog = Catalog::default();
    let sale = catalog.add(terms("a", Some(NOON), Some(NOON.after(HOUR))), Phase::Scheduled, [item("x")]);
    assert_eq!(due(sale, NOON.after(2 * HOUR)), Some(Due::End));
}

#[test]
fn a_sale_without_an_opening_time_is_due_as_soon_as_it_is_there() {
    let catalog = Catalog::default();
    let sale = catalog.add(terms("a", None, None), Phase::Scheduled, [item("x")]);
    assert_eq!((due(sale, NOON), next_due(sale, NOON)), (Some(Due::Open), Some(Duration::ZERO)));
}
