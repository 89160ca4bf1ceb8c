//! The index of a workspace: what is in it, in about 150 bytes an entry, and what changed when.
//! Told by [`see`](Index::see), [`remove`](Index::remove) and [`rename`](Index::rename) what is on
//! disk; knows no disk.

mod arena;
mod contents;
mod lookup;
mod saved;
#[cfg(test)]
mod tests;

use super::change::{Change, ChangeKind, Changes};
use super::clock::{Clock, Instance};
use super::digest::NOTHING;
use super::entry::Signature;
use super::log::{Happened, Log, path_of};
use crate::model::Digest;
use std::collections::BTreeSet;

/// One entry of an index. An id is used again when its entry is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

const NO_DIR: u32 = u32::MAX;

/// How an entry came to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Its signature tells whether it changed.
    Stat,
    /// It was closed after writing, or came: it may have changed whatever its signature says
    /// (rule 2), for a new file may have the number and the times of the one before.
    Written,
    /// It was moved here, which gives it another time of change.
    Moved,
    /// Events may have been lost since then, in nanoseconds since 1970: its signature tells, if it
    /// was left alone for a while before.
    Missed(i64),
    /// No event tells of it; it is then, in nanoseconds since 1970. The same, now and later.
    Unwatched(i64),
}

/// What a look at an entry told.
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
enum Content {
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

#[derive(Debug)]
struct Node {
    name: Box<[u8]>,
    signature: Signature,
    digest: Digest,
    parent: NodeId,
    /// Counts what the id was used for and the signatures it had.
    generation: u32,
    /// Where its entries are, if it is a directory.
    dir: u32,
    content: Content,
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

/// What is in a workspace, in about 150 bytes an entry, and what changed when.
#[derive(Debug)]
pub struct Index {
    nodes: Vec<Node>,
    free: Vec<NodeId>,
    dirs: Vec<Vec<NodeId>>,
    free_dirs: Vec<u32>,
    totals: Totals,
    /// Entries whose content is not known, and some that were.
    unread: Vec<NodeId>,
    unread_count: usize,
    doubted_count: usize,
    removed_dirs: Vec<NodeId>,
    /// Pages that are not as they were saved.
    changed_pages: BTreeSet<u32>,
    /// Checksums of the pages as they were saved.
    page_sums: Vec<[u8; saved::CHECKSUM_BYTES]>,
    instance: Instance,
    /// Where earlier instances ended, oldest first: what happened since is known.
    past: Vec<Clock>,
    tick: u64,
    /// Whether something was logged at the tick after this one.
    open: bool,
    /// Not before it has been filled: nobody has a clock of then.
    logging: bool,
    log: Log,
}

impl Index {
    /// The only entry that is always there.
    pub const ROOT: NodeId = NodeId(0);

    /// An empty directory with this signature.
    #[must_use]
    pub fn new(instance: Instance, root: Signature) -> Self {
        let root = Node {
            name: Box::default(),
            signature: root.of_entry(),
            digest: NOTHING,
            parent: Self::ROOT,
            generation: 0,
            dir: 0,
            content: Content::Unread,
        };
        Self {
            nodes: vec![root],
            free: Vec::new(),
            dirs: vec![Vec::new()],
            free_dirs: Vec::new(),
            totals: Totals::default(),
            unread: Vec::new(),
            unread_count: 0,
            doubted_count: 0,
            removed_dirs: Vec::new(),
            changed_pages: BTreeSet::from([0]),
            page_sums: Vec::new(),
            instance,
            past: Vec::new(),
            tick: 0,
            open: false,
            logging: false,
            log: Log::begun_at(0),
        }
    }

    /// Takes a look at what has this name in a directory.
    ///
    /// # Panics
    ///
    /// When `dir` is no directory.
    pub fn upsert(
        &mut self,
        dir: NodeId,
        name: &[u8],
        signature: Signature,
        how: Evidence,
    ) -> (NodeId, Difference) {
        let (node, difference) = self.take_look(dir, name, signature.of_entry(), how);
        if let Evidence::Unwatched(now) = how
            && difference != Difference::None
        {
            self.suspect_unwatched(node, now);
        }
        (node, difference)
    }

    fn take_look(
        &mut self,
        dir: NodeId,
        name: &[u8],
        signature: Signature,
        how: Evidence,
    ) -> (NodeId, Difference) {
        let place = self.place(dir, name);
        let Ok(at) = place else {
            let node = self.insert(dir, name, signature, place.unwrap_or_else(|at| at));
            return (node, Difference::New);
        };
        let node = self.entries(dir)[at];
        let before = self.node(node).signature;
        let other_dir = signature.is_dir() && before.inode != signature.inode;
        if !before.is_same_type(&signature) || other_dir {
            self.remove(node);
            let at = self.place(dir, name).unwrap_or_else(|at| at);
            return (self.insert(dir, name, signature, at), Difference::New);
        }
        (node, self.compare(node, before, signature, how))
    }

