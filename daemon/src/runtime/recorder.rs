//! Writes into the history what becomes of builds, executions and attempts. Knows nothing of how
//! they run.

use crate::model::{AttemptId, AttemptResult, BuildId, BuildView, ExecutionId, Phase};
use crate::store::StoreHandle;
use std::collections::HashMap;
use std::path::Path;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Recorder {
    /// Gone once the daemon has ended its work.
    store: Option<StoreHandle>,
    /// What was last written of each live build: whether it ran, and for which execution.
    written: HashMap<BuildId, (bool, Option<ExecutionId>)>,
}

/// One attempt that has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartedAttempt<'a> {
    pub(super) execution: ExecutionId,
    pub(super) attempt: AttemptId,
    pub(super) build: BuildId,
    pub(super) root: &'a Path,
    /// Milliseconds since 1970.
    pub(super) started_ms: u64,
}

impl Recorder {
    pub(super) fn new(store: StoreHandle) -> Self {
        Self { store: Some(store), written: HashMap::new() }
    }

    /// Writes a build when it entered another phase, not when only its place in the queue moved.
    pub(super) fn build(&mut self, view: &BuildView) {
        let now = (matches!(view.phase, Phase::Running { .. }), view.execution);
        if matches!(view.phase, Phase::Ended { .. }) {
            self.written.remove(&view.id);
        } else if self.written.insert(view.id, now) == Some(now) {
            return;
        }
        if let Some(store) = &self.store {
            store.put_build(view);
        }
    }

    pub(super) fn started(&self, started: StartedAttempt<'_>) {
        let StartedAttempt { execution, attempt, build, root, started_ms } = started;
        if let Some(store) = &self.store {
            store.put_started(execution, attempt, build, root, started_ms);
        }
    }

    pub(super) fn ended(&self, attempt: AttemptId, execution: ExecutionId, result: &AttemptResult) {
        if let Some(store) = &self.store {
            store.put_result(attempt, execution, result);
        }
    }

    /// Remembers, or forgets, that a person consents to what a workspace has run on change.
    pub(super) fn trust(&self, root: &Path, trusted: bool) {
        let Some(store) = &self.store else { return };
        if trusted {
            store.snapshots().trust(root);
        } else {
            store.snapshots().distrust(root);
        }
    }

    /// Gives the store back to be closed; nothing is written from then on.
    pub(super) fn finish(&mut self) -> Option<StoreHandle> {
        self.store.take()
    }
}
