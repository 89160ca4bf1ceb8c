//! One execution inside the core, and the only place where its phase changes.

use super::input::{NodeRef, Now};
use crate::model::{
    Action, ActionKey, AttemptId, AttemptResult, ExecutionId, Presentation, Surroundings,
};
use crate::scheduler::Lease;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the core knows of an execution that is not over.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) id: ExecutionId,
    /// What it may be shared by; `None` where it may not.
    pub(super) key: Option<ActionKey>,
    /// What it may read beside the files of its workspace, as it was when its key was established.
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) action: Arc<Action>,
    /// The node it was made for, whose action is run.
    pub(super) owner: NodeRef,
    /// The nodes that want it, and those that gave it up while it is being stopped.
    pub(super) wanted_by: BTreeSet<NodeRef>,
    /// How its output is given: decided when it starts, by those who want it then.
    pub(super) output: Presentation,
    phase: Phase,
}

/// Where an execution is.
#[derive(Debug)]
pub(super) enum Phase {
    /// One with the same key is being stopped, or gives its output in a way that serves nobody here:
    /// this one enters the queue when that one is gone, so that the same work never runs twice at
    /// once.
    Blocked { on: ExecutionId },
    /// In the scheduler's queue.
    Queued,
    /// It may start, but it waited for that, so its key is established anew.
    Revalidating { lease: Lease },
    /// Its command runs.
    Running {
        lease: Lease,
        attempt: AttemptId,
        started: Moment,
        /// Whether its command has ended, and something that it left behind has not.
        lingers: bool,
    },
    /// Its processes were told to end; nobody may join it any more.
    Stopping { lease: Lease, started: Moment },
    /// Its command has ended; what moved meanwhile is being found out.
    VerifyingInputs { attempt: EndedAttempt },
    /// It is over.
    Ended,
}

/// What became of an attempt.
#[derive(Clone, Debug)]
pub(super) struct EndedAttempt {
    pub(super) result: AttemptResult,
    pub(super) started: Moment,
    /// What of its output is missing, and why.
    pub(super) lost: Option<String>,
}

/// One step from a phase to the next.
#[derive(Debug)]
pub(super) enum Step {
    Block {
        on: ExecutionId,
    },
    Queue,
    Revalidate {
        lease: Lease,
    },
    /// `lease` is `None` where the one it was revalidated with goes on.
    Run {
        lease: Option<Lease>,
        attempt: AttemptId,
        started: Moment,
    },
    Linger,
    Stop,
    VerifyInputs {
        attempt: EndedAttempt,
    },
    End,
}

/// One moment on both clocks, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) mono_ms: u64,
    pub(super) wall_ms: u64,
}

impl From<Now> for Moment {
    fn from(Now { mono_ms, wall_ms }: Now) -> Self {
        Self { mono_ms, wall_ms }
    }
}

impl Execution {
    /// An execution in the queue, or blocked on another one.
    pub(super) fn new(
        id: ExecutionId,
        key: Option<ActionKey>,
        action: Arc<Action>,
        owner: NodeRef,
        blocked_on: Option<ExecutionId>,
    ) -> Self {
        let phase = blocked_on.map_or(Phase::Queued, |on| Phase::Blocked { on });
        let (surroundings, wanted_by) = (Arc::default(), BTreeSet::from([owner]));
        let output = Presentation::default();
        Self { id, key, surroundings, action, owner, wanted_by, output, phase }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Takes one step; returns the lease that is to be given back after it, if any.
    ///
    /// # Panics
    ///
    /// When that is no step of an execution's life.
    #[must_use]
    pub(super) fn advance(&mut self, step: Step) -> Option<Lease> {
        let (next, lease) = match (std::mem::replace(&mut self.phase, Phase::Ended), step) {
            (Phase::Revalidating { lease }, Step::Block { on }) => {
                (Phase::Blocked { on }, Some(lease))
            }
            (Phase::Blocked { .. }, Step::Queue) => (Phase::Queued, None),
            (Phase::Revalidating { lease }, Step::Queue) => (Phase::Queued, Some(lease)),
            (Phase::Blocked { .. } | Phase::Queued, Step::Revalidate { lease }) => {
                (Phase::Revalidating { lease }, None)
            }
            (Phase::Queued, Step::Run { lease: Some(lease), attempt, started })
            | (Phase::Revalidating { lease }, Step::Run { lease: None, attempt, started }) => {
                (Phase::Running { lease, attempt, started, lingers: false }, None)
            }
            (Phase::Running { lease, attempt, started, .. }, Step::Linger) => {
                (Phase::Running { lease, attempt, started, lingers: true }, None)
            }
            (Phase::Running { lease, started, .. }, Step::Stop) => {
                (Phase::Stopping { lease, started }, None)
            }
            (Phase::Running { lease, .. }, Step::VerifyInputs { attempt }) => {
                (Phase::VerifyingInputs { attempt }, Some(lease))
            }
            (last, Step::End) => (Phase::Ended, last.into_lease()),
            (phase, step) => panic!("BUG: {} from {phase:?} by {step:?}", self.id),
        };
        self.phase = next;
        lease
    }

    /// Whether another node may still take part: not once its command has ended, or was told to.
    pub(super) fn is_open(&self) -> bool {
        !matches!(
            self.phase,
            Phase::Running { lingers: true, .. }
                | Phase::Stopping { .. }
                | Phase::VerifyingInputs { .. }
        )
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.phase, Phase::Queued)
    }

    pub(super) fn is_blocked_on(&self, other: ExecutionId) -> bool {
        matches!(self.phase, Phase::Blocked { on } if on == other)
    }

    /// Whether processes of it are there.
    pub(super) fn has_processes(&self) -> bool {
        matches!(self.phase, Phase::Running { .. } | Phase::Stopping { .. })
    }

    /// When its command started.
    pub(super) fn started(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Running { started, .. } | Phase::Stopping { started, .. } => Some(*started),
            Phase::VerifyingInputs { attempt } => Some(attempt.started),
            _ => None,
        }
    }
}

impl Phase {
    fn into_lease(self) -> Option<Lease> {
        match self {
            Self::Revalidating { lease }
            | Self::Running { lease, .. }
            | Self::Stopping { lease, .. } => Some(lease),
            Self::Blocked { .. } | Self::Queued | Self::VerifyingInputs { .. } | Self::Ended => {
                None
            }
        }
    }
}
