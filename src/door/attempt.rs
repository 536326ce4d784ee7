//! The attempt over HTTP: a request's head in, a verdict out, and its body read only for those who may still win.
//!
//! **Invariant:** every request to the attempt's route is counted once, whatever becomes of it.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::reply::{self, Asked, Reply};
use super::shop::Shop;
use super::views::OrderView;
use super::{body, identity};
use crate::client::PassBuffer;
use crate::clock::Now;
use crate::funnel::{Attempt, Descent, Refusal, Unfit, Visit};
use crate::ids::KeyRef;
use crate::ledger::DeskId;
use crate::order::{Ack, Order, OrderState};
use crate::sale::{Entered, Sale};
use crate::stock::{Stock, Unavailable, Wanted};

/// What the path names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    sale: &'a str,
    sku: &'a str,
}

/// The attempt's route, by hand: `/v1/sales/{sale}/items/{sku}/orders`.
pub(super) fn named_by(path: &str) -> Option<Named<'_>> {
    let (sale, rest) = path.strip_prefix("/v1/sales/")?.split_once('/')?;
    let sku = rest.strip_prefix("items/")?.strip_suffix("/orders")?;
    (!sku.contains('/')).then_some(Named { sale, sku })
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

/// Answers an attempt.
pub(super) async fn answer(
    shop: &Shop,
    desk: DeskId,
    peer: IpAddr,
    parts: &Parts,
    body: Incoming,
    named: Named<'_>,
) -> Reply {
    let now = shop.clock.now();
    let sale = shop.funnel.sales.find_sale(named.sale).map(Sale::no);
    let mut visit = shop.funnel.tallies.of(sale).attempt();
    let mut buffer = PassBuffer::default();
    let verdict = match read_head(shop, peer, parts, named) {
        Ok(attempt) => decide(shop, desk, attempt, (&parts.headers, body), (&mut buffer, &mut visit), now).await,
        Err(unfit) => Err(unfit.into()),
    };
    match verdict {
        Ok(Yes::Won(order)) => told(shop, &order, reply::Told::First),
        Ok(Yes::Replayed(order)) => {
            visit.replayed();
            told(shop, &order, reply::Told::Again)
        }
        Err(No { refusal, live_orders }) => {
            visit.refused(refusal.layer());
            match refusal {
                Refusal::Stock(Unavailable::LimitReached) => reply::limit_reached(&live_orders),
                refusal => reply::refusal(refusal, Asked { now: now.wall }),
            }
        }
    }
}

fn read_head<'a>(shop: &Shop, peer: IpAddr, parts: &'a Parts, named: Named<'a>) -> Result<Attempt<'a>, Unfit> {
    if parts.method != Method::POST {
        return Err(Unfit::MethodNotAllowed { allow: "POST" });
    }
    Ok(Attempt {
        address: identity::address(shop, peer, &parts.headers),
        sale: named.sale,
        sku: named.sku,
        proof: identity::proof(shop, peer, &parts.headers, named.sale)?,
        key: idempotency_key(&parts.headers)?,
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<KeyRef<'_>>, Unfit> {
    let mut values = headers.get_all("idempotency-key").iter();
    let key = values.next().map(|value| KeyRef::parse(value.as_bytes()).map_err(|_| Unfit::Malformed)).transpose()?;
    // Two keys: nobody knows which is meant.
    if values.next().is_some() { Err(Unfit::Malformed) } else { Ok(key) }
}

async fn decide<'a>(
    shop: &'a Shop,
    desk: DeskId,
    attempt: Attempt<'a>,
    (headers, incoming): (&HeaderMap, Incoming),
    (buffer, visit): (&'a mut PassBuffer, &mut Visit<'_>),
    now: Now,
) -> Result<Yes, No> {
    let deadline = shop.deadlines.body;
    match shop.funnel.descend(attempt, buffer, now)? {
        Descent::Again(order, item) => {
            let quantity = body::read_quantity(headers, incoming, deadline).await?;
            Stock::check_replay(&order, item, quantity)?;
            Ok(Yes::Replayed(order))
        }
        Descent::Open(entered) => {
            let quantity = body::read_quantity(headers, incoming, deadline).await?;
            let wanted = Wanted { key: attempt.key, quantity, ack: shop.funnel.ack };
            // The body may have taken its time.
            let now = shop.clock.now();
            let (order, receipt) = shop.funnel.take(&entered, wanted, desk, now).map_err(|refusal| No {
                refusal,
                live_orders: if refusal == Refusal::Stock(Unavailable::LimitReached) {
                    live_orders(shop, &entered)
                } else {
                    Vec::new()
                },
            })?;
            visit.handed_over();
            receipt.await?;
            Ok(Yes::Won(order))
        }
    }
}

fn live_orders(shop: &Shop, entered: &Entered<'_>) -> Vec<String> {
    let found = entered.found();
    let orders = shop.funnel.stock.orders_of(found.sale().no(), found.buyer());
    orders.iter().filter(|order| OrderState::is_live(order.state())).map(|order| order.terms.id.to_string()).collect()
}

fn told(shop: &Shop, order: &Order, told: reply::Told) -> Reply {
    let status = match order.terms.ack {
        Ack::Memory => StatusCode::ACCEPTED,
        Ack::Disk => StatusCode::CREATED,
    };
    reply::order(status, &OrderView::of(order, &shop.funnel.sales), told)
}
