//! Reading the ledger for people: on threads that may wait, a few at a time, beside a sale that goes on.
//!
//! **Invariant:** whoever asked and has gone is not read for any longer than one stretch of the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Office;
use super::problem::Problem;
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::urgency::beside_the_sale;

/// Whether somebody still waits for the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    /// Goes on only while somebody waits. Nobody hears the complaint.
    pub(super) fn check(&self) -> Result<(), Problem> {
        // Relaxed: a moment later is early enough.
        if self.0.load(Ordering::Relaxed) { Err(Problem::Internal) } else { Ok(()) }
    }
}

/// Says that nobody waits any more, when the answer's future is dropped.
struct Asker(Asked);

impl Drop for Asker {
    fn drop(&mut self) {
        // Relaxed: see `check`.
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Reads the ledger on a thread that may wait.
pub(super) async fn read<T: Send + 'static>(
    office: &Arc<Office>,
    read: impl FnOnce(&LedgerReader, &Asked) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let asker = Asker(Asked::default());
    let turn = Arc::clone(&office.reading).acquire_owned().await.map_err(|_| Problem::Internal)?;
    let (office, asked) = (Arc::clone(office), asker.0.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        beside_the_sale();
        read(&office.reader()?, &asked)
    });
    reading.await.map_err(|_| Problem::Internal)?
}

/// The ledger could not be read: said in the log, not to whoever asked.
pub(super) fn unreadable(fault: ReadFault) -> Problem {
    tracing::error!(%fault, "the ledger could not be read");
    Problem::Internal
}
