//! What no event tells about, though its directory is watched, and so is looked at each time.
//!
//! A change of a file is told under the name by which it was opened. That may be another than we
//! know: one outside the workspace, one that is gone, or none at all (`O_TMPFILE`). A directory that
//! is marked as a cache is not watched, so nobody hears when the mark goes.

use crate::index::{Index, NodeId, Signature};
use crate::watch::paths::join;
use crate::watch::stat::signature;
use crate::workspace::CACHE_TAG;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// See the [module](self).
#[derive(Debug, Default)]
pub(in crate::watch) struct Unwatched {
    /// Files that may have been opened by other names than theirs.
    linked: BTreeMap<NodeId, Linked>,
    /// Marked directories, by the one they are in and their name, and their marks.
    marked: HashMap<(NodeId, Box<[u8]>), Signature>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Linked {
    inode: u64,
    /// It has several names, or had them once.
    is_certain: bool,
}

impl Unwatched {
    /// How many files and directories are looked at each time.
    pub(super) fn len(&self) -> usize {
        self.linked.len() + self.marked.len()
    }

    /// Takes note of a file that has several names; returns whether that is new.
    pub(super) fn has_other_names(&mut self, node: NodeId, inode: u64) -> bool {
        let certain = Linked { inode, is_certain: true };
        self.linked.insert(node, certain) != Some(certain)
    }

    /// Takes note of a file that was made, and whether it was written to by its name.
    pub(super) fn made(&mut self, node: NodeId, inode: u64, written: bool) {
        let known = self.linked.get(&node).filter(|known| known.inode == inode);
        match known {
            Some(Linked { is_certain: true, .. }) => {}
            _ if written => drop(self.linked.remove(&node)),
            _ => drop(self.linked.insert(node, Linked { inode, is_certain: false })),
        }
    }

    /// Files that may be changed under other names than theirs.
    pub(super) fn linked(&mut self, index: &Index) -> Vec<NodeId> {
        // An id may be in use for another file by now.
        self.linked.retain(|node, linked| {
            index.is_in_use(*node)
                && !index.is_dir(*node)
                && index.signature(*node).inode == linked.inode
        });
        self.linked.keys().copied().collect()
    }

    /// Takes note of a directory that is marked.
    pub(super) fn mark(&mut self, dir: NodeId, name: &[u8], mark: Signature) {
        self.marked.insert((dir, name.into()), mark);
    }

    /// Whether a directory was marked when it was last looked at.
    pub(super) fn is_marked(&self, dir: NodeId, name: &[u8]) -> bool {
        !self.marked.is_empty() && self.marked.contains_key(&(dir, name.into()))
    }

    /// Takes those directories whose marks have changed, each with the one it is in.
    pub(super) fn take_unmarked(&mut self, root: &Path, index: &Index) -> Vec<(NodeId, Box<[u8]>)> {
        let changed = self
            .marked
            .iter()
            .filter(|((dir, name), mark)| look(root, &index.path(*dir), name) != Some(**mark));
        let changed: Vec<_> = changed.map(|(place, _)| place.clone()).collect();
        for place in &changed {
            self.marked.remove(place);
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

fn look(root: &Path, dir: &[u8], name: &[u8]) -> Option<Signature> {
    let mark = join(&join(dir, name), CACHE_TAG.0.as_bytes());
    let stat = rustix::fs::lstat(root.join(OsStr::from_bytes(&mark))).ok()?;
    Some(signature(&stat))
}
