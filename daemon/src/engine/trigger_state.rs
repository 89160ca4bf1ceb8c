//! One trigger inside the core: what it is to run, for which changes, and whether its own runs are
//! what it is run for.

use super::execution::Moment;
use super::input::{ChangedFile, Submission};
use crate::model::{BuildId, TriggerId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Finished runs in a row that only changes during runs have asked for, each of the same file,
/// before we call it a loop.
const MAX_OWN_RUNS: u32 = 4;

/// The same where each run has made files of other names, as an editor or a person does now and
/// then as well.
const MAX_RUNS_WITH_NEW_FILES: u32 = 12;

/// Changes that are reported so shortly after a run were made during it, in milliseconds, where
/// nobody can tell when they were made.
const ECHO_MS: u64 = 150;

/// The clock that files get their times from may be late by a tick of the system, in milliseconds: a
/// run that takes less has changed its files before it started, by their times.
const TICK_MS: u64 = 10;

/// The triggers there are.
#[derive(Debug, Default)]
pub(super) struct Triggers {
    pub(super) all: BTreeMap<TriggerId, Trigger>,
    /// The number of the last one that was made.
    last: u64,
}

/// A command that is run whenever files change.
#[derive(Debug)]
pub(super) struct Trigger {
    pub(super) template: Submission,
    /// Its files are not watched yet; until then it is not run.
    pub(super) preparing: bool,
    /// What it is to be run for, if it is to be run.
    pub(super) pending: Option<Pending>,
    pub(super) run: Option<Run>,
    /// The last run that ended.
    last: Option<LastRun>,
    circles: Circles,
}

/// What a trigger is to be run for.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// What changed since the last run began, and whether it is new.
    pub(super) changed: BTreeMap<PathBuf, bool>,
    /// What a run that was given up should have been for.
    pub(super) returned: BTreeSet<PathBuf>,
    /// Whether something changed while nothing ran.
    pub(super) by_others: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) build: BuildId,
    pub(super) started: Moment,
    /// What it is run for.
    pub(super) paths: BTreeSet<PathBuf>,
    /// When it is given up, if it has not finished by then.
    pub(super) patience_ms: Option<u64>,
    pub(super) given_up: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LastRun {
    started: Moment,
    ended: Moment,
    given_up: bool,
}

/// Counts runs that were asked for by nothing but runs.
#[derive(Debug, Default)]
pub(super) struct Circles {
    /// Runs in a row that finished, or were given up.
    finished: u32,
    given_up: u32,
    /// Runs in a row whose changes were new files only.
    with_new_files: u32,
    /// Paths that changed in each of them.
    suspects: BTreeSet<PathBuf>,
}

impl Triggers {
    pub(super) fn add(&mut self, trigger: Trigger) -> TriggerId {
        self.last += 1;
        let id = TriggerId(self.last);
        self.all.insert(id, trigger);
        id
    }

    /// Whether a change of a file in the workspace of a trigger was made while a run of any trigger
    /// of that workspace ran, as far as can be told.
    pub(super) fn was_made_by_a_run(&self, id: TriggerId, file: &ChangedFile, now_ms: u64) -> bool {
        let Some(workspace) = self.all.get(&id).map(Trigger::root) else { return false };
        let mut neighbours = self.all.values().filter(|other| other.root() == workspace);
        neighbours.any(|other| other.ran_at(file.changed_ms, now_ms))
    }
}

impl Trigger {
    /// A trigger whose files are not watched yet.
    pub(super) fn new(template: Submission, initial: bool) -> Self {
        Self {
            template,
            preparing: true,
            pending: initial.then(Pending::default),
            run: None,
            last: None,
            circles: Circles::default(),
        }
    }

    fn root(&self) -> &Path {
        &self.template.plan.command().root
    }

    /// Whether a run was there at this time, or, where nobody can tell it, just now.
    fn ran_at(&self, changed_ms: Option<u64>, now_ms: u64) -> bool {
        let Some(at) = changed_ms else {
            let echo = |last: LastRun| now_ms <= last.ended.mono_ms + ECHO_MS;
            return self.run.is_some() || self.last.is_some_and(echo);
        };
        let began = |started: Moment| started.wall_ms <= at + TICK_MS;
        let running = self.run.as_ref().is_some_and(|run| began(run.started));
        let during = |last: LastRun| began(last.started) && at <= last.ended.wall_ms;
        running || self.last.is_some_and(during)
    }

    /// Takes note of what changed.
    pub(super) fn changed(&mut self, files: Vec<(ChangedFile, bool)>) {
        let pending = self.pending.get_or_insert_default();
        for (file, by_a_run) in files {
            pending.by_others |= !by_a_run;
            *pending.changed.entry(file.path).or_insert(true) &= file.added;
        }
    }

    /// Takes note that its run has ended. What one that was given up was for is still to be done.
    pub(super) fn ended(&mut self, ended: Moment) {
        let Some(run) = self.run.take() else { return };
        self.last = Some(LastRun { started: run.started, ended, given_up: run.given_up });
        if run.given_up {
            self.pending.get_or_insert_default().returned.extend(run.paths);
        }
    }

    /// Takes what it is to be run for now; names the file of a loop instead, the first time only,
    /// when it would be run for nothing else.
    pub(super) fn take_pending(&mut self) -> Result<Option<BTreeSet<PathBuf>>, PathBuf> {
        let Some(mut pending) = self.pending.take() else { return Ok(None) };
        let given_up = self.last.is_some_and(|last| last.given_up);
        if let Some((looped, first)) = self.circles.count(&pending, given_up) {
            // Whatever else changed is no part of the loop.
            let path = looped.first().cloned();
            pending.changed.retain(|path, _| !looped.contains(path));
            if pending.changed.is_empty() {
                return path.filter(|_| first).map_or(Ok(None), Err);
            }
        }
        let Pending { changed, returned, .. } = pending;
        Ok(Some(changed.into_keys().chain(returned).collect()))
    }

    /// Whether its runs were given up so often that each may finish now.
    pub(super) fn may_finish(&self, limit: u32) -> bool {
        self.circles.given_up >= limit
    }
}

impl Circles {
    /// Counts one more run. Returns the files that are changed by each run when there were too many,
    /// and whether this is the first time.
    fn count(&mut self, pending: &Pending, given_up: bool) -> Option<(BTreeSet<PathBuf>, bool)> {
        if pending.by_others || pending.changed.is_empty() {
            // The paths of a run that was given up say nothing of whose fault that was.
            if pending.by_others || !given_up {
                *self = Self::default();
            }
            return None;
        }
        let changed: BTreeSet<PathBuf> = pending.changed.keys().cloned().collect();
        let common: BTreeSet<_> = self.suspects.intersection(&changed).cloned().collect();
        let all_new = pending.changed.values().all(|added| *added);
        self.with_new_files = if all_new { self.with_new_files + 1 } else { 0 };
        if common.is_empty() {
            (self.finished, self.given_up) = (0, 0);
            self.suspects.clone_from(&changed);
        } else {
            self.suspects = common;
        }
        if given_up {
            self.given_up += 1;
            return None;
        }
        self.finished += 1;
        if self.with_new_files > MAX_RUNS_WITH_NEW_FILES {
            return Some((changed, self.with_new_files == MAX_RUNS_WITH_NEW_FILES + 1));
        }
        let first = self.finished == MAX_OWN_RUNS + 1;
        (self.finished > MAX_OWN_RUNS).then(|| (self.suspects.clone(), first))
    }
}
