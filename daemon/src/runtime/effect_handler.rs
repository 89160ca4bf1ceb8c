//! What the event loop asks of whoever carries out the core's effects.

use super::trigger_reply::TriggerReply;
use crate::engine::{Effect, Input, Now};
use crate::model::{BuildId, BuildView, TriggerId};
use std::path::Path;

/// Carries out the core's effects. Lives in the engine's task, so it must not block.
pub trait EffectHandler: Send + 'static {
    /// What comes with a submission that the core need not see.
    type Attachment: Send;
    /// What is reported back from other threads.
    type Report: Send;
    /// What others ask that is not the core's to answer.
    type Question: Send;

    /// A build was accepted; called before any effect of it.
    fn accept(&mut self, build: BuildId, attachment: Self::Attachment);

    /// A trigger was added; called before any effect of it.
    fn trigger_added(&mut self, trigger: TriggerId, reply: TriggerReply);

    /// Carries out one effect; never `Submitted`, `TriggerAdded`, `Changed` or `Ended`.
    fn act(&mut self, now: Now, effect: Effect);

    /// A build is not as it was.
    fn changed(&mut self, view: &BuildView);

    /// Makes an input for the core of what was reported.
    fn report(&mut self, report: Self::Report) -> Option<Input>;

    /// Forgets what is known of a workspace; `false` when that was nothing.
    fn forget_workspace(&mut self, root: &Path) -> bool;

    /// Answers a question.
    fn question(&mut self, question: Self::Question);
}
