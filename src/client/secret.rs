//! The master secret: who can say that a pass or a challenge is ours?
//!
//! Thirty-two random bytes in a file of their own in the data directory, apart from the ledger, so that a backup of
//! the ledger lets nobody sign passes. Deliberately absent: rotation (delete the file and every pass is void).
//!
//! **Invariant:** the secret's bytes leave this room only as keys derived from them, one for each purpose: a
//! signature made for one purpose means nothing for another.
//!
//! **Invariant:** a secret that others may read, or that isn't whole, is refused, and never replaced in silence:
//! a new one would void every pass that is out.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The secret's file in the data directory.
pub const SECRET_FILE: &str = "secret.key";

/// As long as the output of the hash: HMAC gains nothing from a longer key (RFC 2104, section 3).
const SECRET_BYTES: usize = 32;

/// HMAC-SHA256 with its key taken in: a clone of it saves the two blocks that the key costs.
pub(super) type Keyed = Hmac<Sha256>;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no file, and the caller asked for the one that is there.
    #[error("{0}: there is no secret yet; `serve` makes it at its first start")]
    Missing(PathBuf),
    /// The file has another length than ours have.
    #[error("{path}: is {bytes} bytes long and must be {SECRET_BYTES}; restore it, or delete it and void all passes")]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// Others than its owner may read or write the file.
    #[error("{path}: has mode {mode:03o}, so others can sign passes; run chmod 600 on it")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file system refused.
    #[error("{path}: cannot {action} the secret")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The disk failed to sync it: nothing that it says now can be believed.
    #[error("the disk cannot be trusted: {path} can't be synced")]
    Unsynced {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system has no randomness to make a secret of.
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

/// The master secret.
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// A secret of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// A new secret that is nowhere on disk: for a shop that leaves nothing behind.
    ///
    /// # Errors
    /// [`SecretError::Random`].
    pub fn fresh() -> Result<Self, SecretError> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
        Ok(Self(bytes))
    }

    /// Reads the secret of a data directory; makes nothing.
    ///
    /// # Errors
    /// [`SecretError::Missing`], [`SecretError::Exposed`], [`SecretError::Length`] and [`SecretError::Io`].
    pub fn load(data_dir: &Path) -> Result<Self, SecretError> {
        let path = data_dir.join(SECRET_FILE);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(SecretError::Missing(path)),
            Err(source) => return Err(SecretError::Io { path, action: "open", source }),
        };
        // Asked of the open file, not of the path: the two could be different files by then.
        let metadata = match file.metadata() {
            Ok(metadata) => metadata,
            Err(source) => return Err(SecretError::Io { path, action: "look at", source }),
        };
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { path, mode });
        }
        if metadata.len() != SECRET_BYTES as u64 {
            return Err(SecretError::Length { path, bytes: metadata.len() });
        }
        let mut bytes = [0; SECRET_BYTES];
        match file.read_exact(&mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(source) => Err(SecretError::Io { path, action: "read", source }),
        }
    }

    /// Reads the secret of a data directory, or makes it where there is none. The caller holds the directory's lock:
    /// of two that made one at the same time, one would sign with a secret that is not on disk.
    ///
    /// # Errors
    /// As [`Secret::load`], and [`SecretError::Random`].
    pub fn load_or_create(data_dir: &Path) -> Result<Self, SecretError> {
        match Self::load(data_dir) {
            Err(SecretError::Missing(path)) => {
                let secret = Self::fresh()?;
                secret.store(data_dir, &path).map(|()| secret)
            }
            loaded => loaded,
        }
    }

    /// Whole or not at all, also when the power fails: passes signed with a secret that is gone after a restart would
    /// all be void in the middle of a sale.
    fn store(&self, data_dir: &Path, path: &Path) -> Result<(), SecretError> {
        let unstored = |source| SecretError::Io { path: path.into(), action: "store", source };
        let unsynced = |source| SecretError::Unsynced { path: path.into(), source };
        let unfinished = path.with_extension("key.new");
        // A start that was cut short may have left one, with whatever mode and length.
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unstored(error)),
            _ => {}
        }
        let mut new = OpenOptions::new();
        let mut file = new.write(true).create_new(true).mode(0o600).open(&unfinished).map_err(unstored)?;
        file.write_all(&self.0).map_err(unstored)?;
        file.sync_all().map_err(unsynced)?;
        std::fs::rename(&unfinished, path).map_err(unstored)?;
        File::open(data_dir).map_err(unstored)?.sync_all().map_err(unsynced)
    }

    /// The key for one purpose. `salt` makes one that lives as long as the salt does.
    pub(super) fn key(&self, purpose: &[u8], salt: &[u8]) -> Keyed {
        // Purposes are constants, none the beginning of another, so no two pairs run together.
        let derived = keyed(&self.0).chain_update(purpose).chain_update(salt).finalize().into_bytes();
        keyed(&derived.into())
    }
}

/// HMAC fills a short key up with zeros to a block of the hash (RFC 2104, section 2): done here, where the types show
/// that it fits.
fn keyed(key: &[u8; SECRET_BYTES]) -> Keyed {
    let mut block = [0; 64];
    let (head, _) = block.split_at_mut(SECRET_BYTES);
    head.copy_from_slice(key);
    Keyed::new(&block.into())
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(not shown)")
    }
}
