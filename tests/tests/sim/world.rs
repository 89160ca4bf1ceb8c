//! The world around the core in virtual time: clients, files, processes, and what the core wants
//! done. Judges nothing.

use crate::triggers::{EDITS, Trigger};
use crate::{GRACE_MS, MAX_EVENTS, Played};
use bd_daemon::engine::{
    Core, Effect, Input, InputVersion, Limits, Moved, NoVersion, NodeRef, Now, Submission, Target,
};
use bd_daemon::model::{
    Action, AttemptId, AttemptResult, BuildId, BuildView, ClientId, Command, Digest, ExecutionId,
    Exit, Fact, Join, JoinReason, Plan, Priority, Stamp, Status, Surroundings, TreeVersion,
    TriggerId,
};
use bd_daemon::scheduler::PriorityScheduler;
use bd_tests::rng::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Client,
    Edit,
    Watch,
    Unwatch,
    Prepared(TriggerId),
    Told(TriggerId),
    Resolved(Target),
    Ends(AttemptId),
    Checked(ExecutionId),
    Compared(NodeRef, ExecutionId),
    Wake,
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) execution: ExecutionId,
    pub(crate) owner: BuildId,
    pub(crate) command: usize,
    /// The state it was started from, where one was established for it.
    pub(crate) state: Option<Seen>,
    pub(crate) epoch: u64,
    pub(crate) stopping: bool,
    pub(crate) nested: bool,
    pub(crate) alone: bool,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) core: Core,
    pub(crate) limit: u64,
    pub(crate) now: u64,
    timeline: Timeline,
    pub(crate) actions: Vec<Arc<Action>>,
    pub(crate) files: Files,
    pub(crate) runs: Runs,
    pub(crate) builds: Builds,
    pub(crate) watching: Watching,
    pub(crate) drain: Drain,
}

/// What will happen, by the time and in the order it was scheduled.
#[derive(Default)]
struct Timeline {
    events: BTreeMap<(u64, usize), Event>,
    scheduled: usize,
}

/// What was found at one moment: in the workspace, and how often it changed elsewhere.
pub(crate) type Seen = (TreeVersion, u64);

/// The workspace, and what the core has asked about it.
pub(crate) struct Files {
    pub(crate) tree: TreeVersion,
    /// What was edited at the end of each epoch, and when.
    pub(crate) edited: Vec<(&'static str, u64)>,
    pub(crate) states: HashMap<Target, Seen>,
    /// Counts the changes of what is beside the workspace.
    pub(crate) elsewhere: u64,
    /// Whose inputs are being digested.
    pub(crate) digesting: BTreeSet<Target>,
}

#[derive(Default)]
pub(crate) struct Runs {
    pub(crate) attempts: BTreeMap<AttemptId, Attempt>,
    /// Of every execution that started, the epoch, and the changes elsewhere until then.
    pub(crate) started: HashMap<ExecutionId, (u64, u64)>,
    pub(crate) admitted: BTreeSet<ExecutionId>,
    pub(crate) stopped: BTreeSet<ExecutionId>,
    /// Those whose commands have ended, and that are not over.
    pub(crate) ending: BTreeSet<ExecutionId>,
}

#[derive(Default)]
pub(crate) struct Builds {
    pub(crate) live: BTreeMap<BuildId, Asked>,
    pub(crate) ended: BTreeMap<BuildId, Status>,
    /// Builds that somebody cancelled, or whose client went.
    pub(crate) cancelled: BTreeSet<BuildId>,
    pub(crate) submitting: Option<Asked>,
}

#[derive(Default)]
pub(crate) struct Watching {
    pub(crate) asked: u64,
    pub(crate) triggers: BTreeMap<TriggerId, Trigger>,
    /// Those of them that have ended.
    pub(crate) gone: BTreeSet<TriggerId>,
}

#[derive(Default)]
pub(crate) struct Drain {
    pub(crate) asked: bool,
    pub(crate) done: bool,
}

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: ClientId,
    pub(crate) epoch: u64,
    pub(crate) elsewhere: u64,
    pub(crate) inside: Option<AttemptId>,
    pub(crate) cancelled: bool,
    /// What it is a run of.
    pub(crate) by: Option<TriggerId>,
    pub(crate) priority: Priority,
    pub(crate) detached: bool,
    /// What it asked for; `None` for a run of a trigger.
    pub(crate) plan: Option<Plan>,
}

