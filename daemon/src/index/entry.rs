//! What `stat` says of one entry, as far as it shows that the entry changed.

use super::change::EntryType;

const TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const DIR: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;
const OWNER_EXECUTES: u32 = 0o100;

/// How long a file must have been left alone for its signature to be trusted by whoever did not
/// watch it since: several ticks of the coarsest clock that file systems in use take their times
/// from (rule 11).
pub(crate) const RACY_NS: i64 = 50_000_000;

/// What `stat` says that changes when the content may have (rule 10 of watching: size,
/// modification, change, inode, mode). Of a directory only inode and mode are kept: its times
/// change with what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Signature {
    /// Bytes.
    pub size: u64,
    /// Last modification, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Last change of content or attributes, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Type and permission bits.
    pub mode: u32,
}

/// What kind of thing an entry is, as far as it is part of a tree digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A directory.
    Dir,
    /// A symbolic link; its content is its target. It is never followed.
    Symlink,
    /// A socket, pipe or device; its content does not count.
    Other,
}

impl Signature {
    /// The kind of thing this is of.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.mode & TYPE {
            FILE => Kind::File { executable: self.mode & OWNER_EXECUTES != 0 },
            DIR => Kind::Dir,
            SYMLINK => Kind::Symlink,
            _ => Kind::Other,
        }
    }

    /// Whether this is of a directory.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE == DIR
    }

    /// Whether it changed so shortly before `then`, in nanoseconds since 1970, that a change after
    /// `then` might show the same signature.
    #[must_use]
    pub fn is_racy_at(&self, then: i64) -> bool {
        then.saturating_sub(self.mtime_ns.max(self.ctime_ns)) < RACY_NS
    }

    /// The same with what does not count of a directory left out.
    #[must_use]
    pub fn of_entry(self) -> Self {
        match self.is_dir() {
            true => Self { inode: self.inode, mode: self.mode, ..Self::default() },
            false => self,
        }
    }

    pub(super) fn entry_type(&self) -> EntryType {
        match self.kind() {
            Kind::Dir => EntryType::Dir,
            Kind::Symlink => EntryType::Symlink,
            Kind::File { .. } | Kind::Other => EntryType::File,
        }
    }

    pub(super) fn is_same_type(&self, other: &Self) -> bool {
        self.mode & TYPE == other.mode & TYPE
    }
}

impl Kind {
    /// Number of this kind in a tree digest.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::File { executable: false } => 0,
            Self::File { executable: true } => 1,
            Self::Dir => 2,
            Self::Symlink => 3,
            Self::Other => 4,
        }
    }

    /// Whether there is something to read.
    #[must_use]
    pub fn has_content(self) -> bool {
        matches!(self, Self::File { .. } | Self::Symlink)
    }
}
