//! What the core wants done. With [`input`](super::input) the whole of its contact with the world.

use super::input::{NodeRef, Refusal, Target};
use crate::model::{
    Action, AttemptId, BuildId, BuildView, ClientId, Consent, Digest, ExecutionId, Presentation,
    TriggerId,
};
use std::path::PathBuf;
use std::sync::Arc;

/// Something to be done. The order matters.
#[must_use = "the core has decided; somebody has to act"]
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answer to [`Input::Submit`](super::Input::Submit), the first effect of that step.
    Submitted(Result<BuildId, Refusal>),
    /// Answer to [`Input::AddTrigger`](super::Input::AddTrigger), the first effect of that step.
    TriggerAdded(TriggerId),
    /// Establish the version of an action's inputs, with every change seen that was made before
    /// now, and keep it as a snapshot for the target. Answered by
    /// [`Input::InputsDigested`](super::Input::InputsDigested).
    DigestInputs {
        /// For whom.
        target: Target,
        /// What is to be run.
        action: Arc<Action>,
    },
    /// Keep the snapshot of `from` as the one that `execution` starts from.
    BindSnapshot {
        /// For whom it was made.
        from: Target,
        /// Who starts from it.
        execution: ExecutionId,
    },
    /// Let go of the snapshot kept for a target, if there is one.
    ReleaseSnapshot(Target),
    /// Start an attempt. Answered by [`Input::AttemptEnded`](super::Input::AttemptEnded).
    Start {
        /// Its execution.
        execution: ExecutionId,
        /// Its id.
        attempt: AttemptId,
        /// The build whose action is run.
        build: BuildId,
        /// What to run.
        action: Arc<Action>,
        /// How its output is to be given.
        output: Presentation,
        /// The files whose change it is run for, relative to the root, if it is.
        changed: Option<Arc<[PathBuf]>>,
    },
    /// Stop an attempt: SIGTERM, then SIGKILL. Answered by
    /// [`Input::AttemptEnded`](super::Input::AttemptEnded).
    Stop {
        /// Which attempt.
        attempt: AttemptId,
        /// Time between the signals, in milliseconds.
        grace_ms: u64,
    },
    /// Compare the inputs of an execution with the snapshot it started from. Answered by
    /// [`Input::InputsVerified`](super::Input::InputsVerified).
    VerifyInputs {
        /// Which execution.
        execution: ExecutionId,
        /// What it ran.
        action: Arc<Action>,
    },
    /// Compare the inputs of a node with the snapshot that an execution of the same command started
    /// from. Answered by [`Input::InputsCompared`](super::Input::InputsCompared).
    CompareInputs {
        /// For which node.
        node: NodeRef,
        /// Which execution.
        execution: ExecutionId,
        /// What it runs.
        action: Arc<Action>,
    },
    /// Make sure that every later change of a trigger's files is seen. Answered by
    /// [`Input::TriggerPrepared`](super::Input::TriggerPrepared) or
    /// [`Input::TriggerFailed`](super::Input::TriggerFailed).
    PrepareTrigger {
        /// Which.
        trigger: TriggerId,
        /// Whose it is.
        client: ClientId,
        /// The workspace.
        root: PathBuf,
        /// Which files count, in the syntax of `.gitignore`; empty for all.
        on: Arc<[String]>,
    },
    /// Wait for changes of the files of a trigger, from the last reported ones on. Answered by
    /// [`Input::FilesChanged`](super::Input::FilesChanged), and again only when it is asked again.
    Subscribe(TriggerId),
    /// Nobody wants to hear of a trigger any more.
    Unsubscribe(TriggerId),
    /// Report what a trigger did to whoever made it.
    TriggerEvent(TriggerId, TriggerEvent),
    /// Forget what is kept for a client that is gone.
    ForgetClient(ClientId),
    /// Observe a workspace, for the sake of what it has run on change.
    ObserveWorkspace(PathBuf),
    /// Remember to which rules of a workspace a person consents.
    SaveConsent {
        /// The workspace.
        root: PathBuf,
        /// The digest of the rules; `None` for no consent.
        rules: Option<Digest>,
    },
    /// Say that a workspace has rules to which nobody has consented.
    ReportNoConsent {
        /// The workspace.
        root: PathBuf,
        /// Whether somebody has consented to others.
        consent: Consent,
    },
    /// Observe a workspace as soon as its root is there again.
    AwaitRoot(PathBuf),
    /// A build is not as it was: report it to whoever follows it.
    Changed(BuildId),
    /// A build has its outcome; the core forgets it after this step.
    Ended(Box<BuildView>),
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
