//! One execution inside the core, and the only place where its phase changes.

use crate::model::{ActionKey, AttemptId, AttemptResult, BuildId, Command, ExecutionId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the core knows of an execution that is not over.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) id: ExecutionId,
    /// What it may be shared by; `None` where it may not.
    pub(super) key: Option<ActionKey>,
    pub(super) command: Arc<Command>,
    /// The build it was made for, whose command is run.
    pub(super) owner: BuildId,
    /// The builds that want it, and those that gave it up while it is being stopped.
    pub(super) builds: BTreeSet<BuildId>,
    /// An execution of the same key that is being stopped: this one enters the queue when that
    /// one is gone, so that the same work never runs twice at once.
    pub(super) after: Option<ExecutionId>,
    /// Whether it runs in the place of the execution that asked for it, outside the queue.
    pub(super) nested: bool,
    /// What of the output of its attempt is missing, and why.
    pub(super) lost: Option<String>,
    pub(super) phase: Phase,
}

/// Where an execution is.
#[derive(Debug)]
pub(super) enum Phase {
    /// In the queue.
    Queued,
    /// It has its place, but it waited for it, so its key is established anew.
    Revalidating,
    /// Its command runs.
    Running {
        attempt: AttemptId,
        started: Moment,
        /// Its processes were told to end; nobody may join it any more.
        stopping: bool,
    },
    /// Its command has ended; what moved meanwhile is being found out.
    VerifyingInputs { result: AttemptResult, started: Moment },
}

/// One moment on both clocks, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) mono_ms: u64,
    pub(super) wall_ms: u64,
}

impl Execution {
    /// Enters the next phase and gives back the one left.
    ///
    /// # Panics
    ///
    /// When that is no step of an execution's life.
    pub(super) fn set(&mut self, next: Phase) -> Phase {
        let legal = matches!(
            (&self.phase, &next),
            (Phase::Queued, Phase::Revalidating)
                | (Phase::Revalidating, Phase::Queued)
                | (Phase::Queued | Phase::Revalidating, Phase::Running { stopping: false, .. })
                | (Phase::Running { stopping: false, .. }, Phase::Running { stopping: true, .. })
                | (Phase::Running { .. }, Phase::VerifyingInputs { .. })
        );
        assert!(legal, "BUG: {} from {:?} to {next:?}", self.id, self.phase);
        std::mem::replace(&mut self.phase, next)
    }

    /// Whether another build may still take part.
    pub(super) fn open(&self) -> bool {
        !matches!(self.phase, Phase::Running { stopping: true, .. })
    }

    /// When its command started.
    pub(super) fn started(&self) -> Option<Moment> {
        match self.phase {
            Phase::Queued | Phase::Revalidating => None,
            Phase::Running { started, .. } | Phase::VerifyingInputs { started, .. } => {
                Some(started)
            }
        }
    }
}
