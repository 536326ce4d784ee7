//! The floor beside a model that is too simple to be wrong: one thread, plain sums, every answer compared.

use std::sync::Arc;

use proptest::prelude::*;

use super::shop::{Ask, SALE, Shop, TEN_MINUTES, buyer, key};
use super::{ItemNo, Order, OrderState, Stock, Stored, Unavailable};

const BUYERS: [&str; 3] = ["ann", "a-buyer-whose-id-is-longer-than-what-fits-inline", "c"];
const KEYS: [&str; 2] = ["k", "l"];
const STOCKS: [u32; 2] = [5, 3];
const LIMIT: u32 = 4;

#[derive(Debug, Clone, Copy)]
enum Ending {
    DropTheClaim,
    DropTheReservation,
    Keep,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Attempt { buyer: usize, item: u32, units: u32, key: Option<usize>, ending: Ending },
    Store { order: usize },
    Confirm { order: usize },
    Unwind { order: usize },
    GiveBack { order: usize, to: OrderState },
    Add { item: u32, units: u32 },
    Withdraw { item: u32, units: u32, keep: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![Just(Ending::DropTheClaim), Just(Ending::DropTheReservation), Just(Ending::Keep)];
    let attempt = (0..3_usize, 0..2_u32, 1..4_u32, proptest::option::of(0..2_usize), ending)
        .prop_map(|(buyer, item, units, key, ending)| Step::Attempt { buyer, item, units, key, ending });
    let to = prop_oneof![Just(OrderState::Cancelled), Just(OrderState::Expired)];
    prop_oneof![
        6 => attempt,
        2 => (0..99_usize).prop_map(|order| Step::Store { order }),
        1 => (0..99_usize).prop_map(|order| Step::Confirm { order }),
        1 => (0..99_usize).prop_map(|order| Step::Unwind { order }),
        2 => (0..99_usize, to).prop_map(|(order, to)| Step::GiveBack { order, to }),
        1 => (0..2_u32, 0..3_u32).prop_map(|(item, units)| Step::Add { item, units }),
        1 => (0..2_u32, 0..4_u32, any::<bool>())
            .prop_map(|(item, units, keep)| Step::Withdraw { item, units, keep }),
    ]
}

/// What the model knows of an order.
#[derive(Debug)]
struct Sold {
    order: Arc<Order>,
    buyer: usize,
    item: u32,
    units: u32,
    key: Option<usize>,
    state: OrderState,
    stored: bool,
}

#[derive(Debug, Default)]
struct Model {
    free: [u32; 2],
    sold: Vec<Sold>,
}

impl Model {
    fn live(&self) -> impl Iterator<Item = &Sold> {
        self.sold.iter().filter(|sold| sold.state.is_live())
    }

    fn held(&self, item: u32) -> u32 {
        let held = self.live().filter(|sold| sold.item == item && sold.state == OrderState::Held);
        held.map(|sold| sold.units).sum()
    }

    fn units_of(&self, buyer: usize) -> u32 {
        self.live().filter(|sold| sold.buyer == buyer).map(|sold| sold.units).sum()
    }

    /// What the contract answers.
    fn judge(&self, buyer: usize, item: u32, units: u32, key: Option<usize>) -> Result<(), Unavailable> {
        let twin = self.sold.iter().find(|sold| key.is_some() && sold.buyer == buyer && sold.key == key);
        if let Some(twin) = twin {
            let same = twin.item == item && twin.units == units;
            return Err(if same { Unavailable::InProgress } else { Unavailable::IdempotencyMismatch });
        }
        if self.units_of(buyer) + units > LIMIT {
            return Err(Unavailable::LimitReached);
        }
        match self.free[item as usize] {
            0 => Err(Unavailable::SoldOut { held_may_return: self.held(item) > 0 }),
            free if free < units => Err(Unavailable::InsufficientStock),
            _ => Ok(()),
        }
    }

    /// The number of the n-th order of a kind, counted round and round.
    fn pick(&self, nth: usize, kind: impl Fn(&Sold) -> bool) -> Option<usize> {
        let numbers: Vec<_> = (0..self.sold.len()).filter(|number| kind(&self.sold[*number])).collect();
        (!numbers.is_empty()).then(|| numbers[nth % numbers.len()])
    }

