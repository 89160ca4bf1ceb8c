//! What the hands are told from other threads, and what others ask of them.

use super::triggers::{Prepared, TriggerRequest, TriggerUpdate};
use crate::engine::{Input, Target};
use crate::index::{Changes, Clock};
use crate::model::{
    AttemptId, BuildId, BuildView, ClientId, Digest, ExecutionId, TreeVersion, TriggerId,
};
use crate::output::Log;
use crate::process;
use crate::store::{Query, Recovered};
use crate::watch::{ChangesQuery, Globs, OnChange, State, Summary, Verified};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// What is reported to the engine from other threads.
#[derive(Debug)]
pub enum Report {
    /// The state of a workspace was established.
    Resolved(Target, Result<State, String>),
    /// What changed in the workspace of an execution is known.
    Checked(ExecutionId, Result<Changes, String>),
    /// An attempt is over.
    Ended(AttemptId, process::Ended),
    /// The store is open.
    Recovered(Recovered),
    /// The files of a trigger changed, or can not be observed.
    Observed(TriggerId, Result<Changes, String>),
    /// The workspace of a trigger has been looked at.
    Prepared(Box<Prepared>),
    /// What a workspace has run on change.
    Rules(PathBuf, Vec<OnChange>),
    /// The core is to be told something.
    Told(Box<Input>),
}

/// What others ask of the hands.
#[derive(Debug)]
pub enum Question {
    /// The state of a workspace now.
    State {
        /// Its root.
        root: PathBuf,
        /// Where to answer.
        reply: oneshot::Sender<Result<TreeVersion, String>>,
    },
    /// What a workspace holds now, with the digest of it all.
    Info {
        /// Its root.
        root: PathBuf,
        /// Where to answer.
        reply: oneshot::Sender<Result<Summary, String>>,
    },
    /// What changed in a workspace.
    Changes {
        /// Its root.
        root: PathBuf,
        /// Since when, and whether to wait for something.
        query: ChangesQuery,
        /// Where to answer.
        reply: oneshot::Sender<Result<Changes, String>>,
    },
    /// Whether what is believed of a workspace is on disk.
    Verify {
        /// Its root.
        root: PathBuf,
        /// Whether to mend what is wrong.
        repair: bool,
        /// Where to answer.
        reply: oneshot::Sender<Result<Verified, String>>,
    },
    /// Forget a workspace; `false` when there was none.
    Forget {
        /// Its root.
        root: PathBuf,
        /// Where to answer.
        reply: oneshot::Sender<bool>,
    },
    /// The workspaces that are known, sorted by root, as they were last seen.
    Workspaces(oneshot::Sender<Vec<Summary>>),
    /// The output of an execution; `None` when there is none any more.
    Output(ExecutionId, oneshot::Sender<Option<Log>>),
    /// Builds of the past.
    History(Query, oneshot::Sender<Result<Vec<BuildView>, String>>),
    /// The pseudo-terminal of a build has a new size: rows, columns.
    Resize(BuildId, (u16, u16)),
    /// A command is to be run on change; the answer is the id of its trigger, or why there is
    /// none.
    Trigger(Box<TriggerRequest>, oneshot::Sender<Result<TriggerId, String>>),
    /// What a trigger of a client did next. There is no answer where there is no such trigger.
    TriggerUpdate(TriggerId, ClientId, oneshot::Sender<TriggerUpdate>),
    /// A client is gone.
    ClientGone(ClientId),
    /// What the workspace at a root has run on change may be run: somebody said so.
    Trust(PathBuf),
    /// The digest of a part of a workspace.
    Digest {
        /// Its root.
        root: PathBuf,
        /// Which files.
        on: Globs,
        /// Where to answer.
        reply: oneshot::Sender<Result<(Clock, Digest), String>>,
    },
    /// What the operator should know.
    Warnings(oneshot::Sender<Vec<String>>),
}
