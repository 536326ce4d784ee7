//! A house for tests: the five floors, a keeper and a real ledger in a directory of its own, under a clock that stands
//! still until a test moves it. What comes in over HTTP elsewhere is asked for here by [`attempt`].

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::access::{Access, AccessSettings};
use crate::cashier::{Cashier, Decision, Unmoved};
use crate::client::{Client, ClientSettings, PassBuffer, Proof, Secret};
use crate::clock::{Clock, WallTime};
use crate::funnel::{Attempt, Descent, Funnel, Refusal, Sums, Tally, Visit};
use crate::ids::{BuyerRef, KeyRef, OrderId, Quantity, SaleId, Sku};
use crate::keeper::Keeper;
use crate::ledger::audit::{AuditReport, audit};
use crate::ledger::read::LedgerReader;
use crate::ledger::{DeskId, LedgerSettings, OpenLedger, StoreKind};
use crate::money::Money;
use crate::offer::{ItemTerms, Offer, SaleTerms};
use crate::order::{Ack, Order};
use crate::orders::notice::{MessageId, Notice, NoticeKind, PaymentId};
use crate::orders::rules::Rules;
use crate::sale::{Entered, Sale};
use crate::stock::{Stock, Wanted};

pub(super) const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const TEN_MINUTES: Duration = Duration::from_secs(600);
pub(super) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// A payment may take ten seconds, and all of them together twenty-five; a restart gives five.
pub(super) const RULES: Rules = Rules {
    payment_grace: Duration::from_secs(10),
    payment_extension_max: Duration::from_secs(25),
    restart_grace: Duration::from_secs(5),
    refund_restocks: false,
};
/// Nobody's rate is limited.
pub(super) const OPEN_DOORS: AccessSettings = AccessSettings { ip: None, buyer: None, sale: None, table_keys: 64 };

/// What a test buyer asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) sale: &'a str,
    pub(super) sku: &'a str,
    pub(super) buyer: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) units: u32,
}

/// One shoe of the launch.
pub(super) fn ask(buyer: &str) -> Ask<'_> {
    Ask { sale: "launch", sku: "shoe", buyer, key: None, units: 1 }
}

impl<'a> Ask<'a> {
    pub(super) fn units(self, units: u32) -> Self {
        Self { units, ..self }
    }

    pub(super) fn under(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(super) fn of(self, sale: &'a str, sku: &'a str) -> Self {
        Self { sale, sku, ..self }
    }

    pub(super) fn proof(self) -> Proof<'a> {
        Proof::Vouched(BuyerRef::parse(self.buyer.as_bytes()).expect("a buyer id"))
    }

    pub(super) fn key(self) -> Option<KeyRef<'a>> {
        self.key.map(|key| KeyRef::parse(key.as_bytes()).expect("a key"))
    }

    pub(super) fn attempt(self, funnel: &'a Funnel) -> Attempt<'a> {
        let aim = funnel.sales.aim(self.sale, self.sku);
        Attempt { address: HERE, aim, proof: self.proof(), key: self.key() }
    }

    pub(super) fn wanted(self) -> Wanted<'a> {
        let quantity = Quantity::new(self.units).expect("at least one unit");
        Wanted { key: self.key(), quantity, ack: Ack::Disk }
    }
}

pub(super) fn item(sku: &str, stock: u32) -> ItemTerms {
    // Not every item costs the same.
    let price = Money::from_minor(100 * i64::try_from(sku.len()).expect("a short name"), "EUR").expect("a price");
    ItemTerms { sku: Sku::parse(sku).expect("a name"), title: sku.into(), price, stock }
}

/// A sale that opens at once, ends when somebody ends it, and lets each buyer have two units without a payment step.
pub(super) fn offer(id: &str, stocks: &[(&str, u32)]) -> Offer {
    let id = SaleId::parse(id).expect("a name");
    let title = id.to_string();
    let sale = SaleTerms { id, title, opens_at: None, closes_at: None, limit_per_buyer: 2, hold: None };
    Offer { sale, items: stocks.iter().map(|(sku, stock)| item(sku, *stock)).collect() }
}

/// A yes.
#[derive(Debug)]
pub(super) enum Yes {
    Won(Arc<Order>),
    Again(Arc<Order>),
}

