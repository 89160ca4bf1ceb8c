//! What the core is told. With [`effect`](super::effect) the whole of its contact with the world.

use crate::model::{
    AttemptId, AttemptResult, BuildId, ClientId, Digest, ExecutionId, NodeIndex, Plan, Priority,
    Surroundings, TreeVersion, TriggerId,
};
use crate::scheduler::MachineLoad;
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

/// A request for a build.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The connection it belongs to.
    pub client: ClientId,
    /// Who asks, as `KIND` or `KIND:ID`.
    pub session: String,
    /// What is to be run.
    pub plan: Plan,
    /// Priority class.
    pub priority: Priority,
    /// Longest time until its end, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether it stays when its client goes.
    pub detach: bool,
    /// Whether what does not depend on a failure is run all the same.
    pub keep_going: bool,
    /// The build inside which it was asked for.
    pub parent: Option<BuildId>,
}

/// A node of a build's plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeRef {
    /// The build.
    pub build: BuildId,
    /// Its place in that build's plan.
    pub node: NodeIndex,
}

/// For whom the version of an action's inputs is established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A node that may start.
    Node(NodeRef),
    /// An execution that waited: its inputs may have changed meanwhile.
    Execution(ExecutionId),
}

/// What changed among the inputs of an execution between its start and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// These paths, relative to the root; empty for none.
    Paths(Vec<PathBuf>),
    /// It could not be found out, for this reason.
    Unknown(String),
}

/// What an action would find if it started now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputVersion {
    /// In the workspace.
    pub tree: TreeVersion,
    /// Beside it.
    pub surroundings: Arc<Surroundings>,
}

impl From<TreeVersion> for InputVersion {
    fn from(tree: TreeVersion) -> Self {
        Self { tree, surroundings: Arc::default() }
    }
}

/// Why the version of an action's inputs is not known; a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoVersion(pub String);

/// A request to run something whenever files change.
#[derive(Clone, Debug)]
pub struct TriggerRequest {
    /// What to run, for whom.
    pub template: Submission,
    /// Which files count, in the syntax of `.gitignore`; empty for all.
    pub on: Arc<[String]>,
    /// Whether to run it before anything has changed.
    pub initial: bool,
}

/// What a workspace asks to have run on change.
#[derive(Clone, Debug)]
pub struct WorkspaceRules {
    /// What a consent to them is bound to: the commands, the files that count for them, and the
    /// directory that they stand in.
    pub digest: Digest,
    /// All of them.
    pub requests: Vec<TriggerRequest>,
}

/// A file that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path, relative to the root.
    pub path: PathBuf,
    /// Whether it was not there before.
    pub added: bool,
    /// When it was last changed, in milliseconds since 1970 and not late by more than that; `None`
    /// where nobody can tell any more.
    pub changed_ms: Option<u64>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A client asks for a build. Answered by [`Effect::Submitted`](super::Effect::Submitted).
    Submit(Submission),
    /// Answer to [`Effect::DigestInputs`](super::Effect::DigestInputs).
    InputsDigested {
        /// For whom.
        target: Target,
        /// What was found.
        version: Result<InputVersion, NoVersion>,
    },
    /// The command of an attempt has ended by itself; what it has left behind may not have.
    CommandEnded(AttemptId),
    /// An attempt is over: no process of it is left and its output is complete.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// What it came to.
        result: AttemptResult,
        /// What of its output is missing, and why.
        lost: Option<String>,
    },
    /// Answer to [`Effect::VerifyInputs`](super::Effect::VerifyInputs).
    InputsVerified {
        /// Which execution.
        execution: ExecutionId,
        /// What moved.
        moved: Moved,
    },
    /// Answer to [`Effect::CompareInputs`](super::Effect::CompareInputs).
    InputsCompared {
        /// For which node.
        node: NodeRef,
        /// With which execution.
        execution: ExecutionId,
        /// What is not as it was.
        moved: Moved,
    },
    /// A client withdraws a build.
    Cancel(BuildId),
    /// A build is to stay when its client goes.
    Detach(BuildId),
    /// A client's connection ended.
    ClientGone(ClientId),
    /// Something is to be run whenever files change. Answered by
    /// [`Effect::TriggerAdded`](super::Effect::TriggerAdded).
    AddTrigger(TriggerRequest),
    /// Answer to [`Effect::PrepareTrigger`](super::Effect::PrepareTrigger): every later change of
    /// its files is seen.
    TriggerPrepared(TriggerId),
    /// The files of a trigger can not be observed, or not any more.
    TriggerFailed(TriggerId),
    /// It is not to be run any more.
    RemoveTrigger(TriggerId),
    /// Answer to [`Effect::Subscribe`](super::Effect::Subscribe).
    FilesChanged {
        /// Whose files.
        trigger: TriggerId,
        /// Those that count.
        files: Vec<ChangedFile>,
    },
    /// What a workspace asks to have run on change.
    RulesChanged {
        /// Its root.
        root: PathBuf,
        /// All of it.
        rules: WorkspaceRules,
    },
    /// Nothing is at the root of a workspace any more.
    RootLost(PathBuf),
    /// A person consents to what a workspace has run on change now.
    GiveConsent(PathBuf),
    /// They do not any more.
    WithdrawConsent(PathBuf),
    /// A workspace is not to be known any more.
    ForgetWorkspace(PathBuf),
    /// The machine was looked at.
    LoadSampled(MachineLoad),
    /// No new work; what runs is stopped after `grace_ms`.
    Drain {
        /// Time between SIGTERM and SIGKILL, in milliseconds.
        grace_ms: u64,
    },
    /// The time given by [`Core::wake_at`](super::Core::wake_at) has come.
    Tick,
    /// What earlier daemons left, once the store is open.
    Remembered {
        /// Shapes and durations in milliseconds, oldest first.
        durations: Vec<(Digest, u64)>,
        /// The largest number any stored id has.
        last_id: u64,
        /// Roots of workspaces, and the digests of the rules there that somebody consented to.
        consents: Vec<(PathBuf, Option<Digest>)>,
    },
}

/// Why a request for a build was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Draining,
    /// So many builds have not ended already.
    #[error("{0} builds are waiting or running already")]
    QueueFull(usize),
}
