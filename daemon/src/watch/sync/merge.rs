//! Tells the index what listings say: what is in a directory, what watches it, which rules hold.
//! Knows of the disk only whether two places are one directory.

use super::synchronizer::Synchronizer;
use crate::index::{Difference, Evidence, Index, NodeId, Signature};
use crate::watch::error::WorkspaceError;
use crate::watch::scan::Listing;
use crate::watch::source::{WatchId, limit_hint};
use crate::workspace::holds_rules;
use std::collections::BTreeSet;

/// What turned out while listings were merged.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Directories that are to be listed, with all below them.
    pub(super) new_dirs: BTreeSet<NodeId>,
    /// Inodes of files that may have several names, which was not known.
    pub(super) linked: BTreeSet<u64>,
}

impl Synchronizer {
    /// `now` is a moment before the listing, in nanoseconds since 1970; `deep` says that what is
    /// below was listed as well.
    pub(super) fn merge(
        &mut self,
        mut listing: Listing,
        now: i64,
        deep: bool,
        found: &mut Merged,
    ) -> Result<(), WorkspaceError> {
        let node = self.index.lookup(&listing.path).filter(|node| self.index.is_dir(*node));
        let same = |node: &NodeId| self.index.signature(*node).inode == listing.signature.inode;
        let Some(node) = node.filter(same) else {
            // Something else took its place meanwhile; events report what.
            listing.watch.into_iter().for_each(|watch| self.watches.release(watch));
            return Ok(());
        };
        if let Some(mark) = listing.cache {
            if let Some(dir) = self.index.parent(node) {
                self.unwatched.mark(dir, self.index.name(node), mark);
            }
            self.index.remove_ignored(node);
            self.drop_removed();
            listing.watch.into_iter().for_each(|watch| self.watches.release(watch));
            return Ok(());
        }
        let watched = self.watches.watch_of(node);
        let evidence = self.set_watch(node, &listing, now);
        if node == Index::ROOT && evidence == Evidence::Written && watched.is_some() {
            // A watch ends with its directory: another one has its place and its inode (rule 15).
            return Err(WorkspaceError::RootGone(self.root().to_path_buf()));
        }
        self.rules.update(node, &mut listing);
        let mut has_other_rules = self.remove_unlisted(node, &listing, evidence);
        has_other_rules |= self.upsert_listed(node, &listing, (evidence, now), deep, found);
        found.linked.extend(&listing.ignored_links);
        for name in &listing.linked {
            if let Some(entry) = self.index.child(node, name) {
                let inode = self.index.signature(entry).inode;
                if self.unwatched.add_linked(entry, inode) {
                    found.linked.insert(inode);
                }
            }
        }
        if has_other_rules && !deep {
            // Those below were listed by the rules that were.
            found.new_dirs.insert(node);
        }
        Ok(())
    }

    /// Takes from the index what is not in a directory any more; returns whether rules went with
    /// it.
    fn remove_unlisted(&mut self, node: NodeId, listing: &Listing, evidence: Evidence) -> bool {
        let index = &self.index;
        let listed =
            |name: &[u8]| listing.entries.binary_search_by(|(n, _)| (**n).cmp(name)).is_ok();
        let known = index.entries(node).iter().copied();
        let gone: Vec<_> = known.filter(|entry| !listed(index.name(*entry))).collect();
        let is_root = node == Index::ROOT;
        let has_other_rules = gone.iter().any(|gone| holds_rules(self.index.name(*gone), is_root));
        if matches!(evidence, Evidence::Unwatched(_)) {
            self.find_renamed(node, &gone, &listing.entries);
        }
        for entry in gone {
            if self.index.parent(entry) == Some(node) && !listed(self.index.name(entry)) {
                let is_dir = self.index.is_dir(entry);
                let path = self.index.path(entry);
                if self.rules.rules_in(&self.index, node).ignore(&path, is_dir) {
                    self.index.remove_ignored(entry);
                } else {
                    self.index.remove(entry);
                }
            }
        }
        self.drop_removed();
        has_other_rules
    }

    /// Tells the index what is in a directory; returns whether rules may have changed.
    fn upsert_listed(
        &mut self,
        node: NodeId,
        listing: &Listing,
        (evidence, now): (Evidence, i64),
        deep: bool,
        found: &mut Merged,
    ) -> bool {
        let is_root = node == Index::ROOT;
        let mut has_other_rules = false;
        for (name, signature) in &listing.entries {
            if signature.is_dir() && self.unwatched.is_marked(node, name) {
                // It is listed when its mark changes.
                continue;
            }
            let (entry, difference) = self.upsert(node, name, *signature, evidence);
            if difference != Difference::None && listing.linked.contains(name) {
                found.linked.insert(signature.inode);
                self.index.suspect_unwatched(entry, now);
            }
            has_other_rules |= holds_rules(name, is_root)
                && (difference != Difference::None || signature.is_racy_at(now));
            if difference == Difference::New && signature.is_dir() && !deep {
                found.new_dirs.insert(entry);
            }
        }
        has_other_rules
    }

    /// Without events, a file that is in a directory under another name than before is taken for
    /// renamed. A directory is not: nothing but its number, which is given out again, distinguishes
    /// it from a new one.
    fn find_renamed(&mut self, dir: NodeId, gone: &[NodeId], entries: &[(Box<[u8]>, Signature)]) {
        for &entry in gone {
            let was = self.index.signature(entry);
            let same = |is: &Signature| Signature { ctime_ns: was.ctime_ns, ..*is } == was;
            let is = entries.iter().find(|(name, is)| {
                !is.is_dir() && same(is) && self.index.child(dir, name).is_none()
            });
            if let Some((name, _)) = is {
                self.index.rename(entry, dir, name);
            }
        }
    }

    /// Whether the watch of a directory is that of another place where the same directory is: events
    /// tell of one place only.
    fn is_second_place(&self, node: NodeId, watch: WatchId) -> bool {
        let other = self.watches.dir_of(watch).filter(|other| *other != node);
        let Some(other) = other.filter(|other| self.index.is_in_use(*other)) else { return false };
        let found = |dir: NodeId| rustix::fs::lstat(self.path_of(dir)).ok();
        let (Some(here), Some(there)) = (found(node), found(other)) else { return false };
        (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    }

    /// Notes what watches a directory from now on. Returns with which evidence what is in it is to
    /// be taken: what was not watched all the time may have changed without a trace.
    fn set_watch(&mut self, node: NodeId, listing: &Listing, now: i64) -> Evidence {
        match &listing.watch {
            Ok(watch) if self.is_second_place(node, *watch) => {
                let why = "they are mounted at another place of the workspace as well";
                self.watches.set_polled(node, why.to_owned());
                Evidence::Unwatched(now)
            }
            Ok(watch) => {
                let before = self.watches.watch_of(node);
                self.watches.set_watch(node, *watch);
                match before {
                    // What was known before there were watches knows itself how far it goes.
                    _ if !self.is_listed => Evidence::Stat,
                    _ if self.feed.is_lossy() => Evidence::Missed(self.feed.processed_at()),
                    Some(before) if before == *watch => Evidence::Stat,
                    _ => Evidence::Written,
                }
            }
            Err(error) => {
                self.watches.set_polled(node, format!("{error}{}", limit_hint(error)));
                Evidence::Unwatched(now)
            }
        }
    }
}
