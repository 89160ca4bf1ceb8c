//! One build inside the core: what was asked, and where it is in its life.

use super::input::Submission;
use crate::model::{BuildId, ExecutionId, JoinReason, Status};
use std::path::PathBuf;
use std::sync::Arc;

/// What the core knows of a build that has not ended.
#[derive(Debug)]
pub(super) struct Build {
    pub(super) id: BuildId,
    pub(super) asked: Submission,
    pub(super) submitted_ms: u64,
    /// When its time runs out, on the monotonic clock.
    pub(super) deadline: Option<u64>,
    /// The execution inside which it was asked for, while that runs.
    pub(super) inside: Option<ExecutionId>,
    pub(super) join_reason: JoinReason,
    /// The files whose change it is run for, if it is.
    pub(super) changed: Option<Arc<[PathBuf]>>,
    pub(super) state: State,
}

/// Where a build is. The outcome is not here: a build that has one is not in the core any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The state of its workspace is being established.
    Resolving,
    /// It wants this execution.
    Attached {
        execution: ExecutionId,
        /// Whether the execution was there before it.
        joined: bool,
        /// Set when it was given up, but is the last to hold the execution, whose processes are
        /// being stopped: it ends, with this status, when they are gone.
        withdrawn: Option<Status>,
    },
}

impl Build {
    /// The execution it wants, if it has one.
    pub(super) fn execution(&self) -> Option<ExecutionId> {
        match self.state {
            State::Resolving => None,
            State::Attached { execution, .. } => Some(execution),
        }
    }

    /// Whether it still wants its outcome.
    pub(super) fn interested(&self) -> bool {
        !matches!(self.state, State::Attached { withdrawn: Some(_), .. })
    }
}
