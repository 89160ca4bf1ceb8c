//! One entry of an index, and what may be said of it. Knows no other entries.

use crate::index::entry::Signature;
use crate::model::Digest;

/// One entry of an index. An id is used again when its entry is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(super) u32);

pub(super) const NO_DIR: u32 = u32::MAX;

/// Why an entry was checked, which decides what its signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Its signature tells whether it changed.
    Stat,
    /// It was closed after writing, or came: it may have changed whatever its signature says
    /// (rule 2), for a new file may have the number and the times of the one before.
    Written,
    /// It was moved here, which gives it another time of change.
    Moved,
    /// Events may have been lost since then, in nanoseconds since 1970: its signature tells whether
    /// it changed, if it was left alone for a while before.
    Missed(i64),
    /// No event reports it; the moment is then, in nanoseconds since 1970. As [`Self::Missed`], now
    /// and later.
    Unwatched(i64),
}

/// What a check of an entry found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// As it was.
    None,
    /// It was not there, or was something else.
    New,
    /// It may have changed.
    Changed,
}

/// Content of an entry, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Never read with this signature.
    Unread,
    /// Read, but it may have changed since without a trace; the change is not in the log yet.
    Suspect,
    /// Read and unchanged since.
    Read,
    /// The same, but so soon after it changed that another change might show the same signature:
    /// good for as long as we watch.
    Racy,
}

/// What is kept of one entry.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Box<[u8]>,
    pub(super) signature: Signature,
    pub(super) digest: Digest,
    pub(super) parent: NodeId,
    /// Counts what the id was used for and the signatures it had.
    pub(super) generation: u32,
    /// Where its entries are, if it is a directory.
    pub(super) dir: u32,
    pub(super) content: Content,
}

/// The sizes of a workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files, links and others.
    pub files: u64,
    /// Directories, without the root.
    pub dirs: u64,
    /// Bytes in files.
    pub bytes: u64,
}

impl Node {
    /// Whether it is a slot that is not used.
    pub(super) fn is_free(&self) -> bool {
        self.name.is_empty() && self.parent != NodeId(0)
    }

    /// Whether nobody has read it, and it changed so shortly before `then`, in nanoseconds since 1970,
    /// that a change after that might not show.
    pub(super) fn is_racy_unread(&self, then: i64) -> bool {
        self.content == Content::Unread && self.signature.is_racy_at(then)
    }

    /// Forgets its content if it was written after `certain`, in nanoseconds since 1970.
    pub(super) fn doubt_after(&mut self, certain: i64) {
        let signature = self.signature;
        if !signature.is_dir() && signature.mtime_ns.max(signature.ctime_ns) > certain {
            self.content = Content::Unread;
        }
    }

    /// A slot that is not used.
    pub(super) fn free() -> Self {
        Self {
            name: Box::default(),
            signature: Signature::default(),
            digest: Digest([0; 32]),
            parent: NodeId(u32::MAX),
            generation: 0,
            dir: NO_DIR,
            content: Content::Read,
        }
    }
}
