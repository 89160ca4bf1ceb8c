//! Processes events: the names they point at are checked; what they say was moved is moved in the
//! index first, so that it is reported as a move.

use super::open_writers::NameKey;
use super::synchronizer::Synchronizer;
use super::work_list::WorkList;
use crate::index::{Evidence, Index, Kind, NodeId};
use crate::watch::error::WorkspaceError;
use crate::watch::paths::join;
use crate::watch::source::{FsEvent, NameChange, WatchId};
use crate::watch::stat::{has_several_names, now_ns, signature, was_born_before};
use crate::workspace::is_always_ignored;
use rustix::fs::Stat;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long to wait for an event that is on its way: a system call that renames reports it when it
/// has been done, in two events, and may be held up before each.
const EVENT_DELAY: Duration = Duration::from_micros(100);

/// How often, while nothing comes.
const MAX_WAITS: u32 = 20;

/// How often events are processed before names are checked as they are: somebody may rename the
/// same thing for ever.
const MAX_ROUNDS: u32 = 64;

/// Names that were reported and have to be checked.
#[derive(Debug, Default)]
struct ReportedNames {
    names: HashMap<NameKey, ReportedName>,
    /// First halves of moves, by their number.
    moves: HashMap<u32, NameKey>,
}

/// What was reported of a name.
#[derive(Clone, Copy, Debug)]
struct ReportedName {
    evidence: Evidence,
    /// It came: what is in it may have been looked for while it was away.
    appeared: bool,
    /// It was made, or is a further name of what there was.
    was_created: bool,
    /// It ought to be there: that it went is not the last that was reported.
    is_expected: bool,
    /// Whether it was written to by this name since it was created, if either was reported. If not,
    /// it may be a further name of a file that somebody has open.
    written: Option<bool>,
}

/// Names that went and are not known, by directory, in small letters.
type Vanished = HashMap<NodeId, HashSet<Vec<u8>>>;

impl ReportedName {
    /// The last that was reported is a write, so that there is a file that somebody has open by it.
    fn is_written_last(&self) -> bool {
        self.is_expected && self.written == Some(true)
    }

    fn new(evidence: Evidence) -> Self {
        Self { evidence, appeared: false, was_created: false, is_expected: true, written: None }
    }

    /// Adds what was reported later.
    fn add(&mut self, change: NameChange, evidence: Evidence) {
        self.appeared |= matches!(change, NameChange::Created | NameChange::MovedTo(_));
        self.was_created |= change == NameChange::Created;
        self.is_expected = !matches!(change, NameChange::Removed | NameChange::MovedFrom(_));
        self.written = match change {
            NameChange::Created => Some(false),
            NameChange::Modified | NameChange::ClosedAfterWrite => Some(true),
            NameChange::Attributes => self.written,
            NameChange::Removed | NameChange::MovedFrom(_) | NameChange::MovedTo(_) => None,
        };
        self.evidence = match (self.evidence, evidence) {
            (Evidence::Written, _) | (_, Evidence::Written) => Evidence::Written,
            (Evidence::Stat, Evidence::Stat) => Evidence::Stat,
            _ => Evidence::Moved,
        };
    }
}

impl Synchronizer {
    /// Processes events, those that come meanwhile, and all that follows from them.
    pub(super) fn apply(&mut self, mut events: Vec<FsEvent>) -> Result<(), WorkspaceError> {
        let mut work = WorkList::default();
        let mut reported = ReportedNames::default();
        let (mut rounds, mut waits) = (0, 0);
        loop {
            for event in events.drain(..) {
                self.process_event(event, &mut reported, &mut work)?;
            }
            let may_wait = rounds < MAX_ROUNDS && waits < MAX_WAITS;
            if reported.moves.is_empty() || !may_wait {
                self.stat_reported(&mut reported.names, may_wait, &mut work)?;
                if reported.names.is_empty() {
                    return self.run(work);
                }
            }
            rounds += 1;
            self.feed.sync_more(&mut events);
            if events.is_empty() {
                std::thread::sleep(EVENT_DELAY);
                waits += 1;
            }
        }
    }

    /// Checks the names that were reported. Leaves those, if `may_wait`, that ought to be there and
    /// are not: they were moved on or removed, and the event of that is on its way.
    fn stat_reported(
        &mut self,
        names: &mut HashMap<NameKey, ReportedName>,
        may_wait: bool,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        let mut vanished = Vanished::new();
        for (key, reported) in std::mem::take(names) {
            let (watch, name) = &key;
            let Some(dir) = self.watches.dir_of(*watch) else { continue };
            let (found, known) = (self.find(dir, name)?, self.index.child(dir, name));
            let is_awaited = reported.is_written_last() || reported.is_expected && known.is_some();
            if found.is_none() && may_wait && is_awaited && !self.unwatched.is_gone_name(&key) {
                names.insert(key, reported);
                continue;
            }
            if found.is_none()
                && reported.is_written_last()
                && self.unwatched.add_gone_name(key.clone())
            {
                work.stat_all();
            }
            match found {
                Some(stat) if known.is_none() || !reported.is_expected => {
                    if self.has_other_spelling(dir, name, &stat) {
                        let inode = signature(&stat).inode;
                        work.list_alone([dir]);
                        work.stat_linked([inode]);
                        if reported.evidence == Evidence::Written {
                            work.stat_written(inode);
                        }
                        continue;
                    }
                }
                None if known.is_none() => {
                    vanished.entry(dir).or_default().insert(name.to_ascii_lowercase());
                }
                Some(_) | None => {}
            }
            self.record_reported(dir, name, found, reported, work);
        }
        // What went by a name that is not known may be known by another spelling (rule 20).
        vanished.retain(|dir, names| {
            let is_there = self.index.is_in_use(*dir) && self.index.is_dir(*dir);
            is_there && self.index.has_one_of(*dir, names)
        });
        work.list_alone(vanished.into_keys());
        Ok(())
    }

