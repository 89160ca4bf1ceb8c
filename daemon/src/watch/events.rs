//! Takes in what events tell: where they point, names are looked at; what they say was moved is
//! moved in the index first, so that it is told as a move.

use super::crawl::join;
use super::observer::{Lost, Observer, Todo};
use super::rules::never;
use super::source::{Event, WatchId, What};
use crate::changes::{Index, Seen};
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

/// How long the other half of a move may stay away: both are told in one system call.
const HALF_A_MOVE: Duration = Duration::from_micros(100);

/// For how long a file counts as being written that was made, and nobody closed it: it may be a
/// link, which nobody ever closes.
const MADE_IS_WRITTEN: Duration = Duration::from_millis(50);

/// The same for a file that was written to: it may be the log of a program that goes on.
const MODIFIED_IS_WRITTEN: Duration = Duration::from_secs(1);

/// Renames of one thing that are followed while they go on.
const LONGEST_CHAIN: usize = 32;

impl Observer {
    pub(super) fn apply(&mut self, mut events: Vec<Event>) -> Result<(), Lost> {
        if half_a_move(&events) {
            std::thread::sleep(HALF_A_MOVE);
            if self.source.take(&mut events).is_err() {
                events.push(Event::Lost);
            }
        }
        let mut todo = Todo::default();
        let mut moves = HashMap::new();
        let mut links = 0;
        while !events.is_empty() {
            for event in events.drain(..) {
                self.take_in(event, &mut moves, &mut todo)?;
            }
            links += 1;
            // What was moved and is not there was moved on: the event of that is on its way.
            if links < LONGEST_CHAIN
                && self.has_moved_on(&todo)
                && self.source.sync(&mut events).is_err()
            {
                events.push(Event::Lost);
            }
        }
        let names = std::mem::take(&mut todo.names);
        for (place, seen) in names {
            let (watch, name) = &place;
            let Some(&dir) = self.node_of.get(watch) else { continue };
            self.look(dir, name, seen, &mut todo)?;
            if todo.came.contains(&place)
                && let Some(node) = self.index.child(dir, name)
                && self.index.is_dir(node)
            {
                todo.deep.insert(node);
            }
        }
        self.follow_up(todo)
    }

    fn take_in(
        &mut self,
        event: Event,
        moves: &mut HashMap<u32, (WatchId, Box<[u8]>)>,
        todo: &mut Todo,
    ) -> Result<(), Lost> {
        match event {
            Event::At { watch, name, what } => {
                self.at(watch, name, what, Instant::now(), moves, todo);
            }
            Event::Ended(watch) => self.ended(watch, todo),
            Event::SelfGone(watch) => {
                // Even if there is one again, with the same inode number (rule 15).
                if self.node_of.get(&watch) == Some(&Index::ROOT) {
                    return Err(Lost::RootGone(self.root.clone()));
                }
            }
            Event::Lost => (todo.everything, self.lost) = (true, true),
        }
        Ok(())
    }

    fn has_moved_on(&self, todo: &Todo) -> bool {
        let moved = todo.names.iter().filter(|(_, seen)| **seen == Seen::Moved);
        moved.map(|(place, _)| place).any(|(watch, name)| {
            let Some(&dir) = self.node_of.get(watch) else { return false };
            let known = self.index.child(dir, name);
            let there = || self.root.join(OsStr::from_bytes(&join(&self.index.path(dir), name)));
            known.is_some() && there().symlink_metadata().is_err()
        })
    }

    pub(super) fn at(
        &mut self,
        watch: WatchId,
        name: Box<[u8]>,
        what: What,
        now: Instant,
        moves: &mut HashMap<u32, (WatchId, Box<[u8]>)>,
        todo: &mut Todo,
    ) {
        if never(&name) {
            return;
        }
        if !self.node_of.contains_key(&watch) {
            // A watch that we do not know of: so we do not know what else we do not know (rule 9).
            todo.everything = true;
            return;
        }
        let key = (watch, name);
        match what {
            What::Made => drop(self.writing.insert(key.clone(), now + MADE_IS_WRITTEN)),
            What::Modified => drop(self.writing.insert(key.clone(), now + MODIFIED_IS_WRITTEN)),
            What::Written | What::Gone | What::MovedFrom(_) => drop(self.writing.remove(&key)),
            What::Attributes | What::MovedTo(_) => {}
        }
        if matches!(what, What::Made | What::MovedTo(_)) {
            todo.came.insert(key.clone());
        }
        let seen = match what {
            What::Written => Seen::Written,
            What::MovedFrom(cookie) => {
                moves.insert(cookie, key.clone());
                Seen::Stat
            }
            What::MovedTo(cookie) => match moves.remove(&cookie) {
                Some((from, old)) if self.moved(from, &old, &key, todo) => Seen::Moved,
                // Another file may have the number and the times of the one that was there.
                _ => Seen::Written,
            },
            What::Made => Seen::Written,
            _ => Seen::Stat,
        };
        let entry = todo.names.entry(key).or_insert(seen);
        *entry = match (*entry, seen) {
            (Seen::Written, _) | (_, Seen::Written) => Seen::Written,
            (Seen::Stat, Seen::Stat) => Seen::Stat,
            _ => Seen::Moved,
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

fn half_a_move(events: &[Event]) -> bool {
    let mut open = HashSet::new();
    for event in events {
        match event {
            Event::At { what: What::MovedFrom(cookie), .. } => drop(open.insert(*cookie)),
            Event::At { what: What::MovedTo(cookie), .. } => drop(open.remove(cookie)),
            _ => {}
        }
    }
    !open.is_empty()
}
