//! What no event tells about, though its directory is watched, and so is looked at each time.
//!
//! A file with several names tells of a change only under the name it was changed by, which may be
//! outside the workspace. A directory that is marked as a cache is not watched, so nobody hears
//! when the mark goes.

use super::crawl::{join, signature};
use super::rules::CACHE_TAG;
use crate::changes::{Index, NodeId, Signature};
use rustix::fs::Stat;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Unheard {
    /// Files with several names.
    linked: BTreeSet<NodeId>,
    /// Marked directories, by the one they are in and their name, and their marks.
    marked: HashMap<(NodeId, Box<[u8]>), Signature>,
}

impl Unheard {
    /// Takes note of whether a file has several names; returns whether that is new.
    pub(super) fn file(&mut self, node: NodeId, is_linked: bool) -> bool {
        if is_linked { self.linked.insert(node) } else { self.linked.remove(&node) }
    }

    /// Files with several names. Some may be gone, and their ids in use for others.
    pub(super) fn linked(&self) -> Vec<NodeId> {
        self.linked.iter().copied().collect()
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

/// Whether what was looked at is a file with several names.
pub(super) fn is_linked(stat: &Stat) -> bool {
    stat.st_nlink > 1 && !signature(stat).is_dir()
}

fn look(root: &Path, dir: &[u8], name: &[u8]) -> Option<Signature> {
    let mark = join(&join(dir, name), CACHE_TAG.0.as_bytes());
    let stat = rustix::fs::lstat(root.join(OsStr::from_bytes(&mark))).ok()?;
    Some(signature(&stat))
}
