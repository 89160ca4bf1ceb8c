//! One trigger inside the core: what it is to run, for which changes, and whether its own runs are
//! what it is run for.

use super::input::Submission;
use crate::model::{BuildId, TriggerId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Finished runs in a row that only changes during the run before have asked for, before we call
/// it a loop.
pub(super) const MAX_OWN_RUNS: u32 = 4;

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
    pub(super) pending: Option<BTreeSet<PathBuf>>,
    /// Whether all of that changed during a run.
    pub(super) pending_is_own: bool,
    pub(super) run: Option<Run>,
    pub(super) ended_ms: Option<u64>,
    /// Whether the run before was given up.
    pub(super) last_given_up: bool,
    /// Runs in a row that finished, or were given up, and were asked for by the one before.
    pub(super) own_runs: u32,
    pub(super) given_up: u32,
    /// Paths that changed in each of those.
    pub(super) suspects: BTreeSet<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) build: BuildId,
    pub(super) started_ms: u64,
    /// When it is given up, if it has not finished by then.
    pub(super) patience_ms: Option<u64>,
    pub(super) given_up: bool,
}

impl Triggers {
    pub(super) fn add(&mut self, trigger: Trigger) -> TriggerId {
        self.last += 1;
        let id = TriggerId(self.last);
        self.all.insert(id, trigger);
        id
    }
}

impl Trigger {
    /// A trigger whose files are not watched yet.
    pub(super) fn new(template: Submission, initial: bool) -> Self {
        Self {
            template,
            preparing: true,
            pending: initial.then(BTreeSet::new),
            pending_is_own: false,
            run: None,
            ended_ms: None,
            last_given_up: false,
            own_runs: 0,
            given_up: 0,
            suspects: BTreeSet::new(),
        }
    }

    /// Counts the runs that only runs have asked for; names a path when there were too many.
    pub(super) fn runs_in_circles(&mut self, paths: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        if !std::mem::take(&mut self.pending_is_own) {
            (self.own_runs, self.given_up) = (0, 0);
            return None;
        }
        let common: BTreeSet<_> = self.suspects.intersection(paths).cloned().collect();
        self.suspects = if common.is_empty() {
            (self.own_runs, self.given_up) = (0, 0);
            paths.clone()
        } else {
            common
        };
        if self.last_given_up {
            self.given_up += 1;
            return None;
        }
        self.own_runs += 1;
        (self.own_runs > MAX_OWN_RUNS).then(|| self.suspects.first().cloned())?
    }
}
