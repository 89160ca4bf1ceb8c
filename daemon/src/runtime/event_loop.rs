//! The loop around the core: one task that owns it, feeds it what happens, has its effects
//! carried out, and answers questions. Decides nothing itself.

use crate::engine::{Core, Effect, Input, Now, Refusal, Submission};
use crate::model::{BuildId, BuildView};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Questions under way: as many as connections may request at once, roughly; the rest wait in their
/// connections.
const QUESTIONS: usize = 1024;

/// Inputs taken before followers are told: a burst is then told once.
const BATCH: usize = 256;

/// Ended builds that are answered from memory, before the store has to be requests.
const RECENT: usize = 256;

/// Changes kept for whoever resumes a feed, and that a slow follower of all builds may be behind.
const FEED: usize = 1024;

/// What carries out the core's effects. Lives in the engine's task, so it must not block.
pub trait EffectHandler: Send + 'static {
    /// What comes with a submission that the core need not see.
    type Attachment: Send;
    /// What is reported back from other threads.
    type Report: Send;
    /// What else others may request.
    type Question: Send;

    /// A build was accepted; called before any effect of it.
    fn accept(&mut self, build: BuildId, attachment: Self::Attachment);
    /// Carries out one effect; never `Submitted`, `Changed` or `Ended`.
    fn act(&mut self, now: Now, effect: Effect);
    /// A build is not as it was.
    fn changed(&mut self, view: &BuildView);
    /// Makes an input for the core of what was reported.
    fn report(&mut self, report: Self::Report) -> Option<Input>;
    /// Answers a question.
    fn question(&mut self, question: Self::Question);
}

/// A change of a build and its sequence number.
pub type Change = (u64, Arc<BuildView>);

/// A follower of all builds.
#[derive(Debug)]
pub struct Feed {
    /// Sequence numbers that the follower requests for and nobody has any more: from, to (exclusive).
    pub missed: Option<(u64, u64)>,
    /// What to send first: the changes requests for, or all builds as they are.
    pub backlog: Vec<Change>,
    /// What changes from then on.
    pub changes: broadcast::Receiver<Change>,
}

enum Request<H: EffectHandler> {
    Submit(Box<Submission>, H::Attachment, oneshot::Sender<Result<BuildId, Refusal>>),
    Builds(oneshot::Sender<Vec<BuildView>>),
    Follow(BuildId, oneshot::Sender<Option<watch::Receiver<Arc<BuildView>>>>),
    Between(BuildId, BuildId, oneshot::Sender<Vec<Arc<BuildView>>>),
    Feed(Option<u64>, oneshot::Sender<Feed>),
    Idle(oneshot::Sender<bool>),
    Question(H::Question),
}

enum Event<R> {
    Input(Input),
    Report(R),
}

/// The way to the engine, for its handler and for the server.
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

/// Where the handler report to. EventSender are answers to effects, so their number is bounded by what
/// the core has under way.
#[derive(Debug)]
pub struct EventSender<R>(mpsc::UnboundedSender<Event<R>>);

impl<R> Clone for EventSender<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> EventSender<R> {
    /// EventSender something; without effect when the engine has ended.
    pub fn send(&self, report: R) {
        let _ = self.0.send(Event::Report(report));
    }
}

/// The engine has ended; the daemon is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct EngineStopped;

impl<H: EffectHandler> Engine<H> {
    /// Where the handler report to.
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
    pub async fn submit(
        &self,
        submission: Submission,
        attachment: H::Attachment,
    ) -> Result<Result<BuildId, Refusal>, EngineStopped> {
        self.request(|reply| Request::Submit(Box::new(submission), attachment, reply)).await
    }

    /// All builds that have not ended, oldest first.
    pub async fn builds(&self) -> Result<Vec<BuildView>, EngineStopped> {
        self.request(Request::Builds).await
    }

    /// A build and its changes; `None` when it is not, or no longer, known.
    pub async fn follow(
        &self,
        build: BuildId,
    ) -> Result<Option<watch::Receiver<Arc<BuildView>>>, EngineStopped> {
        self.request(|reply| Request::Follow(build, reply)).await
    }

