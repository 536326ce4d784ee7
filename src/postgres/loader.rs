//! Reads the log for shipping.
//!
//! **Invariant:** a batch ends before the first event that can't be folded; that one is told of once it is the first.

use std::path::Path;

use super::fault::PostgresFault;
use super::fold::{Batch, Names};
use crate::clock::WallTime;
use crate::ledger::read::{LedgerReader, ReadFault};
use crate::ledger::row::Hash;

/// The ledger, and what its sales and items are called.
pub(super) struct Loader {
    reader: LedgerReader,
    names: Names,
}

impl Loader {
    pub(super) fn open(ledger_dir: &Path) -> Result<Self, ReadFault> {
        let reader = LedgerReader::open(ledger_dir)?;
        let (sales, items) = reader.names()?;
        Ok(Self { reader, names: Names { sales, items } })
    }

    /// An event's link; none where there is no such event.
    pub(super) fn link(&self, seq: i64) -> Result<Option<Hash>, ReadFault> {
        self.reader.link(seq)
    }

    /// When an event was written down; none where there is no such event, or it can't be read: that is found out when it is
    /// shipped.
    pub(super) fn written_at(&self, seq: i64) -> Option<WallTime> {
        self.reader.written_at(seq).ok().flatten()
    }

    /// The events behind `after`, at most so many.
    pub(super) fn load(&mut self, after: i64, rows_max: usize) -> Result<Batch, PostgresFault> {
        let (mut batch, mut poison) = (Batch::default(), None);
        self.reader.cargo(after, rows_max, |row, hash| {
            if poison.is_none() {
                poison = batch.take(&mut self.names, row, *hash).err();
            }
        })?;
        match poison {
            Some(poison) if batch.events.is_empty() => Err(poison.into()),
            _ => Ok(batch),
        }
    }
}
