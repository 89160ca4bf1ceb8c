//! What is asked of the actor of a workspace. Knows how to refuse, not how to answer.

use super::query::{ChangesQuery, Summary, WorkspaceState};
use crate::index::{Changes, Clock};
use crate::model::Digest;
use crate::watch::error::WorkspaceError;
use crate::watch::sync::Verified;
use crate::workspace::{Globs, TreeNames};
use std::path::PathBuf;
use std::time::Instant;

/// An answer on its way to whoever asked.
pub(super) type Answer<T> = Box<dyn FnOnce(Result<T, WorkspaceError>) + Send>;

/// A question about a workspace, with the way for its answer.
pub(super) enum Request {
    State(Answer<WorkspaceState>),
    /// With the names in these directories.
    Inputs(Vec<PathBuf>, Answer<(WorkspaceState, TreeNames)>),
    Info(Answer<Summary>),
    Changes(ChangesQuery, Answer<Changes>),
    Digest(Globs, Answer<(Clock, Digest)>),
    /// Whether a wrong index is to be repaired.
    Verify(bool, Answer<Verified>),
}

/// A request that has not been answered.
pub(super) struct PendingRequest {
    pub(super) since: Instant,
    /// The state of the workspace when it came.
    pub(super) clock: Clock,
    pub(super) request: Request,
}

impl Request {
    /// Whether its answer needs the contents of all files.
    pub(super) fn needs_all_contents(&self) -> bool {
        !matches!(self, Self::Changes(..))
    }

    /// Answers why there is no answer.
    pub(super) fn refuse(self, error: WorkspaceError) {
        match self {
            Self::State(answer) => answer(Err(error)),
            Self::Inputs(_, answer) => answer(Err(error)),
            Self::Info(answer) => answer(Err(error)),
            Self::Changes(_, answer) => answer(Err(error)),
            Self::Digest(_, answer) => answer(Err(error)),
            Self::Verify(_, answer) => answer(Err(error)),
        }
    }
}
