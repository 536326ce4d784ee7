//! Why nothing is shipped, and what helps.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

use super::fold::Poison;
use super::tls::TlsFault;
use crate::ledger::read::ReadFault;

/// Why something could not be done with PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresFault {
    /// What a connection needs can't be started.
    #[error("a connection to PostgreSQL can't be started")]
    Start(#[source] std::io::Error),
    /// Encryption can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// PostgreSQL, or the way there, says no.
    #[error("{}", words(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// Nothing was heard for so long.
    #[error("PostgreSQL has not answered for {0:?}")]
    Silent(Duration),
    /// The ledger can't be read.
    #[error("the ledger can't be read for PostgreSQL")]
    Read(#[from] ReadFault),
    /// An event can't be shipped.
    #[error("can't be shipped: {0}")]
    Poison(#[from] Poison),
    /// PostgreSQL has another log.
    #[error("PostgreSQL has another log: {0}")]
    Diverged(String),
    /// Somebody else has shipped for this node.
    #[error("somebody else ships as this node")]
    Overtaken,
    /// Nothing has been shipped there yet, or by an older doorbuster.
    #[error("the schema in PostgreSQL is version {found}, {known} is needed: ship there first (0: nobody ever has)")]
    OlderSchema {
        /// Theirs.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The tables are those of a newer doorbuster.
    #[error("the schema in PostgreSQL is version {found}, this doorbuster knows {known}")]
    NewerSchema {
        /// Theirs.
        found: i32,
        /// Ours.
        known: i32,
    },
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Time, and another connection.
    Reconnect,
    /// Fewer events at once: one of them is what it is about, or they take too long.
    Fewer,
    /// Somebody must do something.
    Alarm,
}

impl PostgresFault {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Start(_) | Self::Tls(_) | Self::Overtaken => Remedy::Reconnect,
            Self::Silent(_) => Remedy::Fewer,
            Self::Read(ReadFault::Order { .. } | ReadFault::Corrupt(_)) => Remedy::Alarm,
            Self::Read(_) => Remedy::Reconnect,
            Self::Poison(_) | Self::Diverged(_) | Self::OlderSchema { .. } | Self::NewerSchema { .. } => Remedy::Alarm,
            Self::Postgres(error) => match error.code() {
                // Too slow, or somebody has cancelled it.
                Some(&SqlState::QUERY_CANCELED) => Remedy::Fewer,
                // Data exceptions, violated constraints, programs that are too large: what was sent is refused.
                Some(state) if ["22", "23", "54"].iter().any(|class| state.code().starts_with(class)) => Remedy::Fewer,
                Some(_) | None if error.source().is_some_and(|cause| cause.is::<DbError>()) => Remedy::Reconnect,
                // What couldn't even be said in PostgreSQL's format: a value.
                _ if error.to_string().starts_with("error serializing") => Remedy::Fewer,
                _ => Remedy::Reconnect,
            },
        }
    }

    /// Whether it is about what was sent, and not about how fast: sent again, it is refused again.
    pub(super) fn is_about_the_rows(&self) -> bool {
        match self {
            Self::Postgres(error) => self.remedy() == Remedy::Fewer && error.code() != Some(&SqlState::QUERY_CANCELED),
            _ => false,
        }
    }
}

/// An error with its cause: by itself it says "db error".
fn words(error: &tokio_postgres::Error) -> String {
    match error.source() {
        Some(cause) if cause.is::<DbError>() => cause.to_string(),
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
