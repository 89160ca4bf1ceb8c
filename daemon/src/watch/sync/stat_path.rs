//! Looks at single names, and tells the index what is there.

use super::synchronizer::{Synchronizer, Todo};
use crate::index::{Difference, Evidence, Index, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::paths::join;
use crate::watch::stat;
use crate::watch::stat::has_several_names;
use crate::workspace::{CACHE_TAG, holds_rules};
use rustix::fs::Stat;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

impl Synchronizer {
    /// Looks at a name, and tells the index what is there.
    pub(super) fn stat_path(
        &mut self,
        dir: NodeId,
        name: &[u8],
        seen: Evidence,
        todo: &mut Todo,
    ) -> Result<(), WorkspaceError> {
        let found = self.find(dir, name)?;
        self.tell(dir, name, found, seen, todo);
        Ok(())
    }

    /// What there is. What can not be looked at is not there for a build either.
    pub(super) fn find(&self, dir: NodeId, name: &[u8]) -> Result<Option<Stat>, WorkspaceError> {
        let full = self.full_path(dir, name);
        let mut stat = rustix::fs::lstat(&full);
        if stat.is_err() {
            // It may be the root that is not there, for a moment or for good.
            self.check_root()?;
            stat = rustix::fs::lstat(&full);
        }
        Ok(stat.ok())
    }

    /// Whether what was found by a name is found by another spelling as well: there are directories
    /// that do not tell capitals from small letters, and only a listing of one says what is in it
    /// (rule 20). Of other letters than ASCII's nobody knows how they are compared.
    pub(super) fn is_spelt_otherwise(&self, dir: NodeId, name: &[u8], found: &Stat) -> bool {
        let swap = |letter: &u8| match letter.is_ascii_lowercase() {
            true => letter.to_ascii_uppercase(),
            false => letter.to_ascii_lowercase(),
        };
        let other: Vec<u8> = name.iter().map(swap).collect();
        let is_found = |other: Stat| (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino);
        other != name && rustix::fs::lstat(self.full_path(dir, &other)).is_ok_and(is_found)
    }

    /// Tells the index what was found; returns the entry if there is one now.
    pub(super) fn tell(
        &mut self,
        dir: NodeId,
        name: &[u8],
        found: Option<Stat>,
        seen: Evidence,
        todo: &mut Todo,
    ) -> Option<NodeId> {
        if !self.excluded.is_empty() && self.excluded.contains(&self.full_path(dir, name)) {
            return None;
        }
        if holds_rules(name, dir == Index::ROOT) || name == CACHE_TAG.0.as_bytes() {
            todo.deep.insert(dir);
        }
        let Some(stat) = found else {
            self.forget(dir, name);
            return None;
        };
        let (signature, linked) = (stat::signature(&stat), has_several_names(&stat));
        let path = join(&self.index.path(dir), name);
        if linked && seen == Evidence::Written {
            todo.written_inodes.insert(signature.inode);
        }
        if self.rules_in(dir).ignore(&path, signature.is_dir()) {
            self.forget(dir, name);
            return None;
        }
        let (node, difference) = self.index.upsert(dir, name, signature, seen);
        self.drop_removed();
        if linked && difference != Difference::None {
            self.index.doubt_unwatched(node, stat::now_ns());
        }
        if linked && self.unwatched.has_other_names(node, signature.inode) {
            todo.linked_inodes.insert(signature.inode);
        }
        // One that changed may let us in now, or not any more.
        if signature.is_dir() && matches!(difference, Difference::New | Difference::Changed) {
            todo.deep.insert(node);
        }
        Some(node)
    }

    fn full_path(&self, dir: NodeId, name: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(&join(&self.index.path(dir), name)))
    }

    /// Files that were found to have several names under one of them were not told of it under
    /// the others.
    pub(super) fn stat_other_names(&mut self, todo: &mut Todo) -> Result<(), WorkspaceError> {
        let linked = std::mem::take(&mut todo.linked_inodes);
        if linked.is_empty() {
            return Ok(());
        }
        for node in self.index.files_with(&linked) {
            let inode = self.index.signature(node).inode;
            if self.unwatched.has_other_names(node, inode) {
                self.stat_link(node, Evidence::Unwatched(stat::now_ns()), todo)?;
            }
        }
        Ok(())
    }

    pub(super) fn stat_link(
        &mut self,
        node: NodeId,
        seen: Evidence,
        todo: &mut Todo,
    ) -> Result<(), WorkspaceError> {
        if let Some(dir) = self.index.parent(node)
            && self.index.is_in_use(node)
            && !self.index.is_dir(node)
        {
            let name: Box<[u8]> = self.index.name(node).into();
            self.stat_path(dir, &name, seen, todo)?;
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, dir: NodeId, name: &[u8]) {
        if let Some(node) = self.index.child(dir, name) {
            self.index.remove(node);
            self.drop_removed();
        }
    }

    pub(super) fn follow_up(&mut self, mut todo: Todo) -> Result<(), WorkspaceError> {
        self.list(std::mem::take(&mut todo.misspelt), false)?;
        self.stat_other_names(&mut todo)?;
        let written = std::mem::take(&mut todo.written_inodes);
        if !written.is_empty() {
            for node in self.unwatched.linked(&self.index) {
                let in_use = self.index.is_in_use(node);
                if in_use && written.contains(&self.index.signature(node).inode) {
                    self.stat_link(node, Evidence::Written, &mut todo)?;
                }
            }
        }
        if todo.everything {
            return self.list(BTreeSet::from([Index::ROOT]), true);
        }
        if todo.deep.is_empty() { Ok(()) } else { self.list(todo.deep, true) }
    }
}
