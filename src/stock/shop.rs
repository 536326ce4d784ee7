//! A shop of one sale, for the tests of this floor.
#![cfg_attr(doorbuster_loom, expect(dead_code, reason = "the models need only a part of it"))]

use std::sync::Arc;
use std::time::Duration;

use super::{Claim, Reserved, Stock, Unavailable, Wanted};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, ItemNo, KeyRef, Quantity, SaleId, SaleNo, Sku};
use crate::money::Money;
use crate::offer::{ItemTerms, Phase, SaleTerms};
use crate::order::{Ack, Order, OrderState, Stored};
use crate::sale::{Catalog, Entered};

pub(super) const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
pub(super) const SALE: SaleNo = SaleNo(0);
pub(super) const TEN_MINUTES: Duration = Duration::from_secs(600);

pub(super) struct Shop {
    pub(super) catalog: Catalog,
    pub(super) stock: Stock,
}

/// What a test buyer asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) buyer: &'a str,
    pub(super) item: u32,
    pub(super) units: u32,
    pub(super) key: Option<&'a str>,
}

pub(super) fn ask(buyer: &str, units: u32) -> Ask<'_> {
    Ask { buyer, item: 0, units, key: None }
}

impl<'a> Ask<'a> {
    pub(super) fn of_item(self, item: u32) -> Self {
        Self { item, ..self }
    }

    pub(super) fn under(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }
}

pub(super) fn buyer(name: &str) -> BuyerRef<'_> {
    BuyerRef::parse(name.as_bytes()).expect("a buyer id")
}

pub(super) fn key(text: &str) -> KeyRef<'_> {
    KeyRef::parse(text.as_bytes()).expect("a key")
}

pub(super) fn units(units: u32) -> Quantity {
    Quantity::new(units).expect("at least one unit")
}

/// The order as it will stand once somebody has moved it.
pub(super) fn moved(order: &Order, state: OrderState) -> Arc<Order> {
    Arc::new(Order::recovered(order.terms.clone(), state, Stored::Disk))
}

impl Shop {
    /// Items with these stocks, in one live sale.
    pub(super) fn new(shards: usize, limit_per_buyer: u32, hold: Option<Duration>, stocks: &[u32]) -> Self {
        let (catalog, stock) = (Catalog::default(), Stock::with_shards(shards));
        let id = SaleId::parse("launch").expect("a name");
        let terms = SaleTerms { id, title: "Launch".into(), opens_at: None, closes_at: None, limit_per_buyer, hold };
        let price = Money::from_minor(100, "EUR").expect("a price");
        let items = stocks.iter().zip(0..).map(|(&stock, number): (&u32, u32)| {
            let sku = Sku::parse(&format!("item-{number}")).expect("a name");
            ItemTerms { sku, title: "An item".into(), price, stock }
        });
        stock.add_sale(SALE);
        for (&units, number) in stocks.iter().zip(0..) {
            stock.add_item(ItemNo(number), units, 0);
        }
        catalog.add(terms, Phase::Live, items);
        Self { catalog, stock }
    }

    pub(super) fn entered<'a>(&'a self, ask: Ask<'a>) -> Entered<'a> {
        let sale = self.catalog.sale(SALE).expect("the sale");
        let item = self.catalog.item(ItemNo(ask.item)).expect("an item of the shop");
        Entered::for_tests(buyer(ask.buyer), sale, item)
    }

    pub(super) fn peek(&self, item: u32) -> Result<(), Unavailable> {
        self.stock.peek(&self.entered(ask("passer-by", 1).of_item(item)))
    }

    pub(super) fn claim<'a>(&'a self, ask: Ask<'a>) -> Result<Claim<'a>, Unavailable> {
        let wanted = Wanted { key: ask.key.map(key), quantity: units(ask.units), ack: Ack::Disk };
        self.stock.claim(&self.entered(ask), wanted, NOON)
    }

    pub(super) fn reserve<'a>(&'a self, ask: Ask<'a>) -> Result<Reserved<'a>, Unavailable> {
        self.stock.take(self.claim(ask)?)
    }

    /// The whole floor, kept: an order that is underway.
    pub(super) fn buy(&self, ask: Ask<'_>) -> Result<Arc<Order>, Unavailable> {
        self.reserve(ask).map(Reserved::keep)
    }

    pub(super) fn remaining(&self, item: u32) -> u32 {
        self.stock.remaining(ItemNo(item))
    }

    pub(super) fn held(&self, item: u32) -> u32 {
        self.stock.held(ItemNo(item))
    }

    pub(super) fn units_of(&self, name: &str) -> u32 {
        self.stock.units_of(SALE, buyer(name))
    }

    pub(super) fn orders_of(&self, name: &str) -> usize {
        self.stock.orders_of(SALE, buyer(name)).len()
    }
}