    fn attempt(&mut self, shop: &Shop, step: (usize, u32, u32, Option<usize>), ending: Ending) {
        let (buyer, item, units, key) = step;
        let expected = self.judge(buyer, item, units, key);
        let ask = Ask { buyer: BUYERS[buyer], item, units, key: key.map(|key| KEYS[key]) };
        let claim = match shop.claim(ask) {
            Ok(claim) => claim,
            Err(refusal) => return assert_eq!(Err(refusal), expected, "claim"),
        };
        if matches!(ending, Ending::DropTheClaim) {
            return drop(claim);
        }
        let reserved = match shop.stock.take(claim) {
            Ok(reserved) => reserved,
            Err(refusal) => return assert_eq!(Err(refusal), expected, "take"),
        };
        assert_eq!(expected, Ok(()));
        if matches!(ending, Ending::DropTheReservation) {
            return drop(reserved);
        }
        let order = reserved.keep();
        self.free[item as usize] -= units;
        self.sold.push(Sold { state: order.state(), order, buyer, item, units, key, stored: false });
    }

    fn put_back(&mut self, number: usize) {
        self.free[self.sold[number].item as usize] += self.sold[number].units;
    }

    fn apply(&mut self, shop: &Shop, step: Step) {
        match step {
            Step::Attempt { buyer, item, units, key, ending } => self.attempt(shop, (buyer, item, units, key), ending),
            Step::Store { order } => {
                let Some(number) = self.pick(order, |sold| !sold.stored) else { return };
                self.sold[number].stored = true;
                self.sold[number].order.mark_stored(Stored::Disk);
            }
            Step::Confirm { order } => {
                let is_ripe = |sold: &Sold| sold.stored && sold.state == OrderState::Held;
                let Some(number) = self.pick(order, is_ripe) else { return };
                self.sold[number].state = OrderState::Confirmed;
                shop.stock.confirm(&self.sold[number].order);
            }
            Step::Unwind { order } => {
                let Some(number) = self.pick(order, |sold| !sold.stored) else { return };
                self.put_back(number);
                shop.stock.give_back(&self.sold.remove(number).order);
            }
            Step::GiveBack { order, to } => {
                let is_ripe = |sold: &Sold| sold.stored && sold.state == OrderState::Held;
                let Some(number) = self.pick(order, is_ripe) else { return };
                self.put_back(number);
                shop.stock.take_back(&self.sold[number].order, OrderState::Held);
                self.sold[number].state = to;
            }
            Step::Add { item, units } => {
                shop.stock.add_units(ItemNo(item), units);
                self.free[item as usize] += units;
            }
            Step::Withdraw { item, units, keep } => match shop.stock.withdraw(ItemNo(item), units) {
                Ok(withdrawn) if keep => {
                    withdrawn.keep();
                    self.free[item as usize] -= units;
                }
                Ok(_) => assert!(self.free[item as usize] >= units),
                Err(_) => assert!(self.free[item as usize] < units),
            },
        }
    }

    fn compare(&self, shop: &Shop) {
        for item in 0..2 {
            assert_eq!(shop.remaining(item), self.free[item as usize], "free units of item {item}");
            assert_eq!(shop.held(item), self.held(item), "held units of item {item}");
            if let Err(refusal) = shop.peek(item) {
                let held_may_return = self.held(item) > 0;
                assert_eq!((self.free[item as usize], refusal), (0, Unavailable::SoldOut { held_may_return }));
            }
        }
        for (number, name) in BUYERS.into_iter().enumerate() {
            assert_eq!(shop.units_of(name), self.units_of(number), "units of {name}");
            let listed = self.sold.iter().filter(|sold| sold.buyer == number);
            let listed: Vec<_> = listed.map(|sold| sold.order.terms.id).collect();
            let orders = shop.stock.orders_of(SALE, buyer(name));
            assert_eq!(orders.iter().map(|order| order.terms.id).collect::<Vec<_>>(), listed, "orders of {name}");
        }
        for sold in self.sold.iter().filter(|sold| sold.key.is_some()) {
            let ask = Ask { buyer: BUYERS[sold.buyer], item: sold.item, units: sold.units, key: None };
            let found = shop.entered(ask).found();
            let answer = shop.stock.replay_of(&found, key(KEYS[sold.key.unwrap_or(0)])).expect("remembered");
            assert_eq!(answer.terms.id, sold.order.terms.id);
            let expected = if sold.stored { Ok(()) } else { Err(Unavailable::InProgress) };
            assert_eq!(Stock::check_replay(&answer, ItemNo(sold.item), answer.terms.quantity), expected);
        }
    }
}

proptest! {
    #[test]
    fn the_floor_answers_as_the_model_does(
        steps in proptest::collection::vec(step(), 1..60),
        hold in proptest::option::of(Just(TEN_MINUTES)),
        shards in 1..5_usize,
    ) {
        let shop = Shop::new(shards, LIMIT, hold, &STOCKS);
        let mut model = Model { free: STOCKS, ..Model::default() };
        for step in steps {
            model.apply(&shop, step);
            model.compare(&shop);
        }
    }
}
