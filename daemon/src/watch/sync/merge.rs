//! Has directories listed, and tells the index what the listings say: what is in them, what
//! watches them, which rules hold.

use super::synchronizer::{Synchronizer, Todo};
use crate::index::{Difference, Evidence, Index, NodeId, Signature};
use crate::watch::error::WorkspaceError;
use crate::watch::paths;
use crate::watch::scan::{self, CrawlContext, CrawlError, CrawlStart, Listing};
use crate::watch::source::limit_hint;
use crate::watch::source::{ChangeSource, WatchId};
use crate::watch::stat;
use crate::workspace::{IgnoreRules, holds_rules};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How often a directory that was to be listed and was not there is looked for again.
const TRIES: usize = 2;

impl Synchronizer {
    /// Lists everything for the first time. What moves meanwhile is left to the events of that.
    pub(super) fn list_first(&mut self) -> Result<(), WorkspaceError> {
        let starts = vec![CrawlStart { path: Vec::new(), rules: self.outside.rules().clone() }];
        let (root, excluded, source) =
            (self.root.clone(), self.excluded.clone(), self.source.clone());
        let ground = CrawlContext { is_known: false, ..self.ground(&root, &excluded, &*source) };
        let (mut new, mut linked, now) = (BTreeSet::new(), BTreeSet::new(), stat::now_ns());
        let mut merged = Ok(());
        self.merging = Some(Vec::new());
        let crawled = scan::crawl_each(&ground, starts, true, &mut |listing| {
            if merged.is_ok() {
                merged = self.merge(listing, now, true, &mut new, &mut linked);
            }
        });
        self.unwatch_needless();
        crawled.map_err(|failed| self.failed(failed))?;
        merged?;
        self.look_at_linked(linked)
    }

    /// Lists directories, and where `deep` says so all below them, and tells the index what is
    /// there. What turns out to be new is listed as well.
    pub(super) fn list(
        &mut self,
        mut dirs: BTreeSet<NodeId>,
        mut deep: bool,
    ) -> Result<(), WorkspaceError> {
        let mut linked = BTreeSet::new();
        let mut again = TRIES;
        while !dirs.is_empty() {
            let (starts, now) = (self.starts(&dirs, deep), stat::now_ns());
            let mut wanted: BTreeSet<_> = starts.iter().map(|start| start.path.clone()).collect();
            let ground = self.ground(&self.root, &self.excluded, &*self.source);
            let crawled = scan::crawl(&ground, starts, deep);
            let listings = crawled.map_err(|failed| self.failed(failed))?;
            dirs.clear();
            self.merging = Some(Vec::new());
            for listing in listings {
                wanted.remove(&listing.path);
                if deep {
                    let below = listing.entries.iter().filter(|(_, signature)| signature.is_dir());
                    wanted.extend(below.map(|(name, _)| paths::join(&listing.path, name)));
                }
                self.merge(listing, now, deep, &mut dirs, &mut linked)?;
            }
            self.unwatch_needless();
            if !wanted.is_empty() && again > 0 {
                // They went, as events will tell; or the root was away for a moment.
                self.check_root()?;
                again -= 1;
                dirs.extend(wanted.iter().filter_map(|path| self.index.lookup(path)));
            }
            if self.index.totals().files as usize > scan::MAX_ENTRIES {
                return Err(WorkspaceError::TooManyEntries(self.root.clone()));
            }
            deep = true;
        }
        self.look_at_linked(linked)
    }

