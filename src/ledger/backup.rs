//! A consistent copy of the ledger, also while a server writes it.
//!
//! By `VACUUM INTO`: it reads one snapshot without holding a writer up, its target is complete in itself (no
//! write-ahead log beside it), and it reads every row on its way, so that a broken page is found now and not at the
//! restore. SQLite's page-wise backup would copy the damage. Never by copying the file: without its log that loses
//! orders, and closing the copied descriptor would drop the locks of a server in the same process.
//!
//! The price: the snapshot is held for the whole copy, and the writer's log grows meanwhile.
//!
//! **Invariant:** a file that exists is never overwritten. A name that holds anything holds a whole copy, synced and
//! looked at: it is made beside its place and moved there at the end.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::beside;
use super::read::{Head, LedgerReader, ReadFault};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFault),
    /// There is something at the place of the copy.
    #[error("{} exists, and a backup overwrites nothing", .0.display())]
    Exists(PathBuf),
    /// The name of the copy is none that SQLite can open.
    #[error("{} is no name for a backup: it must be UTF-8", .0.display())]
    Name(PathBuf),
    /// The copy cannot be written or synced.
    #[error("the backup cannot be written")]
    Write(#[source] io::Error),
    /// SQLite cannot make the copy.
    #[error("the backup cannot be written")]
    Copy(#[source] rusqlite::Error),
    /// The copy was made and isn't the ledger's.
    #[error("the copy ends with event {copied}, which isn't the ledger's: it was removed")]
    Differs {
        /// The copy's last event.
        copied: i64,
    },
}

/// Copies the ledger of a data directory into a new file. Answers the copy's last event.
///
/// # Errors
/// [`BackupFault`]; then nothing is left of the copy.
pub fn backup(data_dir: &Path, to: &Path) -> Result<Head, BackupFault> {
    let reader = LedgerReader::open(data_dir)?;
    let before = reader.head()?;
    let place = Place::reserve(to)?;
    let partial = place.partial.to_str().ok_or_else(|| BackupFault::Name(to.into()))?;
    // The file is opened read-only all the same; the pragma would keep SQLite from writing the copy.
    let copied = reader
        .connection
        .pragma_update(None, "query_only", false)
        .and_then(|()| reader.connection.execute("VACUUM INTO ?1", [partial]));
    copied.map_err(BackupFault::Copy)?;
    let head = LedgerReader::open_file(&place.partial)?.head()?;
    // The log only grows and each hash covers all before it: a head that the ledger has too is the ledger's, as of
    // some moment since we began.
    let is_the_ledgers = head.seq >= before.seq && (head.seq == 0 || reader.hash_at(head.seq)? == Some(head.hash));
    if !is_the_ledgers {
        return Err(BackupFault::Differs { copied: head.seq });
    }
    place.publish().map_err(BackupFault::Write)?;
    Ok(head)
}

/// A name that was free and is ours now, and the file beside it in which the copy grows. Dropped before it is
/// published, nothing of it is left.
struct Place<'a> {
    to: &'a Path,
    partial: PathBuf,
    is_published: bool,
}

impl<'a> Place<'a> {
    fn reserve(to: &'a Path) -> Result<Self, BackupFault> {
        let mut partial = OsString::from(to);
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // It would be replayed over the copy, wherever that is opened.
        if let Some(leftover) = beside::leftover(to) {
            return Err(BackupFault::Exists(leftover));
        }
        create(to)?;
        if let Err(fault) = create(&partial) {
            // That one is somebody else's, and stays.
            remove(to);
            return Err(fault);
        }
        Ok(Self { to, partial, is_published: false })
    }

    /// Makes the copy durable under its name.
    fn publish(mut self) -> io::Result<()> {
        File::open(&self.partial)?.sync_all()?;
        // Over the empty file that reserved the name: nobody else's.
        fs::rename(&self.partial, self.to)?;
        let folder = self.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Elsewhere a folder cannot be opened, and a rename needs no sync.
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        self.is_published = true;
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.is_published {
            let mut journal = OsString::from(&self.partial);
            journal.push("-journal");
            remove(Path::new(&journal));
            remove(&self.partial);
            remove(self.to);
        }
    }
}

fn remove(path: &Path) {
    // Already failing for another reason, which is the one to report; an empty or partial file is no backup.
    drop(fs::remove_file(path));
}

fn create(path: &Path) -> Result<(), BackupFault> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Who bought what is for the shop's eyes, wherever the copy goes.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupFault::Exists(path.into())),
        Err(error) => Err(BackupFault::Write(error)),
    }
}

#[cfg(test)]
mod tests;
