//! A crowd at the door: the real server, over HTTP.
//!
//! The server is this very program in a process of its own, or one that runs already; the clients only know its socket.
//! Afterwards the ledger is held against what the clients were told: a figure of a shop that broke a promise is none.
//!
//! **Invariant:** a correct no is no error: won, sold out, limited, refused and failed are told apart everywhere.

mod aside;
mod bystanders;
mod caller;
pub mod crowd;
mod funnel;
mod listeners;
pub mod machine;
pub mod ramp;
mod request;
mod run;
mod schedule;
mod server;
mod slow;
mod told;

#[cfg(all(test, not(doorbuster_loom)))]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use self::bystanders::Bystanders;
use self::caller::{Board, Plan};
use self::crowd::{Behaviour, Crowd};
use self::funnel::Agreement;
use self::request::Request;
use self::run::{Course, Ran};
use self::schedule::Pace;
use self::server::Server;
use self::told::{Endings, Told};
use super::report::{Cpu, HttpReport, Latency, Moment, Origin, Outcomes, RunTerms};
use crate::funnel::Layer;
use crate::ids::{SaleId, Sku};
use crate::order::Ack;
use crate::rig::child::Child;
use crate::rig::judge::Verdict;

/// The sale of a server of our own.
pub const SALE: &str = "launch";
/// What is sold there.
pub const SKU: &str = "sneaker-42";
/// In this span everybody comes, when the bell rings.
const BELL: Duration = Duration::from_millis(100);
/// For a connection on this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// How buyers show who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Proof {
    /// A gateway says it in a header: `buyer-id`
    Header,
    /// By a pass, as the page has it
    Pass,
}

impl Proof {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Pass => "pass",
        }
    }
}

/// Somebody else's server.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub shop: SocketAddr,
    /// What is wanted there.
    pub sale: SaleId,
    /// Of this item.
    pub sku: Sku,
}

impl Target {
    /// Reads `http://HOST:PORT`. Only this machine is a target: whoever measures another one asks its owner first, and uses
    /// a tool that is made for it.
    ///
    /// # Errors
    /// In words that say what would be right.
    pub fn parse(url: &str) -> Result<SocketAddr, String> {
        let right = "must be a server on this machine: http://127.0.0.1:8080";
        let place = url.strip_prefix("http://").map(|place| place.trim_end_matches('/'));
        let addresses = place.and_then(|place| place.to_socket_addrs().ok());
        match addresses.and_then(|mut addresses| addresses.next()) {
            Some(address) if address.ip().is_loopback() => Ok(address),
            Some(address) => {
                Err(format!("{right}; {} is another one, and this would be an attack on it", address.ip()))
            }
            None => Err(right.to_owned()),
        }
    }
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct HttpTerms {
    /// For how long.
    pub seconds: Duration,
    /// Client threads.
    pub threads: NonZeroUsize,
    /// Connections of all of them.
    pub connections: NonZeroUsize,
    /// Attempts a second, whatever the answers do; none: as fast as the answers come.
    pub rate: Option<f64>,
    /// How people behave.
    pub crowd: Behaviour,
    /// How many different people there are.
    pub buyers: u64,
    /// Units that there are.
    pub stock: u32,
    /// Units that each of them may have.
    pub limit_per_buyer: u32,
    /// Units in each attempt.
    pub quantity: u32,
    /// Open event streams of people who only look.
    pub listeners: usize,
    /// Connections of people who keep the server waiting.
    pub slow: usize,
    /// How they show who they are.
    pub proof: Proof,
    /// What has happened before they are told yes.
    pub ack: Ack,
    /// The server's worker threads; 0: one for each core.
    pub server_threads: u16,
    /// Somebody else's server; none: one of our own.
    pub target: Option<Target>,
    /// Where its ledger lies; with a server of our own: on which disk.
    pub data_dir: Option<PathBuf>,
}

impl HttpTerms {
    fn sale(&self) -> &str {
        self.target.as_ref().map_or(SALE, |target| target.sale.as_str())
    }

