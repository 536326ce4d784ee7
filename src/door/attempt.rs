//! The attempt over HTTP. Almost everybody is answered from the request's head, at once and without an allocation; for
//! those who may still win, the body is read.
//!
//! **Invariant:** every request to the attempt's route is counted once, whatever becomes of it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::passage::Heard;
use super::problems::Problem;
use super::reply::{self, Reply, Sheet, Told};
use super::shop::Shop;
use super::views::OrderView;
use super::worker::Desk;
use super::{body, identity};
use crate::client::PassBuffer;
use crate::clock::{MonoTime, Now};
use crate::failpoint::{self, Point};
use crate::funnel::{Attempt, Descent, Layer, Refusal, Tally, Unfit, Visit};
use crate::ids::{IdempotencyKey, ItemNo, KeyRef, SaleNo};
use crate::order::{Ack, Order, OrderState};
use crate::sale::{Aim, Entered, Kept};
use crate::stock::{Stock, Unavailable, Wanted};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What the path names.
#[derive(Debug)]
pub(super) struct Named<'a> {
    sale: Cow<'a, str>,
    sku: Cow<'a, str>,
}

/// The attempt's route, as the document writes it.
pub(super) const PATH: &str = "/v1/sales/{sale}/items/{sku}/orders";

/// The attempt's route, by hand: see [`PATH`].
pub(super) fn named_by(path: &str) -> Option<Named<'_>> {
    let (sale, rest) = path.strip_prefix("/v1/sales/")?.split_once('/')?;
    let sku = rest.strip_prefix("items/")?.strip_suffix("/orders")?;
    (!sku.contains('/')).then(|| Named { sale: unescaped(sale), sku: unescaped(sku) })
}

/// A name as it is meant, where the path says it in escapes, which no id needs. What isn't text names nothing, as it is.
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        (bytes, rest) = match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                (bytes, &rest[3..])
            }
            None => {
                bytes.push(*first);
                (bytes, after)
            }
        };
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(name), Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Where an attempt is counted: its sale's counts, for as long as it takes.
struct Counts {
    desk: Arc<Desk>,
    sale: Option<SaleNo>,
}

impl Deref for Counts {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        self.desk.shop.funnel.tallies.of(self.sale)
    }
}

/// An attempt that its head alone doesn't decide. It is counted, and refused at the door if nobody decides it.
pub(super) struct Undecided {
    began: MonoTime,
    visit: Visit<Counts>,
    stands: Stands,
}

#[derive(Debug)]
enum Stands {
    /// Before the shelf: the body says how many.
    AtTheShelf(Kept, Option<IdempotencyKey>),
    /// With an order under the same key: the body says whether it is the answer.
    WithAnOrder(Arc<Order>, ItemNo),
}

/// Asks the floors what the head alone can decide, and counts who asks.
///
/// # Refuses
/// With the refusal and the time at which it was decided.
pub(super) fn at_the_head(
    desk: &Arc<Desk>,
    peer: IpAddr,
    parts: &Parts,
    named: &Named<'_>,
) -> Result<Undecided, (Refusal, Now)> {
    let shop = &desk.shop;
    let (funnel, now) = (&shop.funnel, shop.clock.now());
    let aim = funnel.sales.aim(&named.sale, &named.sku);
    let mut buffer = PassBuffer::default();
    let descent = read_head(shop, peer, parts, aim).map_err(Refusal::from).and_then(|attempt| {
        Ok(match funnel.descend(attempt, &mut buffer, now)? {
            Descent::Open(entered) => Stands::AtTheShelf(entered.keep(), attempt.key.map(IdempotencyKey::from)),
            Descent::Again(order, item) => Stands::WithAnOrder(order, item),
        })
    });
    let sale = aim.sale_no();
    match descent {
        Ok(stands) => {
            Ok(Undecided { began: now.mono, visit: Visit::begin(Counts { desk: Arc::clone(desk), sale }), stands })
        }
        Err(refusal) => {
            funnel.tallies.of(sale).refused_at_once(refusal.layer());
            Err((refusal, now))
        }
    }
}

/// Counts a request to the attempt's route that isn't even read.
pub(super) fn count_unfit(shop: &Shop, named: &Named<'_>) {
    let sale = shop.funnel.sales.aim(&named.sale, &named.sku).sale_no();
    shop.funnel.tallies.of(sale).refused_at_once(Layer::Door);
}

