//! What can go wrong with the store, and what of it the operator is shown.

use super::frame::FrameError;
use std::io;
use std::path::PathBuf;

/// Why the store could not be used. Reads as the end of "failed to …".
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("open the store {}: {source}", path.display())]
    Open { path: PathBuf, source: sled::Error },
    #[error("remove what a killed daemon left in the store {}: {source}", path.display())]
    Leftovers { path: PathBuf, source: io::Error },
    #[error("read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("use the list of builds {}: {source}", path.display())]
    List { path: PathBuf, source: io::Error },
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
    /// Whether the system failed, and not the store: a disk that is full, read-only or fails, too
    /// few open files, a held lock. A new store would fare no better, and the next try may succeed.
    /// Only what speaks of the files themselves is damage: one that is gone, is cut short, or is of
    /// another kind.
    pub(super) fn is_about_the_disk(&self) -> bool {
        self.io().is_some_and(|io| {
            !matches!(
                io.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::AlreadyExists
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
            )
        })
    }

    /// Whether sled's snapshot of its page table may be what is damaged.
    pub(super) fn may_be_the_snapshot(&self) -> bool {
        let is_damage = matches!(self, Self::Open { .. } | Self::Panicked(_) | Self::Database(_));
        is_damage && !self.is_about_the_disk()
    }

    /// Another process has the database open. sled has no error of its own for this.
    pub(super) fn is_locked(&self) -> bool {
        self.io().is_some_and(|io| io.to_string().contains("could not acquire lock"))
    }

    fn io(&self) -> Option<&io::Error> {
        match self {
            Self::Open { source: sled::Error::Io(io), .. }
            | Self::Database(sled::Error::Io(io))
            | Self::Leftovers { source: io, .. }
            | Self::Read { source: io, .. }
            | Self::List { source: io, .. }
            | Self::Sync { source: io, .. }
            | Self::SetAside { source: io, .. } => Some(io),
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
    #[error(
        "{count} {} lost with a damaged part of the store: {}{}; `bdctl history --all` lists them",
        if *count == 1 { "build of the history was" } else { "builds of the history were" },
        shown.join(", "),
        if shown.len() < *count { ", …" } else { "" }
    )]
    Lost { count: usize, shown: Vec<String> },
    #[error(
        "{0} rows of the list of builds are damaged; whether their builds are lost is not known"
    )]
    ListDamaged(usize),
    #[error("{0} records of the store's journal are damaged; what they said is lost")]
    JournalDamaged(usize),
}

impl Warning {
    /// Whether history is lost, all of it or a part.
    pub(super) fn is_loss(&self) -> bool {
        matches!(self, Self::SetAside { .. } | Self::Lost { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn a_failing_system_is_no_damage_and_a_file_that_is_wrong_is() {
        let open = |errno: Errno| StoreError::Open {
            path: PathBuf::from("store"),
            source: sled::Error::Io(io::Error::from(errno)),
        };
        for errno in
            [Errno::EIO, Errno::ENOSPC, Errno::EROFS, Errno::EACCES, Errno::EMFILE, Errno::ENOMEM]
        {
            assert!(open(errno).is_about_the_disk(), "{errno}");
        }
        for errno in [Errno::ENOENT, Errno::EEXIST, Errno::ENOTDIR, Errno::EISDIR, Errno::EINVAL] {
            assert!(!open(errno).is_about_the_disk(), "{errno}");
        }
        let cut = sled::Error::Io(io::ErrorKind::UnexpectedEof.into());
        assert!(!StoreError::Database(cut).is_about_the_disk());
    }
}
