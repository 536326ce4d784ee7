//! Orders on the move: what is written, what the fold makes of it, what is read back, and who is told.

use super::*;
use crate::ids::{MessageId, PaymentId};
use crate::ledger::audit::audit;
use crate::ledger::read::LedgerReader;
use crate::order::{NotDecided, OrderState};
use OrderState::{Cancelled, Confirmed, Expired, Held, Refunded};

const LATER: WallTime = WallTime::from_micros(NINE.micros() + 1_200_000_000);

impl House {
    /// Decides and queues.
    fn move_order(&self, order: &Arc<Order>, kind: MoveKind) -> Receipt {
        self.queue(Self::decided(order, kind))
    }

    fn decided(order: &Arc<Order>, kind: MoveKind) -> Move {
        Move::of(order.decide(&[order.state()]).unwrap(), kind, By::Admin, NINE)
    }

    fn queue(&self, moved: Move) -> Receipt {
        self.record(Event::OrderMoved(Box::new(moved)))
    }

    /// `held`, `sold` and `stock` of the item.
    fn totals(&self) -> (i64, i64, i64) {
        let get = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        self.look().query_row("SELECT held, sold, stock FROM items", [], get).unwrap()
    }

    /// One stored order that is held.
    fn with_held(stock: u32) -> (Self, Arc<Order>) {
        let mut house = Self::with_stock(stock);
        let order = order("a", 1);
        drop(house.place(&order));
        house.writer.turn();
        (house, order)
    }

    /// The only order as people see it: where it stands, until when it is held, whether it was paid late, by what.
    fn shown(&self) -> (String, i64, bool, Option<String>) {
        let sql = "SELECT state, expires_at_us, late, payment FROM orders";
        let get = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        self.look().query_row(sql, [], get).unwrap()
    }

    fn assert_proven(&self) {
        assert_chained(&self.look());
        let report = audit(&LedgerReader::open(&self.dir.path().join("data")).unwrap(), None::<&[u8]>).unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

fn told(message: &str, payment: Option<&str>) -> Told {
    Told {
        message: MessageId::parse(message).unwrap(),
        payment: payment.map(|payment| PaymentId::parse(payment).unwrap()),
        amount: Some(price()),
    }
}

#[test]
fn every_move_is_written_with_its_word_folded_and_read_back() {
    let mut house = House::with_stock(10);
    let orders = ["a", "b", "c", "d", "e", "f"].map(|buyer| order(buyer, 1));
    orders.iter().for_each(|order| drop(house.place(order)));
    house.writer.turn();
    let [paid, cancelled, expired, late, refunded, written_off] = &orders;
    let started = House::decided(paid, MoveKind::PaymentStarted).until(LATER).told(told("m-1", Some("p-1")));
    let first = [house.queue(started), house.move_order(cancelled, MoveKind::Cancelled)];
    for order in [expired, late] {
        drop(house.move_order(order, MoveKind::Expired));
    }
    for order in [refunded, written_off] {
        drop(house.move_order(order, MoveKind::Confirmed { late: false }));
    }
    house.writer.turn();
    assert!(first.iter().all(|receipt| receipt.peek() == Some(Ok(Stored::Disk))));
    assert_eq!((paid.state(), paid.deadline()), (Held, Some(LATER)));
    let pays = House::decided(paid, MoveKind::Confirmed { late: false }).told(told("m-2", Some("p-2")));
    drop(house.queue(pays));
    drop(house.move_order(late, MoveKind::Confirmed { late: true }));
    drop(house.move_order(refunded, MoveKind::Refunded { restock: true }));
    drop(house.move_order(written_off, MoveKind::Refunded { restock: false }));
    drop(house.queue(Move::orphaned(Arc::clone(cancelled), told("m-3", None), "cancelled", NINE)));
    house.writer.turn();
    let states: Vec<_> = orders.iter().map(|order| order.state()).collect();
    assert_eq!(states, [Confirmed, Cancelled, Expired, Confirmed, Refunded, Refunded]);
    assert_eq!((paid.is_late(), late.is_late()), (false, true));
    assert_eq!(house.totals(), (0, 2, 9));
    house.assert_proven();
    let tally = house.writer.tally.clone();
    let detail = "SELECT detail FROM events WHERE kind = 'payment.orphaned'";
    let detail: String = house.look().query_row(detail, [], |row| row.get(0)).unwrap();
    let expected = r#"{"by":"payment","message":"m-3","amount_minor":12900,"currency":"USD","reason":"cancelled"}"#;
    assert_eq!(detail, expected);

    let (dir, recovered) = house.reopened();
    for (was, is) in orders.iter().zip(&recovered.orders) {
        assert_eq!((is.state(), is.deadline(), is.is_late()), (was.state(), was.deadline(), was.is_late()));
    }
    let ids: Vec<_> = recovered.moves.messages.iter().map(MessageId::as_str).collect();
    assert_eq!(ids, ["m-1", "m-2", "m-3"]);
    let payment = PaymentId::parse("p-2").unwrap();
    assert_eq!(recovered.moves.payments, [(paid.terms.id, payment)]);
    let strikes: Vec<_> =
        recovered.moves.strikes.iter().map(|strike| (strike.buyer.as_str(), strike.at.is_some())).collect();
    assert_eq!(strikes, [("c", true), ("d", true), ("d", false)]);
    let (open, _) = OpenLedger::open(settings(&dir), Clock::manual(NINE)).unwrap();
    assert_eq!(open.tally, tally, "the writer remembers after a restart what it remembered before");
}

#[test]
fn an_order_may_move_in_the_batch_that_places_it() {
    let mut house = House::with_stock(10);
    let order = order_of(SALE, ITEM, "a", 1, Ack::Memory);
    drop(house.place(&order));
    drop(house.move_order(&order, MoveKind::Cancelled));
    house.writer.turn();
    assert_eq!((order.state(), house.totals()), (Cancelled, (0, 0, 10)));
    house.assert_proven();
}

#[test]
fn units_that_come_back_are_for_sale_in_the_same_batch() {
    let mut house = House::with_stock(3);
    for round in 0..4 {
        let orders = ["a", "b", "c"].map(|buyer| order(&format!("{buyer}-{round}"), 1));
        orders.iter().for_each(|order| drop(house.place(order)));
        house.writer.turn();
        let expired = orders.each_ref().map(|order| house.move_order(order, MoveKind::Expired));
        // What was given back before it is in the log again by now.
        let next = ["d", "e", "f"].map(|buyer| order_of(SALE, ITEM, &format!("{buyer}-{round}"), 1, Ack::Memory));
        next.iter().for_each(|order| drop(house.place(order)));
        next.iter().for_each(|order| drop(house.move_order(order, MoveKind::Cancelled)));
        house.writer.turn();
        assert!(expired.iter().all(|receipt| receipt.peek() == Some(Ok(Stored::Disk))));
        assert_eq!(house.totals(), (0, 0, 3));
    }
    house.assert_proven();
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "stock.sold_out").count(), 8);
}

