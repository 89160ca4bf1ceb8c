//! What the core is told and what it answers: the whole of its contact with the world.

use crate::model::{
    AttemptId, AttemptResult, BuildId, ClientId, Command, ExecutionId, JoinReason, Priority,
    TreeVersion, TriggerId,
};
use std::path::PathBuf;
use std::sync::Arc;

/// The time of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that only goes forward; for durations and deadlines.
    pub mono_ms: u64,
    /// Milliseconds since 1970; for people and for ids. May jump.
    pub wall_ms: u64,
}

/// Whether a build shares executions, as far as the request alone tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It may share; the reason says why.
    Yes(JoinReason),
    /// It may not; the reason says why.
    No(JoinReason),
}

/// A request for a build.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The connection it belongs to.
    pub client: ClientId,
    /// Who asks, as `KIND` or `KIND:ID`.
    pub session: String,
    /// What is to be run.
    pub command: Arc<Command>,
    /// Priority class.
    pub priority: Priority,
    /// Longest time until its end, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether it shares.
    pub join: Join,
    /// Whether it stays when its client goes.
    pub detach: bool,
    /// The build inside which it was asked for.
    pub parent: Option<BuildId>,
}

/// For whom the state of a workspace is established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A build that was just accepted.
    Build(BuildId),
    /// An execution that waited: its tree may have changed meanwhile.
    Execution(ExecutionId),
}

/// What changed in a workspace between the start of an execution and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// These paths, relative to the root; empty for none.
    Paths(Vec<PathBuf>),
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asks for a build. Answered by [`Effect::Submitted`].
    Submit(Submission),
    /// Answer to [`Effect::DigestInputs`]: the state, or why there is none.
    InputsDigested {
        /// For whom.
        target: Target,
        /// What was found.
        state: Result<TreeVersion, String>,
    },
    /// An attempt is over: no process of it is left and its output is complete.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// What it came to.
        result: AttemptResult,
        /// What of its output is missing, and why.
        lost: Option<String>,
    },
    /// Answer to [`Effect::VerifyInputs`].
    InputsVerified {
        /// Which execution.
        execution: ExecutionId,
        /// What moved.
        moved: Moved,
    },
    /// A client gives up a build.
    Cancel(BuildId),
    /// A build is to stay when its client goes.
    Detach(BuildId),
    /// A client's connection ended.
    ClientGone(ClientId),
    /// A command is to be run whenever files change.
    AddTrigger {
        /// Its id.
        trigger: TriggerId,
        /// What to run, for whom.
        submission: Submission,
        /// Whether to run it before anything has changed.
        initial: bool,
    },
    /// It is not to be run any more.
    RemoveTrigger(TriggerId),
    /// Answer to [`Effect::Subscribe`].
    FilesChanged {
        /// Whose files.
        trigger: TriggerId,
        /// Paths of those that count, relative to the root.
        paths: Vec<PathBuf>,
    },
    /// No new work; what runs is stopped after `grace_ms`.
    Drain {
        /// Time between SIGTERM and SIGKILL, in milliseconds.
        grace_ms: u64,
    },
    /// The time given by [`Core::wake_at`](super::Core::wake_at) has come.
    Tick,
    /// Durations and the last id of earlier daemons, once the store is open.
    Remembered {
        /// Shapes and durations in milliseconds, oldest first.
        durations: Vec<(crate::model::Digest, u64)>,
        /// The largest number any stored id has.
        last_id: u64,
    },
}

/// Something to be done. The order matters.
#[must_use = "the core has decided; somebody has to act"]
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer to [`Input::Submit`].
    Submitted(Result<BuildId, Refusal>),
    /// Establish the state of a workspace, with every change seen that was made before now.
    DigestInputs {
        /// For whom.
        target: Target,
        /// What is to be run in the workspace.
        command: Arc<Command>,
    },
    /// Keep the state that was established for `from` as the one `execution` starts from.
    BindSnapshot {
        /// For whom the state was established.
        from: Target,
        /// Who starts from it.
        execution: ExecutionId,
    },
    /// Start an attempt.
    Start {
        /// Its execution.
        execution: ExecutionId,
        /// Its id.
        attempt: AttemptId,
        /// The build whose command is run.
        build: BuildId,
        /// What to run.
        command: Arc<Command>,
        /// The files whose change it is run for, relative to the root, if it is.
        changed: Option<Arc<[PathBuf]>>,
    },
    /// Wait for changes of the files of a trigger, from the last ones told on. Answered by
    /// [`Input::FilesChanged`], and again only when it is asked again.
    Subscribe(TriggerId),
    /// Tell whoever made a trigger what it did.
    TriggerEvent(TriggerId, TriggerEvent),
    /// Stop an attempt: SIGTERM, then SIGKILL. Answered by [`Input::AttemptEnded`].
    Stop {
        /// Which attempt.
        attempt: AttemptId,
        /// Time between the signals, in milliseconds.
        grace_ms: u64,
    },
    /// Compare the workspace of an execution with the state it started from. Answered by
    /// [`Input::InputsVerified`].
    VerifyInputs {
        /// Which execution.
        execution: ExecutionId,
    },
    /// Forget the state kept for an execution or a build.
    Forget(Target),
    /// A build is not as it was: tell whoever follows it.
    Changed(BuildId),
    /// A build has its outcome; the core forgets it after this step.
    Ended(Box<crate::model::BuildView>),
    /// An execution is over and nobody refers to it any more.
    Closed(ExecutionId),
    /// The drain is complete.
    Drained,
}

/// What a trigger did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerEvent {
    /// It started a build.
    Started {
        /// Which.
        build: BuildId,
        /// For the change of these files.
        changed: Arc<[PathBuf]>,
    },
    /// Its own runs change this file, for which it is not run any more.
    Loop(PathBuf),
    /// It could not start a build.
    Refused(Refusal),
}

/// Why a request for a build was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The daemon is stopping.
    Draining,
    /// So many builds have not ended already.
    QueueFull(usize),
}
