//! The public listener's routes: the attempt by hand, the rest by axum.
//!
//! **Invariant:** nothing of the admin's can be reached from here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Method, Request, StatusCode, Version};
use serde_json::error::Category;
use tower_service::Service;

use super::extract::Named;
use super::host::is_host;
use super::identity::{self, IdentityMode};
use super::pages::Storefront;
use super::passage::Heard;
use super::payments::Payments;
use super::problems::Problem;
use super::pulse::Deadlines;
use super::reply::{self, Reply, Sheet};
use super::routes::Route;
use super::stream::Streams;
use super::views::{PassView, SaleView, SalesView, TimeView};
use super::{body, openapi, orders, pages, payments, routes};
use crate::access::AddressRules;
use crate::cashier::Cashier;
use crate::client::{ChallengeMode, SolvedChallenge, Unproven, Unredeemed};
use crate::clock::{Clock, WallTime};
use crate::funnel::{Funnel, Refusal, Unfit};
use crate::ids::SaleId;
use crate::ledger::Unwritten;
use crate::offer::Phase;
use crate::readiness::Readiness;
use crate::sale::{NotOnSale, Sale};

/// What a reload may change.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Whose forwarding headers count.
    pub address_rules: AddressRules,
    /// How long before a sale opens its challenges are handed out.
    pub challenge_opens_before: Duration,
    /// Remaining units are shown as "few" at or below this; 0: always exactly.
    pub few: u32,
}

/// Everything that the public routes need.
pub struct Shop {
    /// The five floors.
    pub funnel: Arc<Funnel>,
    /// What buyers see; a reload may change it.
    pub storefront: ArcSwap<Storefront>,
    /// Who moves orders after the win.
    pub cashier: Arc<Cashier>,
    /// Whose word about payments counts.
    pub payments: Payments,
    /// Where time comes from.
    pub clock: Clock,
    /// How buyers are known.
    pub identity: IdentityMode,
    /// What a reload may change.
    pub limits: ArcSwap<Limits>,
    /// How long the states of a connection may last.
    pub deadlines: Deadlines,
    /// Whether the house takes orders.
    pub readiness: Arc<Readiness>,
    /// The sales' event streams.
    pub streams: Streams,
    /// Whether somebody has been told that forwarding headers come from a peer that isn't trusted.
    pub warned_of_proxy: AtomicBool,
}

/// Where a request comes from on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Answers one request that isn't an attempt.
pub(super) async fn answer(rooms: &mut Router, peer: IpAddr, request: Request<Heard>) -> Reply {
    let mut request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Peer(peer));
    match rooms.call(request).await {
        Ok(response) => response.map(Either::Right),
        Err(never) => match never {},
    }
}

/// What hyper lets through and the house doesn't.
pub(super) fn fit(request: &Request<Incoming>) -> Result<(), Unfit> {
    if request.method() == Method::CONNECT || request.method() == Method::TRACE {
        return Err(Unfit::MethodNotAllowed { allow: "GET, POST" });
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    let is_host = |host: &HeaderValue| is_host(host.as_bytes());
    let is_missing = host.is_none() && request.version() == Version::HTTP_11;
    // A target that names another authority than the Host header is how requests are smuggled past a proxy's rules.
    let differs = match (request.uri().authority(), host) {
        (Some(authority), Some(host)) => !authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes()),
        _ => false,
    };
    // One coding, or a proxy in front may see another end of the body than hyper, which goes by the last of them.
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let is_recoded = !is_chunked || codings.next().is_some();
    if is_recoded || is_missing || differs || hosts.next().is_some() || !host.is_none_or(is_host) {
        Err(Unfit::Malformed)
    } else {
        Ok(())
    }
}

/// The routes behind axum: all but the attempt's.
pub(super) fn routes() -> Vec<Route<Arc<Shop>>> {
    vec![
        Route::get("/", pages::front),
        Route::get("/s/{sale}", pages::sale),
        Route::get("/assets/{name}", pages::asset),
        Route::get("/embed.js", pages::embed),
        Route::get(openapi::PATH, openapi::of_shop),
        Route::get("/v1/sales", list_sales),
        Route::get("/v1/sales/{sale}", show_sale),
        Route::get("/v1/sales/{sale}/events", sale_events),
        Route::post("/v1/sales/{sale}/challenge", challenge),
        Route::post("/v1/sales/{sale}/pass", redeem),
        Route::get("/v1/orders", orders::list),
        Route::get("/v1/orders/{order}", orders::show),
        Route::get("/v1/orders/{order}/payment", orders::payment),
        Route::post("/v1/orders/{order}/cancel", orders::cancel),
        Route::post("/v1/payments", payments::hear),
        Route::get("/v1/time", time),
        Route::get("/healthz", healthz),
        Route::get("/readyz", readyz),
    ]
}

/// The rooms behind axum.
pub(super) fn rooms(shop: Arc<Shop>) -> Router {
    let router = routes::router(routes()).fallback(not_found);
    router.method_not_allowed_fallback(method_not_allowed).with_state(shop)
}

pub(super) type Here = State<Arc<Shop>>;

pub(super) fn refuse(shop: &Shop, refusal: impl Into<Refusal>) -> Response {
    into_response(reply::problem(Sheet::default(), Problem::of(refusal.into(), shop.clock.now().wall)))
}

pub(super) fn into_response(reply: Reply) -> Response {
    reply.map(axum::body::Body::new)
}

async fn not_found(State(shop): Here) -> Response {
    refuse(&shop, Unfit::NotFound)
}

