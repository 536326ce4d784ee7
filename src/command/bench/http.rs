//! `doorbuster bench http`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::scratch::scratch;
use super::{held_against, write, write_json};
use crate::bench::http::crowd::Behaviour;
use crate::bench::http::ramp::{RampTerms, Step};
use crate::bench::http::{HttpTerms, SALE, SKU, Target, climb, measure};
use crate::bench::report::{HttpReport, page, percentiles_text, summary};
use crate::cli::bench::{HttpArgs, Promise};
use crate::command::{Exit, print};
use crate::ids::{SaleId, Sku};
use crate::order::Ack;
use crate::rig::words::{grouped, span};

/// Where a climb begins.
const RAMP_FROM_PER_S: f64 = 1_000.0;
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(2);

/// Measures, says what came of it, and writes it down where that was asked for: [`Exit::OK`], [`Exit::FAILURE`] where a
/// promise was broken, else [`Exit::MISSED`] where the threshold was.
///
/// # Errors
/// Where it can't be measured or written.
pub(super) fn run(args: &HttpArgs) -> Result<Exit, anyhow::Error> {
    let mut terms = terms(args)?;
    // A server of ours has a place of its own, which goes with it.
    let place = args.data_dir.as_deref().unwrap_or(Path::new("."));
    let scratch = if args.target.is_none() { Some(scratch(place)?) } else { None };
    if let Some(dir) = &scratch {
        terms.data_dir = Some(dir.path().to_owned());
    }
    let report = if args.ramp {
        let from_per_s = args.rate.unwrap_or(RAMP_FROM_PER_S);
        climb(&terms, RampTerms { from_per_s, p99_limit: args.p99_limit }, &mut tell_step)?
    } else {
        let mut progress = Progress { is_terminal: io::stderr().is_terminal(), told: Instant::now(), before: 0 };
        let report = measure(&terms, &mut |so_far, endings| progress.tell(so_far, endings))?;
        progress.clear();
        report
    };
    print(&summary(&report))?;
    if let Some(path) = &args.json {
        write_json(path, &report)?;
    }
    if let Some(path) = &args.html {
        write(path, &page(&report))?;
    }
    if let Some(path) = &args.hgrm {
        write(path, &percentiles_text(&report.latency_us.histogram))?;
    }
    verdict(args, &report)
}

fn verdict(args: &HttpArgs, report: &HttpReport) -> Result<Exit, anyhow::Error> {
    if !report.is_ok() {
        return Ok(Exit::FAILURE);
    }
    held_against(args.fail_if.as_ref(), &report.figures())
}

fn terms(args: &HttpArgs) -> Result<HttpTerms, anyhow::Error> {
    let buyers = args.buyers.unwrap_or(match args.crowd {
        Behaviour::Even | Behaviour::Bots | Behaviour::Abandon => 1_000_000,
        Behaviour::Hammer => 10_000,
        Behaviour::Bell => 100_000,
    });
    let target = match args.target {
        Some(shop) => Some(Target {
            shop,
            sale: args.sale.clone().map_or_else(|| SaleId::parse(SALE), Ok)?,
            sku: args.sku.clone().map_or_else(|| Sku::parse(SKU), Ok)?,
        }),
        None => None,
    };
    Ok(HttpTerms {
        seconds: args.seconds,
        threads: args.threads,
        connections: args.connections,
        rate: args.rate,
        crowd: args.crowd,
        buyers,
        stock: args.stock,
        limit_per_buyer: args.limit,
        quantity: args.quantity,
        listeners: args.listeners as usize,
        slow: args.slow as usize,
        proof: args.identity,
        ack: match args.ack {
            Promise::Memory => Ack::Memory,
            Promise::Disk => Ack::Disk,
        },
        server_threads: args.server_threads,
        target,
        data_dir: args.data_dir.clone(),
    })
}

/// How far it is, on stderr: one line that changes in a terminal, a line now and then in a pipe.
struct Progress {
    is_terminal: bool,
    told: Instant,
    before: u64,
}

impl Progress {
    /// Nothing of it stays in a terminal.
    fn clear(&self) {
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn tell(&mut self, so_far: Duration, [won, sold_out, limited, refused, failed, abandoned]: [u64; 6]) {
        let since = self.told.elapsed();
        if !self.is_terminal && since < LINE {
            return;
        }
        let all = won + sold_out + limited + refused + failed + abandoned;
        let rate = (all - self.before) as f64 / since.as_secs_f64().max(1e-9);
        (self.told, self.before) = (Instant::now(), all);
        let line = format!(
            "{:>5.1} s  {} a second · won {} · sold out {} · limited {} · refused {} · failed {}",
            so_far.as_secs_f64(),
            grouped(rate as u64),
            grouped(won),
            grouped(sold_out),
            grouped(limited),
            grouped(refused),
            grouped(failed)
        );
        let _ =
            if self.is_terminal { write!(io::stderr(), "\r\x1b[K{line}") } else { writeln!(io::stderr(), "{line}") };
    }
}

fn tell_step(step: &Step) {
    let outcome = step.broke.as_deref().unwrap_or("holds");
    let rate = grouped(step.rate_per_s as u64);
    let _ = writeln!(io::stderr(), "{rate:>12} a second: p99 {:>9}  {outcome}", span(step.p99_us));
}
