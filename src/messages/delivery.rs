//! One try to deliver one message.
//!
//! **Invariant:** a status of 2xx is a delivery and 410 the end, whatever the body says or doesn't; all else is tried
//! again. No more of an answer is read than [`ANSWER_BYTES_MAX`], and nothing of it is shown.

use std::error::Error as _;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};

use super::endpoint::Endpoint;
use super::message::Message;
use crate::clock::WallTime;
use crate::orders::signature::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// So much of an answer is read, that its connection can be used again; of more, the connection is closed.
const ANSWER_BYTES_MAX: usize = 4096;

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is there.
    Delivered,
    /// The endpoint is gone and wants no more messages.
    Gone,
    /// It may be there and may not be: to be tried again.
    Failed(String),
}

/// Tries to deliver a message now.
pub(super) async fn deliver(endpoint: &Endpoint, message: &Message, now: WallTime) -> Verdict {
    let signed = sign(&message.id, &message.body, now, &endpoint.terms.keys);
    let request = endpoint
        .client
        .post(endpoint.url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header(ID_HEADER, message.id.as_str())
        .header(TIMESTAMP_HEADER, signed.timestamp)
        .header(SIGNATURE_HEADER, signed.signature)
        .body(message.body.clone());
    match request.send().await {
        Ok(answer) => {
            let verdict = judge(answer.status());
            drain(answer).await;
            verdict
        }
        Err(error) => Verdict::Failed(describe(error)),
    }
}

fn judge(status: StatusCode) -> Verdict {
    match status {
        StatusCode::GONE => Verdict::Gone,
        _ if status.is_success() => Verdict::Delivered,
        _ if status.is_redirection() => {
            Verdict::Failed(format!("answered {}: redirects are not followed", status.as_u16()))
        }
        _ => Verdict::Failed(format!("answered {}", status.as_u16())),
    }
}

/// Reads the rest of a short answer. One that is long, slow or broken costs its connection.
async fn drain(mut answer: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}

/// What went wrong, down to its cause; without the URL, which is often secret.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}
