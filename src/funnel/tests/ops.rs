//! Everything that can happen to a shop, drawn at random: few names and small numbers, so that things meet.

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;

use super::house::{Ask, NOON, item, offer};
use crate::clock::WallTime;
use crate::offer::{Offer, STOCK_MAX, SaleChange};
use crate::orders::notice::NoticeKind;

pub(super) const BUYERS: [&str; 3] = ["ann", "a-buyer-whose-id-is-longer-than-what-fits-inline", "c"];
const KEYS: [&str; 3] = ["k", "l", "m"];
/// The last one never comes to be.
pub(super) const SALES: [&str; 3] = ["launch", "outlet", "nowhere"];
/// The last one isn't there at first.
const SKUS: [&str; 3] = ["shoe", "hat", "t-shirt"];

#[derive(Debug, Clone)]
pub(super) enum Op {
    Attempt(Ask<'static>),
    /// A former attempt once more, perhaps with another quantity or item.
    Retry {
        nth: usize,
        units: Option<u32>,
        sku: Option<&'static str>,
    },
    /// An attempt, and what happens while its body is awaited.
    Slow(Ask<'static>, Box<Op>),
    Pause(&'static str),
    Resume(&'static str),
    End(&'static str),
    Adjust(&'static str, &'static str, i64),
    Create(Offer),
    Change(&'static str, SaleChange),
    Tick,
    Advance(Duration),
    SetBack(Duration),
    Restart,
    /// A provider says something of the n-th order, or of one that there isn't.
    Pay(Said),
    Cancel {
        nth: usize,
        buyer: &'static str,
    },
    OfficeCancel(usize),
    OfficeConfirm(usize),
    OfficeRefund(usize, Option<bool>),
    Expire,
}

/// What a provider says; few messages and payments, so that they come again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) nth: usize,
    pub(super) kind: NoticeKind,
    pub(super) message: u8,
    pub(super) payment: Option<u8>,
    /// In minor units more than the total.
    pub(super) amount: Option<u8>,
}

fn said() -> impl Strategy<Value = Said> {
    let kinds =
        [NoticeKind::Started, NoticeKind::Succeeded, NoticeKind::Succeeded, NoticeKind::Failed, NoticeKind::Refunded];
    let amount = prop_oneof![4 => Just(None), 4 => Just(Some(0)), 1 => Just(Some(1))];
    let what = (prop::sample::select(kinds.to_vec()), 0..60_u8, option::of(0..3_u8), amount);
    (0..99_usize, what).prop_map(|(nth, (kind, message, payment, amount))| Said { nth, kind, message, payment, amount })
}

fn life() -> impl Strategy<Value = Op> {
    let nth = || 0..99_usize;
    prop_oneof![
        8 => said().prop_map(Op::Pay),
        3 => (nth(), prop::sample::select(&BUYERS[..])).prop_map(|(nth, buyer)| Op::Cancel { nth, buyer }),
        1 => nth().prop_map(Op::OfficeCancel),
        2 => nth().prop_map(Op::OfficeConfirm),
        2 => (nth(), option::of(any::<bool>())).prop_map(|(nth, restock)| Op::OfficeRefund(nth, restock)),
        5 => Just(Op::Expire),
    ]
}

fn sale() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(SALES[0]), 3 => Just(SALES[1]), 1 => Just(SALES[2])]
}

fn sku() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just(SKUS[0]), 4 => Just(SKUS[1]), 1 => Just(SKUS[2])]
}

fn ask() -> impl Strategy<Value = Ask<'static>> {
    let key = option::of(prop::sample::select(&KEYS[..]));
    (sale(), sku(), prop::sample::select(&BUYERS[..]), key, 1..4_u32).prop_map(|(sale, sku, buyer, key, units)| Ask {
        sale,
        sku,
        buyer,
        key,
        units,
    })
}

/// Steps of five seconds, so that clocks and schedules often meet exactly; and a microsecond, so that they just don't.
fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![3 => (1..8_u64).prop_map(|steps| Duration::from_secs(5 * steps)), 1 => Just(Duration::from_micros(1))]
}

fn time() -> impl Strategy<Value = WallTime> {
    (0..30_u64).prop_map(|steps| NOON.after(Duration::from_secs(5 * steps)))
}

fn limit() -> impl Strategy<Value = u32> {
    1..7_u32
}

fn hold() -> impl Strategy<Value = Option<Duration>> {
    option::weighted(0.7, prop_oneof![2 => Just(20), 1 => Just(600)].prop_map(Duration::from_secs))
}

pub(super) fn an_offer(id: &'static str) -> impl Strategy<Value = Offer> {
    let times = (option::weighted(0.4, time()), option::weighted(0.4, span()));
    (times, limit(), hold(), 0..7_u32, 0..4_u32).prop_map(move |((opens_at, lasts), limit, hold, shoes, hats)| {
        let mut offer = offer(id, &[(SKUS[0], shoes), (SKUS[1], hats)]);
        offer.sale.closes_at = lasts.map(|lasts| opens_at.unwrap_or(NOON).after(lasts));
        offer.sale.opens_at = opens_at;
        (offer.sale.limit_per_buyer, offer.sale.hold) = (limit, hold);
        offer
    })
}

fn change() -> impl Strategy<Value = SaleChange> {
    let times = (option::weighted(0.2, option::of(time())), option::weighted(0.3, option::of(time())));
    let added = option::weighted(0.2, (sku(), 0..4_u32));
    (times, option::of(limit()), option::of(hold()), added).prop_map(|((opens_at, closes_at), limit, hold, added)| {
        let items = added.map(|(sku, stock)| item(sku, stock)).into_iter().collect();
        SaleChange { title: None, opens_at, closes_at, limit_per_buyer: limit, hold, items }
    })
}

fn adjustment() -> impl Strategy<Value = i64> {
    prop_oneof![20 => -5..6_i64, 1 => Just(i64::from(STOCK_MAX))]
}

fn attempt_or_retry() -> impl Strategy<Value = Op> {
    let other = (option::weighted(0.2, 1..4_u32), option::weighted(0.2, sku()));
    let retry = (0..99_usize, other).prop_map(|(nth, (units, sku))| Op::Retry { nth, units, sku });
    prop_oneof![2 => ask().prop_map(Op::Attempt), 1 => retry]
}

fn act() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => sale().prop_map(Op::Pause),
        4 => sale().prop_map(Op::Resume),
        1 => sale().prop_map(Op::End),
        5 => (sale(), sku(), adjustment()).prop_map(|(sale, sku, add)| Op::Adjust(sale, sku, add)),
        2 => prop_oneof![1 => an_offer(SALES[0]), 5 => an_offer(SALES[1])].prop_map(Op::Create),
        4 => (sale(), change()).prop_map(|(sale, change)| Op::Change(sale, change)),
        4 => Just(Op::Tick),
        5 => span().prop_map(Op::Advance),
        2 => span().prop_map(Op::SetBack),
    ]
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let meanwhile = prop_oneof![1 => attempt_or_retry(), 2 => act(), 1 => life()];
    prop_oneof![
        20 => attempt_or_retry(),
        6 => (ask(), meanwhile).prop_map(|(ask, op)| Op::Slow(ask, Box::new(op))),
        20 => act(),
        20 => life(),
        2 => Just(Op::Restart),
    ]
}