impl Asked {
    /// By nobody in particular, for one plain command of an editor's.
    pub(crate) fn at(epoch: u64) -> Self {
        Self {
            client: ClientId(u64::MAX),
            epoch,
            elsewhere: 0,
            inside: None,
            cancelled: false,
            by: None,
            priority: Priority::Editor,
            detached: false,
            plan: None,
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let limit = 1 + rng.below(4);
        let scheduler = Box::new(PriorityScheduler::new(limit as u32));
        let actions = (0..4).map(|n| Arc::new(action(&format!("tool{n}")))).collect();
        let tree = TreeVersion { tree: Digest([0; 32]), epoch: 0 };
        let (edited, states, digesting) = (Vec::new(), HashMap::new(), BTreeSet::new());
        Self {
            seed,
            rng,
            core: Core::new(Limits { builds: 25, stop_grace_ms: GRACE_MS }, scheduler),
            limit,
            now: 1_000,
            timeline: Timeline::default(),
            actions,
            files: Files { tree, edited, states, elsewhere: 0, digesting },
            runs: Runs::default(),
            builds: Builds::default(),
            watching: Watching::default(),
            drain: Drain::default(),
        }
    }

    pub(crate) fn play(mut self) -> Played {
        for _ in 0..40 {
            let at = self.rng.below(3_000);
            self.after(at, Event::Client);
        }
        for _ in 0..self.rng.below(12) {
            let at = self.rng.below(3_000);
            self.after(at, Event::Edit);
        }
        for _ in 0..self.rng.below(3) {
            let at = self.rng.below(3_000);
            self.after(at, Event::Watch);
        }
        if self.rng.one_in(4) {
            let at = self.rng.below(3_000);
            self.after(at, Event::Unwatch);
        }
        let mut count = 0;
        while let Some(((at, _), event)) = self.timeline.events.pop_first() {
            self.now = at;
            self.happen(event);
            count += 1;
            assert!(count < MAX_EVENTS, "seed {}: never comes to rest", self.seed);
        }
        let seed = self.seed;
        assert!(
            self.builds.live.is_empty(),
            "seed {seed}: without an outcome: {:?}",
            self.builds.live
        );
        assert!(
            self.runs.attempts.is_empty(),
            "seed {seed}: still running: {:?}",
            self.runs.attempts
        );
        self.newest_state_has_won();
        self.unwatch_all();
        assert!(
            self.core.is_idle(),
            "seed {seed}: the core holds on to something: {:?}",
            self.core
        );
        assert!(
            self.files.states.is_empty(),
            "seed {seed}: states never forgotten: {:?}",
            self.files.states
        );
        assert_eq!(self.drain.asked, self.drain.done, "seed {seed}: the drain");
        Played { builds: self.builds.ended.len(), executions: self.runs.started.len() }
    }

    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.timeline.scheduled += 1;
        self.timeline.events.insert((self.now + delay, self.timeline.scheduled), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Client => self.client_acts(),
            Event::Edit if self.rng.one_in(4) => self.files.elsewhere += 1,
            Event::Edit => self.edit("somebody's"),
            Event::Watch => self.add_trigger(),
            Event::Unwatch => self.remove_trigger(),
            Event::Prepared(trigger) => self.prepared(trigger),
            Event::Told(trigger) => self.told(trigger),
            Event::Resolved(target) => {
                self.files.digesting.remove(&target);
                let version = if self.rng.one_in(30) {
                    Err(NoVersion("the tree keeps changing".to_owned()))
                } else {
                    let seen = (self.files.tree, self.files.elsewhere);
                    self.files.states.insert(target, seen);
                    Ok(version(seen))
                };
                self.step(Input::InputsDigested { target, version });
            }
            Event::Ends(attempt) => self.attempt_ends(attempt),
            Event::Checked(execution) => {
                let was = self.files.states[&Target::Execution(execution)];
                let moved = if was.0.epoch == self.files.tree.epoch {
                    Moved::Paths(vec![])
                } else {
                    Moved::Paths(vec!["moved".into()])
                };
                self.step(Input::InputsVerified { execution, moved });
            }
            Event::Compared(node, execution) => {
                let moved = Moved::Paths(vec!["other".into()]);
                self.step(Input::InputsCompared { node, execution, moved });
            }
            Event::Wake => self.step(Input::Tick),
        }
    }

