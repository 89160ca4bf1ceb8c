//! Writes into the history what becomes of builds, executions and attempts. Knows nothing of how
//! they run.

use crate::model::{
    AttemptId, AttemptResult, BuildId, BuildView, Digest, ExecutionId, OutputSeal, Phase,
};
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

    /// Writes what became of an attempt; `output` is what its output consists of, where known.
    pub(super) fn ended(
        &self,
        attempt: AttemptId,
        execution: ExecutionId,
        result: &AttemptResult,
        output: Option<&OutputSeal>,
    ) {
        if let Some(store) = &self.store {
            store.put_result(attempt, execution, result, output);
        }
    }

    /// Remembers to which rules of a workspace a person consents.
    pub(super) fn consent(&self, root: &Path, rules: Option<Digest>) {
        if let Some(store) = &self.store {
            store.put_consent(root, rules);
        }
    }

    /// Gives the store back to be closed; nothing is written from then on.
    pub(super) fn finish(&mut self) -> Option<StoreHandle> {
        self.store.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Command, JoinReason, Priority, WaitReason};
    use crate::store::HistoryScope;
    use std::sync::{Arc, mpsc};

    fn view(phase: Phase) -> BuildView {
        let command = Command::in_root(vec!["make".into()], "/ws");
        BuildView {
            id: BuildId(1),
            command: Arc::new(command),
            session: "user".into(),
            priority: Priority::User,
            submitted_ms: 1,
            phase,
            execution: Some(ExecutionId(2)),
            joined: false,
            join_reason: JoinReason::NotABuild,
            estimate_ms: None,
            output: crate::model::Presentation::default(),
            tasks: vec![],
        }
    }

    #[tokio::test]
    async fn a_build_is_written_when_its_phase_changes_and_nothing_after_the_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let (opened, open) = mpsc::channel();
        let store = StoreHandle::open(dir.path().join("store"), 0, move |_| {
            let _ = opened.send(());
        });
        open.recv().expect("it opens");
        let history = store.history();
        let mut recorder = Recorder::new(store);
        let workers = |position| {
            let (running, limit) = (1, 1);
            let taken_by = Arc::default();
            let reason =
                WaitReason::Workers { position, running, limit, estimate_ms: None, taken_by };
            view(Phase::Waiting(reason))
        };
        recorder.build(&workers(2));
        recorder.build(&workers(1));
        let stored = history.newest(9, HistoryScope::All, None).await.expect("a history");
        let Phase::Waiting(_) = stored[0].phase else { panic!("{stored:?}") };
        recorder.build(&view(Phase::Running { started_ms: 5 }));
        let stored = history.newest(9, HistoryScope::All, None).await.expect("a history");
        assert_eq!(stored[0].phase, Phase::Running { started_ms: 5 });
        let store = recorder.finish().expect("the store, once");
        assert!(recorder.finish().is_none());
        assert!(tokio::task::spawn_blocking(move || store.close()).await.expect("closed"));
        recorder.build(&workers(1));
        recorder.consent(Path::new("/ws"), None);
    }
}