    fn compare(
        &mut self,
        node: NodeId,
        before: Signature,
        now: Signature,
        how: Evidence,
    ) -> Difference {
        if before == now && how == Evidence::Stat {
            return Difference::None;
        }
        if now.is_dir() {
            // Closed after writing it can not be.
            if before != now {
                self.set_signature(node, now);
                self.log_set(node, true, true);
                return Difference::Changed;
            }
            return Difference::None;
        }
        if before == now
            && let Evidence::Missed(then) | Evidence::Unwatched(then) = how
        {
            match self.node(node).content {
                Content::Racy | Content::Suspect => self.mark_suspect(node),
                Content::Unread if now.is_racy_at(then) => self.mark_suspect(node),
                Content::Read | Content::Unread => {}
            }
            return Difference::None;
        }
        let but_for_ctime = Signature { ctime_ns: now.ctime_ns, ..before } == now;
        let known =
            matches!(self.node(node).content, Content::Read | Content::Racy | Content::Suspect);
        if before == now && how == Evidence::Moved && !known {
            return Difference::None;
        }
        self.set_signature(node, now);
        if known && (before == now || (how == Evidence::Moved && but_for_ctime)) {
            self.set_content(node, Content::Suspect);
            return Difference::None;
        }
        self.set_content(node, Content::Unread);
        self.log_set(node, true, true);
        Difference::Changed
    }

    /// Takes note that an entry, and everything in it, is gone. The root can not go.
    pub fn remove(&mut self, node: NodeId) {
        if node == Self::ROOT {
            return;
        }
        let parent = self.node(node).parent;
        let Ok(at) = self.place(parent, &self.node(node).name) else {
            unreachable!("BUG: an entry that is not in its directory");
        };
        self.log_tree(node, &|path, entry| Happened::Set {
            path,
            before: Some(entry),
            after: None,
        });
        self.invalidate(parent);
        self.entries_mut(parent).remove(at);
        self.release(node);
    }

    /// Moves an entry, with everything in it. What was there before is gone.
    ///
    /// # Panics
    ///
    /// When `dir` is no directory.
    pub fn rename(&mut self, node: NodeId, dir: NodeId, name: &[u8]) {
        let above = |node| std::iter::successors(Some(node), |at| self.parent(*at));
        let below_itself = above(dir).any(|at| at == node);
        let onto_its_own =
            self.child(dir, name).is_some_and(|there| above(node).any(|at| at == there));
        if node == Self::ROOT || below_itself || onto_its_own {
            // The events are about things that have moved on; what is on disk will tell.
            return;
        }
        let replaced = self.child(dir, name).filter(|there| *there != node);
        let replaced_type = replaced.map(|there| self.node(there).signature.entry_type());
        if let Some(there) = replaced {
            let children = self.node(there).dir != NO_DIR && !self.entries(there).is_empty();
            if children {
                self.remove(there);
            } else {
                self.remove_silently(there);
            }
        }
        let old_parent = self.node(node).parent;
        let Ok(at) = self.place(old_parent, &self.node(node).name) else {
            unreachable!("BUG: an entry that is not in its directory");
        };
        let old = self.path(node);
        self.invalidate(old_parent);
        self.entries_mut(old_parent).remove(at);
        let at = self.place(dir, name).unwrap_or_else(|at| at);
        self.node_mut(node).name = name.into();
        self.node_mut(node).parent = dir;
        self.entries_mut(dir).insert(at, node);
        self.invalidate(dir);
        let new = self.path(node);
        let top = new.len();
        self.log_tree(node, &|to, entry| {
            let from = [&old, &to[top..]].concat().into();
            let replaced = if to.len() == top { replaced_type } else { None };
            Happened::Moved { from, to, entry, replaced }
        });
    }

    /// Tells of what is at a path once more, as modified, if anything is there.
    pub fn touch(&mut self, path: &[u8]) {
        if let Some(node) = self.lookup(path).filter(|node| *node != Self::ROOT) {
            self.log_set(node, true, true);
        }
    }

    /// Tells of changes from now on.
    pub fn begin_log(&mut self) {
        self.logging = true;
    }

    /// Ends a group of changes: what is told from now on belongs to a later tick.
    pub fn seal(&mut self) {
        if self.open {
            self.tick += 1;
            self.open = false;
        }
    }

    /// The moment after the last sealed group of changes.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock { instance: self.instance, tick: self.tick }
    }

    /// What changed since then; everything, where that is not known.
    #[must_use]
    pub fn changes_since(&self, since: Clock) -> Changes {
        if let Some(tick) = self.tick_of(since).filter(|tick| self.log.knows_since(*tick)) {
            let changes = self.log.net_since(tick);
            return Changes { clock: self.clock(), fresh: false, changes };
        }
        let mut changes = Vec::with_capacity(self.nodes.len());
        self.walk(Self::ROOT, &mut Vec::new(), &mut |path, node| {
            let entry = node.signature.entry_type();
            changes.push(Change { path: path_of(path), kind: ChangeKind::Added, entry });
        });
        changes.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Changes { clock: self.clock(), fresh: true, changes }
    }

    /// The tick of a clock of this instance, or of an earlier one up to where it was saved.
    fn tick_of(&self, clock: Clock) -> Option<u64> {
        let mut instances = self.past.iter().copied().chain([self.clock()]);
        let known = instances.find(|known| known.instance == clock.instance)?;
        (clock.tick <= known.tick).then_some(clock.tick)
    }

    /// How many things happened after this tick.
    #[must_use]
    pub fn happened_since(&self, tick: u64) -> usize {
        self.log.count_since(tick)
    }

    /// What is in it altogether.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The directories that went since the last call. Their ids may be in use again.
    pub fn take_removed_dirs(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.removed_dirs)
    }
}
