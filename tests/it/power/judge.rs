//! Is what a power cut left a ledger that keeps every promise? Opened as `serve` opens it, by the same code.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use doorbuster::client::{SECRET_FILE, Secret};
use doorbuster::clock::{Clock, WallTime};
use doorbuster::ids::{BuyerRef, ItemNo, OrderId, Quantity, SaleId, SaleNo, Sku};
use doorbuster::ledger::audit::audit;
use doorbuster::ledger::read::LedgerReader;
use doorbuster::ledger::row::Hash;
use doorbuster::ledger::{DeskId, Event, LedgerSettings, OpenLedger, Outcome, Recovered, Settle, StoreKind};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Offer, Phase, SaleTerms};
use doorbuster::order::{Ack, Order, OrderState, OrderTerms};

use super::disk::Image;

/// What buyers had been told before the cut, the last word about each order.
pub(crate) type Told = HashMap<OrderId, OrderState>;

/// What is known of the shop whose disk it was.
pub(crate) struct Truth {
    /// The links of its whole log, the first event's first.
    pub(crate) links: Vec<Hash>,
    /// What passes were signed with.
    pub(crate) secret: Vec<u8>,
}

/// Nobody listens.
struct Deaf;

impl Settle for Deaf {
    fn settled(&self, _: &Arc<Order>, _: Outcome) {}

    fn broken(&self, why: &str) {
        eprintln!("the ledger of an image broke: {why}");
    }
}

/// Puts an image where a shop could be opened on it.
pub(crate) fn lay_out(image: &Image, dir: &Path) {
    std::fs::create_dir_all(dir).expect("a directory for an image");
    for (name, bytes) in image {
        let file = dir.join(name);
        std::fs::write(&file, bytes).expect("room for an image");
        if name.starts_with(SECRET_FILE) {
            let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&file, owner_only).expect("our own file");
        }
    }
}

/// Opens the shop's ledger on an image, sells one more unit, closes it and proves it. How many events had outlived the
/// cut, or what is wrong.
pub(crate) fn judge(dir: &Path, told: &Told, truth: &Truth) -> Result<u64, String> {
    // Whoever was told anything may have a pass.
    if !told.is_empty() && std::fs::read(dir.join(SECRET_FILE)).ok().as_ref() != Some(&truth.secret) {
        return Err("the secret isn't what it was".into());
    }
    let settings = LedgerSettings { data_dir: dir.into(), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 16 };
    let (open, recovered) = OpenLedger::open(settings, Clock::system()).map_err(|fault| format!("open: {fault}"))?;
    Secret::load_or_create(dir).map_err(|fault| fault.to_string())?;
    check_told(told, &recovered)?;
    let sold = sell_one(open, &recovered)?;
    let reader = LedgerReader::open(dir).map_err(|fault| format!("read: {fault}"))?;
    let acks = told.keys().chain([&sold]).map(|order| format!("{order}\n")).collect::<String>();
    let report = audit(&reader, Some(Cursor::new(acks))).map_err(|fault| format!("audit: {fault}"))?;
    if !report.is_ok() {
        return Err(format!("audit: {report}"));
    }
    let last = usize::try_from(recovered.events).expect("few events");
    let link = reader.link(last as i64).map_err(|fault| format!("link: {fault}"))?;
    match (last.checked_sub(1).map(|index| truth.links.get(index)), link) {
        (None, None) => Ok(0),
        (Some(Some(truth)), Some(link)) if *truth == link => Ok(recovered.events),
        (_, link) => Err(format!("what is left ends with event {last}, {link:?}: no beginning of the log that was")),
    }
}

fn check_told(told: &Told, recovered: &Recovered) -> Result<(), String> {
    let found: HashMap<_, _> = recovered.orders.iter().map(|order| (order.terms.id, order.state())).collect();
    let lost = told.iter().filter(|(order, _)| !found.contains_key(order)).count();
    if lost > 0 {
        return Err(format!("{lost} of {} orders that buyers were told are theirs are gone", told.len()));
    }
    match told.iter().find(|(order, state)| !can_follow(**state, found[*order])) {
        None => Ok(()),
        Some((order, state)) => Err(format!("{order} was told to be {state:?} and is {:?}", found[order])),
    }
}

/// Whether an order that was told to stand there may stand here later.
fn can_follow(told: OrderState, found: OrderState) -> bool {
    use OrderState::{Cancelled, Confirmed, Expired, Held, Refunded};
    match told {
        Held => true,
        Expired => matches!(found, Expired | Confirmed | Refunded),
        Confirmed => matches!(found, Confirmed | Refunded),
        Cancelled | Refunded => found == told,
    }
}

/// The store takes an order as if nothing had been.
fn sell_one(open: OpenLedger, recovered: &Recovered) -> Result<OrderId, String> {
    let now = Clock::system().now().wall;
    let (ledger, mut writer) = open.by_hand(Box::new(Deaf));
    let price = recovered.items.first().map_or_else(|| Money::from_minor(12_900, "USD"), |item| Some(item.terms.price));
    let price = price.ok_or("no price")?;
    for event in to_be_live(recovered, price, now) {
        drop(ledger.record(event).map_err(|refusal| format!("{refusal:?}"))?);
    }
    let id = OrderId::fresh(now);
    let order = Order::place(OrderTerms {
        id,
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(b"the-first-after-the-cut").map_err(|fault| fault.to_string())?.into(),
        key: None,
        quantity: Quantity::ONE,
        unit_price: price,
        placed_at: now,
        expires_at: recovered.sales.first().and_then(|sale| Some(now.after(sale.terms.hold?))),
        ack: Ack::Disk,
    });
    let slot = ledger.slot().map_err(|refusal| format!("{refusal:?}"))?;
    let receipt = ledger.accept(slot, Arc::new(order), DeskId::NONE);
    while writer.turn() > 0 {}
    writer.finish();
    match receipt.peek() {
        Some(Ok(_)) => Ok(id),
        other => Err(format!("the store takes no order: {other:?}")),
    }
}

/// What the shop still has to write down until it can sell: after a cut in its first moments, everything.
fn to_be_live(recovered: &Recovered, price: Money, now: WallTime) -> Vec<Event> {
    let mut events = Vec::new();
    if recovered.sales.is_empty() {
        let sale = SaleTerms {
            id: SaleId::parse("again").expect("a sale's id"),
            title: "Again".into(),
            opens_at: None,
            closes_at: None,
            limit_per_buyer: 1,
            hold: None,
        };
        let item = ItemTerms { sku: Sku::parse("unit").expect("a sku"), title: "Unit".into(), price, stock: 1 };
        let offer = Arc::new(Offer { sale, items: vec![item] });
        events.push(Event::SaleCreated { sale: SaleNo(0), first_item: ItemNo(0), offer });
    }
    if recovered.sales.first().is_none_or(|sale| sale.phase == Phase::Scheduled) {
        events.push(Event::SaleOpened(SaleNo(0), now));
    }
    events
}
