//! The core under seeded simulation: a world of clients, edits and processes in virtual time,
//! and an oracle that knows only the promises, not how they are kept.
//!
//! `BD_SIM_SEEDS=N` plays N seeds, `BD_SIM_SEED=S` just the one that failed.

mod plans;
mod triggers;

use bd_daemon::engine::{Core, Effect, Input, Limits, Moved, NoVersion, Now, Submission, Target};
use bd_daemon::model::{
    Action, AttemptId, AttemptResult, BuildId, BuildView, ClientId, Command, Digest, ExecutionId,
    Exit, Join, JoinReason, Plan, Priority, Status, TreeVersion, TriggerId, WaitReason,
};
use bd_daemon::scheduler::PriorityScheduler;
use bd_tests::rng::Rng;
use plans::{State, nodes, wants};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use triggers::{EDITS, Trigger};

const DEFAULT_SEEDS: u64 = 12_000;
/// A seed that has not come to rest after so many events never will: something waits for itself.
const MOST_EVENTS: usize = 20_000;
const GRACE_MS: u64 = 50;

#[derive(Clone, Debug)]
enum Event {
    Client,
    Edit,
    Watch,
    Unwatch,
    Prepared(TriggerId),
    Told(TriggerId),
    Resolved(Target),
    Ends(AttemptId),
    Checked(ExecutionId),
    Wake,
}

#[derive(Debug)]
struct Attempt {
    execution: ExecutionId,
    owner: BuildId,
    command: usize,
    /// The state it was started from, where one was established for it.
    state: Option<TreeVersion>,
    epoch: u64,
    stopping: bool,
    nested: bool,
    alone: bool,
}

struct World {
    seed: u64,
    rng: Rng,
    core: Core,
    limit: u64,
    now: u64,
    events: BTreeMap<(u64, usize), Event>,
    scheduled: usize,
    tree: TreeVersion,
    /// What was edited at the end of each epoch.
    edited: Vec<&'static str>,
    actions: Vec<Arc<Action>>,
    /// Whose inputs are being digested.
    digesting: BTreeSet<Target>,
    states: HashMap<Target, TreeVersion>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// Start epoch of every execution that started.
    started: HashMap<ExecutionId, u64>,
    admitted: BTreeSet<ExecutionId>,
    stopped: BTreeSet<ExecutionId>,
    live: BTreeMap<BuildId, Asked>,
    ended: BTreeMap<BuildId, Status>,
    last_submitted: Option<BuildId>,
    submitting: Option<Asked>,
    asked_triggers: u64,
    triggers: BTreeMap<TriggerId, Trigger>,
    /// Those of them that have ended.
    gone: BTreeSet<TriggerId>,
    /// Builds that somebody cancelled, or whose client went.
    cancelled: BTreeSet<BuildId>,
    draining: bool,
    drained: bool,
}

#[derive(Debug)]
struct Asked {
    client: ClientId,
    epoch: u64,
    inside: Option<AttemptId>,
    cancelled: bool,
    /// What it is a run of.
    by: Option<TriggerId>,
    priority: Priority,
    detached: bool,
    /// What it asked for; `None` for a run of a trigger.
    plan: Option<Plan>,
}