    pub(crate) fn edit(&mut self, path: &'static str) {
        // Few contents, so that edits are undone as often as not.
        self.files.tree.tree = Digest([self.rng.below(3) as u8; 32]);
        self.files.tree.epoch += 1;
        self.files.edited.push((path, self.now));
        self.tell_all_soon();
    }

    fn client_acts(&mut self) {
        let live: Vec<_> = self.builds.live.keys().copied().collect();
        match self.rng.below(12) {
            0 | 1 => {
                if let Some(build) = self.rng.pick(&live).copied() {
                    self.builds.live.get_mut(&build).expect("a live build").cancelled = true;
                    self.step(Input::Cancel(build));
                }
            }
            2 => {
                if let Some(build) = self.rng.pick(&live).copied() {
                    let client = self.builds.live[&build].client;
                    self.client_gone(client);
                }
            }
            3 if self.rng.one_in(12) && !self.drain.asked => {
                self.drain.asked = true;
                self.step(Input::Drain { grace_ms: GRACE_MS });
            }
            _ => self.submit(),
        }
    }

    pub(crate) fn client_gone(&mut self, client: ClientId) {
        let theirs = self.builds.live.values_mut().filter(|a| a.client == client && !a.detached);
        theirs.for_each(|asked| asked.cancelled = true);
        self.forget_triggers_of(client);
        self.step(Input::ClientGone(client));
    }

    fn submit(&mut self) {
        let running: Vec<_> =
            self.runs.attempts.iter().filter(|(_, a)| !a.stopping).map(|(id, _)| *id).collect();
        let inside = if self.rng.one_in(3) { self.rng.pick(&running).copied() } else { None };
        // A nested client lives in its own process; others have a few builds each.
        let client = match inside {
            Some(_) => ClientId(1_000 + self.timeline.scheduled as u64),
            None => ClientId(self.rng.below(6)),
        };
        let classes = [Priority::Background, Priority::Agent, Priority::Editor, Priority::User];
        let priority = *self.rng.pick(&classes).expect("a class");
        let plan = self.random_plan();
        // Who asked inside a build waits for the answer.
        let detach = inside.is_none() && self.rng.one_in(6);
        let submission = Submission {
            client,
            session: format!("agent:sim{}", self.rng.below(3)),
            plan: plan.clone(),
            priority,
            timeout_ms: self.rng.one_in(5).then(|| 1 + self.rng.below(800)),
            detach,
            keep_going: self.rng.one_in(2),
            parent: inside.map(|attempt| self.runs.attempts[&attempt].owner),
        };
        let asked = Asked {
            client,
            inside,
            priority,
            detached: detach,
            plan: Some(plan),
            elsewhere: self.files.elsewhere,
            ..Asked::at(self.files.tree.epoch)
        };
        self.builds.submitting = Some(asked);
        self.step(Input::Submit(submission));
        self.builds.submitting = None;
    }

    /// A command ends when its time has come, but not before what it asked for has ended.
    fn attempt_ends(&mut self, attempt: AttemptId) {
        let Some(running) = self.runs.attempts.get(&attempt) else { return };
        let (execution, stopping) = (running.execution, running.stopping);
        let edits =
            running.command == EDITS && !running.stopping && !self.watching.triggers.is_empty();
        let asked_inside: Vec<_> = self
            .builds
            .live
            .values()
            .filter(|a| a.inside == Some(attempt))
            .map(|a| a.client)
            .collect();
        // What it has left behind is ended, whatever it waits for.
        let lingers = self.runs.ending.contains(&execution);
        if stopping || lingers {
            asked_inside.into_iter().for_each(|client| self.client_gone(client));
        } else if !asked_inside.is_empty() {
            return self.after(7, Event::Ends(attempt));
        }
        self.runs.ending.insert(execution);
        if !stopping && !lingers && self.rng.one_in(4) {
            self.step(Input::CommandEnded(attempt));
            return self.after(5, Event::Ends(attempt));
        }
        self.runs.attempts.remove(&attempt);
        if edits {
            self.edit("its own");
        }
        let exit = match self.rng.below(5) {
            0 => Exit::Code(1),
            1 => Exit::Signal(9),
            2 => Exit::NotFound("no such program".into()),
            _ => Exit::Code(0),
        };
        let result = AttemptResult { exit, duration_ms: 5, cpu_ms: 5, peak_rss_bytes: 1 };
        self.step(Input::AttemptEnded { attempt, result, lost: None });
    }

