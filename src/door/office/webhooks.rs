//! Who hears of orders and sales, how far they have got, and what could not be delivered.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Here;
use super::problem::Problem;
use super::reading::{read, unreadable};
use crate::clock::WallTime;
use crate::door::extract::Named;
use crate::door::openapi::words::MessageWord;
use crate::door::views::as_text_if_any;
use crate::ledger::post::Fate;
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::ledger::{Delivery, EndpointNo};
use crate::messages::{EndpointStatus, message};

/// Dead letters that are shown of each webhook: whoever has more has one reason for all of them.
const DEAD_LETTERS_SHOWN: usize = 100;

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub(in crate::door) struct WebhooksView {
    webhooks: Vec<WebhookView>,
}

/// Somebody who is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(in crate::door) struct WebhookView {
    /// Its number.
    webhook: i64,
    /// Where its messages go, without the path, which is often a secret.
    target: String,
    /// What it wants to be told of; none named: everything.
    #[schema(value_type = Vec<MessageWord>)]
    kinds: Vec<&'static str>,
    state: WebhookState,
    /// Since when it wants no messages.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    disabled_at: Option<WallTime>,
    /// Why it is disabled.
    #[schema(required)]
    why: Option<String>,
    /// All events up to here are delivered, or remembered one by one.
    cursor: i64,
    /// Events that it hasn't been asked about yet.
    lag: i64,
    /// Messages in flight, due, or waiting to be tried again.
    pending: usize,
    /// Whether the log has to wait, because so many wait to be tried again.
    is_full: bool,
    /// Messages delivered since the start.
    delivered: u64,
    /// Tries since the start that failed and were followed by another.
    retried: u64,
    /// Messages that nobody tries any more.
    dead: u64,
    /// The oldest of them.
    dead_letters: Vec<LetterView>,
}

/// Whether a webhook is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::door) enum WebhookState {
    Enabled,
    /// It answered 410.
    Disabled,
}

/// A message that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(in crate::door) struct LetterView {
    /// What `webhook-id` said.
    #[schema(required)]
    id: Option<String>,
    /// Its event's number in the log.
    seq: i64,
    /// How often it was tried.
    attempts: u32,
    /// When it was given up.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    dead_at: Option<WallTime>,
    /// What the last try ended with.
    #[schema(required)]
    last_error: Option<String>,
}

/// How many dead letters are tried again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retried)]
pub(in crate::door) struct RetriedView {
    webhook: i64,
    retried: u64,
}

/// `GET /v1/admin/webhooks`
pub(super) async fn list(State(office): Here) -> Result<Json<WebhooksView>, Problem> {
    let statuses = office.courier.statuses();
    if statuses.is_empty() {
        return Ok(Json(WebhooksView { webhooks: Vec::new() }));
    }
    let events = i64::try_from(office.funnel.ledger.health().events).unwrap_or(i64::MAX);
    let webhooks = read(&office, move |reader, asked| {
        let mut webhooks = Vec::new();
        for status in statuses {
            asked.check()?;
            webhooks.push(view(reader, status, events).map_err(unreadable)?);
        }
        Ok(webhooks)
    });
    Ok(Json(WebhooksView { webhooks: webhooks.await? }))
}

fn view(reader: &LedgerReader, status: EndpointStatus, events: i64) -> Result<WebhookView, ReadFault> {
    let dead = reader.deliveries(status.no, Fate::Dead, 0, DEAD_LETTERS_SHOWN)?;
    let dead_letters = dead.into_iter().map(|letter| letter_view(reader, letter)).collect::<Result<_, _>>()?;
    let (disabled_at, why) = status.disabled.unzip();
    Ok(WebhookView {
        webhook: status.no.0,
        target: status.target.to_string(),
        kinds: status.kinds.iter().map(|kind| kind.word()).collect(),
        state: if disabled_at.is_some() { WebhookState::Disabled } else { WebhookState::Enabled },
        disabled_at,
        why,
        cursor: status.cursor,
        lag: events.saturating_sub(status.read).max(0),
        pending: status.pending,
        is_full: status.is_full,
        delivered: status.delivered,
        retried: status.retried,
        dead: status.dead,
        dead_letters,
    })
}

fn letter_view(reader: &LedgerReader, letter: Delivery) -> Result<LetterView, ReadFault> {
    let id = reader.link(letter.seq)?.map(|link| message::id(letter.seq, &link));
    let Delivery { seq, attempts, dead_at, last_error, .. } = letter;
    Ok(LetterView { id, seq, attempts, dead_at, last_error })
}

/// `POST /v1/admin/webhooks/{no}/retry`
pub(super) async fn retry(State(office): Here, Named(no): Named<String>) -> Result<Json<RetriedView>, Problem> {
    let no = no.parse().map(EndpointNo).map_err(|_| Problem::NotFound)?;
    let dead = office.courier.statuses().into_iter().find(|status| status.no == no).map(|status| status.dead);
    match dead {
        Some(dead) if office.courier.again(no).await => Ok(Json(RetriedView { webhook: no.0, retried: dead })),
        _ => Err(Problem::NotFound),
    }
}
