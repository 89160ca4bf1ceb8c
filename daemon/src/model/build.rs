//! A build as others see it: an immutable snapshot.

use super::{BuildId, Command, Difference, ExecutionId, Outcome, Presentation};
use std::sync::Arc;

/// Why a build shares its execution, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinReason {
    /// The command is a call of this build tool.
    KnownTool(String),
    /// The client asked for it.
    Asked,
    /// The command is not known to be a build.
    NotABuild,
    /// The client asked not to.
    Refused,
    /// Somebody types into it.
    Interactive,
    /// The state of its workspace could not be established.
    NoState(String),
    /// It would wait for work that waits for it.
    WouldWaitForItself,
    /// The same command runs already, but not for the same work.
    Apart {
        /// The build that runs it.
        from: BuildId,
        /// What is not the same.
        by: Difference,
    },
}

/// Priority class: builds of a higher class start first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Nobody watches.
    Background,
    /// A coding agent waits.
    Agent,
    /// An editor waits.
    Editor,
    /// A person waits.
    User,
}

/// Why a build waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The state of its workspace is being established.
    Resolving,
    /// The same work was cancelled and is still ending.
    Predecessor(ExecutionId),
    /// The same work runs with both its outputs in one stream, which cannot be taken apart.
    OneStream(ExecutionId),
    /// As many executions run as may.
    Workers {
        /// Place in the queue, from 1.
        position: u32,
        /// Executions that run.
        running: u32,
        /// Most executions at once.
        limit: u32,
        /// Expected time until it starts, in milliseconds.
        estimate_ms: Option<u64>,
        /// What runs, the longest first.
        taken_by: Arc<[Running]>,
    },
}

/// A command that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The command.
    pub command: Arc<Command>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: u64,
}

/// Where a build is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing runs for it yet.
    Waiting(WaitReason),
    /// Its execution runs.
    Running {
        /// When that started, in milliseconds since 1970.
        started_ms: u64,
    },
    /// It has its outcome.
    Ended {
        /// When its execution started, if it did.
        started_ms: Option<u64>,
        /// When the build ended.
        ended_ms: u64,
        /// How.
        outcome: Outcome,
    },
}

/// A build at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildView {
    /// Its id.
    pub id: BuildId,
    /// What it wants to be run.
    pub command: Arc<Command>,
    /// Who asked, as `KIND` or `KIND:ID`.
    pub session: String,
    /// Priority class, its own or inherited.
    pub priority: Priority,
    /// When it was accepted, in milliseconds since 1970.
    pub submitted_ms: u64,
    /// Where it is in its life.
    pub phase: Phase,
    /// The execution that runs, or is to run, for it.
    pub execution: Option<ExecutionId>,
    /// Whether that execution was there before it.
    pub joined: bool,
    /// Why it shares, or does not.
    pub join_reason: JoinReason,
    /// How long such a command took before, in milliseconds.
    pub estimate_ms: Option<u64>,
    /// How the output of its execution is given, once that has started.
    pub output: Presentation,
    /// The tasks of its plan, in dependency order; empty for a plain command.
    pub tasks: Vec<TaskView>,
}

/// Where a task of a build is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskPhase {
    /// What it depends on has not ended.
    Blocked,
    /// Nothing runs for it yet.
    Waiting(WaitReason),
    /// Its execution runs.
    Running {
        /// When that started, in milliseconds since 1970.
        started_ms: u64,
    },
    /// It has its outcome.
    Ended {
        /// When its execution started, if it did.
        started_ms: Option<u64>,
        /// How.
        outcome: Box<Outcome>,
    },
}

/// A task of a build at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Its name, as `PACKAGE#TASK`.
    pub task: String,
    /// Where it is in its life.
    pub phase: TaskPhase,
    /// The execution that runs, or is to run, for it.
    pub execution: Option<ExecutionId>,
    /// Whether that execution was there before it.
    pub joined: bool,
    /// Why it shares, or does not.
    pub join_reason: JoinReason,
}

impl BuildView {
    /// The outcome, if it has ended.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.phase {
            Phase::Ended { outcome, .. } => Some(outcome),
            Phase::Waiting(_) | Phase::Running { .. } => None,
        }
    }
}
