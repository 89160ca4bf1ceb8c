//! A listing of the files of a workspace, its digest, and the difference between two of them.

use crate::model::Digest;
use crate::model::digest::FieldHasher;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What `stat` says that changes when the content may have (rule 10 of watching: size,
/// modification, change, inode, mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Signature {
    /// Bytes.
    pub size: u64,
    /// Last modification, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// Last change of content or attributes, in nanoseconds since 1970.
    pub ctime_ns: i128,
    /// Inode number.
    pub inode: u64,
    /// Type and permission bits.
    pub mode: u32,
}

/// What kind of thing an entry is, as far as it is part of the tree digest.
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

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Its `stat` when its content was read.
    pub signature: Signature,
    /// Digest of its content; all zero where it has none.
    pub content: Digest,
    /// It changed so shortly before it was read that another change might show the same
    /// signature: it is read again next time.
    pub racy: bool,
}

/// All entries of a workspace that are not ignored, sorted by path.
#[derive(Debug, Default)]
pub struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// A listing of these entries.
    #[must_use]
    pub fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Self { entries }
    }

    /// The entry at a path relative to the root.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_path().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// Number of files and links, number of directories, bytes in files.
    #[must_use]
    pub fn totals(&self) -> (u64, u64, u64) {
        self.entries.iter().fold((0, 0, 0), |(files, dirs, bytes), entry| match entry.kind {
            Kind::Dir => (files, dirs + 1, bytes),
            Kind::File { .. } => (files + 1, dirs, bytes + entry.signature.size),
            Kind::Symlink | Kind::Other => (files + 1, dirs, bytes),
        })
    }

    /// Digest of names, types, contents, the executable bit and link targets; not of owners or
    /// times. Equal trees have equal digests wherever they are.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("bd 2026 tree v1");
        for entry in &self.entries {
            let kind = match entry.kind {
                Kind::File { executable: false } => 0,
                Kind::File { executable: true } => 1,
                Kind::Dir => 2,
                Kind::Symlink => 3,
                Kind::Other => 4,
            };
            hasher.field(entry.path.as_os_str().as_bytes()).number(kind).field(&entry.content.0);
        }
        hasher.finish()
    }

    /// Paths that came, went, or may have changed since `base` was listed, sorted. A file that was
    /// written again counts, even with the same content: whoever ran meanwhile may have seen it
    /// half written. Directories count by their names only, since ignored files in them change
    /// their times.
    #[must_use]
    pub fn moved_since(&self, base: &Self) -> Vec<PathBuf> {
        let (mut new, mut old) = (self.entries.iter().peekable(), base.entries.iter().peekable());
        let mut moved = Vec::new();
        loop {
            let order = match (new.peek(), old.peek()) {
                (None, None) => return moved,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(a), Some(b)) => a.path.cmp(&b.path),
            };
            let entry = if order.is_gt() { old.next() } else { new.next() };
            let Some(entry) = entry else { return moved };
            let before = if order.is_eq() { old.next() } else { None };
            if before.is_none_or(|before| entry.differs(before)) {
                moved.push(entry.path.clone());
            }
        }
    }
}

impl Entry {
    fn differs(&self, before: &Self) -> bool {
        let signature = self.kind != Kind::Dir && self.signature != before.signature;
        signature || self.kind != before.kind || self.content != before.content
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::changes) fn file(path: &str, content: u8, inode: u64) -> Entry {
        Entry {
            path: path.into(),
            kind: Kind::File { executable: false },
            signature: Signature { inode, size: 1, ..Signature::default() },
            content: Digest([content; 32]),
            racy: false,
        }
    }

    fn dir(path: &str, mtime_ns: i128) -> Entry {
        let signature = Signature { mtime_ns, ..Signature::default() };
        Entry { kind: Kind::Dir, signature, ..file(path, 0, 0) }
    }

    #[test]
    fn what_moved_is_named() {
        let base = || vec![file("a", 1, 1), dir("d", 1), file("d/b", 2, 2)];
        let of = |entries: Vec<Entry>| Tree::new(entries).moved_since(&Tree::new(base()));
        let none: [&str; 0] = [];
        assert_eq!(of(base()), none.map(PathBuf::from));
        assert_eq!(
            of(vec![dir("d", 9), file("d/b", 2, 2), file("a", 1, 1)]),
            none.map(PathBuf::from)
        );
        assert_eq!(
            of(vec![file("a", 1, 7), dir("d", 1), file("d/b", 9, 2)]),
            ["a", "d/b"].map(PathBuf::from)
        );
        assert_eq!(of(vec![file("b", 1, 1)]), ["a", "b", "d", "d/b"].map(PathBuf::from));
        let executable = Entry { kind: Kind::File { executable: true }, ..file("a", 1, 1) };
        assert_eq!(of(vec![executable, dir("d", 1), file("d/b", 2, 2)]), ["a"].map(PathBuf::from));
    }

    #[test]
    fn the_digest_is_of_names_kinds_and_contents_only() {
        let digest = |entries: Vec<Entry>| Tree::new(entries).digest();
        let base = digest(vec![file("a", 1, 1), file("b", 2, 2)]);
        assert_eq!(base, digest(vec![file("b", 2, 8), file("a", 1, 9)]), "order and inodes");
        for other in [
            vec![file("a", 2, 1), file("b", 1, 2)],
            vec![file("a", 1, 1)],
            vec![file("a", 1, 1), file("c", 2, 2)],
            vec![file("a", 1, 1), Entry { kind: Kind::Symlink, ..file("b", 2, 2) }],
            vec![
                file("a", 1, 1),
                Entry { kind: Kind::File { executable: true }, ..file("b", 2, 2) },
            ],
        ] {
            assert_ne!(base, digest(other));
        }
    }
}
