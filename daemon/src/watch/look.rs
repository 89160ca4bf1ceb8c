//! Looks at single names, and tells the index what is there.

use super::crawl::{self, join};
use super::observer::{Lost, Observer, Todo};
use super::rules::{CACHE_TAG, makes_rules};
use super::unheard::is_linked;
use crate::changes::{Difference, Index, NodeId, Seen};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

impl Observer {
    /// Looks at a name, and tells the index what is there.
    pub(super) fn look(
        &mut self,
        dir: NodeId,
        name: &[u8],
        seen: Seen,
        todo: &mut Todo,
    ) -> Result<(), Lost> {
        let dir_path = self.index.path(dir);
        let path = join(&dir_path, name);
        let full = self.root.join(OsStr::from_bytes(&path));
        if self.excluded.contains(&full) {
            return Ok(());
        }
        if makes_rules(name, dir == Index::ROOT) || name == CACHE_TAG.0.as_bytes() {
            todo.deep.insert(dir);
        }
        let mut stat = rustix::fs::lstat(&full);
        if stat.is_err() {
            // It may be the root that is not there, for a moment or for good.
            self.check_root()?;
            stat = rustix::fs::lstat(&full);
        }
        // What is gone, or can not be looked at, is not there for a build either.
        let Ok(stat) = stat else {
            self.forget(dir, name);
            return Ok(());
        };
        let (signature, linked) = (crawl::signature(&stat), is_linked(&stat));
        if self.rules_in(dir).ignore(&path, signature.is_dir()) {
            self.forget(dir, name);
            return Ok(());
        }
        let (node, difference) = self.index.see(dir, name, signature, seen);
        self.drop_removed();
        // An id may be in the list from the entry that had it before.
        let new = self.unheard.file(node, linked) || difference == Difference::New;
        if new && linked {
            todo.linked_inodes.insert(signature.inode);
        }
        if linked && seen == Seen::Written {
            todo.written_inodes.insert(signature.inode);
        }
        if difference == Difference::New && signature.is_dir() {
            todo.deep.insert(node);
        } else if difference == Difference::Changed && signature.is_dir() {
            // It may let us in now, or not any more.
            todo.deep.insert(node);
        }
        Ok(())
    }

    /// Files that were found to have several names under one of them were not told of it under
    /// the others.
    pub(super) fn look_at_other_names(&mut self, todo: &mut Todo) -> Result<(), Lost> {
        let linked = std::mem::take(&mut todo.linked_inodes);
        if linked.is_empty() {
            return Ok(());
        }
        for node in self.index.files_with(&linked) {
            if self.unheard.file(node, true) {
                self.look_at_link(node, Seen::Unwatched(crawl::now_ns()), todo)?;
            }
        }
        Ok(())
    }

    pub(super) fn look_at_link(
        &mut self,
        node: NodeId,
        seen: Seen,
        todo: &mut Todo,
    ) -> Result<(), Lost> {
        match self.index.parent(node) {
            Some(dir) if self.index.is_in_use(node) && !self.index.is_dir(node) => {
                let name: Box<[u8]> = self.index.name(node).into();
                self.look(dir, &name, seen, todo)?;
            }
            _ => {
                self.unheard.file(node, false);
            }
        }
        Ok(())
    }

    pub(super) fn forget(&mut self, dir: NodeId, name: &[u8]) {
        if let Some(node) = self.index.child(dir, name) {
            self.index.remove(node);
            self.drop_removed();
        }
    }

    pub(super) fn follow_up(&mut self, mut todo: Todo) -> Result<(), Lost> {
        self.look_at_other_names(&mut todo)?;
        let written = std::mem::take(&mut todo.written_inodes);
        if !written.is_empty() {
            for node in self.unheard.linked() {
                let other = self.index.is_in_use(node)
                    && written.contains(&self.index.signature(node).inode);
                if other {
                    self.look_at_link(node, Seen::Written, &mut todo)?;
                }
            }
        }
        if todo.everything {
            return self.list(BTreeSet::from([Index::ROOT]), true);
        }
        if todo.deep.is_empty() { Ok(()) } else { self.list(todo.deep, true) }
    }
}
