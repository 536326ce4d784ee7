//! What a payment's message means, when holds end, and what has been heard already.

use std::sync::Arc;
use std::time::Duration;

use super::deadlines::Deadlines;
use super::messages::{Known, Messages};
use super::notice::{MessageId, Notice, NoticeKind, PaymentId};
use super::rules::{Orphan, Rules, Verdict, judge};
use crate::clock::WallTime;
use crate::ids::{BuyerRef, ItemNo, OrderId, Quantity, SaleNo};
use crate::money::Money;
use crate::order::{Ack, Order, OrderState, OrderTerms, Stored};
use NoticeKind::{Failed, Refunded, Started, Succeeded};

const NOON: WallTime = WallTime::from_micros(1_800_000_000_000_000);
const RULES: Rules = Rules {
    payment_grace: Duration::from_secs(600),
    payment_extension_max: Duration::from_secs(1_800),
    restart_grace: Duration::from_secs(60),
    refund_restocks: false,
};

fn after(seconds: u64) -> WallTime {
    NOON.after(Duration::from_secs(seconds))
}

/// Two units of 1.00 EUR, placed at noon and held for 300 seconds.
fn order(state: OrderState) -> Arc<Order> {
    let terms = OrderTerms {
        id: OrderId::from_bytes([1; 16]),
        sale: SaleNo(0),
        item: ItemNo(0),
        buyer: BuyerRef::parse(b"ann").expect("a buyer id").into(),
        key: None,
        quantity: Quantity::new(2).expect("two"),
        unit_price: Money::from_minor(100, "EUR").expect("a price"),
        placed_at: NOON,
        expires_at: Some(after(300)),
        ack: Ack::Disk,
    };
    Arc::new(Order::recovered(terms, state, Stored::Disk))
}

fn payment(name: &str) -> PaymentId {
    PaymentId::parse(name).expect("a payment's id")
}

fn notice(kind: NoticeKind) -> Notice {
    let message = MessageId::parse("m").expect("a message's id");
    Notice { message, kind, order: OrderId::from_bytes([1; 16]), payment: Some(payment("p")), amount: None }
}

fn verdict(kind: NoticeKind, state: OrderState) -> Verdict {
    judge(&notice(kind), (&order(state), None), &RULES, (after(10), NOON))
}

#[test]
fn each_message_means_one_thing_for_each_state() {
    use OrderState as S;
    let table = [
        (Started, S::Held, Verdict::HoldUntil(after(610))),
        (Started, S::Confirmed, Verdict::NotHeld),
        (Started, S::Cancelled, Verdict::NotHeld),
        (Started, S::Expired, Verdict::Expired),
        (Started, S::Refunded, Verdict::NotHeld),
        (Succeeded, S::Held, Verdict::Confirm),
        (Succeeded, S::Confirmed, Verdict::Note),
        (Succeeded, S::Cancelled, Verdict::Orphaned(Orphan::GivenBack)),
        (Succeeded, S::Expired, Verdict::ConfirmLate),
        (Succeeded, S::Refunded, Verdict::Orphaned(Orphan::GivenBack)),
        (Failed, S::Held, Verdict::HoldOnlyUntil(after(300))),
        (Failed, S::Confirmed, Verdict::Nothing),
        (Failed, S::Cancelled, Verdict::Nothing),
        (Failed, S::Expired, Verdict::Nothing),
        (Failed, S::Refunded, Verdict::Nothing),
        (Refunded, S::Held, Verdict::NotHeld),
        (Refunded, S::Confirmed, Verdict::Refund),
        (Refunded, S::Cancelled, Verdict::NotHeld),
        (Refunded, S::Expired, Verdict::NotHeld),
        (Refunded, S::Refunded, Verdict::Nothing),
    ];
    for (kind, state, expected) in table {
        assert_eq!(verdict(kind, state), expected, "{kind:?} of an order that is {state:?}");
    }
}

#[test]
fn a_second_payment_of_an_order_has_no_order() {
    let (order, now) = (order(OrderState::Confirmed), (after(10), NOON));
    let judged = |by: &str| judge(&notice(Succeeded), (&order, Some(&payment(by))), &RULES, now);
    assert_eq!((judged("p"), judged("q")), (Verdict::Nothing, Verdict::Orphaned(Orphan::PaidTwice)));
}

