//! Finds entries of an index.

use super::index::Index;
use super::node::{Content, NO_DIR, Node, NodeId};
use crate::index::entry::{Kind, Signature};
use crate::index::log::path_of;
use crate::model::Digest;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

impl Index {
    /// What has this name in a directory.
    #[must_use]
    pub fn child(&self, dir: NodeId, name: &[u8]) -> Option<NodeId> {
        self.position(dir, name).ok().map(|at| self.entries(dir)[at])
    }

    /// What is at this path, relative to the root.
    #[must_use]
    pub fn lookup(&self, path: &[u8]) -> Option<NodeId> {
        let mut names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        names.try_fold(Self::ROOT, |dir, name| self.is_dir(dir).then(|| self.child(dir, name))?)
    }

    /// The directory that an entry is in; `None` for the root.
    #[must_use]
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        (node != Self::ROOT).then(|| self.node(node).parent)
    }

    /// Whether there is an entry with this id.
    #[must_use]
    pub fn is_in_use(&self, node: NodeId) -> bool {
        let found = self.nodes.get(node.0 as usize);
        node == Self::ROOT || found.is_some_and(|node| !node.name.is_empty())
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_dir(&self, node: NodeId) -> bool {
        self.node(node).dir != NO_DIR
    }

    /// Name of an entry in its directory.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &[u8] {
        &self.node(node).name
    }

    /// The signature it was last seen with.
    #[must_use]
    pub fn signature(&self, node: NodeId) -> Signature {
        self.node(node).signature
    }

    /// Digest of its content when that was last worked out.
    pub(in crate::index) fn content(&self, node: NodeId) -> Digest {
        self.node(node).digest
    }

    /// What is in a directory, in the order of names; nothing for others.
    #[must_use]
    pub fn entries(&self, dir: NodeId) -> &[NodeId] {
        match self.node(dir).dir {
            NO_DIR => &[],
            at => &self.dirs[at as usize],
        }
    }

    /// Path relative to the root, without a slash at either end.
    #[must_use]
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let above = |node: &NodeId| self.parent(*node);
        let names: Vec<_> =
            std::iter::successors(Some(node), above).map(|node| self.name(node)).collect();
        let mut path = Vec::with_capacity(names.iter().map(|name| name.len() + 1).sum());
        for name in names.iter().rev().skip(1) {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        path
    }

    /// Path of a node, to be opened from the working directory of a process.
    #[must_use]
    pub fn path_under(&self, root: &Path, node: NodeId) -> std::path::PathBuf {
        match node {
            Self::ROOT => root.to_path_buf(),
            node => root.join(path_of(&self.path(node))),
        }
    }

    /// Whether something in a directory has one of these names but for capitals, which they are
    /// without.
    #[must_use]
    pub fn has_one_of(&self, dir: NodeId, names: &HashSet<Vec<u8>>) -> bool {
        let mut small = Vec::new();
        self.entries(dir).iter().any(|entry| {
            small.clear();
            small.extend_from_slice(self.name(*entry));
            small.make_ascii_lowercase();
            names.contains(&small)
        })
    }

    /// Files with one of these inode numbers.
    #[must_use]
    pub fn files_with(&self, inodes: &BTreeSet<u64>) -> Vec<NodeId> {
        let theirs = |node: &Node| {
            node.dir == NO_DIR && !node.name.is_empty() && inodes.contains(&node.signature.inode)
        };
        let ids = (0..).map(NodeId).zip(&self.nodes);
        ids.filter(|(_, node)| theirs(node)).map(|(id, _)| id).collect()
    }

    /// All that are no directories.
    #[must_use]
    pub fn files(&self) -> Vec<NodeId> {
        let is_file = |node: &Node| node.dir == NO_DIR && !node.name.is_empty();
        let ids = (0..).map(NodeId).zip(&self.nodes);
        ids.filter(|(_, node)| is_file(node)).map(|(id, _)| id).collect()
    }

    /// All directories at or below one, it first.
    #[must_use]
    pub fn dirs_below(&self, dir: NodeId) -> Vec<NodeId> {
        let mut found = vec![dir];
        let mut next = 0;
        while let Some(dir) = found.get(next) {
            let dirs = self.entries(*dir).iter().copied().filter(|entry| self.is_dir(*entry));
            let dirs: Vec<_> = dirs.collect();
            found.extend(dirs);
            next += 1;
        }
        found
    }

    /// Every path, with the digest of its content if it has one that is known.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], Kind, Option<Digest>)) {
        self.walk(Self::ROOT, &mut Vec::new(), &mut |path, node| {
            let kind = node.signature.kind();
            let known = kind.has_content() && node.content != Content::Unread;
            visit(path, kind, known.then_some(node.digest));
        });
    }

    pub(super) fn walk(
        &self,
        dir: NodeId,
        path: &mut Vec<u8>,
        visit: &mut impl FnMut(&[u8], &Node),
    ) {
        let length = path.len();
        for &entry in self.entries(dir) {
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.name(entry));
            visit(path, self.node(entry));
            if self.is_dir(entry) {
                self.walk(entry, path, visit);
            }
            path.truncate(length);
        }
    }
}
