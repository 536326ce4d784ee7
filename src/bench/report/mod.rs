//! What is said of a run: for people at a terminal, for programs, and as a page to show around.
//!
//! `README.md` beside this file documents the JSON. **Invariant:** all of them say the same; no figure without the machine,
//! the build and the command that it came from.

mod beside;
mod compare;
mod hgrm;
mod html;
mod origin;
mod page;
mod percentiles;
mod plot;
mod text;
mod threshold;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::http::HttpTerms;
use super::http::crowd::Behaviour;
use super::http::machine::NetworkTroubles;
use super::http::ramp::Ramp;
use crate::funnel::Layer;
use crate::rig::judge::Verdict;

pub use self::beside::{Beside, Line, beside_page};
pub use self::compare::compare;
#[cfg(any(test, feature = "torture"))]
pub(crate) use self::compare::fuzzed;
pub use self::hgrm::percentiles_text;
pub use self::html::page;
pub use self::origin::{Origin, Program};
pub use self::percentiles::Unit;
pub use self::text::summary;
pub use self::threshold::{Threshold, ThresholdError};

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct RunTerms {
    /// `closed`: a connection asks again when it has its answer; `open`: attempts come when they are due.
    #[serde(rename = "loop")]
    pub kind: &'static str,
    /// Attempts a second in an open loop.
    pub rate_per_s: Option<f64>,
    /// For how long.
    pub seconds: f64,
    /// How people behave.
    pub crowd: Behaviour,
    /// How many there are.
    pub buyers: u64,
    /// Units that there are; of another server unknown.
    pub stock: Option<u32>,
    /// Units that each may have.
    pub limit_per_buyer: u32,
    /// Units in each attempt.
    pub quantity: u32,
    /// `header` or `pass`.
    pub identity: &'static str,
    /// When a buyer is told yes; of another server unknown.
    pub ack: Option<&'static str>,
    /// The server's worker threads, 0: one for each core; of another server unknown.
    pub server_threads: Option<u16>,
    /// Client threads.
    pub threads: usize,
    /// Connections of all of them.
    pub connections: usize,
    /// Event streams that were open beside.
    pub listeners: usize,
    /// Connections that kept the server waiting.
    pub slow: usize,
    /// Another server's address.
    pub target: Option<String>,
}

impl RunTerms {
    pub(super) fn of(terms: &HttpTerms, is_closed: bool) -> Self {
        let is_ours = terms.target.is_none();
        Self {
            kind: if is_closed { "closed" } else { "open" },
            rate_per_s: terms.rate,
            seconds: terms.seconds.as_secs_f64(),
            crowd: terms.crowd,
            buyers: terms.buyers,
            stock: is_ours.then_some(terms.stock),
            limit_per_buyer: terms.limit_per_buyer,
            quantity: terms.quantity,
            identity: terms.proof.word(),
            ack: is_ours.then(|| terms.ack.word()),
            server_threads: is_ours.then_some(terms.server_threads),
            threads: terms.threads.get(),
            connections: terms.connections.get(),
            listeners: terms.listeners,
            slow: terms.slow,
            target: terms.target.as_ref().map(|target| target.shop.to_string()),
        }
    }
}

/// What the clients were told, counted.
#[derive(Debug, Clone, Serialize)]
pub struct Outcomes {
    /// Attempts that were made.
    pub attempts: u64,
    /// A yes.
    pub won: u64,
    /// The correct no.
    pub sold_out: u64,
    /// Too many, too fast.
    pub limited: u64,
    /// Any other no.
    pub refused: u64,
    /// Faults, and answers that never came.
    pub failed: u64,
    /// Given up by the client itself.
    pub abandoned: u64,
    /// Attempts that were due in an open loop and never made, because the answers before them didn't come.
    pub unsent: u64,
    /// Of the won: those of bots.
    pub won_by_bots: u64,
    /// What those heard who only looked.
    pub frames_heard: u64,
    /// Event streams that the server ended.
    pub streams_lost: u64,
    /// How often the server hung up on somebody who kept it waiting.
    pub slow_cut_off: u64,
    /// All noes, by their code.
    pub refusals: BTreeMap<String, u64>,
    /// All faults, by their code or what went wrong on the wire.
    pub failures: BTreeMap<String, u64>,
    /// All noes, by the floor that said them, from the door down.
    #[serde(serialize_with = "by_word")]
    pub layers: Vec<(Layer, u64)>,
}

