//! What is reported to the runtime from other threads, and what others ask of it.

use super::triggers::{Prepared, TriggerRequest, TriggerUpdate};
use crate::engine::{Input, Target};
use crate::index::Changes;
use crate::model::{AttemptId, BuildId, ClientId, ExecutionId, TriggerId};
use crate::process;
use crate::store::Recovered;
use crate::watch::{OnChange, State};
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

/// What others ask of the runtime: what is decided about or done to triggers, attempts and
/// workspaces. What only is to be known is asked of whoever owns it.
#[derive(Debug)]
pub enum Question {
    /// Forget a workspace; `false` when there was none.
    Forget {
        /// Its root.
        root: PathBuf,
        /// Where to answer.
        reply: oneshot::Sender<bool>,
    },
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
}