    /// What all crawls share. Borrows nothing else, so that listings can be merged meanwhile.
    fn ground<'a>(
        &self,
        root: &'a Path,
        excluded: &'a [PathBuf],
        source: &'a dyn ChangeSource,
    ) -> CrawlContext<'a> {
        CrawlContext { root, device: self.identity.device, source, excluded, is_known: true }
    }

    fn failed(&mut self, failed: CrawlError) -> WorkspaceError {
        match failed {
            CrawlError::TooManyEntries => WorkspaceError::TooManyEntries(self.root.clone()),
            CrawlError::ResourceExhausted(path, error) => {
                // What was to be listed is not known any more: everything is, next time.
                self.lost = true;
                WorkspaceError::exhausted(path, error)
            }
        }
    }

    fn look_at_linked(&mut self, linked: BTreeSet<u64>) -> Result<(), WorkspaceError> {
        if linked.is_empty() {
            return Ok(());
        }
        let mut todo = Todo { linked_inodes: linked, ..Todo::default() };
        self.stat_other_names(&mut todo)?;
        self.follow_up(todo)
    }

    pub(super) fn starts(&self, dirs: &BTreeSet<NodeId>, deep: bool) -> Vec<CrawlStart> {
        let above =
            |dir: NodeId| std::iter::successors(self.index.parent(dir), |d| self.index.parent(*d));
        let wanted = dirs.iter().filter(|dir| self.index.is_dir(**dir));
        // What is below another one is listed with that.
        wanted
            .filter(|dir| !deep || !above(**dir).any(|above| dirs.contains(&above)))
            .map(|dir| CrawlStart { path: self.index.path(*dir), rules: self.rules_above(*dir) })
            .collect()
    }

    pub(super) fn merge(
        &mut self,
        listing: Listing,
        now: i64,
        deep: bool,
        new: &mut BTreeSet<NodeId>,
        linked: &mut BTreeSet<u64>,
    ) -> Result<(), WorkspaceError> {
        let node = self.index.lookup(&listing.path).filter(|node| self.index.is_dir(*node));
        let same = |node: &NodeId| self.index.signature(*node).inode == listing.signature.inode;
        let Some(node) = node.filter(same) else {
            // Something else took its place meanwhile; events tell what.
            self.needs_no(listing.watch.ok());
            return Ok(());
        };
        if let Some(mark) = listing.cache {
            if let Some(dir) = self.index.parent(node) {
                self.unwatched.mark(dir, self.index.name(node), mark);
            }
            self.index.remove(node);
            self.drop_removed();
            self.needs_no(listing.watch.ok());
            return Ok(());
        }
        let watched = self.watch_of.get(&node).copied();
        let how = self.set_watch(node, &listing, now);
        if node == Index::ROOT && how == Evidence::Written && watched.is_some() {
            // A watch ends with its directory: another one has its place and its inode (rule 15).
            return Err(WorkspaceError::RootGone(self.root.clone()));
        }
        if listing.has_rules {
            self.rules.insert(node, listing.rules);
        } else if node != Index::ROOT {
            self.rules.remove(&node);
        } else {
            self.rules.insert(node, self.outside.rules().clone());
        }
        if node == Index::ROOT {
            self.on_change = listing.on_change;
        }
        if listing.problems.is_empty() {
            self.problems.remove(&node);
        } else {
            self.problems.insert(node, listing.problems);
        }
        let index = &self.index;
        let listed =
            |name: &[u8]| listing.entries.binary_search_by(|(n, _)| (**n).cmp(name)).is_ok();
        let known = index.entries(node).iter().copied();
        let gone: Vec<_> = known.filter(|entry| !listed(index.name(*entry))).collect();
        let is_root = node == Index::ROOT;
        let mut other_rules = gone.iter().any(|gone| holds_rules(self.index.name(*gone), is_root));
        if matches!(how, Evidence::Unwatched(_)) {
            self.find_renamed(node, &gone, &listing.entries);
        }
        for entry in gone {
            if self.index.parent(entry) == Some(node) && !listed(self.index.name(entry)) {
                self.index.remove(entry);
            }
        }
        self.drop_removed();
        for (name, signature) in &listing.entries {
            if signature.is_dir() && self.unwatched.is_marked(node, name) {
                // It is looked at when its mark changes.
                continue;
            }
            let (entry, difference) = self.index.upsert(node, name, *signature, how);
            self.drop_removed();
            if difference != Difference::None && listing.linked.contains(name) {
                linked.insert(signature.inode);
                self.index.doubt_unwatched(entry, now);
            }
            other_rules |= holds_rules(name, is_root)
                && (difference != Difference::None || signature.is_racy_at(now));
            if difference == Difference::New && signature.is_dir() && !deep {
                new.insert(entry);
            }
        }
        linked.extend(listing.ignored_links);
        for name in &listing.linked {
            if let Some(entry) = self.index.child(node, name) {
                let inode = self.index.signature(entry).inode;
                if self.unwatched.has_other_names(entry, inode) {
                    linked.insert(inode);
                }
            }
        }
        if other_rules && !deep {
            // Those below were listed by the rules that were.
            new.insert(node);
        }
        Ok(())
    }

    /// Without events, a file that is in a directory under another name than before is taken for
    /// renamed. A directory is not: nothing but its number, which is given out again, tells it from
    /// a new one.
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

    /// Notes what watches a directory from now on. Returns how what is in it is to be seen: what
    /// was not watched all the time may have changed without a trace.
    pub(super) fn set_watch(&mut self, node: NodeId, listing: &Listing, now: i64) -> Evidence {
        let before = self.watch_of.get(&node).copied();
        match &listing.watch {
            Ok(watch) => {
                if let Some(before) = self.node_of.insert(*watch, node)
                    && before != node
                {
                    self.watch_of.remove(&before);
                }
                if let Some(before) = self.watch_of.insert(node, *watch)
                    && before != *watch
                {
                    self.node_of.remove(&before);
                    self.needs_no(Some(before));
                }
                self.polled.remove(&node);
                match before {
                    // What was known before there were watches knows itself how far it goes.
                    _ if !self.begun => Evidence::Stat,
                    _ if self.lost => Evidence::Missed(self.heard),
                    Some(before) if before == *watch => Evidence::Stat,
                    _ => Evidence::Written,
                }
            }
            Err(error) => {
                self.drop_watch(node);
                self.polled.insert(node, format!("{error}{}", limit_hint(error)));
                Evidence::Unwatched(now)
            }
        }
    }

    /// Gives up what was kept of directories that left the index. Called before their ids can be
    /// used again for what is kept.
    pub(super) fn drop_removed(&mut self) {
        for node in self.index.take_removed_dirs() {
            self.drop_watch(node);
            self.rules.remove(&node);
            self.polled.remove(&node);
            self.problems.remove(&node);
            self.unwatched.forget_in(node);
        }
    }

    fn drop_watch(&mut self, node: NodeId) {
        if let Some(watch) = self.watch_of.remove(&node) {
            self.node_of.remove(&watch);
            self.needs_no(Some(watch));
        }
    }

    /// Gives a watch back. While listings are merged, the next one may be of the same directory at
    /// another place.
    fn needs_no(&mut self, watch: Option<WatchId>) {
        match (watch, &mut self.merging) {
            (Some(watch), Some(later)) => later.push(watch),
            (Some(watch), None) => self.source.unwatch(watch),
            (None, _) => {}
        }
    }

    /// Gives back what no listing needed after all.
    fn unwatch_needless(&mut self) {
        for watch in self.merging.take().unwrap_or_default() {
            if !self.node_of.contains_key(&watch) {
                self.source.unwatch(watch);
            }
        }
    }

    pub(super) fn rules_in(&self, dir: NodeId) -> IgnoreRules {
        let mut above = std::iter::successors(Some(dir), |dir| self.index.parent(*dir));
        above.find_map(|dir| self.rules.get(&dir).cloned()).unwrap_or_default()
    }

    pub(super) fn rules_above(&self, dir: NodeId) -> IgnoreRules {
        match self.index.parent(dir) {
            Some(parent) => self.rules_in(parent),
            None => self.outside.rules().clone(),
        }
    }
}