async fn method_not_allowed(State(shop): Here) -> Response {
    let mut response = refuse(&shop, Unfit::MethodNotAllowed { allow: "" });
    // axum knows which methods the path has, and says so.
    response.headers_mut().remove(header::ALLOW);
    response
}

/// The sale of a path.
fn sale_named<'a>(shop: &'a Shop, id: &str) -> Result<&'a Sale, Refusal> {
    shop.funnel.sales.find_sale(id).ok_or(NotOnSale::SaleNotFound.into())
}

fn cached_a_second(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=1"));
    response
}

async fn list_sales(State(shop): Here) -> Response {
    let (now, few) = (shop.clock.now().wall, shop.limits.load().few);
    let sales = shop.funnel.sales.sales().map(|sale| SaleView::of(sale, &shop.funnel, few, now)).collect();
    cached_a_second(into_response(reply::json(
        Sheet::default(),
        StatusCode::OK,
        &SalesView { server_time: now, sales },
    )))
}

async fn show_sale(State(shop): Here, Named(id): Named<String>) -> Response {
    match sale_named(&shop, &id) {
        Ok(sale) => {
            let view = SaleView::of(sale, &shop.funnel, shop.limits.load().few, shop.clock.now().wall);
            cached_a_second(into_response(reply::json(Sheet::default(), StatusCode::OK, &view)))
        }
        Err(refusal) => refuse(&shop, refusal),
    }
}

async fn sale_events(State(shop): Here, Named(id): Named<String>) -> Response {
    match sale_named(&shop, &id) {
        Ok(sale) => shop.streams.subscribe(&shop, sale).into_response(),
        Err(refusal) => refuse(&shop, refusal),
    }
}

/// Knocks, and finds the sale that a challenge or pass is asked for.
fn asked_for<'a>(shop: &'a Shop, peer: Peer, headers: &HeaderMap, id: &str) -> Result<(&'a Sale, SaleId), Refusal> {
    shop.funnel.access.knock(identity::address(shop, peer.0, headers), shop.clock.now().mono)?;
    let sale = sale_named(shop, id)?;
    let now = shop.clock.now().wall;
    match sale.phase_at(now) {
        Phase::Ended => return Err(NotOnSale::Ended.into()),
        Phase::Scheduled => opens_soon(shop, sale, now)?,
        Phase::Live | Phase::Paused => {}
    }
    Ok((sale, sale.terms().id.clone()))
}

/// A challenge or pass for a sale that is far off could be stockpiled: it isn't handed out before its time.
fn opens_soon(shop: &Shop, sale: &Sale, now: WallTime) -> Result<(), NotOnSale> {
    match sale.terms().opens_at {
        Some(opens_at) if now.until(opens_at) > shop.limits.load().challenge_opens_before => {
            Err(NotOnSale::NotOpen { opens_at: Some(opens_at) })
        }
        _ => Ok(()),
    }
}

async fn challenge(
    State(shop): Here,
    axum::Extension(peer): axum::Extension<Peer>,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    match asked_for(&shop, peer, &headers, &id) {
        Ok((_, sale)) => into_response(reply::json(
            Sheet::default(),
            StatusCode::OK,
            &shop.funnel.client.challenge(&sale, shop.clock.now().wall),
        )),
        Err(refusal) => refuse(&shop, refusal),
    }
}

async fn redeem(
    State(shop): Here,
    axum::Extension(peer): axum::Extension<Peer>,
    Named(id): Named<String>,
    request: axum::extract::Request,
) -> Response {
    match redeemed(&shop, peer, &id, request).await {
        Ok(response) => response,
        Err(refusal) => refuse(&shop, refusal),
    }
}

async fn redeemed(shop: &Shop, peer: Peer, id: &str, request: axum::extract::Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let (_, sale) = asked_for(shop, peer, &parts.headers, id)?;
    let now = shop.clock.now().wall;
    let pass = match shop.funnel.client.challenge_mode() {
        ChallengeMode::Off => shop.funnel.client.grant(&sale, now)?,
        ChallengeMode::Pow => {
            let bytes = body::read(&parts.headers, body).await?;
            // Nothing solves nothing, whatever it says it is.
            if bytes.is_empty() {
                return Err(Unproven::ChallengeInvalid.into());
            }
            if !body::is_json(&parts.headers) {
                return Err(Unfit::UnsupportedMediaType.into());
            }
            let solved: SolvedChallenge = serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
                Category::Syntax | Category::Eof | Category::Io => Refusal::from(Unfit::Malformed),
                // JSON, but no challenge of ours.
                Category::Data => Unproven::ChallengeInvalid.into(),
            })?;
            shop.funnel.client.redeem(&sale, &solved, now).map_err(|unredeemed| match unredeemed {
                Unredeemed::Unproven(unproven) => Refusal::Client(unproven),
                Unredeemed::Full => Refusal::Ledger(Unwritten::Busy),
            })?
        }
    };
    let body = PassView { pass: &pass.token, buyer: pass.buyer.as_str(), expires_at: pass.expires_at };
    let mut response = into_response(reply::json(Sheet::default(), StatusCode::OK, &body));
    let max_age_s = now.until(pass.expires_at).as_secs();
    let cookie = format!(
        "{}{sale}={}; Path=/v1; HttpOnly; SameSite=Lax; Max-Age={max_age_s}",
        identity::COOKIE_PREFIX,
        pass.token
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn time(State(shop): Here) -> Response {
    let view = TimeView { now: shop.clock.now().wall };
    into_response(reply::json(Sheet::default(), StatusCode::OK, &view))
}

pub(super) async fn healthz() -> Response {
    (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

async fn readyz(State(shop): Here) -> Response {
    super::ready(&shop.readiness, &shop.funnel)
}
