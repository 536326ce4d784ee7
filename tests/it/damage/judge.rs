//! Is a damaged ledger refused, or is nothing lost? Opened as `serve` opens it, by the same code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use doorbuster::clock::Clock;
use doorbuster::ids::{ItemNo, SaleNo};
use doorbuster::ledger::audit::{AuditReport, ItemTotals, audit};
use doorbuster::ledger::read::LedgerReader;
use doorbuster::ledger::row::Hash;
use doorbuster::ledger::{Event, LedgerSettings, OpenLedger, Outcome, Recovered, Settle, StoreKind};
use doorbuster::order::{Ack, Order};

use super::scene::Files;

/// What is found of a ledger that was damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// It is said to be damaged, nothing is sold from it, and its files are as they were.
    Refused,
    /// All that was in it, and it goes on.
    Whole,
    /// What it was at an earlier time, up to this event, and it goes on.
    Earlier(u64),
}

/// What is in the ledger that isn't damaged.
pub(crate) struct Truth {
    /// The links of its log, the first event's first.
    links: Vec<Hash>,
    items: Vec<ItemTotals>,
    /// All that a start reads back, in words.
    recovered: String,
}

/// Nobody listens.
struct Deaf;

impl Settle for Deaf {
    fn settled(&self, _: &Arc<Order>, _: Outcome) {}

    fn broken(&self, why: &str) {
        eprintln!("a damaged ledger broke: {why}");
    }
}

fn open(dir: &Path) -> Result<(OpenLedger, Recovered), (u8, String)> {
    let settings = LedgerSettings { data_dir: dir.into(), store: StoreKind::Sqlite, ack: Ack::Disk, queue_orders: 16 };
    OpenLedger::open(settings, Clock::system()).map_err(|fault| (fault.exit_code(), fault.to_string()))
}

fn proof(dir: &Path) -> Result<(LedgerReader, AuditReport), String> {
    let reader = LedgerReader::open(dir).map_err(|fault| format!("read: {fault}"))?;
    let report = audit(&reader, None::<std::io::Empty>).map_err(|fault| format!("audit: {fault}"))?;
    if report.is_ok() { Ok((reader, report)) } else { Err(format!("audit: {report}")) }
}

impl Truth {
    pub(crate) fn of(files: &Files, dir: &Path) -> Self {
        files.lay_out(dir);
        let (ledger, recovered) = open(dir).expect("a ledger that isn't damaged");
        drop(ledger);
        let (reader, report) = proof(dir).expect("a ledger that is in order");
        let mut links = Vec::new();
        reader.told(0, i64::MAX, usize::MAX, |told| links.push(told.link)).expect("the whole log");
        Self { links, items: report.items, recovered: format!("{recovered:?}") }
    }

    /// Opens the ledger that lies there, writes one more event, closes it and proves it. What was found, or what is wrong.
    pub(crate) fn judge(&self, dir: &Path) -> Result<Found, String> {
        let before = Files::of(dir);
        catch_unwind(AssertUnwindSafe(|| match open(dir) {
            Ok((ledger, recovered)) => self.go_on(dir, ledger, &recovered),
            Err((65, said)) if !said.contains("ledger") => Err(format!("it isn't said what is damaged: {said}")),
            Err((65, _)) if Files::of(dir) != before => Err("refused, and written to".into()),
            Err((65, _)) => Ok(Found::Refused),
            Err((code, said)) => Err(format!("refused with {code}: {said}")),
        }))
        .unwrap_or_else(|_| Err("a panic".into()))
    }

    fn go_on(&self, dir: &Path, ledger: OpenLedger, recovered: &Recovered) -> Result<Found, String> {
        let is_whole = recovered.events == self.links.len() as u64;
        if is_whole && format!("{recovered:?}") != self.recovered {
            return Err("it starts with something else".into());
        }
        let (ledger, mut writer) = ledger.by_hand(Box::new(Deaf));
        if !recovered.items.is_empty() {
            let more = Event::StockAdded { sale: SaleNo(0), item: ItemNo(0), units: 1 };
            let receipt = ledger.record(more).map_err(|refusal| format!("{refusal:?}"))?;
            while writer.turn() > 0 {}
            if !matches!(receipt.peek(), Some(Ok(_))) {
                return Err(format!("it starts and takes nothing: {:?}", receipt.peek()));
            }
        }
        writer.finish();
        let (reader, report) = proof(dir)?;
        let last = usize::try_from(recovered.events).expect("few events");
        let link = reader.link(last as i64).map_err(|fault| format!("link: {fault}"))?;
        if link != last.checked_sub(1).and_then(|index| self.links.get(index)).copied() {
            return Err(format!("it ends with event {last}, {link:?}: no beginning of the log that was"));
        }
        if !is_whole {
            return Ok(Found::Earlier(recovered.events));
        }
        let mut items = report.items;
        items[0].stock -= 1;
        items[0].available -= 1;
        if items == self.items { Ok(Found::Whole) } else { Err(format!("other sums: {items:?}")) }
    }
}
