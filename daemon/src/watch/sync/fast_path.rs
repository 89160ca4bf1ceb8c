//! Whether what has happened can be processed within microseconds, as far as can be known without
//! doing it.

use super::synchronizer::Synchronizer;
use crate::index::Index;
use crate::watch::paths::join;
use crate::watch::source::{FsEvent, NameChange, SourceKind, WatchId};
use crate::watch::stat::{has_several_names, signature};
use crate::workspace::{CACHE_TAG, holds_rules};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// Events, and entries checked each time, that are few: each costs a microsecond or two.
const FEW: usize = 16;

impl Synchronizer {
    /// Whether no directory need be listed, no index searched and no event waited for. What the
    /// source reports is kept for the next synchronisation.
    pub(in crate::watch) fn is_fast(&mut self) -> bool {
        // Others than this wait for an event of their own making.
        if self.source.kind() != SourceKind::Inotify {
            return false;
        }
        let polls = self.watches.polled_count() > 0 || self.unwatched.len() > FEW;
        let has_moved = self.rules.has_global_changed() || self.mounts.have_changed();
        if self.feed.is_lossy() || polls || has_moved {
            return false;
        }
        self.feed.peek();
        let events = self.feed.buffered();
        let mut half_moves = HashSet::new();
        let is_fast = |event: &FsEvent| match event {
            FsEvent::Name { watch, name, change } => {
                match change {
                    NameChange::MovedFrom(cookie) => {
                        half_moves.insert(*cookie);
                    }
                    NameChange::MovedTo(cookie) => {
                        half_moves.remove(cookie);
                    }
                    _ => {}
                }
                self.is_of_plain_file(*watch, name, *change)
            }
            FsEvent::DirectoryLeft { .. }
            | FsEvent::WatchEnded(_)
            | FsEvent::DirectoryGone(_)
            | FsEvent::Overflow => false,
        };
        events.len() <= FEW && events.iter().all(is_fast) && half_moves.is_empty()
    }

    /// Whether a name is, and was, of no directory, and of no file that says what others are.
    fn is_of_plain_file(&self, watch: WatchId, name: &[u8], change: NameChange) -> bool {
        let Some(dir) = self.watches.dir_of(watch) else { return false };
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
        let path = self.root().join(OsStr::from_bytes(&join(&self.index.path(dir), name)));
        let found = rustix::fs::lstat(path);
        found.map_or(true, |stat| !signature(&stat).is_dir() && !has_several_names(&stat))
    }
}
