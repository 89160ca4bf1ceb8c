//! Checks single names, and tells the index what is there. What follows from it goes into the work
//! list.

use super::synchronizer::Synchronizer;
use super::work_list::WorkList;
use crate::index::{Difference, Evidence, Index, NodeId, Signature};
use crate::watch::error::WorkspaceError;
use crate::watch::paths::join;
use crate::watch::stat::{has_several_names, now_ns, signature};
use crate::workspace::{CACHE_TAG, holds_rules};
use rustix::fs::Stat;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

impl Synchronizer {
    /// Checks a name.
    pub(super) fn stat_path(
        &mut self,
        dir: NodeId,
        name: &[u8],
        evidence: Evidence,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        let found = self.find(dir, name)?;
        self.record(dir, name, found, evidence, work);
        Ok(())
    }

    /// Checks a file of the index, if it is still there.
    pub(super) fn stat_file(
        &mut self,
        node: NodeId,
        evidence: Evidence,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        if let Some(dir) = self.index.parent(node)
            && self.index.is_in_use(node)
            && !self.index.is_dir(node)
        {
            let name: Box<[u8]> = self.index.name(node).into();
            self.stat_path(dir, &name, evidence, work)?;
        }
        Ok(())
    }

    /// Checks files that were found to have several names: what was reported of them under one was
    /// not reported under the others.
    pub(super) fn stat_linked(
        &mut self,
        inodes: &BTreeSet<u64>,
        evidence: Evidence,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        for node in self.index.files_with(inodes) {
            let inode = self.index.signature(node).inode;
            if self.unwatched.add_linked(node, inode) {
                self.stat_file(node, evidence, work)?;
            }
        }
        Ok(())
    }

    /// Checks files that have several names and were written under one of them.
    pub(super) fn stat_written(
        &mut self,
        inodes: &BTreeSet<u64>,
        evidence: Evidence,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        for node in self.unwatched.linked_files(&self.index) {
            let is_in_use = self.index.is_in_use(node);
            if is_in_use && inodes.contains(&self.index.signature(node).inode) {
                self.stat_file(node, evidence, work)?;
            }
        }
        Ok(())
    }

    /// Checks every file: one of them may have been written to by a name that is gone. Which one that
    /// is shows in its signature, and from then on it is checked each time.
    pub(super) fn stat_all(&mut self, work: &mut WorkList) -> Result<(), WorkspaceError> {
        for node in self.index.files() {
            if !self.index.is_in_use(node) {
                continue;
            }
            let before = self.index.signature(node);
            self.stat_file(node, Evidence::Unwatched(now_ns()), work)?;
            if self.index.is_in_use(node) && !self.index.is_dir(node) {
                let after = self.index.signature(node);
                if after != before && after.inode == before.inode {
                    self.unwatched.add_linked(node, after.inode);
                }
            }
        }
        Ok(())
    }

    /// What there is. What can not be checked is not there for a build either.
    pub(super) fn find(&self, dir: NodeId, name: &[u8]) -> Result<Option<Stat>, WorkspaceError> {
        let full = self.full_path(dir, name);
        let mut stat = rustix::fs::lstat(&full);
        if stat.is_err() {
            // It may be the root that is not there, for a moment or for good.
            self.root.check()?;
            stat = rustix::fs::lstat(&full);
        }
        Ok(stat.ok())
    }

    /// Whether what was found by a name is found by another spelling as well: there are directories
    /// that do not distinguish capitals from small letters, and only a listing of one says what is in it
    /// (rule 20). Of other letters than ASCII's nobody knows how they are compared.
    pub(super) fn has_other_spelling(&self, dir: NodeId, name: &[u8], found: &Stat) -> bool {
        let swap = |letter: &u8| match letter.is_ascii_lowercase() {
            true => letter.to_ascii_uppercase(),
            false => letter.to_ascii_lowercase(),
        };
        let other: Vec<u8> = name.iter().map(swap).collect();
        let is_found = |other: Stat| (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino);
        other != name && rustix::fs::lstat(self.full_path(dir, &other)).is_ok_and(is_found)
    }

    /// Tells the index what was found; returns the entry if there is one now.
    pub(super) fn record(
        &mut self,
        dir: NodeId,
        name: &[u8],
        found: Option<Stat>,
        evidence: Evidence,
        work: &mut WorkList,
    ) -> Option<NodeId> {
        if !self.excluded.is_empty() && self.excluded.contains(&self.full_path(dir, name)) {
            return None;
        }
        if holds_rules(name, dir == Index::ROOT) || name == CACHE_TAG.0.as_bytes() {
            work.list_tree(dir);
        }
        let Some(stat) = found else {
            self.remove_name(dir, name);
            return None;
        };
        let (signature, is_linked) = (signature(&stat), has_several_names(&stat));
        let path = join(&self.index.path(dir), name);
        if is_linked && evidence == Evidence::Written {
            work.stat_written(signature.inode);
        }
        if self.rules.rules_in(&self.index, dir).ignore(&path, signature.is_dir()) {
            if let Some(node) = self.index.child(dir, name) {
                self.index.remove_ignored(node);
                self.drop_removed();
            }
            return None;
        }
        let (node, difference) = self.upsert(dir, name, signature, evidence);
        if is_linked && difference != Difference::None {
            self.index.suspect_unwatched(node, now_ns());
        }
        if is_linked && self.unwatched.add_linked(node, signature.inode) {
            work.stat_linked([signature.inode]);
        }
        // One that changed may let us in now, or not any more.
        if signature.is_dir() && matches!(difference, Difference::New | Difference::Changed) {
            work.list_tree(node);
        }
        Some(node)
    }

    /// Tells the index what is by a name, and gives up what was kept of what was there before.
    pub(super) fn upsert(
        &mut self,
        dir: NodeId,
        name: &[u8],
        signature: Signature,
        evidence: Evidence,
    ) -> (NodeId, Difference) {
        let (node, difference) = self.index.upsert(dir, name, signature, evidence);
        self.drop_removed();
        if difference == Difference::New {
            self.unwatched.forget_gone_names();
        }
        (node, difference)
    }

    pub(super) fn full_path(&self, dir: NodeId, name: &[u8]) -> PathBuf {
        self.root().join(OsStr::from_bytes(&join(&self.index.path(dir), name)))
    }

    fn remove_name(&mut self, dir: NodeId, name: &[u8]) {
        if let Some(node) = self.index.child(dir, name) {
            self.index.remove(node);
            self.drop_removed();
        }
    }

    /// Gives up what was kept of directories that left the index. Called before their ids can be
    /// used again for what is kept.
    pub(super) fn drop_removed(&mut self) {
        for node in self.index.take_removed_dirs() {
            self.watches.remove(node);
            self.rules.remove(node);
            self.unwatched.forget_in(node);
        }
    }
}
