use std::collections::BTreeSet;
use std::time::Duration;

use axum::response::IntoResponse;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::*;
use crate::access::{Limit, Quota, Throttled};
use crate::cashier::Unmoved;
use crate::client::Unproven;
use crate::clock::WallTime;
use crate::door::office::problem::Problem as OfficeProblem;
use crate::door::problems::{Problem, raw};
use crate::door::routes::Route;
use crate::door::{attempt, office as office_door, shop as shop_door};
use crate::funnel::{FieldName, Pointer, Refusal, Unfit};
use crate::keeper::Unchanged;
use crate::ledger::Unwritten;
use crate::offer::Phase;
use crate::orders::rules::Orphan;
use crate::sale::NotOnSale;
use crate::stock::Unavailable;

fn described(document: &OpenApi) -> BTreeSet<(String, String)> {
    let json = serde_json::to_value(document).expect("a document");
    let paths = json["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an item");
        methods.keys().map(move |method| (path.clone(), method.clone()))
    });
    operations.collect()
}

fn routed<S>(routes: &[Route<S>]) -> impl Iterator<Item = (String, String)> {
    routes.iter().map(|route| (route.path.to_owned(), format!("{:?}", route.verb).to_lowercase()))
}

#[test]
fn the_public_document_describes_every_route_and_no_other() {
    let attempt = (attempt::PATH.to_owned(), "post".to_owned());
    assert!(attempt::named_by(attempt::PATH).is_some(), "the attempt's path is the attempt's");
    let routes: BTreeSet<_> = routed(&shop_door::routes()).chain([attempt]).collect();
    assert_eq!(described(&shop()), routes);
}

#[test]
fn the_offices_document_describes_every_route_and_no_other() {
    let routes: BTreeSet<_> = routed(&office_door::guarded()).chain(routed(&office_door::open())).collect();
    assert_eq!(described(&office()), routes);
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    for document in [shop(), office()] {
        let json = serde_json::to_value(&document).expect("a document");
        let text = json.to_string();
        let references: BTreeSet<&str> =
            text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let schemas: BTreeSet<&str> =
            json["components"]["schemas"].as_object().expect("schemas").keys().map(String::as_str).collect();
        assert_eq!(references, schemas);
        let ids: Vec<&str> =
            text.split("\"operationId\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{ids:?}");
        assert_eq!(ids.len(), described(&document).len());
    }
}

/// Every refusal of the public listener.
fn refusals() -> Vec<Problem> {
    let now = WallTime::from_micros(0);
    let quota = Quota::new(1.0, 1).ok().flatten().expect("a quota");
    let throttled = |limit| Refusal::Access(Throttled { limit, quota, retry_after: Duration::from_secs(1) });
    let unknown = Unfit::InvalidField { pointer: Pointer::Unknown(FieldName::of("price")) };
    let unfit = [
        Unfit::Malformed,
        Unfit::InvalidField { pointer: Pointer::Quantity },
        unknown,
        Unfit::NotFound,
        Unfit::MethodNotAllowed { allow: "POST" },
        Unfit::TooLarge,
        Unfit::UnsupportedMediaType,
        Unfit::Timeout,
    ];
    let unproven = [
        Unproven::PassRequired,
        Unproven::PassInvalid,
        Unproven::PassExpired,
        Unproven::ChallengeInvalid,
        Unproven::ChallengeExpired,
    ];
    let not_on_sale = [
        NotOnSale::SaleNotFound,
        NotOnSale::ItemNotFound,
        NotOnSale::NotOpen { opens_at: None },
        NotOnSale::Paused,
        NotOnSale::Ended,
    ];
    let unavailable = [
        Unavailable::SoldOut { held_may_return: true },
        Unavailable::SoldOut { held_may_return: false },
        Unavailable::InsufficientStock,
        Unavailable::LimitReached,
        Unavailable::IdempotencyMismatch,
        Unavailable::InProgress,
    ];
    let unwritten = [Unwritten::Busy, Unwritten::NotStored, Unwritten::OutcomeUnknown];
    let refusals = unfit.map(Refusal::from).into_iter().chain(unproven.map(Refusal::from));
    let refusals = refusals.chain([Limit::Ip, Limit::Buyer, Limit::Sale].map(throttled));
    let refusals = refusals.chain(not_on_sale.map(Refusal::from)).chain(unavailable.map(Refusal::from));
    let refusals = refusals.chain(unwritten.map(Refusal::from)).map(|refusal| Problem::of(refusal, now));
    let unmoved = [
        Unmoved::NotFound,
        Unmoved::NotHeld,
        Unmoved::Expired,
        Unmoved::Orphaned(Orphan::TooLate),
        Unmoved::Orphaned(Orphan::GivenBack),
        Unmoved::Orphaned(Orphan::PaidTwice),
        Unmoved::Underway,
    ];
    let others = [Problem::internal(), Problem::signature_invalid(), Problem::signature_stale()];
    refusals.chain(unmoved.map(|unmoved| Problem::of_unmoved(unmoved, now))).chain(others).collect()
}

