//! A shop with one sale whose ledger forgets, and the two things that everybody does: get a pass, and try to buy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use doorbuster::access::{Access, AccessSettings, Quota};
use doorbuster::cashier::Cashier;
use doorbuster::client::{ChallengeMode, Client, ClientSettings, Difficulty, PassBuffer, Proof, Secret, solve};
use doorbuster::clock::{Clock, WallTime};
use doorbuster::funnel::{Attempt, Descent, Funnel, Refusal};
use doorbuster::ids::{Quantity, SaleId, Sku};
use doorbuster::keeper::Keeper;
use doorbuster::ledger::{DeskId, LedgerSettings, OpenLedger, StoreKind};
use doorbuster::money::Money;
use doorbuster::offer::{ItemTerms, Offer, SaleTerms};
use doorbuster::order::{Ack, Order};
use doorbuster::orders::rules::Rules;
use doorbuster::stock::Wanted;

pub(crate) const SALE: &str = "launch";
pub(crate) const SKU: &str = "shoe";
pub(crate) const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
pub(crate) const NETWORKS: usize = 200;

/// What stands between a farm and the units.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defences {
    pub(crate) address: Option<Quota>,
    pub(crate) buyer: Option<Quota>,
    pub(crate) challenge: ChallengeMode,
    pub(crate) limit_per_buyer: u32,
    pub(crate) hold: Option<Duration>,
    pub(crate) cool_down: Duration,
}

/// Nothing.
pub(crate) const NONE: Defences = Defences {
    address: None,
    buyer: None,
    challenge: ChallengeMode::Off,
    limit_per_buyer: u32::MAX,
    hold: None,
    cool_down: Duration::ZERO,
};

pub(crate) fn quota(rate_per_s: f64, burst: u32) -> Option<Quota> {
    Quota::new(rate_per_s, burst).expect("a quota")
}

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        u64::try_from((u128::from(word) * u128::from(bound)) >> 64).expect("below a bound")
    }

    /// How many tries a challenge takes: each has one chance in `expected`.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a chance"
    )]
    pub(crate) fn tries(&mut self, expected: u64) -> u64 {
        let chance = (self.below(1 << 53) as f64 + 1.0) / (1_u64 << 53) as f64;
        1 + (-chance.ln() * expected as f64) as u64
    }
}

pub(crate) struct House {
    pub(crate) clock: Clock,
    pub(crate) funnel: Arc<Funnel>,
    pub(crate) keeper: Keeper,
    pub(crate) cashier: Cashier,
    sale: SaleId,
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

impl House {
    pub(crate) fn open(defences: Defences, stock: u32, opens_at: Option<WallTime>, starts_at: WallTime) -> Self {
        let clock = Clock::manual(starts_at);
        let settings = LedgerSettings {
            data_dir: std::env::temp_dir(),
            store: StoreKind::None,
            ack: Ack::Memory,
            queue_orders: 1 << 20,
        };
        let ledger = OpenLedger::open(settings, clock.clone()).expect("a ledger that forgets");
        // Real challenges, as easy as they come: how long real ones take is simulated.
        let difficulty = Difficulty::new(1, 1).expect("the least difficulty");
        let client = ClientSettings { challenge: defences.challenge, difficulty, ..ClientSettings::default() };
        let client = Client::new(&Secret::from_bytes([7; 32]), client);
        let access = AccessSettings { ip: defences.address, buyer: defences.buyer, sale: None, table_keys: 1 << 16 };
        let doors = (client, Access::new(&access));
        let mut funnel = Funnel::build(ledger, doors, Ack::Memory, Box::new(|_| {})).expect("a writer");
        funnel.cool_down = defences.cool_down;
        let funnel = Arc::new(funnel);
        let rules = Rules {
            payment_grace: Duration::from_secs(600),
            payment_extension_max: Duration::from_secs(1800),
            restart_grace: Duration::from_secs(60),
            refund_restocks: false,
        };
        let cashier = Cashier::open(Arc::clone(&funnel), rules, starts_at);
        let keeper = Keeper::new(Arc::clone(&funnel), clock.clone());
        let sale = SaleId::parse(SALE).expect("a name");
        let price = Money::from_minor(12_900, "EUR").expect("a price");
        let terms = SaleTerms {
            id: sale.clone(),
            title: SALE.into(),
            opens_at,
            closes_at: None,
            limit_per_buyer: defences.limit_per_buyer,
            hold: defences.hold,
        };
        let item = ItemTerms { sku: Sku::parse(SKU).expect("a name"), title: SKU.into(), price, stock };
        block_on(keeper.create(Offer { sale: terms, items: vec![item] })).expect("a sale");
        Self { clock, funnel, keeper, cashier, sale }
    }

    /// A pass, by whatever it costs here.
    pub(crate) fn pass(&self) -> String {
        let (client, now) = (&self.funnel.client, self.clock.now().wall);
        let pass = match client.challenge_mode() {
            ChallengeMode::Off => client.grant(&self.sale, now).expect("a pass for nothing"),
            ChallengeMode::Pow => {
                let solved = solve(&client.challenge(&self.sale, now)).expect("a solution");
                client.redeem(&self.sale, &solved, now).expect("a pass for work")
            }
        };
        pass.token
    }

    /// One press of the button.
    pub(crate) fn try_to_buy(&self, address: IpAddr, pass: &str) -> Result<Arc<Order>, Refusal> {
        let funnel = &self.funnel;
        let aim = funnel.sales.aim(SALE, SKU);
        let attempt = Attempt { address, aim, proof: Proof::Pass(pass.as_bytes()), key: None };
        let mut buffer = PassBuffer::default();
        match funnel.descend(attempt, &mut buffer, self.clock.now())? {
            Descent::Open(entered) => {
                let quantity = Quantity::new(1).expect("one unit");
                let wanted = Wanted { key: None, quantity, ack: Ack::Memory };
                funnel.take(&entered, wanted, DeskId::NONE, self.clock.now()).map(|(order, _)| order)
            }
            Descent::Again(..) => unreachable!("nobody brings a key"),
        }
    }

    pub(crate) fn remaining(&self) -> u32 {
        let (_, item) = self.funnel.sales.find(SALE, SKU).expect("the sale");
        self.funnel.stock.remaining(item.expect("the item").no())
    }

    /// The writer has had its say about everything.
    pub(crate) fn settle(&self) {
        while self.funnel.ledger.health().underway > 0 {
            std::thread::yield_now();
        }
    }

    /// Holds that are over end.
    pub(crate) fn expire(&self) {
        self.settle();
        loop {
            let expiries = self.cashier.expire(self.clock.now().wall);
            if expiries.receipts.is_empty() {
                return;
            }
            self.settle();
        }
    }

    /// Pays for what is held; what was won without a hold is paid for already.
    pub(crate) fn pay_for(&self, won: &[Arc<Order>]) {
        self.settle();
        for order in won.iter().filter(|order| order.terms.expires_at.is_some()) {
            let decision = self.cashier.confirm(order.terms.id, self.clock.now().wall).expect("a held order");
            drop(decision);
        }
        self.settle();
    }
}

/// A person's own address.
pub(crate) fn home(person: usize) -> IpAddr {
    let number = u32::try_from(person).expect("a person");
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// An address of the farm's, another one each time, of one of its /64 networks.
pub(crate) fn of_the_farm(bot: usize, nth: u64) -> IpAddr {
    let network = u128::try_from(bot % NETWORKS).expect("a network");
    Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | (network << 64) | u128::from(nth)).into()
}
