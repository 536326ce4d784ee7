//! What is left when everybody has gone: what the ledger proves of itself, what is behind it, and what it says of each order.

use std::io::Cursor;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::asking::request;
use super::checker::{Objection, Rule};
use super::client::Client;
use super::history::{Final, Heard, Operation, Want};
use super::line::Line;
use crate::funnel::Layer;
use crate::ledger::audit::audit;
use crate::ledger::orders::{First, OrderFilter, stretches};
use crate::ledger::read::LedgerReader;
use crate::postgres::compare;
use crate::rig::child::Child;

/// A PostgreSQL that is well answers sooner.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(10);

/// The ledger's own proof, with every order that somebody was told of.
pub(super) fn audited(dir: &Path, operations: &[Operation]) -> anyhow::Result<Vec<Objection>> {
    let mut acks = String::new();
    for operation in operations {
        if let (Want::Buy { .. }, Heard::Yes { order: Some(order), .. }) = (&operation.want, &operation.heard) {
            acks.push_str(&format!("{order}\n"));
        }
    }
    let report = audit(&LedgerReader::open(&Child::data(dir))?, Some(Cursor::new(acks)))?;
    let violations = report.violations().iter();
    Ok(violations.map(|of| Objection { rule: Rule::Audit, what: format!("{of:?}") }).collect())
}

/// Whether a server that is still there, and whom nobody asks any more, remembers what its ledger says (I9), and has counted
/// everybody who came.
pub(super) fn remembered(office: SocketAddr) -> anyhow::Result<Vec<Objection>> {
    let mut client = Client::new(office);
    let mut look = |path: &str| {
        client.ask(&request("GET", path, &[], ""), None);
        client.json().filter(|of| of["status"].is_null()).with_context(|| format!("the office doesn't answer {path}"))
    };
    let (audit, funnel) = (look("/v1/admin/audit")?, look("/v1/admin/funnel")?);
    let mut objections = Vec::new();
    let mut object = |what| objections.push(Objection { rule: Rule::Memory, what });
    if audit["ok"] != true {
        object(audit["violations"].to_string());
    }
    let refused = Layer::ALL.iter().filter_map(|layer| funnel["refused"][layer.word()].as_u64());
    let counted: u64 =
        refused.chain([&funnel["won"], &funnel["replayed"]].map(Value::as_u64).into_iter().flatten()).sum();
    if funnel["attempts"] != counted {
        object(format!("the funnel doesn't add up to {counted}: {funnel}"));
    }
    Ok(objections)
}

/// Whether PostgreSQL has what the ledger has.
pub(super) fn compared(dir: &Path, line: &Line, round: u32) -> anyhow::Result<Option<Objection>> {
    let reader = LedgerReader::open(&Child::data(dir))?;
    let comparison = compare(&reader, (&line.target()?, &line.node(round)?), POSTGRES_PATIENCE)?;
    let difference = comparison.difference;
    Ok(difference.map(|what| Objection { rule: Rule::Postgres, what }))
}

/// Every order, as it stands at the end.
pub(super) fn finals(dir: &Path) -> anyhow::Result<Vec<Final>> {
    let reader = LedgerReader::open(&Child::data(dir))?;
    let head = reader.head()?;
    let mut finals = Vec::new();
    for stretch in stretches(1, head.seq, First::Oldest) {
        for order in reader.orders(&OrderFilter::default(), stretch, First::Oldest, u32::MAX)? {
            finals.push(Final {
                order: order.id,
                buyer: order.buyer.as_str().into(),
                key: order.key.map_or_else(String::new, |key| key.as_str().into()),
                units: order.quantity.units(),
                state: order.state,
            });
        }
    }
    Ok(finals)
}
