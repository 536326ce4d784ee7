//! The server's own funnel, beside what the clients were told.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use super::told::{Ending, Told};
use crate::funnel::Layer;
use crate::rig::answer::Answer;
use crate::rig::child::Child;

/// Until nothing is in flight any more. What takes longer is a finding.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(20);

/// Both sides, and whether they say the same.
#[derive(Debug)]
pub(in crate::bench) struct Agreement {
    pub(in crate::bench) server: Option<Value>,
    /// None where there was nothing to compare.
    pub(in crate::bench) agrees: Option<bool>,
}

impl Agreement {
    /// Compares. Attempts whose answers nobody has read may have come to anything, those of `slow` clients too.
    pub(super) fn between(told: &Told, slow: u64, server: Option<Value>) -> Self {
        let Some(funnel) = server else { return Self { server: None, agrees: None } };
        let is_near = |ours: u64, theirs: &Value| {
            theirs.as_u64().is_some_and(|theirs| (ours..=ours + told.unheard() + slow).contains(&theirs))
        };
        let answered = told.attempts() - told.unheard();
        let layers = Layer::ALL.iter().zip(told.layers);
        let agrees = is_near(answered, &funnel["attempts"])
            && is_near(told.count(Ending::Won), &funnel["won"])
            && layers.into_iter().all(|(layer, count)| is_near(count, &funnel["refused"][layer.word()]));
        Self { server: Some(funnel), agrees: Some(agrees) }
    }
}

/// The funnel, once nothing is in flight: all that was won is stored.
pub(super) fn settled(child: &Child, acknowledged: usize) -> anyhow::Result<Value> {
    let office = child.office_address()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let funnel: Value = serde_json::from_slice(&get(office, "/v1/admin/funnel")?)?;
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let refused: u64 = funnel["refused"].as_object().into_iter().flatten().map(|(_, count)| number(count)).sum();
        let ended = refused + number(&funnel["won"]) + number(&funnel["replayed"]);
        let is_still = ended == number(&funnel["attempts"])
            && funnel["stored"] == funnel["won"]
            && number(&funnel["won"]) >= acknowledged as u64;
        if is_still || Instant::now() >= deadline {
            return Ok(funnel);
        }
        thread::sleep(AGAIN);
    }
}

fn get(office: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(office)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {office}\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let answer = Answer::read(&bytes)?.context("the office hung up")?;
    anyhow::ensure!(answer.status == 200, "the office says {}", answer.status);
    Ok(answer.body.to_vec())
}
