//! A buyer's own orders: seen, and given back.
//!
//! **Invariant:** another buyer's order is answered as one that doesn't exist.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;

use super::identity::{self, Asker};
use super::problems::Problem;
use super::reply::{self, Sheet};
use super::shop::{Here, Peer, Shop, into_response, refuse};
use super::views::OrderView;
use crate::funnel::Refusal;
use crate::holds;
use crate::ids::OrderId;
use crate::order::Order;

type From = axum::Extension<Peer>;

/// `GET /v1/orders`
pub(super) async fn list(State(shop): Here, axum::Extension(peer): From, headers: HeaderMap) -> Response {
    match orders_of_asker(&shop, peer, &headers) {
        Ok(orders) => {
            let orders: Vec<_> = orders.iter().map(|order| OrderView::of(order, &shop.funnel)).collect();
            into_response(reply::json(Sheet::default(), StatusCode::OK, &json!({ "orders": orders })))
        }
        Err(refusal) => refuse(&shop, refusal),
    }
}

/// `GET /v1/orders/{order}`
pub(super) async fn show(
    State(shop): Here,
    axum::Extension(peer): From,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match own_order(&shop, peer, &headers, &id) {
        Ok(Some(order)) => shown(&shop, &order),
        Ok(None) => not_found(),
        Err(refusal) => refuse(&shop, refusal),
    }
}

/// `POST /v1/orders/{order}/cancel`
pub(super) async fn cancel(
    State(shop): Here,
    axum::Extension(peer): From,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let order = match own_order(&shop, peer, &headers, &id) {
        Ok(Some(order)) => order,
        Ok(None) => return not_found(),
        Err(refusal) => return refuse(&shop, refusal),
    };
    let terms = &order.terms;
    let ask = || shop.cashier.cancel(terms.id, terms.buyer.as_ref(), shop.clock.now().wall);
    match holds::decided(ask).await {
        Ok(done) => shown(&shop, &done.order),
        Err(unmoved) => {
            into_response(reply::problem(Sheet::default(), Problem::unmoved(unmoved, shop.clock.now().wall)))
        }
    }
}

/// An order as it stands now.
pub(super) fn shown(shop: &Shop, order: &Order) -> Response {
    into_response(reply::json(Sheet::default(), StatusCode::OK, &OrderView::of(order, &shop.funnel)))
}

fn not_found() -> Response {
    into_response(reply::problem(Sheet::default(), Problem::order_not_found()))
}

/// The order of this id, if it is the asker's.
fn own_order(shop: &Shop, peer: Peer, headers: &HeaderMap, id: &str) -> Result<Option<Arc<Order>>, Refusal> {
    let asker = knocking_asker(shop, peer, headers)?;
    let is_own = |order: &Arc<Order>| match &asker {
        Asker::Vouched(buyer) => order.terms.buyer == *buyer,
        Asker::Passes(passes) => passes.iter().any(|(sale, buyer)| {
            order.terms.buyer == *buyer && shop.funnel.sales.sale(order.terms.sale).is_some_and(|of| of.id() == sale)
        }),
    };
    Ok(OrderId::parse(id).ok().and_then(|id| shop.funnel.orders.find(id)).filter(is_own))
}

fn knocking_asker(shop: &Shop, peer: Peer, headers: &HeaderMap) -> Result<Asker, Refusal> {
    shop.funnel.access.knock(identity::address(shop, peer.0, headers), shop.clock.now().mono)?;
    identity::asker(shop, peer.0, headers)
}

fn orders_of_asker(shop: &Shop, peer: Peer, headers: &HeaderMap) -> Result<Vec<Arc<Order>>, Refusal> {
    let sales = &shop.funnel.sales;
    Ok(match knocking_asker(shop, peer, headers)? {
        Asker::Vouched(buyer) => {
            sales.sales().flat_map(|sale| shop.funnel.stock.orders_of(sale.no(), buyer.as_ref())).collect()
        }
        Asker::Passes(passes) => passes
            .iter()
            .filter_map(|(sale, buyer)| Some((sales.find_sale(sale.as_str())?, buyer)))
            .flat_map(|(sale, buyer)| shop.funnel.stock.orders_of(sale.no(), buyer.as_ref()))
            .collect(),
    })
}
