//! Has directories listed, and tells the index what the listings say: what is in them, what
//! watches them, which rules hold.

use super::choose::remedy;
use super::crawl::{self, Ground, Listing, Start, TooMany};
use super::observer::{Lost, Observer, Todo};
use super::rules::Rules;
use crate::changes::{Difference, Index, NodeId, Seen};
use std::collections::BTreeSet;

/// How often a directory that was to be listed and was not there is looked for again.
const TRIES: usize = 2;

impl Observer {
    /// Lists directories, and where `deep` says so all below them, and tells the index what is
    /// there. What turns out to be new is listed as well.
    pub(super) fn list(&mut self, mut dirs: BTreeSet<NodeId>, mut deep: bool) -> Result<(), Lost> {
        let mut linked = BTreeSet::new();
        let mut again = TRIES;
        while !dirs.is_empty() {
            let starts = self.starts(&dirs, deep);
            let mut wanted: BTreeSet<_> = starts.iter().map(|start| start.path.clone()).collect();
            let ground = Ground {
                root: &self.root,
                device: self.device,
                source: &*self.source,
                excluded: &self.excluded,
            };
            let listings = crawl::crawl(&ground, starts, deep)
                .map_err(|TooMany| Lost::TooMany(self.root.clone()))?;
            dirs.clear();
            self.listed = listings.iter().filter_map(|l| l.watch.as_ref().ok().copied()).collect();
            for listing in listings {
                wanted.remove(&listing.path);
                if deep {
                    let below = listing.entries.iter().filter(|(_, signature)| signature.is_dir());
                    wanted.extend(below.map(|(name, _)| crawl::join(&listing.path, name)));
                }
                self.merge(listing, deep, &mut dirs, &mut linked);
            }
            if !wanted.is_empty() && again > 0 {
                // They went, as events will tell; or the root was away for a moment.
                self.check_root()?;
                again -= 1;
                dirs.extend(wanted.iter().filter_map(|path| self.index.lookup(path)));
            }
            // What was listed in vain.
            for watch in std::mem::take(&mut self.listed) {
                if !self.node_of.contains_key(&watch) {
                    self.source.unwatch(watch);
                }
            }
            if self.index.totals().files as usize > crawl::MOST_ENTRIES {
                return Err(Lost::TooMany(self.root.clone()));
            }
            deep = true;
        }
        if linked.is_empty() {
            return Ok(());
        }
        let mut todo = Todo { linked_inodes: linked, ..Todo::default() };
        self.look_at_other_names(&mut todo)?;
        self.follow_up(todo)
    }

    pub(super) fn starts(&self, dirs: &BTreeSet<NodeId>, deep: bool) -> Vec<Start> {
        let above =
            |dir: NodeId| std::iter::successors(self.index.parent(dir), |d| self.index.parent(*d));
        let wanted = dirs.iter().filter(|dir| self.index.is_dir(**dir));
        // What is below another one is listed with that.
        wanted
            .filter(|dir| !deep || !above(**dir).any(|above| dirs.contains(&above)))
            .map(|dir| Start { path: self.index.path(*dir), rules: self.rules_above(*dir) })
            .collect()
    }

    pub(super) fn merge(
        &mut self,
        listing: Listing,
        deep: bool,
        new: &mut BTreeSet<NodeId>,
        linked: &mut BTreeSet<u64>,
    ) {
        let node = self.index.lookup(&listing.path).filter(|node| self.index.is_dir(*node));
        let same = |node: &NodeId| self.index.signature(*node).inode == listing.signature.inode;
        let Some(node) = node.filter(same) else {
            // Something else took its place meanwhile; events tell what.
            return;
        };
        if let Some(mark) = listing.cache {
            if let Some(dir) = self.index.parent(node) {
                self.unheard.mark(dir, self.index.name(node), mark);
            }
            self.index.remove(node);
            return self.drop_removed();
        }
        self.set_watch(node, &listing);
        if listing.has_rules {
            self.rules.insert(node, listing.rules);
        } else if node != Index::ROOT {
            self.rules.remove(&node);
        } else {
            self.rules.insert(node, self.outside.rules.clone());
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
        for entry in gone {
            self.index.remove(entry);
        }
        self.drop_removed();
        for (name, signature) in &listing.entries {
            let (entry, difference) = self.index.see(node, name, *signature, Seen::Stat);
            self.drop_removed();
            if difference == Difference::New && listing.linked.contains(name) {
                linked.insert(signature.inode);
            }
            if difference == Difference::New && signature.is_dir() && !deep {
                new.insert(entry);
            }
        }
        for name in &listing.linked {
            if let Some(entry) = self.index.child(node, name)
                && self.unheard.file(entry, true)
            {
                linked.insert(self.index.signature(entry).inode);
            }
        }
    }

    pub(super) fn set_watch(&mut self, node: NodeId, listing: &Listing) {
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
                    if !self.listed.contains(&before) {
                        self.source.unwatch(before);
                    }
                }
                self.polled.remove(&node);
            }
            Err(error) => {
                self.polled.insert(node, format!("{error}{}", remedy(error)));
            }
        }
    }

    /// Gives up what was kept of directories that left the index. Called before their ids can be
    /// used again for what is kept.
    pub(super) fn drop_removed(&mut self) {
        for node in self.index.take_removed_dirs() {
            if let Some(watch) = self.watch_of.remove(&node) {
                self.node_of.remove(&watch);
                if !self.listed.contains(&watch) {
                    self.source.unwatch(watch);
                }
            }
            self.rules.remove(&node);
            self.polled.remove(&node);
            self.problems.remove(&node);
            self.unheard.forget_in(node);
        }
    }

    pub(super) fn rules_in(&self, dir: NodeId) -> Rules {
        let mut above = std::iter::successors(Some(dir), |dir| self.index.parent(*dir));
        above.find_map(|dir| self.rules.get(&dir).cloned()).unwrap_or_default()
    }

    pub(super) fn rules_above(&self, dir: NodeId) -> Rules {
        match self.index.parent(dir) {
            Some(parent) => self.rules_in(parent),
            None => self.outside.rules.clone(),
        }
    }
}
