//! A house without sockets and disk: floors, counts, and a ledger that forgets.

use anyhow::Context as _;

use crate::access::{Access, AccessSettings, Quota};
use crate::client::{Client, ClientSettings, Secret};
use crate::clock::Clock;
use crate::funnel::Funnel;
use crate::ids::{SaleId, Sku};
use crate::ledger::{LedgerSettings, OpenLedger, StoreKind};
use crate::money::Money;
use crate::offer::{ItemTerms, Phase, SaleTerms};
use crate::order::Ack;

/// The sale's id.
pub const SALE: &str = "launch";
/// The item that is sold.
pub const SKU: &str = "sneaker-42";
/// An item that is gone before the first attempt.
pub const GONE: &str = "sneaker-41";
/// Orders that may wait for a writer that does nothing but take them: he is never the limit.
const QUEUE_ORDERS: usize = 1 << 20;
/// Twice as many keys as the most buyers that are measured have.
const TABLE_KEYS: usize = 1 << 21;
/// 129.00 USD.
const PRICE_MINOR: i64 = 12_900;

/// What is for sale, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Shelf {
    /// Units of [`SKU`].
    pub stock: u32,
    /// Units for each buyer.
    pub limit_per_buyer: u32,
    /// How fast a buyer may knock.
    pub buyer_quota: Option<Quota>,
    /// Where the sale stands.
    pub phase: Phase,
}

/// What a unit costs.
pub(super) fn price() -> anyhow::Result<Money> {
    Money::from_minor(PRICE_MINOR, "USD").context("no price")
}

/// A house with one sale; the ledger's writer forgets what it is given.
///
/// # Errors
/// Where the ledger's thread can't be started.
pub fn open(shelf: Shelf) -> anyhow::Result<Funnel> {
    let settings = LedgerSettings {
        data_dir: std::env::temp_dir(),
        store: StoreKind::None,
        ack: Ack::Memory,
        queue_orders: QUEUE_ORDERS,
    };
    let ledger = OpenLedger::open(settings, Clock::system())?;
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings::default());
    let buckets = AccessSettings { ip: None, buyer: shelf.buyer_quota, sale: None, table_keys: TABLE_KEYS };
    let funnel = Funnel::build(ledger, (client, Access::new(&buckets)), Ack::Memory, Box::new(|_| {}))?;
    let terms = SaleTerms {
        id: SaleId::parse(SALE)?,
        title: SALE.into(),
        opens_at: None,
        closes_at: None,
        limit_per_buyer: shelf.limit_per_buyer,
        hold: None,
    };
    funnel.stock.add_sale(funnel.sales.next_sale());
    funnel.tallies.add_sale();
    let mut items = Vec::new();
    for (sku, stock) in [(SKU, shelf.stock), (GONE, 0)] {
        let price = price()?;
        let number = crate::ids::ItemNo(funnel.sales.next_item().0 + u32::try_from(items.len())?);
        funnel.stock.add_item(number, stock, 0);
        items.push(ItemTerms { sku: Sku::parse(sku)?, title: sku.into(), price, stock });
    }
    funnel.sales.add(terms, shelf.phase, items);
    Ok(funnel)
}
