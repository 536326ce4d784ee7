//! The attempt over HTTP. Almost everybody is answered from the request's head, at once and without an allocation; for
//! those who may still win, the body is read.
//!
//! **Invariant:** every request to the attempt's route is counted once, whatever becomes of it.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::connection::Pulse;
use super::problems::Problem;
use super::reply::{self, Reply, Sheet, Told};
use super::shop::Shop;
use super::views::OrderView;
use super::{body, identity};
use crate::client::PassBuffer;
use crate::clock::WallTime;
use crate::funnel::{Attempt, Descent, Refusal, Unfit};
use crate::ids::{IdempotencyKey, ItemNo, KeyRef, SaleNo};
use crate::ledger::DeskId;
use crate::order::{Ack, Order, OrderState};
use crate::sale::{Aim, Entered, Kept};
use crate::stock::{Stock, Unavailable, Wanted};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What the path names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    sale: &'a str,
    sku: &'a str,
}

/// The attempt's route, as the document writes it.
pub(super) const PATH: &str = "/v1/sales/{sale}/items/{sku}/orders";

/// The attempt's route, by hand: see [`PATH`].
pub(super) fn named_by(path: &str) -> Option<Named<'_>> {
    let (sale, rest) = path.strip_prefix("/v1/sales/")?.split_once('/')?;
    let sku = rest.strip_prefix("items/")?.strip_suffix("/orders")?;
    (!sku.contains('/')).then_some(Named { sale, sku })
}

/// An attempt that its head alone doesn't decide.
#[derive(Debug)]
pub(super) struct Undecided {
    sale: Option<SaleNo>,
    stands: Stands,
}

#[derive(Debug)]
enum Stands {
    /// Before the shelf: the body says how many.
    AtTheShelf(Kept, Option<IdempotencyKey>),
    /// With an order under the same key: the body says whether it is the answer.
    WithAnOrder(Arc<Order>, ItemNo),
}

/// Asks the floors what the head alone can decide, and counts those who are refused.
///
/// # Refuses
/// With the refusal and the time at which it was decided.
pub(super) fn at_the_head(
    shop: &Shop,
    peer: IpAddr,
    parts: &Parts,
    named: Named<'_>,
) -> Result<Undecided, (Refusal, WallTime)> {
    let (funnel, now) = (&shop.funnel, shop.clock.now());
    let aim = funnel.sales.aim(named.sale, named.sku);
    let mut buffer = PassBuffer::default();
    let descent = read_head(shop, peer, parts, aim).map_err(Refusal::from).and_then(|attempt| {
        Ok(match funnel.descend(attempt, &mut buffer, now)? {
            Descent::Open(entered) => Stands::AtTheShelf(entered.keep(), attempt.key.map(IdempotencyKey::from)),
            Descent::Again(order, item) => Stands::WithAnOrder(order, item),
        })
    });
    let sale = aim.sale_no();
    descent.map(|stands| Undecided { sale, stands }).map_err(|refusal| {
        funnel.tallies.of(sale).refused_at_once(refusal.layer());
        (refusal, now.wall)
    })
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
    (shop, desk, pulse): (&Shop, DeskId, &Pulse),
    headers: HeaderMap,
    incoming: Incoming,
    Undecided { sale, stands }: Undecided,
) -> Reply {
    let mut visit = shop.funnel.tallies.of(sale).attempt();
    pulse.awaiting_body();
    let quantity = body::read_quantity(&headers, incoming).await;
    pulse.answering();
    // Now, and not when the ledger has answered: hyper's buffer is free again as soon as no header lies in it.
    let sheet = Sheet::wiped(headers);
    let verdict: Result<Yes, No> = async {
        let quantity = quantity?;
        match stands {
            Stands::WithAnOrder(order, item) => {
                Stock::check_replay(&order, item, quantity)?;
                Ok(Yes::Replayed(order))
            }
            Stands::AtTheShelf(kept, key) => {
                let entered = shop.funnel.sales.recall(&kept)?;
                let wanted = Wanted { key: key.as_ref().map(IdempotencyKey::as_ref), quantity, ack: shop.funnel.ack };
                // The body may have taken its time.
                let taken = shop.funnel.take(&entered, wanted, desk, shop.clock.now());
                let (order, receipt) = taken.map_err(|refusal| refused_at_the_shelf(shop, &entered, refusal))?;
                visit.handed_over();
                receipt.await?;
                Ok(Yes::Won(order))
            }
        }
    }
    .await;
    match verdict {
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
    }
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
        Ack::Disk => StatusCode::CREATED,
    };
    reply::order(sheet, status, &OrderView::of(order, &shop.funnel.sales), told)
}
