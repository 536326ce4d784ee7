//! Where pages go: the one seam between the writer and a disk.
//!
//! **Invariant:** a page is stored whole or not at all; a store that cannot tell says [`Failure::Unknown`] and is never
//! written to again.

use super::page::Page;
use crate::order::Stored;

/// Why a page isn't stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// One of its events may not be; nothing of the page is stored.
    BadEvent(String),
    /// The disk takes nothing for now; provably nothing of the page is stored.
    Refused(String),
    /// The page may be stored and may not be.
    Unknown(String),
}

/// What keeps pages.
pub(super) trait Store: Send {
    /// How safe an order is once its page is here.
    fn safety(&self) -> Stored;

    /// Stores a page.
    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure>;

    /// Finds out whether there is room again, by writing something that changes nothing.
    fn probe(&mut self) -> Result<(), Failure>;

    /// Between two pages: a good moment to tidy up, the better the fewer are waiting. Says how many bytes are still
    /// to be tidied.
    fn tidy(&mut self, waiting: u64) -> Result<u64, Failure>;

    /// After the last page.
    fn finish(&mut self) -> Result<(), Failure>;
}

/// `--ledger none`: keeps nothing, for measuring everything else.
#[derive(Debug)]
pub(super) struct NoStore;

impl Store for NoStore {
    fn safety(&self) -> Stored {
        Stored::Memory
    }

    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        page.count();
        Ok(())
    }

    fn probe(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn tidy(&mut self, _: u64) -> Result<u64, Failure> {
        Ok(0)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
