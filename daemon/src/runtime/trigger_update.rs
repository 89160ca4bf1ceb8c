//! What a client learns of its trigger. Has no behaviour.

use crate::engine::TriggerEvent;
use crate::watch::WorkspaceError;

/// What a client learns of its trigger.
#[derive(Clone, Debug)]
pub enum TriggerUpdate {
    /// What the core did.
    Event(TriggerEvent),
    /// The workspace can not be observed any more.
    Ended(WorkspaceError),
}