/// Of the server and of the clients.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cpu {
    /// User and system time; none of another server.
    pub server: Option<f64>,
    /// The same of the clients.
    pub client: Option<f64>,
}

/// How long answers took, in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    /// `intended`: since the attempt was due; `sent`: since it was sent.
    pub since: &'static str,
    /// How many there are.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Half of them took no longer.
    pub p50: u64,
    /// Of a hundred, 90.
    pub p90: u64,
    /// Of a hundred, 99.
    pub p99: u64,
    /// Of a thousand, 999.
    pub p99_9: u64,
    /// The longest.
    pub max: u64,
    /// All of them.
    #[serde(skip)]
    pub histogram: Histogram<u64>,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>, is_closed: bool) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            since: if is_closed { "sent" } else { "intended" },
            count: histogram.len(),
            mean: histogram.mean(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: histogram.max(),
            histogram: histogram.clone(),
        }
    }
}

/// Endings in one span of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Since the beginning.
    pub at_ms: u64,
    /// As in [`Outcomes`].
    pub won: u64,
    /// The same.
    pub sold_out: u64,
    /// The same.
    pub limited: u64,
    /// The same.
    pub refused: u64,
    /// The same.
    pub failed: u64,
    /// The same.
    pub abandoned: u64,
}

/// All that is said of a run.
#[derive(Debug, Clone, Serialize)]
pub struct HttpReport {
    /// What measured, and was measured where the server was its own; when and where.
    #[serde(flatten)]
    pub origin: Origin,
    /// What was asked for.
    pub run: RunTerms,
    /// From the first attempt to the last answer.
    pub took_s: f64,
    /// Attempts a second.
    pub rate_per_s: f64,
    /// What the clients were told.
    pub outcomes: Outcomes,
    /// Of all answers.
    pub latency_us: Latency,
    /// Of those that were a yes.
    pub won_latency_us: Latency,
    /// CPU time of an attempt, in microseconds.
    pub cpu_us_per_attempt: Cpu,
    /// How many cores that is.
    pub cores: Cpu,
    /// What the kernel had to complain of meanwhile, on the whole machine.
    pub network: NetworkTroubles,
    /// The server's own funnel.
    pub funnel: Option<Value>,
    /// Whether it says what the clients were told; none where it can't be asked.
    pub funnel_agrees: Option<bool>,
    /// The ledger's word; none where it can't be read.
    pub verdict: Option<Verdict>,
    /// How it went, by tenths of a second.
    pub series: Vec<Moment>,
    /// The climb, where there was one.
    pub ramp: Option<Ramp>,
}

impl HttpReport {
    /// Whether every promise was kept, as far as could be seen.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict.as_ref().is_none_or(Verdict::is_ok) && self.funnel_agrees != Some(false)
    }

    /// The figures that a threshold may name.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let Self { outcomes, latency_us, verdict, .. } = self;
        let mut figures = vec![
            ("rate", self.rate_per_s),
            ("attempts", outcomes.attempts as f64),
            ("won", outcomes.won as f64),
            ("sold_out", outcomes.sold_out as f64),
            ("limited", outcomes.limited as f64),
            ("refused", outcomes.refused as f64),
            ("failed", (outcomes.failed + outcomes.unsent) as f64),
            ("p50", latency_us.p50 as f64),
            ("p90", latency_us.p90 as f64),
            ("p99", latency_us.p99 as f64),
            ("p99.9", latency_us.p99_9 as f64),
            ("max", latency_us.max as f64),
            ("server_cpu", self.cpu_us_per_attempt.server.unwrap_or(f64::NAN)),
            ("client_cpu", self.cpu_us_per_attempt.client.unwrap_or(f64::NAN)),
            ("held", self.ramp.as_ref().map_or(f64::NAN, |ramp| ramp.held_per_s)),
        ];
        let counts = verdict.as_ref().map(|of| [of.oversold, of.duplicates, of.lost, of.undersold]);
        for (at, name) in ["oversold", "duplicates", "lost", "undersold"].into_iter().enumerate() {
            figures.push((name, counts.map_or(f64::NAN, |counts| counts[at] as f64)));
        }
        figures
    }
}

fn by_word<S: Serializer>(layers: &[(Layer, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(layers.iter().map(|(layer, count)| (layer.word(), count)))
}
