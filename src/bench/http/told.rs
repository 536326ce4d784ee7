//! What the clients were told, counted.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::crowd::{Crowd, Visitor};
use crate::funnel::Layer;
use crate::ids::OrderId;
use crate::rig::answer::Answer;
use crate::rig::judge::Acknowledged;

/// How finely the run is told over time.
pub(super) const BIN: Duration = Duration::from_millis(100);
/// Nothing that is waited for takes longer.
const LONGEST_US: u64 = 600_000_000;

/// How an attempt ended, as far as pictures and totals go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Won,
    SoldOut,
    Limited,
    /// Any other no.
    Refused,
    /// Answered by a fault, or not at all.
    Failed,
    /// Given up by the client itself.
    Abandoned,
}

impl Ending {
    pub(super) const ALL: [Self; 6] =
        [Self::Won, Self::SoldOut, Self::Limited, Self::Refused, Self::Failed, Self::Abandoned];
}

/// Counts by ending, in their order.
pub(super) type Endings = [u64; Ending::ALL.len()];

/// What a client heard so far.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) endings: Endings,
    /// Noes by their code, faults by code or by what went wrong on the wire.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) failed: BTreeMap<String, u64>,
    /// Noes by the floor that said them.
    pub(super) layers: [u64; Layer::ALL.len()],
    pub(super) latency_us: Histogram<u64>,
    pub(super) won_latency_us: Histogram<u64>,
    /// Endings in each tenth of a second.
    pub(super) series: Vec<Endings>,
    pub(super) acks: Vec<Acknowledged>,
    pub(super) won_by_bots: u64,
    /// Attempts that were due and never made, because the answers before them never came.
    pub(super) unsent: u64,
    /// Of the failed: those without any answer.
    unanswered: u64,
    /// The last refusal and what it meant: the server's words are mostly the same ones.
    last: (Vec<u8>, Option<Refusal>),
}

#[derive(Debug, Clone)]
struct Refusal {
    status: u16,
    ending: Ending,
    layer: Option<usize>,
    code: String,
}

impl Told {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            endings: Endings::default(),
            refused: BTreeMap::new(),
            failed: BTreeMap::new(),
            layers: [0; Layer::ALL.len()],
            latency_us: Histogram::new_with_max(LONGEST_US, 3)?,
            won_latency_us: Histogram::new_with_max(LONGEST_US, 3)?,
            series: Vec::new(),
            acks: Vec::new(),
            won_by_bots: 0,
            unsent: 0,
            unanswered: 0,
            last: (Vec::new(), None),
        })
    }

    pub(super) fn count(&self, ending: Ending) -> u64 {
        self.endings[ending as usize]
    }

    /// Attempts that were made.
    pub(super) fn attempts(&self) -> u64 {
        self.endings.iter().sum()
    }

    /// Attempts whose answer nobody has read.
    pub(super) fn unheard(&self) -> u64 {
        self.count(Ending::Abandoned) + self.unanswered
    }

    /// An answer came `after` the attempt was meant to be made, `at` this long after the beginning.
    pub(super) fn hear(
        &mut self,
        answer: &Answer<'_>,
        (crowd, visitor, units): (Crowd, Visitor, u32),
        after: Duration,
        at: Duration,
    ) {
        let us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.latency_us.saturating_record(us);
        if matches!(answer.status, 200..300)
            && let Some(order) = answer.text("order").and_then(|order| OrderId::parse(order).ok())
        {
            self.won_latency_us.saturating_record(us);
            self.acks.push(Acknowledged { buyer: visitor.buyer, order, units });
            self.won_by_bots += u64::from(crowd.is_bot(visitor.buyer));
            return self.end(Ending::Won, at);
        }
        let ending = self.refused(answer);
        self.end(ending, at);
    }

    /// No answer came.
    pub(super) fn fail(&mut self, why: &str, at: Duration) {
        add(&mut self.failed, why);
        self.unanswered += 1;
        self.end(Ending::Failed, at);
    }

    /// Nobody waited for the answer.
    pub(super) fn abandon(&mut self, at: Duration) {
        self.end(Ending::Abandoned, at);
    }

    fn refused(&mut self, answer: &Answer<'_>) -> Ending {
        let known = self.last.1.take().filter(|known| known.status == answer.status && self.last.0 == answer.body);
        let refusal = known.unwrap_or_else(|| {
            self.last.0.clear();
            self.last.0.extend_from_slice(answer.body);
            Refusal::of(answer)
        });
        if let Some(count) = refusal.layer.and_then(|layer| self.layers.get_mut(layer)) {
            *count += 1;
        }
        let ending = refusal.ending;
        match ending {
            Ending::Failed => add(&mut self.failed, &refusal.code),
            _ => add(&mut self.refused, &refusal.code),
        }
        self.last.1 = Some(refusal);
        ending
    }

    fn end(&mut self, ending: Ending, at: Duration) {
        self.endings[ending as usize] += 1;
        let bin = usize::try_from(at.as_micros() / BIN.as_micros()).unwrap_or(0);
        if self.series.len() <= bin {
            self.series.resize(bin + 1, Endings::default());
        }
        self.series[bin][ending as usize] += 1;
    }

    /// Adds what was heard in the run after this one.
    pub(super) fn then(&mut self, mut next: Self) -> anyhow::Result<()> {
        let series = std::mem::take(&mut next.series);
        self.add(next)?;
        self.series.extend(series);
        Ok(())
    }

    /// Adds what another client heard at the same time.
    pub(super) fn add(&mut self, other: Self) -> anyhow::Result<()> {
        sum(&mut self.endings, &other.endings);
        sum(&mut self.layers, &other.layers);
        for (ours, theirs) in [(&mut self.refused, other.refused), (&mut self.failed, other.failed)] {
            for (code, count) in theirs {
                *ours.entry(code).or_default() += count;
            }
        }
        self.latency_us.add(other.latency_us)?;
        self.won_latency_us.add(other.won_latency_us)?;
        if self.series.len() < other.series.len() {
            self.series.resize(other.series.len(), Endings::default());
        }
        for (ours, theirs) in self.series.iter_mut().zip(&other.series) {
            sum(ours, theirs);
        }
        self.acks.extend(other.acks);
        self.won_by_bots += other.won_by_bots;
        self.unsent += other.unsent;
        self.unanswered += other.unanswered;
        Ok(())
    }
}

impl Refusal {
    fn of(answer: &Answer<'_>) -> Self {
        let code = answer.text("code").map_or_else(|| answer.status.to_string(), str::to_owned);
        let ending = match (answer.status, code.as_str()) {
            (500.., _) | (..300, _) => Ending::Failed,
            (_, "sold_out") => Ending::SoldOut,
            (429, _) => Ending::Limited,
            _ => Ending::Refused,
        };
        let layer = answer.text("layer").and_then(|word| Layer::ALL.iter().position(|layer| layer.word() == word));
        Self { status: answer.status, ending, layer, code }
    }
}

/// Looks first, so that a known word is never copied.
fn add(counts: &mut BTreeMap<String, u64>, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => _ = counts.insert(word.to_owned(), 1),
    }
}

fn sum<const N: usize>(ours: &mut [u64; N], theirs: &[u64; N]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}