/// Every refusal of the office.
fn office_problems() -> Vec<OfficeProblem> {
    let unchanged = [
        Unchanged::SaleNotFound,
        Unchanged::ItemNotFound,
        Unchanged::SaleExists,
        Unchanged::ItemExists,
        Unchanged::InvalidTransition { phase: Phase::Ended },
        Unchanged::BelowCommitted { committed: 1 },
        Unchanged::AboveMaximum,
        Unchanged::ClosesBeforeOpening,
        Unchanged::Unwritten(Unwritten::Busy),
        Unchanged::Unwritten(Unwritten::NotStored),
        Unchanged::Unwritten(Unwritten::OutcomeUnknown),
    ];
    let unmoved = [Unmoved::NotFound, Unmoved::NotHeld, Unmoved::Expired, Unmoved::Underway];
    let others = [
        OfficeProblem::Unauthorized,
        OfficeProblem::CrossSite,
        OfficeProblem::NotFound,
        OfficeProblem::MethodNotAllowed,
        OfficeProblem::Malformed,
        OfficeProblem::UnsupportedMediaType,
        OfficeProblem::TooManyTries,
        OfficeProblem::NoLedger,
        OfficeProblem::Internal,
        OfficeProblem::Invalid { pointer: "/sale".into(), says: "must be there".into() },
    ];
    let problems = unchanged.map(OfficeProblem::from).into_iter().chain(unmoved.map(OfficeProblem::from));
    problems.chain(others).collect()
}

/// That the table describes this answer; its code.
fn known(status: u16, body: &[u8], has_header: impl Fn(&str) -> bool) -> Code {
    const ALWAYS: [&str; 5] = ["type", "title", "status", "layer", "code"];
    let body: Value = serde_json::from_slice(body).expect("a problem");
    let code = codes::ALL.iter().find(|code| body["code"] == code.code && body["layer"] == code.layer);
    let code = code.unwrap_or_else(|| panic!("not in the table: {body}"));
    assert_eq!((body["status"].as_u64(), status), (Some(code.status.into()), code.status), "{body}");
    for member in code.members.iter().filter(|member| member.is_required()) {
        assert!(body.get(member.name()).is_some(), "{} in {body}", member.name());
    }
    let is_described = |name: &&String| {
        ALWAYS.contains(&name.as_str()) || code.members.iter().any(|member| member.name() == name.as_str())
    };
    let members = body.as_object().expect("an object");
    assert!(members.keys().all(|name| is_described(&name)), "{body}");
    for name in code.headers.iter().filter(|name| **name != "Allow") {
        assert!(has_header(name), "{name} of {body}");
    }
    *code
}

#[tokio::test]
async fn the_table_of_codes_is_what_the_doors_answer() {
    let mut told = Vec::new();
    for problem in refusals() {
        let reply = crate::door::reply::problem(crate::door::reply::Sheet::default(), problem.clone());
        told.push(known(problem.status.as_u16(), &problem.body, |name| reply.headers().contains_key(name)));
    }
    for problem in office_problems() {
        let response = problem.into_response();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 65_536).await.expect("a body");
        told.push(known(parts.status.as_u16(), &bytes, |name| parts.headers.contains_key(name)));
    }
    for (status, raw) in [(400, &raw::MALFORMED), (408, &raw::TIMEOUT), (431, &raw::HEADERS_TOO_LARGE)] {
        let body = raw.iter().position(|byte| *byte == b'{').expect("a body");
        told.push(known(status, &raw[body..], |_| false));
    }
    let forgotten: Vec<_> = codes::ALL.iter().filter(|code| !told.contains(code)).collect();
    assert!(forgotten.is_empty(), "nobody answers {forgotten:?}");
}
