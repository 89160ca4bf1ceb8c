//! The loop around the core: one task that owns it, feeds it what happens, has its effects
//! carried out, and answers requests. Decides nothing itself.

use super::effect_handler::EffectHandler;
use super::engine_handle::{Event, Inbox, Request};
use super::followers::Followers;
use super::trigger_reply::TriggerReply;
use crate::engine::{Core, Effect, Input, Now, Refusal, Submission, TriggerRequest};
use crate::model::{BuildId, BuildView};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Inputs taken before changes are published: a burst is then published once.
const BATCH: usize = 256;

impl<H: EffectHandler> Inbox<H> {
    /// Runs the engine until every way to it is gone.
    pub async fn run(self, core: Core, handler: H) {
        let running = Loop {
            core,
            handler,
            begun: Instant::now(),
            followers: Followers::new(),
            changed: Vec::new(),
        };
        running.run(self.requests, self.events).await;
    }
}

struct Loop<H: EffectHandler> {
    core: Core,
    handler: H,
    begun: Instant,
    followers: Followers,
    /// Builds that changed since changes were last published.
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
                    // The handler holds a sender, so this end never comes.
                    let Some(event) = event else { return };
                    self.take(event);
                    for _ in 1..BATCH {
                        let Ok(event) = events.try_recv() else { break };
                        self.take(event);
                    }
                }
                request = requests.recv() => match request {
                    Some(request) => self.answer(request),
                    None => return,
                },
                () = sleep_until(wake) => self.step(Input::Tick),
            }
            self.publish_changes();
        }
    }

    fn now(&self) -> Now {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Now {
            mono_ms: ms(self.begun.elapsed()),
            wall_ms: ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
        }
    }

    fn take(&mut self, event: Event<H::Report>) {
        let input = match event {
            Event::Input(input) => Some(*input),
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
                self.followers.publish_end(view);
            }
            Effect::Submitted(_) | Effect::TriggerAdded(_) => {
                unreachable!("BUG: an answer to nobody")
            }
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
                let _ = reply.send(self.followers.follow(build));
            }
            Request::Between(from, to, reply) => {
                let live = self.core.views(self.now()).into_iter().map(Arc::new);
                let all = live.chain(self.followers.recent().cloned());
                let _ = reply.send(all.filter(|view| (from..=to).contains(&view.id)).collect());
            }
            Request::Feed(after, reply) => {
                let live = || self.core.views(self.now());
                let _ = reply.send(self.followers.feed(after, live));
            }
            Request::Idle(reply) => {
                let _ = reply.send(self.core.is_idle());
            }
            Request::AddTrigger(request, reply) => self.add_trigger(*request, reply),
            Request::OnChange(roots, reply) => {
                let _ = reply.send(roots.iter().map(|root| self.core.on_change(root)).collect());
            }
            Request::Consent(root, given, reply) => {
                self.step(match given {
                    true => Input::GiveConsent(root.clone()),
                    false => Input::WithdrawConsent(root.clone()),
                });
                let _ = reply.send(self.core.on_change(&root));
            }
            Request::Forget(root, reply) => {
                let _ = reply.send(self.forget_workspace(root));
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
        self.publish_changes();
        answer
    }

    fn add_trigger(&mut self, request: TriggerRequest, reply: TriggerReply) {
        let now = self.now();
        let mut effects = self.core.step(now, Input::AddTrigger(request)).into_iter();
        let Some(Effect::TriggerAdded(trigger)) = effects.next() else {
            unreachable!("BUG: a trigger without an id");
        };
        self.handler.trigger_added(trigger, reply);
        effects.for_each(|effect| self.carry_out(now, effect));
    }

    fn forget_workspace(&mut self, root: PathBuf) -> bool {
        let had_consent = self.core.has_consent(&root);
        let known = self.handler.forget_workspace(&root);
        self.step(Input::ForgetWorkspace(root));
        known || had_consent
    }

    fn publish_changes(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for view in self.core.views_of(self.now(), &changed) {
            self.handler.changed(&view);
            self.followers.publish(&Arc::new(view));
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