    /// The builds in memory whose ids lie in this inclusive range.
    pub async fn between(
        &self,
        from: BuildId,
        to: BuildId,
    ) -> Result<Vec<Arc<BuildView>>, EngineStopped> {
        self.request(|reply| Request::Between(from, to, reply)).await
    }

    /// All builds and their changes, or the changes after a sequence number.
    pub async fn feed(&self, after: Option<u64>) -> Result<Feed, EngineStopped> {
        self.request(|reply| Request::Feed(after, reply)).await
    }

    /// Whether no build is waiting or running.
    pub async fn idle(&self) -> Result<bool, EngineStopped> {
        self.request(Request::Idle).await
    }

    /// Asks the handler.
    pub async fn question(&self, question: H::Question) -> Result<(), EngineStopped> {
        self.requests.send(Request::Question(question)).await.map_err(|_| EngineStopped)
    }

    /// Tells the core something; without effect when the engine has ended.
    pub fn tell(&self, input: Input) {
        let _ = self.events.send(Event::Input(input));
    }
}

/// What was told and requests, for the loop to take.
#[derive(Debug)]
pub struct Inbox<H: EffectHandler> {
    requests: mpsc::Receiver<Request<H>>,
    events: mpsc::UnboundedReceiver<Event<H::Report>>,
}

/// The way to an engine, and what comes that way.
#[must_use]
pub fn channels<H: EffectHandler>() -> (Engine<H>, Inbox<H>) {
    let (request_sender, requests) = mpsc::channel(QUESTIONS);
    let (event_sender, events) = mpsc::unbounded_channel();
    (Engine { requests: request_sender, events: event_sender }, Inbox { requests, events })
}

impl<H: EffectHandler> Inbox<H> {
    /// Runs the engine until every way to it is gone.
    pub async fn run(self, core: Core, handler: H) {
        let running = Loop {
            core,
            handler,
            begun: Instant::now(),
            followed: HashMap::new(),
            recent: VecDeque::new(),
            ring: VecDeque::new(),
            changes: broadcast::Sender::new(FEED),
            seq: 0,
            changed: Vec::new(),
        };
        running.run(self.requests, self.events).await;
    }
}

struct Loop<H: EffectHandler> {
    core: Core,
    handler: H,
    begun: Instant,
    followed: HashMap<BuildId, watch::Sender<Arc<BuildView>>>,
    recent: VecDeque<Arc<BuildView>>,
    ring: VecDeque<Change>,
    changes: broadcast::Sender<Change>,
    seq: u64,
    /// Builds that changed since followers were last told.
    changed: Vec<BuildId>,
}

