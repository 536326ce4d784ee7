//! A buyer's own orders: seen, and given back.
//!
//! **Invariant:** another buyer's order is answered like one that doesn't exist.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::extract::Named;
use super::identity::{self, Asker};
use super::problems::Problem;
use super::reply::{self, Sheet};
use super::shop::{self, Here, Peer, Shop};
use super::views::{OrderView, OrdersView, PaymentLinkView};
use crate::cashier::Unmoved;
use crate::funnel::Refusal;
use crate::holds;
use crate::ids::OrderId;
use crate::order::{Order, OrderState};
use crate::orders::payment_link::Payable;

/// `GET /v1/orders`
pub(super) async fn list(State(shop): Here, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    match orders_of_asker(&shop, peer, &headers) {
        Ok(orders) => {
            let orders = orders.iter().map(|order| OrderView::of(order, &shop.funnel)).collect();
            shop::into_response(reply::json(Sheet::default(), StatusCode::OK, &OrdersView { orders }))
        }
        Err(refusal) => shop::refuse(&shop, refusal),
    }
}

/// `GET /v1/orders/{order}`
pub(super) async fn show(
    State(shop): Here,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    match own_order(&shop, peer, &headers, &id) {
        Ok(order) => shown(&shop, &order),
        Err(problem) => refused(problem),
    }
}

/// `GET /v1/orders/{order}/payment`
pub(super) async fn payment(
    State(shop): Here,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    match own_order(&shop, peer, &headers, &id) {
        Ok(order) if order.state() == OrderState::Held => {
            let storefront = shop.storefront.load();
            let url = storefront.payment_link.as_ref().map(|link| link.to_pay(payable(&shop, &order)));
            shop::into_response(reply::json(Sheet::default(), StatusCode::OK, &PaymentLinkView { url }))
        }
        Ok(_) => refused(Problem::of_unmoved(Unmoved::NotHeld, shop.clock.now().wall)),
        Err(problem) => refused(problem),
    }
}

fn payable<'a>(shop: &'a Shop, order: &'a Order) -> Payable<'a> {
    let (terms, sales) = (&order.terms, &shop.funnel.sales);
    Payable {
        order: terms.id,
        sale: sales.sale(terms.sale).map_or("", |sale| sale.id().as_str()),
        sku: sales.item(terms.item).map_or("", |item| item.terms().sku.as_str()),
        quantity: terms.quantity.units(),
        total: order.total(),
    }
}

/// `POST /v1/orders/{order}/cancel`
pub(super) async fn cancel(
    State(shop): Here,
    Extension(peer): Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    let order = match own_order(&shop, peer, &headers, &id) {
        Ok(order) => order,
        Err(problem) => return refused(problem),
    };
    let terms = &order.terms;
    let cancelled = holds::decided(|| shop.cashier.cancel(terms.id, terms.buyer.as_ref(), shop.clock.now().wall)).await;
    match cancelled {
        Ok(done) => shown(&shop, &done.order),
        Err(unmoved) => refused(Problem::of_unmoved(unmoved, shop.clock.now().wall)),
    }
}

/// An order as it stands now.
pub(super) fn shown(shop: &Shop, order: &Order) -> Response {
    let view = OrderView::of(order, &shop.funnel);
    shop::into_response(reply::json(Sheet::default(), StatusCode::OK, &view))
}

pub(super) fn refused(problem: Problem) -> Response {
    shop::into_response(reply::problem(Sheet::default(), problem))
}

fn knocking_asker(shop: &Shop, peer: Peer, headers: &HeaderMap) -> Result<Asker, Refusal> {
    shop.funnel.access.knock(identity::address(shop, peer.0, headers), shop.clock.now().mono)?;
    identity::asker(shop, peer.0, headers)
}

fn own_order(shop: &Shop, peer: Peer, headers: &HeaderMap, id: &str) -> Result<Arc<Order>, Problem> {
    let now = shop.clock.now().wall;
    let asker = knocking_asker(shop, peer, headers).map_err(|refusal| Problem::of(refusal, now))?;
    let is_own = |order: &Arc<Order>| match &asker {
        Asker::Vouched(buyer) => order.terms.buyer == *buyer,
        Asker::Passes(passes) => passes.iter().any(|(sale, buyer)| {
            let of = shop.funnel.sales.sale(order.terms.sale);
            order.terms.buyer == *buyer && of.is_some_and(|of| of.terms().id == *sale)
        }),
    };
    let order = OrderId::parse(id).ok().and_then(|id| shop.funnel.orders.find(id));
    order.filter(is_own).ok_or_else(|| Problem::of_unmoved(Unmoved::NotFound, now))
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