#[test]
fn a_move_of_an_order_that_is_not_in_the_log_is_refused_alone() {
    let (mut house, placed) = House::with_held(10);
    let never = order_of(SALE, ITEM, "never", 1, Ack::Memory);
    never.mark_stored(Stored::Memory);
    let outcomes = [house.move_order(&never, MoveKind::Cancelled), house.move_order(&placed, MoveKind::Cancelled)];
    house.writer.turn();
    assert_eq!(outcomes[0].peek(), Some(Err(Unwritten::NotStored)));
    assert_eq!(outcomes[1].peek(), Some(Ok(Stored::Disk)));
    assert_eq!((never.state(), placed.state()), (Held, Cancelled));
    assert!(never.decide(&[Held]).is_ok(), "nobody decides any more");
    house.assert_proven();
}

#[test]
fn a_page_that_was_refused_leaves_its_orders_without_a_number() {
    let mut house = House::with_stock(1);
    // Both are one page, and the second one is too many: the first is tried again, alone.
    let orders = ["a", "b"].map(|buyer| order_of(SALE, ITEM, buyer, 1, Ack::Memory));
    orders.iter().for_each(|order| drop(house.place(order)));
    house.writer.turn();
    assert_eq!(orders.each_ref().map(|order| order.stored()), [Stored::Disk, Stored::Memory]);
    assert_eq!(orders[1].noted_seq(), 0);
    let receipt = house.move_order(&orders[1], MoveKind::Expired);
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Err(Unwritten::NotStored)));
    house.assert_proven();
}

#[test]
fn a_late_confirmation_that_takes_more_than_there_is_is_refused() {
    let (mut house, late) = House::with_held(1);
    drop(house.move_order(&late, MoveKind::Expired));
    drop(house.place(&order("b", 1)));
    house.writer.turn();
    let receipt = house.move_order(&late, MoveKind::Confirmed { late: true });
    house.writer.turn();
    assert_eq!(receipt.peek(), Some(Err(Unwritten::NotStored)));
    assert_eq!((late.state(), house.totals()), (Expired, (1, 0, 1)));
    house.assert_proven();
}

#[test]
fn a_decision_whose_outcome_is_unknown_stays_for_ever() {
    let (house, order) = House::with_held(1);
    let mut moved = House::decided(&order, MoveKind::Expired);
    moved.settle(Outcome::Unknown);
    assert_eq!(order.decide(&[Held]).err(), Some(NotDecided::Underway));
    drop(house);
}

#[test]
fn people_see_until_when_an_order_is_held_and_what_has_paid_it() {
    let (mut house, order) = House::with_held(1);
    drop(house.queue(House::decided(&order, MoveKind::PaymentStarted).until(LATER).told(told("m", Some("tried")))));
    house.writer.turn();
    assert_eq!(house.shown(), ("held".into(), LATER.micros(), false, None));
    drop(house.move_order(&order, MoveKind::Expired));
    house.writer.turn();
    let pays = House::decided(&order, MoveKind::Confirmed { late: true }).told(told("n", Some("paid")));
    drop(house.queue(pays));
    house.writer.turn();
    assert_eq!(house.shown(), ("confirmed".into(), LATER.micros(), true, Some("paid".into())));
    house.assert_proven();
}
