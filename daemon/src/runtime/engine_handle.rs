//! The way to the engine's task, for the server and for whoever reports to it. Knows nothing of
//! what the engine does with what it gets.

use super::effect_handler::EffectHandler;
use super::followers::Feed;
use super::trigger_reply::{TriggerError, TriggerReply};
use crate::engine::{Input, Refusal, Submission, TriggerRequest};
use crate::model::{BuildId, BuildView, OnChangeView, TriggerId};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests under way: as many as connections may make at once, roughly; the rest wait in their
/// connections.
const REQUESTS: usize = 1024;

/// What others ask of the engine's task.
pub(super) enum Request<H: EffectHandler> {
    Submit(Box<Submission>, H::Attachment, oneshot::Sender<Result<BuildId, Refusal>>),
    Builds(oneshot::Sender<Vec<BuildView>>),
    Follow(BuildId, oneshot::Sender<Option<watch::Receiver<Arc<BuildView>>>>),
    Between(BuildId, BuildId, oneshot::Sender<Vec<Arc<BuildView>>>),
    Feed(Option<u64>, oneshot::Sender<Feed>),
    Idle(oneshot::Sender<bool>),
    AddTrigger(Box<TriggerRequest>, TriggerReply),
    OnChange(Vec<PathBuf>, oneshot::Sender<Vec<OnChangeView>>),
    /// Whether consent is given, or withdrawn.
    Consent(PathBuf, bool, oneshot::Sender<OnChangeView>),
    Forget(PathBuf, oneshot::Sender<bool>),
    Question(H::Question),
}

/// What happens elsewhere and concerns the engine.
pub(super) enum Event<R> {
    Input(Box<Input>),
    Report(R),
}

/// The way to the engine.
#[derive(Debug)]
pub struct Engine<H: EffectHandler> {
    requests: mpsc::Sender<Request<H>>,
    events: mpsc::UnboundedSender<Event<H::Report>>,
}

impl<H: EffectHandler> Clone for Engine<H> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone(), events: self.events.clone() }
    }
}

/// What comes by the ways to an engine, for its loop to take.
#[derive(Debug)]
pub struct Inbox<H: EffectHandler> {
    pub(super) requests: mpsc::Receiver<Request<H>>,
    pub(super) events: mpsc::UnboundedReceiver<Event<H::Report>>,
}

/// Reports to the engine. Reports are answers to effects, so their number is bounded by what the
/// core has under way.
#[derive(Debug)]
pub struct EventSender<R>(mpsc::UnboundedSender<Event<R>>);

impl<R> Clone for EventSender<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> EventSender<R> {
    /// Reports something; without effect when the engine has ended.
    pub fn send(&self, report: R) {
        let _ = self.0.send(Event::Report(report));
    }
}

/// The engine has ended; the daemon is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct EngineStopped;

/// The way to an engine, and what comes by it.
#[must_use]
pub fn channels<H: EffectHandler>() -> (Engine<H>, Inbox<H>) {
    let (request_sender, requests) = mpsc::channel(REQUESTS);
    let (event_sender, events) = mpsc::unbounded_channel();
    (Engine { requests: request_sender, events: event_sender }, Inbox { requests, events })
}

impl<H: EffectHandler> Engine<H> {
    /// Where the effect handler reports to.
    #[must_use]
    pub fn reports(&self) -> EventSender<H::Report> {
        EventSender(self.events.clone())
    }

    async fn request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request<H>,
    ) -> Result<T, EngineStopped> {
        let (send, receive) = oneshot::channel();
        self.requests.send(request(send)).await.map_err(|_| EngineStopped)?;
        receive.await.map_err(|_| EngineStopped)
    }

    /// Asks for a build.
    ///
    /// # Errors
    ///
    /// When the engine has ended; so for all requests.
    pub async fn submit(
        &self,
        submission: Submission,
        attachment: H::Attachment,
    ) -> Result<Result<BuildId, Refusal>, EngineStopped> {
        self.request(|reply| Request::Submit(Box::new(submission), attachment, reply)).await
    }

    /// All builds that have not ended, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn builds(&self) -> Result<Vec<BuildView>, EngineStopped> {
        self.request(Request::Builds).await
    }

    /// A build and its changes; `None` when it is not, or no longer, known.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn follow(
        &self,
        build: BuildId,
    ) -> Result<Option<watch::Receiver<Arc<BuildView>>>, EngineStopped> {
        self.request(|reply| Request::Follow(build, reply)).await
    }

    /// The builds in memory whose ids lie in this inclusive range.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn between(
        &self,
        from: BuildId,
        to: BuildId,
    ) -> Result<Vec<Arc<BuildView>>, EngineStopped> {
        self.request(|reply| Request::Between(from, to, reply)).await
    }

    /// All builds and their changes, or the changes after a sequence number.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn feed(&self, after: Option<u64>) -> Result<Feed, EngineStopped> {
        self.request(|reply| Request::Feed(after, reply)).await
    }

    /// Whether no build is waiting or running.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn is_idle(&self) -> Result<bool, EngineStopped> {
        self.request(Request::Idle).await
    }

    /// Has something run whenever files change. Answered when every later change is seen: with the
    /// id of the trigger, or with why the files cannot be watched.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn add_trigger(
        &self,
        request: TriggerRequest,
    ) -> Result<Result<TriggerId, TriggerError>, EngineStopped> {
        self.request(|reply| Request::AddTrigger(Box::new(request), reply)).await
    }

    /// What workspaces have run on change, and whether that may be run.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn on_change(&self, roots: Vec<PathBuf>) -> Result<Vec<OnChangeView>, EngineStopped> {
        self.request(|reply| Request::OnChange(roots, reply)).await
    }

    /// Gives consent to what a workspace has run on change now, or withdraws it; returns what that
    /// is.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn consent(&self, root: PathBuf, given: bool) -> Result<OnChangeView, EngineStopped> {
        self.request(|reply| Request::Consent(root, given, reply)).await
    }

    /// Forgets a workspace and the consent to what it has run on change; `false` when neither was
    /// known.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn forget_workspace(&self, root: PathBuf) -> Result<bool, EngineStopped> {
        self.request(|reply| Request::Forget(root, reply)).await
    }

    /// Asks the effect handler.
    ///
    /// # Errors
    ///
    /// As [`Self::submit`].
    pub async fn question(&self, question: H::Question) -> Result<(), EngineStopped> {
        self.requests.send(Request::Question(question)).await.map_err(|_| EngineStopped)
    }

    /// Gives the core an input; without effect when the engine has ended.
    pub fn tell(&self, input: Input) {
        let _ = self.events.send(Event::Input(Box::new(input)));
    }
}