fn read_head<'a>(shop: &Shop, peer: IpAddr, parts: &'a Parts, aim: Aim<'a>) -> Result<Attempt<'a>, Unfit> {
    if parts.method != Method::POST {
        return Err(Unfit::MethodNotAllowed { allow: "POST" });
    }
    Ok(Attempt {
        address: identity::address(shop, peer, &parts.headers),
        aim,
        proof: identity::proof(shop, peer, &parts.headers, aim.sale_id())?,
        key: idempotency_key(&parts.headers)?,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<KeyRef<'_>>, Unfit> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = values.next().map(|value| KeyRef::parse(value.as_bytes()).map_err(|_| Unfit::Malformed)).transpose()?;
    // Two keys: nobody knows which is meant.
    if values.next().is_some() { Err(Unfit::Malformed) } else { Ok(key) }
}

/// Yes, in its two forms.
enum Yes {
    Won(Arc<Order>),
    Replayed(Arc<Order>),
}

/// No, with the one list that a refusal may need.
struct No {
    refusal: Refusal,
    live_orders: Vec<String>,
}

impl<R: Into<Refusal>> From<R> for No {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), live_orders: Vec::new() }
    }
}

/// Reads the body, and answers an attempt that its head didn't decide.
pub(super) async fn decide(
    desk: &Desk,
    headers: HeaderMap,
    incoming: Heard,
    Undecided { began, mut visit, stands }: Undecided,
) -> Reply {
    let shop = &*desk.shop;
    let quantity = body::read_quantity(&headers, incoming).await;
    // Now, and not when the ledger has answered: hyper's buffer is free again as soon as no header lies in it.
    let sheet = Sheet::wiped(headers);
    let verdict: Result<Yes, No> = async {
        let quantity = quantity?;
        match stands {
            Stands::WithAnOrder(order, item) => {
                Stock::check_replay(&order, item, quantity)?;
                // Who comes again isn't told more than what is true of the first answer.
                shop.funnel.ledger.kept(&order, desk.id, shop.clock.now().mono).await?;
                Ok(Yes::Replayed(order))
            }
            Stands::AtTheShelf(kept, key) => {
                let entered = shop.funnel.sales.recall(&kept)?;
                let wanted = Wanted { key: key.as_ref().map(IdempotencyKey::as_ref), quantity, ack: shop.funnel.ack };
                // The body may have taken its time.
                let taken = shop.funnel.take(&entered, wanted, desk.id, shop.clock.now());
                let (order, receipt) = taken.map_err(|refusal| refused_at_the_shelf(shop, &entered, refusal))?;
                visit.handed_over();
                receipt.await?;
                Ok(Yes::Won(order))
            }
        }
    }
    .await;
    failpoint::pass(Point::AckBeforeWrite);
    let is_won = matches!(verdict, Ok(Yes::Won(_)));
    let reply = match verdict {
        Ok(Yes::Won(order)) => told(shop, sheet, &order, Told::First),
        Ok(Yes::Replayed(order)) => {
            visit.replayed();
            told(shop, sheet, &order, Told::Again)
        }
        Err(No { refusal, live_orders }) => {
            visit.refused(refusal.layer());
            let problem = match refusal {
                Refusal::Stock(Unavailable::LimitReached) => Problem::limit_reached(&live_orders),
                refusal => Problem::of(refusal, shop.clock.now().wall),
            };
            reply::problem(sheet, problem)
        }
    };
    let now = || shop.clock.now().mono;
    shop.funnel.pace.answered(began, now);
    if is_won {
        shop.funnel.pace.won(began, now());
    }
    reply
}

fn refused_at_the_shelf(shop: &Shop, entered: &Entered<'_>, refusal: Refusal) -> No {
    if refusal != Refusal::Stock(Unavailable::LimitReached) {
        return refusal.into();
    }
    let found = entered.found();
    let orders = shop.funnel.stock.orders_of(found.sale().no(), found.buyer());
    let live = orders.iter().filter(|order| OrderState::is_live(order.state()));
    No { refusal, live_orders: live.map(|order| order.terms.id.to_string()).collect() }
}

fn told(shop: &Shop, sheet: Sheet, order: &Order, told: Told) -> Reply {
    let status = match order.terms.ack {
        Ack::Memory => StatusCode::ACCEPTED,
        Ack::Disk | Ack::Postgres => StatusCode::CREATED,
    };
    reply::order(sheet, status, &OrderView::of(order, &shop.funnel), told)
}
