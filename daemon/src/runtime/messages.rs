//! What is reported to the engine's task from other threads, and what others ask there that is not
//! the core's to answer.

use super::trigger_reply::TriggerError;
use super::trigger_update::TriggerUpdate;
use crate::engine::{Moved, NoVersion, NodeRef, Target};
use crate::index::{Changes, Clock};
use crate::model::{AttemptId, BuildId, ClientId, ExecutionId, Surroundings, TriggerId};
use crate::process;
use crate::store::Recovered;
use crate::watch::{WorkspaceError, WorkspaceState};
use crate::workspace::OnChangeRules;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is reported from other threads.
#[derive(Debug)]
pub enum Report {
    /// The version of a target's inputs was established.
    Digested(Target, Result<(WorkspaceState, Arc<Surroundings>), NoVersion>),
    /// What moved among the inputs of an execution is known.
    Verified(ExecutionId, Moved),
    /// What is not as it was when another execution started is known.
    Compared(NodeRef, ExecutionId, Moved),
    /// The command of an attempt has ended; something that it started has not.
    Lingers(AttemptId),
    /// An attempt is over.
    Ended(AttemptId, process::AttemptEnd),
    /// The store is open.
    Recovered(Recovered),
    /// Every change of a trigger's files after this clock is seen, or why not.
    Prepared(TriggerId, Result<Clock, TriggerError>),
    /// The files of a trigger changed, or can not be observed any more.
    Observed(TriggerId, Result<Changes, WorkspaceError>),
    /// What a workspace asks to have run on change; `None` when nothing is at its root any more.
    Rules(PathBuf, Option<OnChangeRules>),
}

/// What others ask.
#[derive(Debug)]
pub enum Question {
    /// The pseudo-terminal of a build has a new size: rows, columns.
    Resize(BuildId, (u16, u16)),
    /// What a trigger of a client did next. There is no answer where there is no such trigger.
    TriggerUpdate(TriggerId, ClientId, oneshot::Sender<TriggerUpdate>),
}