    fn record_reported(
        &mut self,
        dir: NodeId,
        name: &[u8],
        found: Option<Stat>,
        reported: ReportedName,
        work: &mut WorkList,
    ) {
        if let Some(stat) = found.filter(|stat| reported.appeared && has_several_names(stat)) {
            // Ignored or not, it may be a new name of something that is known.
            work.stat_linked([signature(&stat).inode]);
        }
        let Some(node) = self.record(dir, name, found, reported.evidence, work) else { return };
        let signature = self.index.signature(node);
        if signature.is_dir() && reported.appeared {
            work.list_tree(node);
        }
        if reported.was_created
            && matches!(signature.kind(), Kind::File { .. })
            && was_born_before(&self.full_path(dir, name), self.feed.processed_at())
            && self.unwatched.add_linked(node, signature.inode)
        {
            // Whoever has it open by the name that it had writes unreported. That name may be gone.
            self.index.suspect_unwatched(node, now_ns());
        }
        if let (Kind::File { .. }, Some(written)) = (signature.kind(), reported.written) {
            self.unwatched.add_created(node, signature.inode, written);
            if !written {
                self.index.suspect_unwatched(node, now_ns());
            }
        }
    }

    fn process_event(
        &mut self,
        event: FsEvent,
        reported: &mut ReportedNames,
        work: &mut WorkList,
    ) -> Result<(), WorkspaceError> {
        match event {
            FsEvent::Name { watch, name, change } => {
                self.process_name((watch, name), change, reported, work);
            }
            FsEvent::DirectoryLeft { watch, name } => self.notice_output(watch, &name),
            FsEvent::WatchEnded(watch) => {
                // Its directory is gone, as the directory above will report; or it was unmounted,
                // and another one is in its place.
                if let Some(dir) = self.watches.end_watch(watch) {
                    work.list_tree(dir);
                }
            }
            FsEvent::DirectoryGone(watch) => {
                // Even if there is one again, with the same inode number (rule 15).
                if self.watches.dir_of(watch) == Some(Index::ROOT) {
                    return Err(WorkspaceError::RootGone(self.root().to_path_buf()));
                }
            }
            FsEvent::Overflow => {
                work.list_everything();
                self.feed.mark_lossy();
            }
        }
        Ok(())
    }

    fn process_name(
        &mut self,
        key: NameKey,
        change: NameChange,
        reported: &mut ReportedNames,
        work: &mut WorkList,
    ) {
        if is_always_ignored(&key.1) {
            return;
        }
        if self.watches.dir_of(key.0).is_none() {
            // A watch that is not known: so it is not known what else is not (rule 9).
            work.list_everything();
            return;
        }
        self.writers.record(&key, change, Instant::now());
        let evidence = match change {
            NameChange::ClosedAfterWrite | NameChange::Created => Evidence::Written,
            NameChange::MovedFrom(cookie) => {
                reported.moves.insert(cookie, key.clone());
                Evidence::Stat
            }
            NameChange::MovedTo(cookie) => match reported.moves.remove(&cookie) {
                Some((from, old)) if self.rename(from, &old, &key, work) => Evidence::Moved,
                // Another file may have the number and the times of the one that was there.
                _ => Evidence::Written,
            },
            NameChange::Modified | NameChange::Attributes | NameChange::Removed => Evidence::Stat,
        };
        let name = reported.names.entry(key).or_insert_with(|| ReportedName::new(evidence));
        name.add(change, evidence);
    }

    /// A directory went, or was moved away. If it was an ignored one, somebody may have removed what
    /// a build has made until now: whoever asks next needs a build of their own.
    fn notice_output(&mut self, watch: WatchId, name: &[u8]) {
        let Some(dir) = self.watches.dir_of(watch) else { return };
        let path = join(&self.index.path(dir), name);
        if self.index.child(dir, name).is_none()
            && self.rules.rules_in(&self.index, dir).ignore(&path, true)
        {
            self.index.begin_epoch();
        }
    }

    /// Moves an entry as an event says; a check of it follows. `false` if it is not known.
    fn rename(&mut self, from: WatchId, old: &[u8], to: &NameKey, work: &mut WorkList) -> bool {
        let dirs = (self.watches.dir_of(from), self.watches.dir_of(to.0));
        let (Some(from), Some(dir)) = dirs else { return false };
        let Some(node) = self.index.child(from, old) else { return false };
        let path = join(&self.index.path(dir), &to.1);
        if self.rules.rules_in(&self.index, dir).ignore(&path, self.index.is_dir(node)) {
            self.index.remove_ignored(node);
            self.drop_removed();
            return false;
        }
        // What was found there before this was reported goes, and its watches with it: so what is
        // moved is read again.
        self.index.rename(node, dir, &to.1);
        self.drop_removed();
        if self.index.is_dir(node) {
            // Whoever looked into it since it was moved looked in the wrong place, and the rules
            // for what is in it may be others (rule 4).
            work.list_tree(node);
        }
        true
    }
}
