//! Which messages have been acted on: providers tell everything at least once, and often twice.
//!
//! A message that was refused isn't here: nothing was done, and told again it is judged again.
//!
//! **Invariant:** a message is acted on by one at a time, and once it is in the log by nobody any more.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::quality::RandomState;

use crate::ids::MessageId;

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Somebody is acting on it.
    Underway,
    /// What it asked for is in the log.
    Done,
}

/// Why a message needs nothing from whoever brings it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// What it asked for is done.
    Done,
    /// Somebody is at it.
    Underway,
}

/// Every message that has been acted on. Grows with the log.
#[derive(Debug, Default)]
pub struct Messages {
    by_id: DashMap<MessageId, Standing, RandomState>,
}

/// The leave to act on a message. Dropped, it was never told.
#[derive(Debug)]
#[must_use]
pub struct Hearing<'a> {
    messages: &'a Messages,
    id: &'a MessageId,
    is_kept: bool,
}

impl Messages {
    /// Asks to be the one who acts on it.
    ///
    /// # Refuses
    /// [`Known`].
    pub fn hear<'a>(&'a self, id: &'a MessageId) -> Result<Hearing<'a>, Known> {
        match self.by_id.entry(id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Standing::Underway);
                Ok(Hearing { messages: self, id, is_kept: false })
            }
            Entry::Occupied(entry) => match entry.get() {
                Standing::Underway => Err(Known::Underway),
                Standing::Done => Err(Known::Done),
            },
        }
    }

    /// What it asked for is in the log.
    pub fn note_done(&self, id: MessageId) {
        self.by_id.insert(id, Standing::Done);
    }

    /// What it asked for is certainly not in the log.
    pub fn forget(&self, id: &MessageId) {
        self.by_id.remove(id);
    }
}

impl Hearing<'_> {
    /// The ledger has got what it asks for, and will say what became of it.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.messages.forget(self.id);
        }
    }
}
