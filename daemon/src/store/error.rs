//! What can go wrong with the store, and what of it the operator is shown.

use super::frame::FrameError;
use std::io;
use std::path::PathBuf;

/// Why the store could not be used. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("open the store {}: {source}", path.display())]
    Open { path: PathBuf, source: sled::Error },
    /// sled panics on some damage.
    #[error("open the store {}: the database panicked", .0.display())]
    Panicked(PathBuf),
    /// A newer bd wrote it.
    #[error("open the store {}: it has schema {found}, this bd knows {known}", path.display())]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error("read the store {}: {tree} {key:?} is damaged: {source}", path.display())]
    Damaged { path: PathBuf, tree: &'static str, key: Vec<u8>, source: FrameError },
    /// There are files of a database, and nothing in them.
    #[error("read the store {}: its contents are lost", .0.display())]
    Emptied(PathBuf),
    #[error("write the store {} to the disk: {source}", path.display())]
    Sync { path: PathBuf, source: io::Error },
    #[error("use the store: {0}")]
    Database(#[from] sled::Error),
    #[error("move the damaged store {} out of the way: {source}", path.display())]
    SetAside { path: PathBuf, source: io::Error },
}

impl StoreError {
    /// A full or read-only disk and a held lock are not the store's fault, and a new store would
    /// fare no better.
    pub(super) fn is_about_the_disk(&self) -> bool {
        self.is_locked()
            || self.io().is_some_and(|io| {
                matches!(
                    io.kind(),
                    io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                        | io::ErrorKind::ReadOnlyFilesystem
                        | io::ErrorKind::PermissionDenied
                )
            })
    }

    /// Another process has the database open. sled has no error of its own for this.
    pub(super) fn is_locked(&self) -> bool {
        self.io().is_some_and(|io| io.to_string().contains("could not acquire lock"))
    }

    fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Open { source: sled::Error::Io(io), .. }
            | Self::Database(sled::Error::Io(io)) => Some(io),
            _ => None,
        }
    }
}

/// What the operator should know about the store; a sentence.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreWarning(#[from] Warning);

/// See [`StoreWarning`], which keeps the database's errors out of the interface.
#[derive(Debug, thiserror::Error)]
pub(super) enum Warning {
    #[error("history was set aside as {} and a new one begun: failed to {cause}", aside.display())]
    SetAside { aside: PathBuf, cause: StoreError },
    #[error("there is no history: failed to {0}")]
    Unavailable(StoreError),
    #[error("builds of an earlier daemon were not marked as interrupted: failed to {0}")]
    NotInterrupted(StoreError),
    #[error("history is not written: failed to {0}")]
    NotWritten(StoreError),
    #[error("history is written again")]
    WrittenAgain,
}
