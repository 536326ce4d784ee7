//! I9: do the counters in memory say what the log says?
//!
//! Both move while a sale is on, so they are compared as of a moment at which nothing was on its way between them: no
//! place in the ledger's queue was taken before and after the counters were read, the log's head was the same both times,
//! and the keeper was at rest.

use std::time::{Duration, Instant};

use super::Office;
use super::problem::Problem;
use crate::ids::ItemNo;
use crate::keeper::Units;
use crate::ledger::audit::{self, AuditFault, AuditReport, Invariant, ItemTotals, Violation};
use crate::ledger::read::LedgerReader;

/// How long to look for a quiet moment. A sale that never pauses for breath that long is proven without I9, and the
/// report says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// How many quiet moments have to agree that something is wrong.
const LOOKS: u32 = 3;

/// What memory says of every item, at a head of the log.
struct Still {
    head: u64,
    items: Vec<(ItemNo, Units)>,
}

/// Audits the ledger, and compares memory with it.
pub(super) fn prove(office: &Office, reader: &LedgerReader) -> Result<AuditReport, Problem> {
    let mut report = audit::audit(reader, None::<std::io::Empty>).map_err(internal)?;
    // Who looks while a taker gathers units from several counters misses those in his hand: what is wrong stays wrong.
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let Some(still) = still_moment(office) else {
            tracing::warn!("memory was not compared with the ledger: it was never quiet");
            return Ok(report);
        };
        found = compare(&still, reader, &report)?;
        if found.is_empty() {
            break;
        }
    }
    found.into_iter().for_each(|violation| report.add(violation));
    Ok(report)
}

/// Where memory, as it was at that moment, differs from the log up to there.
fn compare(still: &Still, reader: &LedgerReader, report: &AuditReport) -> Result<Vec<Violation>, Problem> {
    let head = i64::try_from(still.head).unwrap_or(i64::MAX);
    let totals = if report.head_seq == head {
        report.items.clone()
    } else {
        audit::totals_at(reader, head).map_err(internal)?
    };
    let disagreements = still.items.iter().filter_map(|(item, units)| {
        let what = disagreement(*units, totals.iter().find(|totals| totals.item == *item))?;
        Some(Violation { invariant: Invariant::I9, seq: Some(head), what })
    });
    Ok(disagreements.collect())
}

fn internal(fault: AuditFault) -> Problem {
    tracing::error!(%fault, "the ledger could not be audited");
    Problem::Internal
}

fn still_moment(office: &Office) -> Option<Still> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let still = office.keeper.between_changes(|| {
            let before = office.funnel.ledger.health();
            let numbers = (0..office.funnel.sales.next_item().0).map(ItemNo);
            let items = numbers.filter_map(|no| office.funnel.sales.item(no));
            let items = items.map(|item| (item.no(), office.keeper.units(item))).collect();
            let after = office.funnel.ledger.health();
            let is_still = before.underway == 0 && after.underway == 0 && before.events == after.events;
            is_still.then_some(Still { head: after.events, items })
        });
        if still.is_some() {
            return still;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    None
}

fn disagreement(memory: Units, log: Option<&ItemTotals>) -> Option<String> {
    let Some(log) = log else { return Some("memory has an item that the log doesn't know".into()) };
    let agrees = i64::from(memory.stock) == log.stock
        && i64::from(memory.remaining) == log.available
        && i64::from(memory.held) == log.held;
    let ItemTotals { sale, sku, stock, available, held, .. } = log;
    (!agrees).then(|| {
        format!(
            "{sale}/{sku}: memory says stock {}, available {}, held {}; the log says {stock}, {available}, {held}",
            memory.stock, memory.remaining, memory.held
        )
    })
}
