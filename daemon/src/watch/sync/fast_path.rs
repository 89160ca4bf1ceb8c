//! Whether what has happened is taken in within microseconds, as far as can be told without doing it.

use super::synchronizer::Synchronizer;
use crate::index::Index;
use crate::watch::paths::join;
use crate::watch::source::SourceKind;
use crate::watch::source::{FsEvent, NameChange, WatchId};
use crate::watch::stat::has_several_names;
use crate::watch::stat::signature;
use crate::workspace::{CACHE_TAG, holds_rules};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// Events, and entries looked at each time, that are not many: each costs a microsecond or two.
const FEW: usize = 16;

impl Synchronizer {
    /// Whether no directory need be listed, no index searched and no event waited for. What the
    /// source tells is kept for the next synchronisation.
    pub(in crate::watch) fn is_fast(&mut self) -> bool {
        // Others than this wait for an event of their own making.
        if self.source.kind() != SourceKind::Inotify {
            return false;
        }
        if self.lost || !self.polled.is_empty() || self.unwatched.len() > FEW {
            return false;
        }
        if self.outside.has_changed() {
            return false;
        }
        self.buffered_events = self.drain_events(|source, events| source.sync(events));
        let mut halves = HashSet::new();
        let brief = |event: &FsEvent| match event {
            FsEvent::Name { watch, name, change } => {
                match change {
                    NameChange::MovedFrom(cookie) => drop(halves.insert(*cookie)),
                    NameChange::MovedTo(cookie) => drop(halves.remove(cookie)),
                    _ => {}
                }
                self.is_of_plain_file(*watch, name, *change)
            }
            FsEvent::WatchEnded(_) | FsEvent::DirectoryGone(_) | FsEvent::Overflow => false,
        };
        self.buffered_events.len() <= FEW
            && self.buffered_events.iter().all(brief)
            && halves.is_empty()
    }

    /// Whether a name is, and was, of no directory, and of no file that says what others are.
    fn is_of_plain_file(&self, watch: WatchId, name: &[u8], change: NameChange) -> bool {
        let Some(&dir) = self.node_of.get(&watch) else { return false };
        let known = self.index.child(dir, name);
        if known.is_some_and(|node| self.index.is_dir(node))
            || holds_rules(name, dir == Index::ROOT)
            || name == CACHE_TAG.0.as_bytes()
        {
            return false;
        }
        if !matches!(change, NameChange::Created | NameChange::MovedTo(_)) {
            return true;
        }
        let path = self.root.join(OsStr::from_bytes(&join(&self.index.path(dir), name)));
        let found = rustix::fs::lstat(path);
        found.map_or(true, |stat| !signature(&stat).is_dir() && !has_several_names(&stat))
    }
}