impl Yes {
    pub(super) fn order(&self) -> &Arc<Order> {
        match self {
            Self::Won(order) | Self::Again(order) => order,
        }
    }
}

/// An attempt as the door makes it. `meanwhile` happens while its body is awaited.
pub(super) fn attempt(funnel: &Funnel, clock: &Clock, ask: Ask<'_>, meanwhile: impl FnOnce()) -> Result<Yes, Refusal> {
    let mut visit = funnel.tallies.of(funnel.sales.find_sale(ask.sale).map(Sale::no)).attempt();
    let answer = decide(funnel, clock, ask, meanwhile, &mut visit);
    match &answer {
        Ok(Yes::Won(_)) => {}
        Ok(Yes::Again(_)) => visit.replayed(),
        Err(refusal) => visit.refused(refusal.layer()),
    }
    answer
}

fn decide(
    funnel: &Funnel,
    clock: &Clock,
    ask: Ask<'_>,
    meanwhile: impl FnOnce(),
    visit: &mut Visit<&Tally>,
) -> Result<Yes, Refusal> {
    let mut buffer = PassBuffer::default();
    match funnel.descend(ask.attempt(funnel), &mut buffer, clock.now())? {
        Descent::Again(order, item) => {
            meanwhile();
            Stock::check_replay(&order, item, ask.wanted().quantity)?;
            Ok(Yes::Again(order))
        }
        Descent::Open(entered) => {
            meanwhile();
            let (order, receipt) = funnel.take(&entered, ask.wanted(), DeskId::NONE, clock.now())?;
            visit.handed_over();
            wait(receipt)?;
            Ok(Yes::Won(order))
        }
    }
}

struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future as a thread would.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unparker(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What became of a decision: whether it has changed something.
pub(super) fn done(decision: Result<Decision, Unmoved>) -> Result<bool, Unmoved> {
    decision.and_then(|decision| wait(decision.stored())).map(|done| done.is_change)
}

/// A message about a payment that has the message's own name.
pub(super) fn notice(order: OrderId, kind: NoticeKind, message: &str) -> Notice {
    let id = |text: &str| MessageId::parse(text).expect("a message's id");
    let payment = PaymentId::parse(&format!("of-{message}")).expect("a payment's id");
    Notice { message: id(message), kind, order, payment: Some(payment), amount: None }
}

pub(super) struct House {
    dir: TempDir,
    pub(super) clock: Clock,
    pub(super) funnel: Arc<Funnel>,
    pub(super) keeper: Keeper,
    pub(super) cashier: Cashier,
    cool_down: Duration,
}

fn build(dir: &TempDir, clock: &Clock, access: &AccessSettings, cool_down: Duration) -> (Arc<Funnel>, Keeper, Cashier) {
    let data_dir = dir.path().join("data");
    let settings = LedgerSettings { data_dir, store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 10_000 };
    let ledger = OpenLedger::open(settings, clock.clone()).expect("a good ledger");
    let client = Client::new(&Secret::from_bytes([7; 32]), ClientSettings { spent_keys: 64, ..Default::default() });
    let on_broken = Box::new(|why: &str| panic!("the ledger is broken: {why}"));
    let mut funnel = Funnel::build(ledger, (client, Access::new(access)), Ack::Disk, on_broken).expect("a writer");
    funnel.cool_down = cool_down;
    let funnel = Arc::new(funnel);
    let cashier = Cashier::open(Arc::clone(&funnel), RULES, clock.now().wall);
    (Arc::clone(&funnel), Keeper::new(funnel, clock.clone()), cashier)
}

impl House {
    /// An empty shop at noon.
    pub(super) fn new() -> Self {
        Self::with(&OPEN_DOORS)
    }

    /// An empty shop at noon, with these limits.
    pub(super) fn with(access: &AccessSettings) -> Self {
        Self::with_cool_down(access, Duration::ZERO)
    }

    /// The same, where those who let holds run out have to wait.
    pub(super) fn with_cool_down(access: &AccessSettings, cool_down: Duration) -> Self {
        let (dir, clock) = (TempDir::new().expect("a temporary directory"), Clock::manual(NOON));
        let (funnel, keeper, cashier) = build(&dir, &clock, access, cool_down);
        Self { dir, clock, funnel, keeper, cashier, cool_down }
    }

    /// A shop with one live sale of so many shoes, which are held for ten minutes.
    pub(super) fn holding(shoes: u32) -> Self {
        let house = Self::new();
        let mut offer = offer("launch", &[("shoe", shoes)]);
        offer.sale.hold = Some(TEN_MINUTES);
        house.create(offer);
        house
    }

    pub(super) fn now(&self) -> WallTime {
        self.clock.now().wall
    }

    /// Ends all holds that are over; says how many.
    pub(super) fn expire(&self) -> usize {
        let mut count = 0;
        loop {
            let expiries = self.cashier.expire(self.now());
            assert!(!expiries.is_cut_short);
            if expiries.receipts.is_empty() && self.cashier.next_deadline().is_none_or(|next| next > self.now()) {
                return count;
            }
            count += expiries.receipts.len();
            for receipt in expiries.receipts {
                wait(receipt).expect("stored");
            }
        }
    }

    /// A provider's message of its own about an order, as if it were the first one.
    pub(super) fn notice(&self, order: OrderId, kind: NoticeKind, message: &str) -> Result<bool, Unmoved> {
        self.told(&notice(order, kind, message))
    }

    pub(super) fn told(&self, notice: &Notice) -> Result<bool, Unmoved> {
        done(self.cashier.notice(notice, self.now()))
    }

    /// A shop with one live sale of so many shoes.
    pub(super) fn selling(shoes: u32) -> Self {
        let house = Self::new();
        house.create(offer("launch", &[("shoe", shoes)]));
        house
    }

    /// Closes the ledger, forgets everything and reads it back.
    pub(super) fn restart(&mut self) {
        self.funnel.ledger.close();
        (self.funnel, self.keeper, self.cashier) = build(&self.dir, &self.clock, &OPEN_DOORS, self.cool_down);
    }

    pub(super) fn create(&self, offer: Offer) {
        wait(self.keeper.create(offer)).expect("a new sale");
    }

    /// The timer goes off.
    pub(super) fn tick(&self) {
        wait(self.keeper.open_and_end_what_is_due());
    }

    pub(super) fn attempt(&self, ask: Ask<'_>) -> Result<Yes, Refusal> {
        self.slow_attempt(ask, || ())
    }

    pub(super) fn slow_attempt(&self, ask: Ask<'_>, meanwhile: impl FnOnce()) -> Result<Yes, Refusal> {
        attempt(&self.funnel, &self.clock, ask, meanwhile)
    }

    /// Buys what must be there for this buyer.
    pub(super) fn buy(&self, ask: Ask<'_>) -> Arc<Order> {
        Arc::clone(self.attempt(ask).expect("a yes").order())
    }

    pub(super) fn refusal(&self, ask: Ask<'_>) -> Option<Refusal> {
        self.attempt(ask).err()
    }

    /// Walks down by the head alone.
    pub(super) fn entered<'a>(&'a self, ask: Ask<'a>, buffer: &'a mut PassBuffer) -> Entered<'a> {
        match self.funnel.descend(ask.attempt(&self.funnel), buffer, self.clock.now()) {
            Ok(Descent::Open(entered)) => entered,
            other => panic!("{ask:?} should have been let in: {other:?}"),
        }
    }

    pub(super) fn sums(&self) -> Sums {
        let sums = self.funnel.tallies.total();
        let refused: u64 = sums.refused.iter().sum();
        assert_eq!(sums.attempts, refused + sums.won + sums.replayed, "the tally adds up: {sums:?}");
        sums
    }

    /// Closes the shop and proves its ledger: all of `acknowledged` is there, and memory was what the log says.
    pub(super) fn prove(&self, acknowledged: &[Arc<Order>]) -> AuditReport {
        self.sums();
        self.funnel.ledger.close();
        let reader = LedgerReader::open(&self.dir.path().join("data")).expect("a ledger");
        let acks: String = acknowledged.iter().map(|order| format!("{}\n", order.terms.id)).collect();
        let report = audit(&reader, Some(Cursor::new(acks))).expect("a verdict");
        assert!(report.is_ok(), "{report}");
        for totals in &report.items {
            let item = self.funnel.sales.item(totals.item).expect("memory has the item");
            let units = self.keeper.units(item);
            let memory = (units.stock.into(), units.remaining.into(), units.held.into());
            assert_eq!(memory, (totals.stock, totals.available, totals.held), "{} in memory and log", totals.sku);
        }
        report
    }
}