impl Asked {
    /// By nobody in particular, for one plain command of an editor's.
    fn at(epoch: u64) -> Self {
        Self {
            client: ClientId(u64::MAX),
            epoch,
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
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let limit = 1 + rng.below(4);
        let scheduler = Box::new(PriorityScheduler::new(limit as u32));
        let actions = (0..4).map(|n| Arc::new(action(&format!("tool{n}")))).collect();
        Self {
            seed,
            rng,
            core: Core::new(Limits { builds: 25, stop_grace_ms: GRACE_MS }, scheduler),
            limit,
            now: 1_000,
            events: BTreeMap::new(),
            scheduled: 0,
            tree: TreeVersion { tree: Digest([0; 32]), epoch: 0 },
            edited: Vec::new(),
            actions,
            digesting: BTreeSet::new(),
            states: HashMap::new(),
            attempts: BTreeMap::new(),
            started: HashMap::new(),
            admitted: BTreeSet::new(),
            stopped: BTreeSet::new(),
            live: BTreeMap::new(),
            ended: BTreeMap::new(),
            last_submitted: None,
            submitting: None,
            asked_triggers: 0,
            triggers: BTreeMap::new(),
            gone: BTreeSet::new(),
            cancelled: BTreeSet::new(),
            draining: false,
            drained: false,
        }
    }

    fn play(mut self) -> Played {
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
        while let Some(((at, _), event)) = self.events.pop_first() {
            self.now = at;
            self.happen(event);
            count += 1;
            assert!(count < MOST_EVENTS, "seed {}: never comes to rest", self.seed);
        }
        let seed = self.seed;
        assert!(self.live.is_empty(), "seed {seed}: without an outcome: {:?}", self.live);
        assert!(self.attempts.is_empty(), "seed {seed}: still running: {:?}", self.attempts);
        self.newest_state_has_won();
        self.unwatch_all();
        assert!(
            self.core.is_idle(),
            "seed {seed}: the core holds on to something: {:?}",
            self.core
        );
        assert!(self.states.is_empty(), "seed {seed}: states never forgotten: {:?}", self.states);
        assert_eq!(self.draining, self.drained, "seed {seed}: the drain");
        Played { builds: self.ended.len(), executions: self.started.len() }
    }

    fn after(&mut self, delay: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now + delay, self.scheduled), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Client => self.client_acts(),
            Event::Edit => self.edit("somebody's"),
            Event::Watch => self.add_trigger(),
            Event::Unwatch => self.remove_trigger(),
            Event::Prepared(trigger) => self.prepared(trigger),
            Event::Told(trigger) => self.told(trigger),
            Event::Resolved(target) => {
                self.digesting.remove(&target);
                let version = if self.rng.one_in(30) {
                    Err(NoVersion("the tree keeps changing".to_owned()))
                } else {
                    self.states.insert(target, self.tree);
                    Ok(self.tree)
                };
                self.step(Input::InputsDigested { target, version });
            }
            Event::Ends(attempt) => self.attempt_ends(attempt),
            Event::Checked(execution) => {
                let was = self.states[&Target::Execution(execution)];
                let moved = if was.epoch == self.tree.epoch {
                    Moved::Paths(vec![])
                } else {
                    Moved::Paths(vec!["moved".into()])
                };
                self.step(Input::InputsVerified { execution, moved });
            }
            Event::Wake => self.step(Input::Tick),
        }
    }

    fn edit(&mut self, path: &'static str) {
        // Few contents, so that edits are undone as often as not.
        self.tree.tree = Digest([self.rng.below(3) as u8; 32]);
        self.tree.epoch += 1;
        self.edited.push(path);
        self.tell_all_soon();
    }

    fn client_acts(&mut self) {
        let live: Vec<_> = self.live.keys().copied().collect();
        match self.rng.below(12) {
            0 | 1 => {
                if let Some(build) = self.rng.pick(&live).copied() {
                    self.live.get_mut(&build).expect("a live build").cancelled = true;
                    self.step(Input::Cancel(build));
                }
            }
            2 => {
                if let Some(build) = self.rng.pick(&live).copied() {
                    let client = self.live[&build].client;
                    self.client_gone(client);
                }
            }
            3 if self.rng.one_in(12) && !self.draining => {
                self.draining = true;
                self.step(Input::Drain { grace_ms: GRACE_MS });
            }
            _ => self.submit(),
        }
    }

    fn client_gone(&mut self, client: ClientId) {
        let theirs = self.live.values_mut().filter(|a| a.client == client && !a.detached);
        theirs.for_each(|asked| asked.cancelled = true);
        self.forget_triggers_of(client);
        self.step(Input::ClientGone(client));
    }

    fn submit(&mut self) {
        let running: Vec<_> =
            self.attempts.iter().filter(|(_, a)| !a.stopping).map(|(id, _)| *id).collect();
        let inside = if self.rng.one_in(3) { self.rng.pick(&running).copied() } else { None };
        // A nested client lives in its own process; others have a few builds each.
        let client = match inside {
            Some(_) => ClientId(1_000 + self.scheduled as u64),
            None => ClientId(self.rng.below(6)),
        };
        let classes = [Priority::Background, Priority::Agent, Priority::Editor, Priority::User];
        let priority = *self.rng.pick(&classes).expect("a class");
        let plan = self.random_plan();
        // Who asked inside a build waits for the answer.
        let detach = inside.is_none() && self.rng.one_in(6);
        let submission = Submission {
            client,
            session: "agent:sim".into(),
            plan: plan.clone(),
            priority,
            timeout_ms: self.rng.one_in(5).then(|| 1 + self.rng.below(800)),
            detach,
            keep_going: self.rng.one_in(2),
            parent: inside.map(|attempt| self.attempts[&attempt].owner),
        };
        self.last_submitted = None;
        let asked = Asked {
            client,
            inside,
            priority,
            detached: detach,
            plan: Some(plan),
            ..Asked::at(self.tree.epoch)
        };
        self.submitting = Some(asked);
        self.step(Input::Submit(submission));
        self.submitting = None;
    }

    /// A command ends when its time has come, but not before what it asked for has ended.
    fn attempt_ends(&mut self, attempt: AttemptId) {
        let Some(running) = self.attempts.get(&attempt) else { return };
        let edits = running.command == EDITS && !running.stopping && !self.triggers.is_empty();
        let asked_inside: Vec<_> =
            self.live.values().filter(|a| a.inside == Some(attempt)).map(|a| a.client).collect();
        if running.stopping {
            asked_inside.into_iter().for_each(|client| self.client_gone(client));
        } else if !asked_inside.is_empty() {
            return self.after(7, Event::Ends(attempt));
        }
        self.attempts.remove(&attempt);
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

    fn step(&mut self, input: Input) {
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
                let asked = self.submitting.take().expect("somebody asked");
                assert!(self.live.insert(build, asked).is_none(), "seed {}: id twice", self.seed);
                self.last_submitted = Some(build);
            }
            Effect::Submitted(Err(_))
            | Effect::TriggerAdded(_)
            | Effect::Unsubscribe(_)
            | Effect::ForgetClient(_)
            | Effect::Changed(_)
            | Effect::Closed(_) => {}
            Effect::ObserveWorkspace(_) | Effect::SaveTrust { .. } | Effect::ReportUntrusted(_) => {
                panic!("seed {}: rules that nobody has: {effect:?}", self.seed)
            }
            Effect::PrepareTrigger { trigger, client, .. } => self.prepares(trigger, client),
            Effect::DigestInputs { target, .. } => {
                if let Target::Execution(execution) = target {
                    self.admits(execution, views);
                }
                assert!(self.digesting.insert(target), "seed {}: {target:?} twice", self.seed);
                let delay = self.rng.below(40);
                self.after(delay, Event::Resolved(target));
            }
            Effect::BindSnapshot { from, execution } => {
                if let Some(state) = self.states.remove(&from) {
                    self.states.insert(Target::Execution(execution), state);
                }
            }
            Effect::ReleaseSnapshot(target) => {
                self.states.remove(&target);
            }
            Effect::Subscribe(trigger) => self.observes(trigger),
            Effect::TriggerEvent(trigger, news) => self.news(trigger, &news),
            Effect::Start { execution, attempt, build, action, .. } => {
                self.starts(execution, attempt, build, &action, views);
            }
            Effect::Stop { attempt, grace_ms } => {
                let stopping = self.attempts.get_mut(&attempt).expect("stopping what runs");
                stopping.stopping = true;
                self.stopped.insert(stopping.execution);
                let delay = self.rng.below(grace_ms + 5);
                self.after(delay, Event::Ends(attempt));
            }
            Effect::VerifyInputs { execution, .. } => {
                let delay = self.rng.below(40);
                self.after(delay, Event::Checked(execution));
            }
            Effect::Ended(view) => self.ends(&view, before),
            Effect::Drained => {
                assert!(!self.drained, "seed {}: drained twice", self.seed);
                self.drained = true;
            }
        }
    }

    /// Whoever gets a place, nobody of a higher class may be left waiting for one.
    fn admits(&mut self, execution: ExecutionId, views: &[BuildView]) {
        if !self.admitted.insert(execution) {
            return;
        }
        let Some(class) = self.class(execution, views) else { return };
        if self.is_nested(execution, views) {
            return;
        }
        for node in views.iter().flat_map(nodes) {
            if let (State::Waiting(WaitReason::Workers { .. }), Some(other)) =
                (&node.state, node.execution)
            {
                let passed_over = self.class(other, views) > Some(class);
                let seed = self.seed;
                assert!(!passed_over, "seed {seed}: {execution} before {other}");
            }
        }
    }

    /// The highest class among those who want an execution.
    fn class(&self, execution: ExecutionId, views: &[BuildView]) -> Option<Priority> {
        let wanted_by = views.iter().filter(|view| wants(view, execution));
        let own = |view: &BuildView| self.live.get(&view.id).map(|asked| asked.priority);
        // A run of a trigger that was started in this very step is an editor's.
        wanted_by.map(|view| own(view).unwrap_or(Priority::Editor)).max()
    }

    fn is_nested(&self, execution: ExecutionId, views: &[BuildView]) -> bool {
        let inside = |build| self.live.get(&build).is_some_and(|asked| asked.inside.is_some());
        views.iter().any(|view| wants(view, execution) && inside(view.id))
    }

    fn starts(
        &mut self,
        execution: ExecutionId,
        attempt: AttemptId,
        owner: BuildId,
        action: &Arc<Action>,
        views: &[BuildView],
    ) {
        let seed = self.seed;
        assert!(!self.draining, "seed {seed}: started while draining");
        self.admits(execution, views);
        self.check_start(execution, views);
        let command = self.actions.iter().position(|known| known == action);
        let command = command.expect("a known action");
        let wanted: Vec<_> =
            views.iter().flat_map(nodes).filter(|node| node.wants(execution)).collect();
        let alone = wanted.iter().any(|node| {
            matches!(node.join_reason, JoinReason::WouldWaitForItself | JoinReason::NoState(_))
        });
        let state = self.states.get(&Target::Execution(execution)).copied();
        let nested = self.is_nested(execution, views);
        assert!(!wanted.is_empty(), "seed {seed}: {execution} started for nobody");
        if let Some(state) = state {
            assert!(alone || state == self.tree, "seed {seed}: {execution} started on a stale key");
        }
        if self.started.insert(execution, self.tree.epoch).is_some() {
            panic!("seed {seed}: {execution} started twice");
        }
        let started = Attempt {
            execution,
            owner,
            command,
            state,
            epoch: self.tree.epoch,
            stopping: false,
            nested,
            alone,
        };
        self.attempts.insert(attempt, started);
        let delay = 1 + self.rng.below(400);
        self.after(delay, Event::Ends(attempt));
    }

    fn ends(&mut self, view: &BuildView, before: &HashMap<BuildId, BuildView>) {
        let seed = self.seed;
        let outcome = view.outcome().expect("an ended build has an outcome");
        let asked = self.live.remove(&view.id);
        let asked = asked.unwrap_or_else(|| panic!("seed {seed}: {} ended twice", view.id));
        assert!(self.ended.insert(view.id, outcome.status).is_none());
        self.cancelled.extend(asked.cancelled.then_some(view.id));
        self.check_outcome(view);
        match outcome.status {
            Status::Cancelled => {
                let right = asked.cancelled || self.is_obsolete(&asked);
                assert!(right, "seed {seed}: {} was not", view.id);
            }
            Status::NotRun | Status::Interrupted => assert!(self.draining, "seed {seed}"),
            _ => {}
        }
        self.check_ended_nodes(view, &asked, before);
    }

    fn check_ended_nodes(
        &self,
        view: &BuildView,
        asked: &Asked,
        before: &HashMap<BuildId, BuildView>,
    ) {
        let seed = self.seed;
        for node in nodes(view) {
            let State::Ended(outcome) = node.state else { unreachable!("checked before") };
            if outcome.result.is_none() {
                continue;
            }
            let execution = node.execution.expect("a result has an execution");
            let given_up = [Status::Cancelled, Status::TimedOut, Status::Interrupted];
            let wanted = !given_up.contains(&outcome.status);
            let stopped = self.stopped.contains(&execution);
            assert!(
                !(wanted && stopped),
                "seed {seed}: {} got the end of what others gave up",
                view.id
            );
            let epoch = self.started[&execution];
            let keyed = before.get(&view.id).is_some_and(|before| {
                let before = nodes(before);
                matches!(before[node.index as usize].join_reason, JoinReason::Asked)
            });
            if keyed {
                let fresh = epoch >= asked.epoch;
                assert!(fresh, "seed {seed}: {} got what was older than it", view.id);
            }
            if let Some(moved) = &outcome.moved {
                let changed = epoch != self.tree.epoch;
                assert!(moved.is_empty() || changed, "seed {seed}: moved without a change");
            }
        }
    }

    fn check(&self, views: &[BuildView]) {
        let seed = self.seed;
        let placed = self.attempts.values().filter(|a| !a.nested).count() as u64;
        assert!(placed <= self.limit, "seed {seed}: {placed} run in {} places", self.limit);
        for attempt in self.attempts.values() {
            let wanted = views.iter().any(|view| wants(view, attempt.execution));
            assert!(wanted, "seed {seed}: nobody wants {attempt:?}");
        }
        self.check_nodes(views);
        let keyed = |a: &&Attempt| a.state.is_some() && !a.alone;
        let mut seen = BTreeSet::new();
        for attempt in self.attempts.values().filter(keyed) {
            let work = (attempt.command, attempt.state.map(|s| s.tree), attempt.epoch);
            assert!(seen.insert(work), "seed {seed}: the same work twice: {:#?}", self.attempts);
        }
        for view in views {
            assert!(self.live.contains_key(&view.id), "seed {seed}: {} is undead", view.id);
        }
    }
}

struct Played {
    builds: usize,
    executions: usize,
}

fn action(name: &str) -> Action {
    Action::of_command(Command {
        argv: vec![name.into()],
        cwd: "/ws".into(),
        environment: vec![],
        umask: None,
        stdin: false,
        tty: None,
        root: "/ws".into(),
        program: None,
    })
}

/// The first command is never shared, all others are.
fn join(command: usize) -> Join {
    match command {
        0 => Join::No(JoinReason::NotABuild),
        _ => Join::Yes(JoinReason::Asked),
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn the_core_keeps_its_promises_whatever_happens() {
    let seeds = match number("BD_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BD_SIM_SEEDS").unwrap_or(DEFAULT_SEEDS),
    };
    let (mut builds, mut executions) = (0, 0);
    for seed in seeds.clone() {
        let played = World::new(seed).play();
        builds += played.builds;
        executions += played.executions;
    }
    println!("{} seeds, {builds} builds, {executions} executions", seeds.end - seeds.start);
    assert!(executions < builds, "a simulation in which nothing ever joins shows nothing");
}