#[test]
fn another_amount_or_currency_than_the_total_is_refused_whatever_is_said() {
    let order = order(OrderState::Held);
    let total = Money::from_minor(200, "EUR").expect("an amount");
    for (minor, currency) in [(199, "EUR"), (100, "EUR"), (200, "USD"), (0, "EUR")] {
        for kind in [Started, Succeeded, Failed, Refunded] {
            let notice = Notice { amount: Money::from_minor(minor, currency), ..notice(kind) };
            let verdict = judge(&notice, (&order, None), &RULES, (after(10), NOON));
            assert_eq!(verdict, Verdict::WrongAmount { total }, "{minor} {currency}, {kind:?}");
        }
    }
    let notice = Notice { amount: Some(total), ..notice(Succeeded) };
    assert_eq!(judge(&notice, (&order, None), &RULES, (after(10), NOON)), Verdict::Confirm);
}

#[test]
fn payments_extend_a_hold_within_bounds_and_never_shorten_it() {
    let order = order(OrderState::Held);
    let started = |now| judge(&notice(Started), (&order, None), &RULES, (now, NOON));
    assert_eq!(started(NOON), Verdict::HoldUntil(after(600)));
    assert_eq!(started(after(1_600)), Verdict::HoldUntil(after(2_100)), "the most there is");
    assert_eq!(started(after(9_999)), Verdict::HoldUntil(after(2_100)));
    order.hold_until(after(5_000));
    assert_eq!(started(NOON), Verdict::HoldUntil(after(5_000)));
}

#[test]
fn a_payment_that_fails_takes_its_extension_away_but_not_the_time_there_was() {
    let order = order(OrderState::Held);
    let failed = |now, opened_at| judge(&notice(Failed), (&order, None), &RULES, (now, opened_at));
    assert_eq!(failed(after(10), NOON), Verdict::HoldOnlyUntil(after(300)));
    order.hold_until(after(900));
    assert_eq!(failed(after(10), NOON), Verdict::HoldOnlyUntil(after(300)));
    assert_eq!(failed(after(500), NOON), Verdict::HoldOnlyUntil(after(500)), "not in the past");
    assert_eq!(failed(after(999), NOON), Verdict::HoldOnlyUntil(after(900)), "no gift");
    assert_eq!(failed(after(500), after(490)), Verdict::HoldOnlyUntil(after(550)), "the shop was closed meanwhile");
}

#[test]
fn holds_are_handed_out_when_they_are_over_and_others_are_passed_over() {
    let deadlines = Deadlines::default();
    let [first, extended, paid] = [100, 200, 150].map(|seconds| {
        let order = order(OrderState::Held);
        order.hold_until(after(seconds));
        deadlines.watch(&order);
        order
    });
    deadlines.watch(&order(OrderState::Confirmed));
    assert_eq!((deadlines.len(), deadlines.next()), (3, Some(after(100))));
    assert!(deadlines.due(after(99), 9).is_empty());
    paid.decide(&[OrderState::Held]).expect("nobody decides").settle(OrderState::Confirmed);
    extended.hold_until(after(300));
    let due = deadlines.due(after(250), 9);
    assert_eq!(due.len(), 1);
    assert!(Arc::ptr_eq(&due[0], &first));
    assert_eq!((deadlines.len(), deadlines.next()), (1, Some(after(300))));
    assert!(Arc::ptr_eq(&deadlines.due(after(300), 9)[0], &extended));
    assert!(deadlines.is_empty());
}

#[test]
fn as_many_entries_are_looked_at_as_are_wanted() {
    let deadlines = Deadlines::default();
    (0..10).for_each(|_| deadlines.watch(&order(OrderState::Held)));
    let counts: Vec<_> = (0..4).map(|_| deadlines.due(after(300), 4).len()).collect();
    assert_eq!(counts, [4, 4, 2, 0]);
}

#[test]
fn a_message_is_acted_on_by_one_at_a_time_and_once() {
    let messages = Messages::default();
    let id = MessageId::parse("m").expect("a message's id");
    let hearing = messages.hear(&id).expect("a new message");
    assert_eq!(messages.hear(&id).err(), Some(Known::Underway));
    drop(hearing);
    messages.hear(&id).expect("nothing was done").keep();
    assert_eq!(messages.hear(&id).err(), Some(Known::Underway));
    messages.forget(&id);
    messages.hear(&id).expect("certainly not stored").keep();
    messages.note_done(id.clone());
    assert_eq!(messages.hear(&id).err(), Some(Known::Done));
}
