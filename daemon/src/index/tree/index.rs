//! The index of a workspace: what is in it, in about 150 bytes an entry, and what changed when.
//! Learns by [`Index::upsert`], [`Index::remove`] and [`Index::rename`] what is on disk; knows no
//! disk.

use super::node::{Content, Difference, Evidence, NO_DIR, Node, NodeId, Totals};
use super::recording::Recording;
use crate::index::change::{Change, ChangeKind, Changes};
use crate::index::clock::{Clock, Instance};
use crate::index::digest::NOTHING;
use crate::index::entry::Signature;
use crate::index::history::History;
use crate::index::litter::is_temporary;
use crate::index::log::{LogEntry, path_of};
use std::collections::BTreeSet;

/// Bytes of the checksum of a page.
pub(super) const CHECKSUM_BYTES: usize = 8;

/// What is in a workspace, in about 150 bytes an entry, and what changed when.
#[derive(Debug)]
pub struct Index {
    pub(super) nodes: Vec<Node>,
    pub(super) free: Vec<NodeId>,
    /// The entries of each directory, sorted by name.
    pub(super) dirs: Vec<Vec<NodeId>>,
    pub(super) free_dirs: Vec<u32>,
    pub(super) totals: Totals,
    pub(super) unread: Unread,
    /// Directories that are gone, for whoever keeps something by their ids.
    pub(super) removed_dirs: Vec<NodeId>,
    pub(super) pages: PageState,
    pub(super) recording: Recording,
    pub(super) history: History,
    pub(super) noted: Noted,
}

/// Entries whose content is not known.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// All of them, and some that were.
    pub(super) nodes: Vec<NodeId>,
    pub(super) count: usize,
    /// How many of them may have changed without a trace.
    pub(super) suspects: usize,
}

/// The pages in which an index is saved.
#[derive(Debug)]
pub(super) struct PageState {
    /// Those that are not as they were saved.
    pub(super) changed: BTreeSet<u32>,
    /// Those in which something was too young to be certain of when they were saved.
    pub(super) young: BTreeSet<u32>,
    /// Checksums of all, as they were saved.
    pub(super) checksums: Vec<[u8; CHECKSUM_BYTES]>,
}

/// Which entries are noted. Not saved: found again when it is read.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) is_wanted: fn(&[u8]) -> bool,
    pub(super) nodes: BTreeSet<NodeId>,
}

impl Default for Noted {
    fn default() -> Self {
        Self { is_wanted: |_| false, nodes: BTreeSet::new() }
    }
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
            unread: Unread::default(),
            removed_dirs: Vec::new(),
            pages: PageState {
                changed: BTreeSet::from([0]),
                young: BTreeSet::new(),
                checksums: Vec::new(),
            },
            recording: Recording::default(),
            history: History::new(instance),
            noted: Noted::default(),
        }
    }

    /// Takes what was found by a name in a directory.
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
        let (node, difference) = self.upsert_entry(dir, name, signature.of_entry(), how);
        if let Evidence::Unwatched(now) = how
            && difference != Difference::None
        {
            self.suspect_unwatched(node, now);
        }
        (node, difference)
    }

    fn upsert_entry(
        &mut self,
        dir: NodeId,
        name: &[u8],
        signature: Signature,
        how: Evidence,
    ) -> (NodeId, Difference) {
        let at = match self.position(dir, name) {
            Ok(at) => at,
            Err(at) => return (self.insert(dir, name, signature, at), Difference::New),
        };
        let node = self.entries(dir)[at];
        let before = self.node(node).signature;
        let other_dir = signature.is_dir() && before.inode != signature.inode;
        if !before.is_same_type(&signature) || other_dir {
            self.remove(node);
            let at = self.position(dir, name).unwrap_or_else(|at| at);
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
        self.remove_as(node, is_temporary(&self.node(node).name));
    }

    /// The same for what is no part of the workspace any more, because it is ignored now: what a
    /// tool makes under one name before it gives it another, or before it marks it.
    pub fn remove_ignored(&mut self, node: NodeId) {
        self.remove_as(node, true);
    }

    fn remove_as(&mut self, node: NodeId, is_expected: bool) {
        if node == Self::ROOT {
            return;
        }
        let parent = self.node(node).parent;
        let Ok(at) = self.position(parent, &self.node(node).name) else {
            unreachable!("BUG: an entry that is not in its directory");
        };
        let happened = self.tree_log(node, &|path, entry| LogEntry::Changed {
            path,
            before: Some(entry),
            after: None,
        });
        for entry in happened {
            if is_expected { self.history.add_end(entry) } else { self.history.add(entry) }
        }
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
            // The events are about things that have moved on; a check will show what is on disk.
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
        let Ok(at) = self.position(old_parent, &self.node(node).name) else {
            unreachable!("BUG: an entry that is not in its directory");
        };
        let old = self.path(node);
        self.invalidate(old_parent);
        self.entries_mut(old_parent).remove(at);
        let at = self.position(dir, name).unwrap_or_else(|at| at);
        self.node_mut(node).name = name.into();
        self.note(node);
        self.node_mut(node).parent = dir;
        self.entries_mut(dir).insert(at, node);
        self.invalidate(dir);
        let new = self.path(node);
        let top = new.len();
        let happened = self.tree_log(node, &|to, entry| {
            let from = [&old, &to[top..]].concat().into();
            let replaced = if to.len() == top { replaced_type } else { None };
            LogEntry::Moved { from, to, entry, replaced }
        });
        happened.into_iter().for_each(|entry| self.history.add(entry));
    }

    /// Logs what is at a path once more, as modified, if anything is there.
    pub fn touch(&mut self, path: &[u8]) {
        if let Some(node) = self.lookup(path).filter(|node| *node != Self::ROOT) {
            self.log_set(node, true, true);
        }
    }

    /// Logs changes from now on.
    pub fn begin_log(&mut self) {
        self.history.logging = true;
    }

    /// Ends a group of changes: what comes from now on belongs to a later tick.
    pub fn seal(&mut self) {
        self.history.seal();
    }

    /// Counts the changes that may have been undone: with a digest, what tells two moments apart.
    #[must_use]
    pub fn epoch(&mut self) -> u64 {
        self.history.hand_out_epoch()
    }

    /// Takes note that something happened beside the index that a build may have seen.
    pub fn begin_epoch(&mut self) {
        self.history.epoch += 1;
    }

    /// The moment after the last sealed group of changes.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.history.clock()
    }

    /// What changed since then; everything, where that is not known.
    #[must_use]
    pub fn changes_since(&self, since: Clock) -> Changes {
        if let Some(tick) =
            self.history.tick_of(since).filter(|tick| self.history.log.knows_since(*tick))
        {
            let changes = self.history.log.net_since(tick);
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

    /// How many changes were logged after this tick.
    #[must_use]
    pub fn change_count_since(&self, tick: u64) -> usize {
        self.history.log.count_since(tick)
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