impl<H: EffectHandler> Loop<H> {
    async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request<H>>,
        mut events: mpsc::UnboundedReceiver<Event<H::Report>>,
    ) {
        loop {
            let wake = self.core.wake_at().map(|at| self.begun + Duration::from_millis(at));
            tokio::select! {
                biased;
                event = events.recv() => {
                    // The handler hold a sender, so this end never comes.
                    let Some(event) = event else { return };
                    self.happens(event);
                    for _ in 1..BATCH {
                        let Ok(event) = events.try_recv() else { break };
                        self.happens(event);
                    }
                }
                request = requests.recv() => match request {
                    Some(request) => self.answer(request),
                    None => return,
                },
                () = sleep_until(wake) => self.step(Input::Tick),
            }
            self.tell_followers();
        }
    }

    fn now(&self) -> Now {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now {
            mono_ms: ms(self.begun.elapsed()),
            wall_ms: ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
        }
    }

    fn happens(&mut self, event: Event<H::Report>) {
        let input = match event {
            Event::Input(input) => Some(input),
            Event::Report(report) => self.handler.report(report),
        };
        if let Some(input) = input {
            self.step(input);
        }
    }

    fn step(&mut self, input: Input) {
        let now = self.now();
        for effect in self.core.step(now, input) {
            self.carry_out(now, effect);
        }
    }

    fn carry_out(&mut self, now: Now, effect: Effect) {
        match effect {
            Effect::Changed(build) => self.changed.push(build),
            Effect::Ended(view) => {
                let view = Arc::<BuildView>::from(view);
                self.handler.changed(&view);
                self.publish(&view);
                self.followed.remove(&view.id);
                self.recent.push_back(view);
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
            }
            Effect::Submitted(_) => unreachable!("BUG: a submission that nobody made"),
            effect => self.handler.act(now, effect),
        }
    }

    fn answer(&mut self, request: Request<H>) {
        // Whoever does not wait for the answer any more needs none.
        match request {
            Request::Submit(submission, attachment, reply) => {
                let _ = reply.send(self.submit(*submission, attachment));
            }
            Request::Builds(reply) => {
                let _ = reply.send(self.core.views(self.now()));
            }
            Request::Follow(build, reply) => {
                let _ = reply.send(self.follow(build));
            }
            Request::Between(from, to, reply) => {
                let live = self.core.views(self.now()).into_iter().map(Arc::new);
                let all = live.chain(self.recent.iter().cloned());
                let _ = reply.send(all.filter(|view| (from..=to).contains(&view.id)).collect());
            }
            Request::Feed(after, reply) => {
                let _ = reply.send(self.feed(after));
            }
            Request::Idle(reply) => {
                let _ = reply.send(self.core.idle());
            }
            Request::Question(question) => self.handler.question(question),
        }
    }

    fn submit(
        &mut self,
        submission: Submission,
        attachment: H::Attachment,
    ) -> Result<BuildId, Refusal> {
        let now = self.now();
        let mut effects = self.core.step(now, Input::Submit(submission)).into_iter();
        let Some(Effect::Submitted(answer)) = effects.next() else {
            unreachable!("BUG: a submission without an answer");
        };
        if let Ok(build) = answer {
            self.handler.accept(build, attachment);
            self.changed.push(build);
        }
        effects.for_each(|effect| self.carry_out(now, effect));
        // A follower that comes next must find it.
        self.tell_followers();
        answer
    }

    fn follow(&mut self, build: BuildId) -> Option<watch::Receiver<Arc<BuildView>>> {
        if let Some(sender) = self.followed.get(&build) {
            return Some(sender.subscribe());
        }
        // One that has ended is followed as well: there is just nothing more to come.
        let view = self.recent.iter().rev().find(|view| view.id == build)?;
        Some(watch::Sender::new(view.clone()).subscribe())
    }

    fn feed(&mut self, after: Option<u64>) -> Feed {
        let changes = self.changes.subscribe();
        let oldest = self.ring.front().map_or(self.seq + 1, |(seq, _)| *seq);
        match after {
            // A number from before this daemon, or from one that has not been given out yet.
            Some(after) if after > self.seq || after + 1 < oldest => Feed {
                missed: Some((after.saturating_add(1), self.seq + 1)),
                backlog: self.snapshot(),
                changes,
            },
            Some(after) => {
                let new = self.ring.iter().filter(|(seq, _)| *seq > after);
                Feed { missed: None, backlog: new.cloned().collect(), changes }
            }
            None => Feed { missed: None, backlog: self.snapshot(), changes },
        }
    }

    fn snapshot(&self) -> Vec<Change> {
        let views = self.core.views(self.now()).into_iter();
        views.map(|view| (self.seq, Arc::new(view))).collect()
    }

    fn tell_followers(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for view in self.core.views_of(self.now(), &changed) {
            self.handler.changed(&view);
            self.publish(&Arc::new(view));
        }
    }

    fn publish(&mut self, view: &Arc<BuildView>) {
        self.followed
            .entry(view.id)
            .or_insert_with(|| watch::Sender::new(view.clone()))
            .send_replace(view.clone());
        self.seq += 1;
        if self.ring.len() == FEED {
            self.ring.pop_front();
        }
        self.ring.push_back((self.seq, view.clone()));
        // Nobody listening is no error.
        let _ = self.changes.send((self.seq, view.clone()));
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
