//! What no event reports, though its directory is watched, and so is checked each time.
//!
//! A change of a file is reported under the name by which it was opened. That may be another than
//! is known: one outside the workspace, one that is gone, or none at all (`O_TMPFILE`). A directory
//! that is marked as a cache is not watched, so no event comes when the mark goes.

use super::open_writers::NameKey;
use crate::index::{Index, NodeId, Signature};
use crate::watch::paths::join;
use crate::watch::stat::signature;
use crate::workspace::CACHE_TAG;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Unwatched {
    /// Files that may have been opened by other names than theirs.
    linked: BTreeMap<NodeId, Linked>,
    /// Marked directories, by the one they are in and their name, and their marks.
    marked: HashMap<(NodeId, Box<[u8]>), Signature>,
    /// Names that are gone and by which somebody still writes, for which all files were checked.
    gone_names: HashSet<NameKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Linked {
    inode: u64,
    /// It has several names, or had them once.
    is_certain: bool,
}

impl Unwatched {
    /// How many files and directories are checked each time.
    pub(super) fn len(&self) -> usize {
        self.linked.len() + self.marked.len()
    }

    /// Takes note of a file that has several names; returns whether that was not known.
    pub(super) fn add_linked(&mut self, node: NodeId, inode: u64) -> bool {
        let certain = Linked { inode, is_certain: true };
        self.linked.insert(node, certain) != Some(certain)
    }

    /// Takes note of a file that was created, and whether it was written to by its name.
    pub(super) fn add_created(&mut self, node: NodeId, inode: u64, written: bool) {
        let known = self.linked.get(&node).filter(|known| known.inode == inode);
        if known.is_some_and(|known| known.is_certain) {
            return;
        }
        if written {
            self.linked.remove(&node);
        } else {
            self.linked.insert(node, Linked { inode, is_certain: false });
        }
    }

    /// Takes note of a write by a name that is gone; returns whether any file may be the one that was
    /// written to. If not, it is none of the index, or one that is checked each time.
    pub(super) fn add_gone_name(&mut self, name: NameKey) -> bool {
        self.gone_names.insert(name)
    }

    /// Whether it is known already that somebody writes by a name that is gone.
    pub(super) fn is_gone_name(&self, name: &NameKey) -> bool {
        self.gone_names.contains(name)
    }

    /// Something came into the index, and may be what is written to by a name that is gone.
    pub(super) fn forget_gone_names(&mut self) {
        self.gone_names.clear();
    }

    /// Files that may be changed under other names than theirs.
    pub(super) fn linked_files(&mut self, index: &Index) -> Vec<NodeId> {
        // An id may be in use for another file by now.
        self.linked.retain(|node, linked| {
            index.is_in_use(*node)
                && !index.is_dir(*node)
                && index.signature(*node).inode == linked.inode
        });
        self.linked.keys().copied().collect()
    }

    /// Takes note of a directory that is marked as a cache.
    pub(super) fn mark(&mut self, dir: NodeId, name: &[u8], mark: Signature) {
        self.marked.insert((dir, name.into()), mark);
    }

    /// Whether a directory was marked when it was last checked.
    pub(super) fn is_marked(&self, dir: NodeId, name: &[u8]) -> bool {
        !self.marked.is_empty() && self.marked.contains_key(&(dir, name.into()))
    }

    /// Takes those directories whose marks have changed, each with the one it is in.
    pub(super) fn take_unmarked(&mut self, root: &Path, index: &Index) -> Vec<(NodeId, Box<[u8]>)> {
        let changed = self.marked.iter().filter(|((dir, name), mark)| {
            current_mark(root, &index.path(*dir), name) != Some(**mark)
        });
        let changed: Vec<_> = changed.map(|(key, _)| key.clone()).collect();
        for key in &changed {
            self.marked.remove(key);
        }
        changed
    }

    /// Forgets what was in a directory.
    pub(super) fn forget_in(&mut self, dir: NodeId) {
        if !self.marked.is_empty() {
            self.marked.retain(|(in_dir, _), _| *in_dir != dir);
        }
    }
}

fn current_mark(root: &Path, dir: &[u8], name: &[u8]) -> Option<Signature> {
    let mark = join(&join(dir, name), CACHE_TAG.0.as_bytes());
    let stat = rustix::fs::lstat(root.join(OsStr::from_bytes(&mark))).ok()?;
    Some(signature(&stat))
}
