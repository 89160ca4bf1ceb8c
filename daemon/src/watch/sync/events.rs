//! Takes in what events tell: where they point, names are looked at; what they say was moved is
//! moved in the index first, so that it is told as a move.

use super::synchronizer::{NameEvent, Synchronizer, Todo};
use crate::index::{Evidence, Index, Kind, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::source::{FsEvent, NameChange, WatchId};
use crate::watch::stat;
use crate::watch::stat::has_several_names;
use crate::workspace::is_always_ignored;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long to wait for an event that is on its way: a system call that renames tells of it when it
/// has been done, in two events, and may be held up before each.
const ON_ITS_WAY: Duration = Duration::from_micros(100);

/// How often, while nothing comes.
const MOST_WAITS: u32 = 20;

/// For how long a file counts as being written that was made, and nobody closed it: it may be a
/// link, which nobody ever closes.
const MADE_IS_WRITTEN: Duration = Duration::from_millis(50);

/// The same for a file that was written to: it may be the log of a program that goes on.
const MODIFIED_IS_WRITTEN: Duration = Duration::from_secs(1);

/// How often what is told is taken in before names are looked at as they are: somebody may rename
/// the same thing for ever.
const MOST_ROUNDS: u32 = 64;

impl Synchronizer {
    pub(super) fn apply(&mut self, mut events: Vec<FsEvent>) -> Result<(), WorkspaceError> {
        let mut todo = Todo::default();
        let mut moves = HashMap::new();
        let (mut rounds, mut waits) = (0, 0);
        loop {
            for event in events.drain(..) {
                self.process_event(event, &mut moves, &mut todo)?;
            }
            let patient = rounds < MOST_ROUNDS && waits < MOST_WAITS;
            if moves.is_empty() || !patient {
                self.look_at_names(&mut todo, patient)?;
                if todo.names.is_empty() {
                    return self.follow_up(todo);
                }
            }
            rounds += 1;
            if self.source.sync(&mut events).is_err() {
                events.push(FsEvent::Overflow);
            }
            if events.is_empty() {
                std::thread::sleep(ON_ITS_WAY);
                waits += 1;
            }
        }
    }

    /// Looks at the names that were told. Leaves those, if `patient`, that ought to be there and are
    /// not: they were moved on or removed, and the event of that is on its way.
    fn look_at_names(&mut self, todo: &mut Todo, patient: bool) -> Result<(), WorkspaceError> {
        let mut vanished: HashMap<NodeId, HashSet<Vec<u8>>> = HashMap::new();
        for (place, told) in std::mem::take(&mut todo.names) {
            let (watch, name) = &place;
            let Some(&dir) = self.node_of.get(watch) else { continue };
            let (found, known) = (self.find(dir, name)?, self.index.child(dir, name));
            if found.is_none() && patient && told.there && known.is_some() {
                todo.names.insert(place, told);
                continue;
            }
            match found {
                Some(stat) if known.is_none() || !told.there => {
                    if self.is_spelt_otherwise(dir, name, &stat) {
                        let inode = stat::signature(&stat).inode;
                        todo.misspelt.insert(dir);
                        todo.linked_inodes.insert(inode);
                        let written = told.seen == Evidence::Written;
                        todo.written_inodes.extend(written.then_some(inode));
                        continue;
                    }
                }
                None if known.is_none() => {
                    vanished.entry(dir).or_default().insert(name.to_ascii_lowercase());
                }
                Some(_) | None => {}
            }
            if let Some(stat) = found.filter(|stat| told.came && has_several_names(stat)) {
                // Ignored or not, it may be a new name of something that is known.
                todo.linked_inodes.insert(stat::signature(&stat).inode);
            }
            let Some(node) = self.tell(dir, name, found, told.seen, todo) else { continue };
            let signature = self.index.signature(node);
            if signature.is_dir() && told.came {
                todo.deep.insert(node);
            }
            if let (Kind::File { .. }, Some(written)) = (signature.kind(), told.written) {
                self.unwatched.made(node, signature.inode, written);
                if !written {
                    self.index.doubt_unwatched(node, stat::now_ns());
                }
            }
        }
        // What went by a name that is not known may be known by another spelling (rule 20).
        vanished.retain(|dir, names| {
            let is_there = self.index.is_in_use(*dir) && self.index.is_dir(*dir);
            is_there && self.index.has_one_of(*dir, names)
        });
        todo.misspelt.extend(vanished.into_keys());
        Ok(())
    }

    fn process_event(
        &mut self,
        event: FsEvent,
        moves: &mut HashMap<u32, (WatchId, Box<[u8]>)>,
        todo: &mut Todo,
    ) -> Result<(), WorkspaceError> {
        match event {
            FsEvent::Name { watch, name, change } => {
                self.at(watch, name, change, Instant::now(), moves, todo);
            }
            FsEvent::WatchEnded(watch) => self.ended(watch, todo),
            FsEvent::DirectoryGone(watch) => {
                // Even if there is one again, with the same inode number (rule 15).
                if self.node_of.get(&watch) == Some(&Index::ROOT) {
                    return Err(WorkspaceError::RootGone(self.root.clone()));
                }
            }
            FsEvent::Overflow => (todo.everything, self.lost) = (true, true),
        }
        Ok(())
    }

    pub(super) fn at(
        &mut self,
        watch: WatchId,
        name: Box<[u8]>,
        change: NameChange,
        now: Instant,
        moves: &mut HashMap<u32, (WatchId, Box<[u8]>)>,
        todo: &mut Todo,
    ) {
        if is_always_ignored(&name) {
            return;
        }
        if !self.node_of.contains_key(&watch) {
            // A watch that we do not know of: so we do not know what else we do not know (rule 9).
            todo.everything = true;
            return;
        }
        let key = (watch, name);
        match change {
            NameChange::Created => {
                self.writing.insert(key.clone(), now + MADE_IS_WRITTEN);
            }
            NameChange::Modified => {
                self.writing.insert(key.clone(), now + MODIFIED_IS_WRITTEN);
            }
            NameChange::ClosedAfterWrite | NameChange::Removed | NameChange::MovedFrom(_) => {
                self.writing.remove(&key);
            }
            NameChange::Attributes | NameChange::MovedTo(_) => {}
        }
        let seen = match change {
            NameChange::ClosedAfterWrite => Evidence::Written,
            NameChange::MovedFrom(cookie) => {
                moves.insert(cookie, key.clone());
                Evidence::Stat
            }
            NameChange::MovedTo(cookie) => match moves.remove(&cookie) {
                Some((from, old)) if self.moved(from, &old, &key, todo) => Evidence::Moved,
                // Another file may have the number and the times of the one that was there.
                _ => Evidence::Written,
            },
            NameChange::Created => Evidence::Written,
            _ => Evidence::Stat,
        };
        let told = todo.names.entry(key).or_insert(NameEvent {
            seen,
            came: false,
            there: true,
            written: None,
        });
        told.came |= matches!(change, NameChange::Created | NameChange::MovedTo(_));
        told.written = match change {
            NameChange::Created => Some(false),
            NameChange::Modified | NameChange::ClosedAfterWrite => Some(true),
            NameChange::Attributes => told.written,
            NameChange::Removed | NameChange::MovedFrom(_) | NameChange::MovedTo(_) => None,
        };
        told.there = !matches!(change, NameChange::Removed | NameChange::MovedFrom(_));
        told.seen = match (told.seen, seen) {
            (Evidence::Written, _) | (_, Evidence::Written) => Evidence::Written,
            (Evidence::Stat, Evidence::Stat) => Evidence::Stat,
            _ => Evidence::Moved,
        };
    }

    /// Moves an entry as an event says; a look at it follows. `false` if it is not known.
    pub(super) fn moved(
        &mut self,
        from: WatchId,
        old: &[u8],
        to: &(WatchId, Box<[u8]>),
        todo: &mut Todo,
    ) -> bool {
        let dirs = (self.node_of.get(&from), self.node_of.get(&to.0));
        let (Some(&from), Some(&dir)) = dirs else { return false };
        let Some(node) = self.index.child(from, old) else { return false };
        // What was found there before this was told goes, and its watches with it: so what is
        // moved is read again.
        self.index.rename(node, dir, &to.1);
        self.drop_removed();
        if self.index.is_dir(node) {
            // Whoever looked into it since it was moved looked in the wrong place, and the rules
            // for what is in it may be others (rule 4).
            todo.deep.insert(node);
        }
        true
    }

    pub(super) fn ended(&mut self, watch: WatchId, todo: &mut Todo) {
        let Some(node) = self.node_of.remove(&watch) else { return };
        self.watch_of.remove(&node);
        // Its directory is gone, as the directory above will tell; or it was unmounted, and another
        // one is in its place.
        todo.deep.insert(node);
    }
}
