//! Disks that a test can reach into, and disks with a script.

use std::collections::VecDeque;

use super::super::page::{BadEvent, Page};
use super::super::store::Failure;
use super::*;

/// A store that the test can reach into while the writer has it.
pub(super) struct Shared(pub(super) Arc<Mutex<Sqlite>>);

impl Store for Shared {
    fn safety(&self) -> Stored {
        self.0.lock().safety()
    }

    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        self.0.lock().append(page)
    }

    fn probe(&mut self) -> Result<(), Failure> {
        self.0.lock().probe()
    }

    fn tidy(&mut self, waiting: u64) -> Result<u64, Failure> {
        self.0.lock().tidy(waiting)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.0.lock().finish()
    }
}

/// What happens to a page.
#[derive(Debug, Clone)]
pub(super) enum Luck {
    Good,
    /// It is not stored.
    Fails(Failure),
    /// It is stored, and the answer is lost.
    StoredBut(Failure),
    Panics,
}

pub(super) type Script = Arc<Mutex<VecDeque<Luck>>>;

/// A disk with a script: what happens to each page and probe; good luck where the script has ended.
pub(super) struct Scripted {
    pub(super) inner: Shared,
    pub(super) script: Script,
}

impl Scripted {
    fn luck(&self) -> Luck {
        self.script.lock().pop_front().unwrap_or(Luck::Good)
    }
}

impl Store for Scripted {
    fn safety(&self) -> Stored {
        self.inner.safety()
    }

    fn append(&mut self, page: &mut Page<'_>) -> Result<(), Failure> {
        match self.luck() {
            Luck::Good => self.inner.append(page),
            Luck::StoredBut(failure) => self.inner.append(page).and(Err(failure)),
            Luck::Fails(failure) => {
                // Rows are made, as far as a disk that fails would let them be.
                page.each(|_| Ok::<_, BadEvent>(())).unwrap();
                Err(failure)
            }
            Luck::Panics => panic!("scripted"),
        }
    }

    fn probe(&mut self) -> Result<(), Failure> {
        match self.luck() {
            Luck::Fails(failure) | Luck::StoredBut(failure) => Err(failure),
            Luck::Good | Luck::Panics => self.inner.probe(),
        }
    }

    fn tidy(&mut self, waiting: u64) -> Result<u64, Failure> {
        self.inner.tidy(waiting)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.inner.finish()
    }
}

pub(super) fn scripted(stock: u32) -> (House, Script) {
    let script = Script::default();
    let inner = Arc::clone(&script);
    (House::with_store(stock, |sqlite| Box::new(Scripted { inner: Shared(sqlite), script: inner })), script)
}
