//! Somebody who waits for an answer, and is asked from time to time whether he has it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::cashier::{Done, Unmoved};
use crate::keeper::Unchanged;
use crate::ledger::Unwritten;
use crate::order::Stored;

/// What somebody who waits is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It is done.
    Yes,
    /// It was done before.
    Already,
    /// It is certainly not done.
    No,
    /// Nobody knows.
    Unknown,
    /// It can't be done.
    Refused(String),
}

impl From<Unwritten> for Told {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::OutcomeUnknown => Self::Unknown,
            Unwritten::Busy | Unwritten::NotStored => Self::No,
        }
    }
}

impl From<Result<Stored, Unwritten>> for Told {
    fn from(answer: Result<Stored, Unwritten>) -> Self {
        answer.map_or_else(Self::from, |_| Self::Yes)
    }
}

impl From<Result<Done, Unmoved>> for Told {
    fn from(answer: Result<Done, Unmoved>) -> Self {
        match answer {
            Ok(done) if done.is_change => Self::Yes,
            Ok(_) => Self::Already,
            Err(Unmoved::Unwritten(unwritten)) => unwritten.into(),
            Err(unmoved) => Self::Refused(format!("{unmoved:?}")),
        }
    }
}

impl<T> From<Result<T, Unchanged>> for Told {
    fn from(answer: Result<T, Unchanged>) -> Self {
        match answer {
            Ok(_) => Self::Yes,
            Err(Unchanged::Unwritten(unwritten)) => unwritten.into(),
            Err(unchanged) => Self::Refused(format!("{unchanged:?}")),
        }
    }
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The order with this number was placed.
    Placed(usize),
    /// It has moved: the log has one of these kinds about it.
    Moved(usize, &'static [&'static str]),
    /// A hold is over: whose, the receipt doesn't say.
    AnExpiry,
    /// The sale: the keeper goes on when he is asked.
    Sale,
}

pub(super) struct Waiter<'a> {
    pub(super) about: About,
    answer: Pin<Box<dyn Future<Output = Told> + 'a>>,
}

impl<'a> Waiter<'a> {
    pub(super) fn new<T: Into<Told>>(about: About, answer: impl Future<Output = T> + 'a) -> Self {
        Self { about, answer: Box::pin(async { answer.await.into() }) }
    }

    /// Asks whether he has his answer. One who waits for the sale's keeper acts by this.
    pub(super) fn ask(&mut self) -> Option<Told> {
        match self.answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(told) => Some(told),
            Poll::Pending => None,
        }
    }
}
