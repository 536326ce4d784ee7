//! Who hears of orders and sales, how far they have got, and what could not be delivered.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Here, Office};
use crate::clock::WallTime;
use crate::ledger::post::Fate;
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::ledger::{Delivery, EndpointNo};
use crate::messages::EndpointStatus;
use crate::messages::message;

/// Dead letters that are shown of each webhook: whoever has more has one reason for all of them.
const DEAD_LETTERS_SHOWN: usize = 100;

fn unreadable(fault: ReadFault) -> Problem {
    tracing::error!(%fault, "the ledger could not be read");
    Problem::Internal
}

/// `GET /v1/admin/webhooks`
pub(super) async fn list(State(office): Here) -> Result<Json<Value>, Problem> {
    let statuses = office.courier.statuses();
    if statuses.is_empty() {
        return Ok(Json(json!({ "webhooks": [] })));
    }
    let read = move || -> Result<Vec<Value>, Problem> {
        let reader = office.reader()?;
        statuses.iter().map(|status| view(&office, &reader, status).map_err(unreadable)).collect()
    };
    let webhooks = tokio::task::spawn_blocking(read).await.map_err(|_| Problem::Internal)??;
    Ok(Json(json!({ "webhooks": webhooks })))
}

fn view(office: &Office, reader: &LedgerReader, status: &EndpointStatus) -> Result<Value, ReadFault> {
    let dead = reader.deliveries(status.no, Fate::Dead, 0, DEAD_LETTERS_SHOWN)?;
    let dead = dead.iter().map(|letter| letter_view(reader, letter)).collect::<Result<Vec<_>, _>>()?;
    let events = i64::try_from(office.funnel.ledger.health().events).unwrap_or(i64::MAX);
    let (disabled_at, why) = status.disabled.as_ref().map(|(at, why)| (at.rfc3339(), why)).unzip();
    Ok(json!({
        // Without its path, which is often a secret.
        "webhook": status.no.0, "target": status.target.to_string(),
        "kinds": status.kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>(),
        "state": if status.disabled.is_some() { "disabled" } else { "enabled" }, "disabled_at": disabled_at, "why": why,
        "cursor": status.cursor, "lag": events.saturating_sub(status.read).max(0),
        "pending": status.pending, "is_full": status.is_full,
        "delivered": status.delivered, "retried": status.retried, "dead": status.dead, "dead_letters": dead,
    }))
}

fn letter_view(reader: &LedgerReader, letter: &Delivery) -> Result<Value, ReadFault> {
    let id = reader.link(letter.seq)?.map(|link| message::id(letter.seq, &link));
    Ok(json!({
        "id": id, "seq": letter.seq, "attempts": letter.attempts,
        "dead_at": letter.dead_at.map(WallTime::rfc3339), "last_error": letter.last_error,
    }))
}

/// `POST /v1/admin/webhooks/{no}/retry`
pub(super) async fn retry(State(office): Here, Path(no): Path<String>) -> Result<Json<Value>, Problem> {
    let no = no.parse().map(EndpointNo).map_err(|_| Problem::NotFound)?;
    let dead = office.courier.statuses().into_iter().find(|status| status.no == no).map(|status| status.dead);
    match dead {
        Some(dead) if office.courier.again(no).await => Ok(Json(json!({ "webhook": no.0, "retried": dead }))),
        _ => Err(Problem::NotFound),
    }
}