    pub(crate) fn step(&mut self, input: Input) {
        let now = Now { mono_ms: self.now, wall_ms: self.now };
        let before: HashMap<_, _> =
            self.core.views(now).into_iter().map(|view| (view.id, view)).collect();
        let effects = self.core.step(now, input);
        let views = self.core.views(now);
        for effect in effects {
            self.carry_out(effect, &views, &before);
        }
        if let Some(at) = self.core.wake_at() {
            self.after(at.saturating_sub(self.now), Event::Wake);
        }
        self.check(&views);
    }

    fn carry_out(
        &mut self,
        effect: Effect,
        views: &[BuildView],
        before: &HashMap<BuildId, BuildView>,
    ) {
        match effect {
            Effect::Submitted(Ok(build)) => {
                let asked = self.builds.submitting.take().expect("somebody asked");
                assert!(
                    self.builds.live.insert(build, asked).is_none(),
                    "seed {}: id twice",
                    self.seed
                );
            }
            Effect::Submitted(Err(_))
            | Effect::TriggerAdded(_)
            | Effect::Unsubscribe(_)
            | Effect::ForgetClient(_)
            | Effect::Changed(_) => {}
            Effect::Closed(execution) => {
                self.runs.ending.remove(&execution);
            }
            Effect::ObserveWorkspace(_)
            | Effect::SaveConsent { .. }
            | Effect::ReportNoConsent { .. }
            | Effect::AwaitRoot(_) => {
                panic!("seed {}: rules that nobody has: {effect:?}", self.seed)
            }
            Effect::PrepareTrigger { trigger, client, .. } => self.prepares(trigger, client),
            Effect::DigestInputs { target, .. } => {
                if let Target::Execution(execution) = target {
                    self.admits(execution, views);
                }
                assert!(
                    self.files.digesting.insert(target),
                    "seed {}: {target:?} twice",
                    self.seed
                );
                let delay = self.rng.below(40);
                self.after(delay, Event::Resolved(target));
            }
            Effect::BindSnapshot { from, execution } => {
                if let Some(state) = self.files.states.remove(&from) {
                    self.files.states.insert(Target::Execution(execution), state);
                }
            }
            Effect::ReleaseSnapshot(target) => {
                self.files.states.remove(&target);
            }
            Effect::Subscribe(trigger) => self.observes(trigger),
            Effect::TriggerEvent(trigger, news) => self.news(trigger, &news),
            Effect::Start { execution, attempt, build, action, .. } => {
                self.starts(execution, attempt, build, &action, views);
            }
            Effect::Stop { attempt, grace_ms } => {
                let stopping = self.runs.attempts.get_mut(&attempt).expect("stopping what runs");
                stopping.stopping = true;
                self.runs.stopped.insert(stopping.execution);
                let delay = self.rng.below(grace_ms + 5);
                self.after(delay, Event::Ends(attempt));
            }
            Effect::CompareInputs { node, execution, .. } => {
                let delay = self.rng.below(40);
                self.after(delay, Event::Compared(node, execution));
            }
            Effect::VerifyInputs { execution, .. } => {
                let delay = self.rng.below(40);
                self.after(delay, Event::Checked(execution));
            }
            Effect::Ended(view) => self.ends(&view, before),
            Effect::Drained => {
                assert!(!self.drain.done, "seed {}: drained twice", self.seed);
                self.drain.done = true;
            }
        }
    }
}

fn version((tree, elsewhere): Seen) -> InputVersion {
    let stamp = Stamp { mode: 0, identity: [0, 0], size: elsewhere, changed_ns: [0, 0] };
    let mut surroundings = Surroundings::default();
    surroundings.add("/elsewhere".into(), Fact::Input(stamp));
    InputVersion { tree, surroundings: surroundings.into() }
}

fn action(name: &str) -> Action {
    Action::of_command(Command::in_root(vec![name.into()], "/ws"))
}

/// The first command is never shared, all others are.
pub(crate) fn join(command: usize) -> Join {
    match command {
        0 => Join::No(JoinReason::NotABuild),
        _ => Join::Yes(JoinReason::Asked),
    }
}
