//! A run in the terminal.

use std::fmt::Write as _;

use super::{Cpu, HttpReport, Latency};
use crate::bench::http::ramp::Ramp;
use crate::rig::words::{bar, grouped, question, span};

/// What people read when it is over.
#[must_use]
pub fn summary(report: &HttpReport) -> String {
    let mut text = String::new();
    // Writing into a string never fails, here and below.
    let _ = writeln!(
        text,
        "\n{} attempts in {:.2} s: {} a second, {} loop, {} connections\n",
        grouped(report.outcomes.attempts),
        report.took_s,
        grouped(report.rate_per_s.round() as u64),
        report.run.kind,
        report.run.connections
    );
    funnel(&mut text, report);
    latencies(&mut text, report);
    costs(&mut text, report);
    if let Some(ramp) = &report.ramp {
        climb(&mut text, ramp);
    }
    verdict(&mut text, report);
    if report.origin.doorbuster.profile != "release" {
        text.push_str("\nA debug build: these figures say nothing. Measure with `cargo run --release`.\n");
    }
    text
}

fn funnel(text: &mut String, report: &HttpReport) {
    let outcomes = &report.outcomes;
    let mut line = |name: &str, count: u64, what: &str| {
        let bar = bar(count, outcomes.attempts);
        let _ = writeln!(text, "  {name:<10}{:>13}  {bar:<38}{what}", grouped(count));
    };
    line("came", outcomes.attempts, "");
    for (layer, count) in &outcomes.layers {
        if *count > 0 {
            line(layer.word(), *count, question(*layer));
        }
    }
    line("won", outcomes.won, "");
    for (name, count) in [("failed", outcomes.failed), ("gave up", outcomes.abandoned), ("never sent", outcomes.unsent)]
    {
        if count > 0 {
            line(name, count, "");
        }
    }
    let codes: Vec<_> = outcomes.refusals.iter().chain(&outcomes.failures).collect();
    let said: Vec<_> = codes.iter().map(|(code, count)| format!("{code} {}", grouped(**count))).collect();
    let _ = writeln!(text, "  said: {}", if said.is_empty() { "no to nobody".into() } else { said.join(" · ") });
    if outcomes.won_by_bots > 0 {
        let share = 100.0 * outcomes.won_by_bots as f64 / outcomes.won.max(1) as f64;
        let _ = writeln!(text, "  bots got {} of them: {share:.0} %", grouped(outcomes.won_by_bots));
    }
    if report.run.listeners > 0 {
        let [listeners, frames, lost] =
            [report.run.listeners as u64, outcomes.frames_heard, outcomes.streams_lost].map(grouped);
        let _ = writeln!(text, "  {listeners} looked on and heard {frames} frames; {lost} streams were lost");
    }
    if report.run.slow > 0 {
        let [slow, cut_off] = [report.run.slow as u64, outcomes.slow_cut_off].map(grouped);
        let _ = writeln!(text, "  {slow} kept the shop waiting, and were hung up on {cut_off} times");
    }
    text.push('\n');
}

fn latencies(text: &mut String, report: &HttpReport) {
    let _ = writeln!(text, "  {:<10}{:>11}{:>11}{:>11}{:>11}{:>11}", "", "p50", "p90", "p99", "p99.9", "max");
    let mut line = |name: &str, of: &Latency| {
        if of.count > 0 {
            let [p50, p90, p99, p99_9, max] = [of.p50, of.p90, of.p99, of.p99_9, of.max].map(span);
            let _ = writeln!(text, "  {name:<10}{p50:>11}{p90:>11}{p99:>11}{p99_9:>11}{max:>11}");
        }
    };
    line("answers", &report.latency_us);
    line("won", &report.won_latency_us);
    let since = match report.latency_us.since {
        "intended" => "since each attempt was due, so that who had to wait to be sent has waited",
        _ => "since each attempt was sent; only an open loop (--rate) tells what buyers wait",
    };
    let _ = writeln!(text, "  {since}\n");
}

fn costs(text: &mut String, report: &HttpReport) {
    let Cpu { server, client } = report.cpu_us_per_attempt;
    let one = |name: &str, us: Option<f64>, cores: Option<f64>| match (us, cores) {
        (Some(us), Some(cores)) => format!("{name} {us:.1} µs ({cores:.2} cores)"),
        _ => format!("{name} not known"),
    };
    let (of_server, of_client) =
        (one("server", server, report.cores.server), one("clients", client, report.cores.client));
    let _ = writeln!(text, "  CPU for each attempt: {of_server}, {of_client}");
    let _ = writeln!(
        text,
        "  kernel meanwhile: {} retransmissions, {} listen overflows, {} listen drops (whole machine)",
        report.network.retransmissions, report.network.listen_overflows, report.network.listen_drops
    );
    let machine = &report.origin.machine;
    let _ = writeln!(
        text,
        "  {} × {}, {}, commit {}",
        machine.cores, machine.cpu, machine.kernel, report.origin.doorbuster.commit
    );
}

fn climb(text: &mut String, ramp: &Ramp) {
    let limit = span(ramp.p99_limit_us);
    let _ = writeln!(
        text,
        "\n  The highest rate with a p99 of at most {limit}: {} a second",
        grouped(ramp.held_per_s as u64)
    );
    match &ramp.broke {
        Some(why) => _ = writeln!(text, "  beyond it: {why}"),
        None => text.push_str("  nothing broke\n"),
    }
    let _ = writeln!(text, "  this machine serves the tier {}", ramp.tier);
}

fn verdict(text: &mut String, report: &HttpReport) {
    match &report.verdict {
        Some(of) if report.is_ok() => {
            let _ = writeln!(
                text,
                "\n  KEPT: oversold 0, duplicates 0, lost 0, undersold 0; {} acknowledged orders are all in the ledger, {} in it",
                grouped(of.acknowledged),
                grouped(of.audit.orders)
            );
        }
        Some(of) => {
            let _ = writeln!(
                text,
                "\n  BROKEN: oversold {}, duplicates {}, lost {}, undersold {}. These figures are worth nothing.\n{}",
                of.oversold, of.duplicates, of.lost, of.undersold, of.audit
            );
        }
        None => text.push_str("\n  NOT CHECKED: the ledger of another server; name its --data-dir, and it will be\n"),
    }
    match report.funnel_agrees {
        Some(true) => text.push_str("  the server's own funnel says the same as the clients\n"),
        Some(false) => text.push_str("  BROKEN: the server's own funnel says something else than the clients\n"),
        None => {}
    }
}