    fn sku(&self) -> &str {
        self.target.as_ref().map_or(SKU, |target| target.sku.as_str())
    }
}

/// Now and then: how long it has been, and attempts, won, sold out, limited, refused, failed and given up.
pub type Look<'a> = dyn FnMut(Duration, [u64; 6]) + 'a;

/// Runs it, and judges it.
///
/// # Errors
/// Where the server doesn't start, or can't be reached.
pub fn measure(terms: &HttpTerms, look: &mut Look<'_>) -> anyhow::Result<HttpReport> {
    let server = Server::open(terms)?;
    let plan = plan(terms, &server)?;
    let pace = match (terms.crowd, terms.rate) {
        (Behaviour::Bell, _) => Pace::Burst { attempts: terms.buyers, within: BELL },
        (_, Some(per_s)) => Pace::Open { per_s },
        (_, None) => Pace::Closed,
    };
    let course = course(terms, &server, pace);
    let bystanders = Bystanders::open(terms, &plan)?;
    let ran = run::run(&plan, course, look)?;
    finish(terms, (server, bystanders), pace, ran)
}

/// Finds the highest rate that holds.
///
/// # Errors
/// As [`measure`].
pub fn climb(terms: &HttpTerms, ramp: ramp::RampTerms, look: &mut ramp::Look<'_>) -> anyhow::Result<HttpReport> {
    let server = Server::open(terms)?;
    let plan = plan(terms, &server)?;
    let bystanders = Bystanders::open(terms, &plan)?;
    let climbed = ramp::climb(&plan, course(terms, &server, Pace::Closed), ramp, look)?;
    let mut report = finish(terms, (server, bystanders), Pace::Open { per_s: climbed.held_per_s }, climbed.all)?;
    report.ramp = Some(climbed.ramp);
    Ok(report)
}

/// Everybody goes home, and the ledger is judged.
fn finish(
    terms: &HttpTerms,
    (mut server, bystanders): (Server, Bystanders),
    pace: Pace,
    ran: Ran,
) -> anyhow::Result<HttpReport> {
    let (heard, dawdled) = bystanders.close()?;
    let funnel = server.child.as_ref().map(|child| funnel::settled(child, ran.told.acks.len())).transpose()?;
    let agreement = Agreement::between(&ran.told, dawdled.made, funnel);
    let verdict = server.close(terms, &ran.told)?;
    let mut report = report(terms, pace, ran, agreement, verdict);
    (report.outcomes.frames_heard, report.outcomes.streams_lost) = (heard.frames, heard.lost);
    report.outcomes.slow_cut_off = dawdled.cut_off;
    Ok(report)
}

fn course(terms: &HttpTerms, server: &Server, pace: Pace) -> Course {
    Course {
        threads: terms.threads.get(),
        connections: terms.connections.get(),
        pace,
        last: terms.seconds,
        not_before: server.bell,
        first: 0,
        server: server.child.as_ref().map(Child::pid),
    }
}

fn plan(terms: &HttpTerms, server: &Server) -> anyhow::Result<Plan> {
    let crowd = Crowd { behaviour: terms.crowd, buyers: terms.buyers };
    let identity = server.identity(terms, crowd)?;
    let request = Request::new(server.shop, terms.sale(), terms.sku(), terms.quantity, identity);
    Ok(Plan { shop: server.shop, request, crowd, units: terms.quantity, board: Board::default() })
}

fn report(terms: &HttpTerms, pace: Pace, ran: Ran, agreement: Agreement, verdict: Option<Verdict>) -> HttpReport {
    let is_closed = matches!(pace, Pace::Closed);
    let attempts = ran.told.attempts().max(1) as f64;
    let per_attempt = |spent: Option<Duration>| spent.map(|spent| spent.as_secs_f64() * 1e6 / attempts);
    let cores = |spent: Option<Duration>| spent.map(|spent| spent.as_secs_f64() / ran.took.as_secs_f64().max(1e-9));
    HttpReport {
        origin: Origin::here(),
        run: RunTerms::of(terms, is_closed),
        took_s: ran.took.as_secs_f64(),
        rate_per_s: ran.rate_per_s(),
        latency_us: Latency::of(&ran.told.latency_us, is_closed),
        won_latency_us: Latency::of(&ran.told.won_latency_us, is_closed),
        cpu_us_per_attempt: Cpu { server: per_attempt(ran.server_cpu), client: per_attempt(ran.client_cpu) },
        cores: Cpu { server: cores(ran.server_cpu), client: cores(ran.client_cpu) },
        network: ran.troubles,
        funnel: agreement.server,
        funnel_agrees: agreement.agrees,
        verdict,
        series: (0..).zip(&ran.told.series).map(|(bin, endings)| moment(bin, endings)).collect(),
        outcomes: outcomes(ran.told),
        ramp: None,
    }
}

fn moment(bin: u32, endings: &Endings) -> Moment {
    let [won, sold_out, limited, refused, failed, abandoned] = *endings;
    // Runs last hours, not ages.
    let at_ms = u64::try_from((told::BIN * bin).as_millis()).unwrap_or(u64::MAX);
    Moment { at_ms, won, sold_out, limited, refused, failed, abandoned }
}

fn outcomes(told: Told) -> Outcomes {
    let [won, sold_out, limited, refused, failed, abandoned] = told.endings;
    Outcomes {
        attempts: told.attempts(),
        won,
        sold_out,
        limited,
        refused,
        failed,
        abandoned,
        unsent: told.unsent,
        won_by_bots: told.won_by_bots,
        frames_heard: 0,
        streams_lost: 0,
        slow_cut_off: 0,
        layers: Layer::ALL.into_iter().zip(told.layers).collect(),
        refusals: told.refused,
        failures: told.failed,
    }
}
