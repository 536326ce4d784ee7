//! Who may write here, and whether here is a place to write to.
//!
//! The lock lies on a file of its own: closing any handle of the database file would give SQLite's own locks away.
//!
//! **Invariant:** while a [`DirLock`] lives, no other process has one for the same directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::fault::LedgerFault;

/// The file that the lock lies on.
const LOCK_FILE: &str = "LOCK";

/// An exclusive hold on a data directory, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Makes the directory where there is none, checks what it lies on, and locks it.
    pub(super) fn take(dir: &Path) -> Result<Self, LedgerFault> {
        if !dir.exists() {
            fs::create_dir_all(dir).map_err(LedgerFault::about(dir))?;
            // The directory's own entry, too, must survive a power cut.
            sync_dir(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
        }
        check_file_system(dir)?;
        let path = dir.join(LOCK_FILE);
        let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(LedgerFault::about(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LedgerFault::InUse { dir: dir.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(LedgerFault::Io { path, source }),
        }
    }
}

/// Makes sure that a directory's entries are on disk.
pub(super) fn sync_dir(dir: &Path) -> Result<(), LedgerFault> {
    let entries = File::open(dir).map_err(LedgerFault::about(dir))?;
    entries.sync_all().map_err(|source| LedgerFault::Unsynced { path: dir.to_path_buf(), source })
}

fn check_file_system(dir: &Path) -> Result<(), LedgerFault> {
    // No such file: not Linux, and nothing is known. SQLite's own locking has to do.
    let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return Ok(()) };
    let dir = dir.canonicalize().map_err(LedgerFault::about(dir))?;
    let Some(file_system) = file_system_of(&dir, &mounts) else { return Ok(()) };
    match trust(&file_system) {
        Trust::Full => Ok(()),
        Trust::Passing => {
            let why = "the ledger is on a file system that may not outlive this machine or container";
            tracing::warn!(dir = %dir.display(), file_system, "{why}");
            Ok(())
        }
        Trust::None => Err(LedgerFault::FileSystem { dir, file_system }),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Full,
    /// It keeps its word, but is gone with the machine or the container.
    Passing,
    None,
}

pub(super) fn trust(file_system: &str) -> Trust {
    // Shared over a network or with a host: their locks and syncs are promises of somebody else.
    const SHARED: [&str; 18] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "virtiofs",
        "ceph",
        "glusterfs",
        "afs",
        "coda",
        "ncpfs",
        "lustre",
        "beegfs",
        "gpfs",
        "davfs",
        "drvfs",
        "vboxsf",
    ];
    if SHARED.contains(&file_system) || file_system.starts_with("fuse") {
        Trust::None
    } else if matches!(file_system, "overlay" | "tmpfs" | "ramfs") {
        Trust::Passing
    } else {
        Trust::Full
    }
}

/// The name of the file system that `path` lies on: the deepest mount above it; of several on one point, the last.
pub(super) fn file_system_of(path: &Path, mounts: &str) -> Option<String> {
    let parse = |line: &str| {
        // proc(5): id parent major:minor root POINT options optional… - TYPE source options
        let (head, tail) = line.split_once(" - ")?;
        Some((unescape(head.split(' ').nth(4)?), tail.split(' ').next()?.to_owned()))
    };
    let above = mounts.lines().filter_map(parse).filter(|(point, _)| path.starts_with(point));
    above.max_by_key(|(point, _)| point.components().count()).map(|(_, file_system)| file_system)
}

/// The kernel writes blank, tab, newline and backslash as three octal digits.
fn unescape(point: &str) -> PathBuf {
    ["\\040", "\\011", "\\012", "\\134"]
        .iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(point.to_owned(), |point, (escaped, plain)| point.replace(escaped, plain))
        .into()
}
