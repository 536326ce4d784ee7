//! How a command ends, as the contract numbers it.

use std::process::ExitCode;

use crate::client::SecretError;
use crate::config::ConfigErrors;
use crate::ledger::LedgerFault;
use crate::ledger::audit::AuditFault;
use crate::ledger::backup::BackupFault;
use crate::ledger::export::ExportFault;
use crate::ledger::read::ReadFault;
use crate::ledger::rebuild::RebuildFault;
use crate::postgres::{PostgresFault, RestoreFault};

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Done.
    pub const OK: Self = Self(0);
    /// Something failed while running.
    pub const FAILURE: Self = Self(1);
    /// The audit found a violation.
    pub const VIOLATION: Self = Self(3);
    /// The ledger is of an unknown or newer schema, or corrupt.
    pub const DATA: Self = Self(65);
    /// The data directory is in use, or has what mustn't be there.
    pub const IN_USE: Self = Self(73);
    /// The disk or file system cannot be trusted.
    pub const DISK: Self = Self(74);
    /// Bad configuration.
    pub const CONFIG: Self = Self(78);
    /// A measured figure is what it mustn't be.
    pub const MISSED: Self = Self(99);

    /// The code for what stopped a command: the first fault in the chain of causes that has one of its own, else
    /// [`FAILURE`](Self::FAILURE).
    #[must_use]
    pub fn of(error: &anyhow::Error) -> Self {
        error.chain().find_map(Self::of_fault).unwrap_or(Self::FAILURE)
    }

    fn of_fault(fault: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if fault.is::<ConfigErrors>() {
            return Some(Self::CONFIG);
        }
        #[cfg(feature = "torture")]
        if fault.is::<crate::failpoint::SpecError>() {
            return Some(Self::CONFIG);
        }
        if let Some(fault) = fault.downcast_ref::<LedgerFault>() {
            return Some(Self(fault.exit_code()));
        }
        if let Some(SecretError::Unsynced { .. }) = fault.downcast_ref() {
            return Some(Self::DISK);
        }
        if let Some(fault) = fault.downcast_ref::<PostgresFault>() {
            return Some(of_postgres(fault));
        }
        if let Some(fault) = fault.downcast_ref::<RestoreFault>() {
            return Some(match fault {
                RestoreFault::Postgres(fault) => of_postgres(fault),
                RestoreFault::Rebuild(RebuildFault::Place(fault)) => Self(fault.exit_code()),
                RestoreFault::Rebuild(RebuildFault::Exists(_)) => Self::IN_USE,
                RestoreFault::Rebuild(RebuildFault::Row { .. } | RebuildFault::Unproven(_)) => Self::DATA,
                RestoreFault::Rebuild(RebuildFault::Sqlite(_) | RebuildFault::Read(_)) => Self::FAILURE,
                RestoreFault::NothingThere { .. } => Self::FAILURE,
            });
        }
        // A transparent fault is not a link of the chain of its own: its source is what it wraps.
        let read = fault
            .downcast_ref::<ReadFault>()
            .or_else(|| match fault.downcast_ref::<AuditFault>()? {
                AuditFault::Read(fault) => Some(fault),
                AuditFault::Acks(_) => None,
            })
            .or_else(|| match fault.downcast_ref::<ExportFault>()? {
                ExportFault::Read(fault) => Some(fault),
                ExportFault::UnknownSale(_) | ExportFault::Write(_) => None,
            })
            .or_else(|| match fault.downcast_ref::<BackupFault>()? {
                BackupFault::Read(fault) => Some(fault),
                _ => None,
            })?;
        Some(match read {
            ReadFault::NotFound(_) | ReadFault::Sqlite(_) => Self::FAILURE,
            ReadFault::Foreign { .. }
            | ReadFault::UnknownVersion { .. }
            | ReadFault::Corrupt(_)
            | ReadFault::Order { .. } => Self::DATA,
        })
    }
}

fn of_postgres(fault: &PostgresFault) -> Exit {
    match fault {
        PostgresFault::Poison(_) | PostgresFault::Diverged(_) | PostgresFault::NewerSchema { .. } => Exit::DATA,
        _ => Exit::FAILURE,
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
