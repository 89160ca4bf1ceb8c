//! The pure core: takes what happened, decides, and says what is to be done. Knows no clock, no
//! file, no process and no socket; the same inputs give the same effects.
//!
//! The rules it keeps, which the simulation checks:
//!
//! - a build gets exactly one outcome, and an execution runs only while a build wants it;
//! - of one [action key](crate::model::ActionKey) at most one execution lives at a time;
//! - what starts is what the [policy](crate::schedule::Policy) says is next;
//! - a tree that may have changed while an execution waited is looked at again before it starts.

use super::build::{Build, State};
use super::execution::{Execution, Moment, Phase};
use super::input::{Effect, Input, Join, Moved, Now, Refusal, Submission, Target};
use crate::model::ids::IdSource;
use crate::model::{
    ActionKey, AttemptId, AttemptResult, BuildId, ClientId, ExecutionId, Exit, JoinReason, Outcome,
    Priority, Source, StateId, Status,
};
use crate::schedule::{Estimates, Policy};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long positions in the queue may be out of date for those who follow them: as often as a
/// person can read, so that a thousand waiting builds cost no more than that.
const QUEUE_NEWS_MS: u64 = 200;

/// The bounds the core keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most builds that have not ended.
    pub builds: usize,
    /// Time between SIGTERM and SIGKILL for an execution nobody wants any more, in milliseconds.
    pub stop_grace_ms: u64,
}

/// How far the end of the daemon has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    No,
    Draining,
    Drained,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Core {
    pub(super) limits: Limits,
    pub(super) builds: BTreeMap<BuildId, Build>,
    pub(super) executions: BTreeMap<ExecutionId, Execution>,
    pub(super) queue: Box<dyn Policy>,
    pub(super) estimates: Estimates,
    ids: IdSource,
    by_key: HashMap<ActionKey, ExecutionId>,
    by_attempt: HashMap<AttemptId, ExecutionId>,
    deadlines: BTreeSet<(u64, BuildId)>,
    /// When those who wait are to be told their places again.
    queue_news_at: Option<u64>,
    drain: Drain,
    effects: Vec<Effect>,
}

impl Core {
    /// A core without builds, in front of this queue.
    #[must_use]
    pub fn new(limits: Limits, queue: Box<dyn Policy>) -> Self {
        Self {
            limits,
            builds: BTreeMap::new(),
            executions: BTreeMap::new(),
            queue,
            estimates: Estimates::default(),
            ids: IdSource::default(),
            by_key: HashMap::new(),
            by_attempt: HashMap::new(),
            deadlines: BTreeSet::new(),
            queue_news_at: None,
            drain: Drain::No,
            effects: Vec::new(),
        }
    }

    /// Takes one input and says what is to be done about it, in order.
    ///
    /// Inputs about builds, executions and attempts that are over are late, not wrong: they
    /// change nothing.
    #[must_use]
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        match input {
            Input::Submit(submission) => self.submit(now, submission),
            Input::Resolved { target: Target::Build(build), state } => {
                self.build_resolved(now, build, state);
            }
            Input::Resolved { target: Target::Execution(execution), state } => {
                self.execution_resolved(now, execution, state);
            }
            Input::AttemptEnded { attempt, result } => self.attempt_ended(now, attempt, result),
            Input::Checked { execution, moved } => self.checked(now, execution, moved),
            Input::Cancel(build) => self.withdraw(now, build, Status::Cancelled),
            Input::Detach(build) => {
                if let Some(build) = self.builds.get_mut(&build) {
                    build.asked.detach = true;
                }
            }
            Input::ClientGone(client) => self.client_gone(now, client),
            Input::Drain { grace_ms } => self.drain(now, grace_ms),
            Input::Tick => self.tick(now),
            Input::Remembered { durations, last_id } => {
                self.ids.skip(last_id);
                durations.into_iter().for_each(|(shape, ms)| self.estimates.learn(shape, ms));
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`Input::Tick`] is next due, on the monotonic clock in milliseconds.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        deadline.into_iter().chain(self.queue_news_at).min()
    }

    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.builds.is_empty() && self.executions.is_empty()
    }

    fn submit(&mut self, now: Now, asked: Submission) {
        let refusal = if self.drain != Drain::No {
            Some(Refusal::Draining)
        } else if self.builds.len() >= self.limits.builds {
            Some(Refusal::QueueFull(self.limits.builds))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.effects.push(Effect::Submitted(Err(refusal)));
            return;
        }
        let id = BuildId(self.ids.next(now.wall_ms));
        let deadline = asked.timeout_ms.map(|timeout| now.mono_ms.saturating_add(timeout));
        self.deadlines.extend(deadline.map(|at| (at, id)));
        let join = asked.join.clone();
        let (Join::Yes(join_reason) | Join::No(join_reason)) = join.clone();
        let build = Build {
            id,
            inside: self.running_for(asked.parent),
            asked,
            submitted_ms: now.wall_ms,
            deadline,
            join_reason,
            state: State::Resolving,
        };
        let command = build.asked.command.clone();
        self.builds.insert(id, build);
        self.effects.push(Effect::Submitted(Ok(id)));
        match join {
            Join::Yes(_) => {
                self.effects.push(Effect::Resolve { target: Target::Build(id), command });
                self.effects.push(Effect::Changed(id));
            }
            Join::No(_) => self.execute(now, id, None),
        }
    }

    /// The running execution whose command was started for this build. The build itself may be
    /// gone: the execution goes on for those who joined it.
    fn running_for(&self, owner: Option<BuildId>) -> Option<ExecutionId> {
        let owner = owner?;
        self.executions
            .values()
            .find(|execution| {
                execution.owner == owner && matches!(execution.phase, Phase::Running { .. })
            })
            .map(|execution| execution.id)
    }

    fn build_resolved(&mut self, now: Now, id: BuildId, state: Result<StateId, String>) {
        let Some(build) = self.builds.get_mut(&id).filter(|b| b.state == State::Resolving) else {
            self.effects.push(Effect::Forget(Target::Build(id)));
            return;
        };
        let key = match state {
            Ok(state) => ActionKey::new(build.asked.command.identity(), state),
            Err(reason) => {
                build.join_reason = JoinReason::NoState(reason);
                return self.execute(now, id, None);
            }
        };
        match self.open_execution(key) {
            Some(execution) if self.would_wait_for_itself(id, execution) => {
                self.effects.push(Effect::Forget(Target::Build(id)));
                if let Some(build) = self.builds.get_mut(&id) {
                    build.join_reason = JoinReason::WouldWaitForItself;
                }
                self.execute(now, id, None);
            }
            Some(execution) => {
                self.effects.push(Effect::Forget(Target::Build(id)));
                self.attach(now, id, execution);
            }
            None => self.execute(now, id, Some(key)),
        }
    }

    /// Tells the builds of an execution why nobody else will share it.
    fn stand_alone(&mut self, id: ExecutionId, reason: &JoinReason) {
        for build in &self.executions[&id].builds {
            if let Some(build) = self.builds.get_mut(build) {
                build.join_reason = reason.clone();
            }
        }
    }

    fn open_execution(&self, key: ActionKey) -> Option<ExecutionId> {
        self.by_key.get(&key).copied().filter(|id| self.executions[id].open())
    }

    /// Makes a new execution for a build.
    fn execute(&mut self, now: Now, build: BuildId, key: Option<ActionKey>) {
        let id = ExecutionId(self.ids.next(now.wall_ms));
        // Whatever still has this key is being stopped, or it would have been joined.
        let after = key.and_then(|key| self.by_key.insert(key, id));
        let wanted_by = self.builds.get_mut(&build).expect("BUG: executing for no build");
        wanted_by.state = State::Attached { execution: id, joined: false, withdrawn: None };
        let execution = Execution {
            id,
            key,
            command: wanted_by.asked.command.clone(),
            owner: build,
            builds: BTreeSet::from([build]),
            after,
            nested: wanted_by.inside.is_some(),
            phase: Phase::Queued,
        };
        let nested = execution.nested;
        self.executions.insert(id, execution);
        if key.is_some() {
            self.effects.push(Effect::Adopt { from: Target::Build(build), execution: id });
        }
        if after.is_none() && nested {
            self.start(now, id);
        } else if after.is_none() {
            self.enqueue(now, id);
            self.admit(now, Some(id));
        }
        self.effects.push(Effect::Changed(build));
    }

    /// Lets a build take part in an execution of its key, established just now.
    fn attach(&mut self, now: Now, build: BuildId, id: ExecutionId) {
        let joining = self.builds.get_mut(&build).expect("BUG: attaching no build");
        joining.state = State::Attached { execution: id, joined: true, withdrawn: None };
        let inside = joining.inside.is_some();
        let execution = self.executions.get_mut(&id).expect("BUG: joining no execution");
        execution.builds.insert(build);
        if matches!(execution.phase, Phase::Queued) && execution.after.is_none() {
            if inside {
                // It may be waiting for the very place that this build's parent holds.
                execution.nested = true;
                self.queue.remove(id);
                self.start(now, id);
            } else {
                self.enqueue(now, id);
            }
        } else if inside {
            execution.nested = true;
        }
        self.effects.push(Effect::Changed(build));
    }

    /// The highest class among those who want it.
    pub(super) fn priority(&self, id: ExecutionId) -> Priority {
        self.executions[&id]
            .builds
            .iter()
            .filter_map(|build| self.builds.get(build))
            .filter(|build| build.interested())
            .map(|build| build.asked.priority)
            .max()
            .unwrap_or(Priority::Background)
    }

    fn enqueue(&mut self, now: Now, id: ExecutionId) {
        self.queue.enqueue(id, self.priority(id));
        self.queue_moved(now);
    }

    fn queue_moved(&mut self, now: Now) {
        self.queue_news_at.get_or_insert(now.mono_ms + QUEUE_NEWS_MS);
    }

    /// Starts what may start. `fresh` is the execution whose key was established in this step.
    fn admit(&mut self, now: Now, fresh: Option<ExecutionId>) {
        if self.drain != Drain::No {
            return;
        }
        while let Some(id) = self.queue.admit() {
            self.queue_moved(now);
            if self.executions[&id].key.is_none() || fresh == Some(id) {
                self.start(now, id);
            } else {
                self.rekey(id);
            }
        }
    }

    fn rekey(&mut self, id: ExecutionId) {
        let execution = self.executions.get_mut(&id).expect("BUG: admitted no execution");
        execution.set(Phase::Rekeying);
        let command = execution.command.clone();
        self.effects.push(Effect::Resolve { target: Target::Execution(id), command });
    }

    fn execution_resolved(&mut self, now: Now, id: ExecutionId, state: Result<StateId, String>) {
        let Some(execution) = self.executions.get(&id) else {
            self.effects.push(Effect::Forget(Target::Execution(id)));
            return;
        };
        if !matches!(execution.phase, Phase::Rekeying) {
            return;
        }
        let old = execution.key;
        let identity = execution.command.identity();
        let new = match state {
            Ok(state) => Some(ActionKey::new(identity, state)),
            Err(reason) => {
                self.stand_alone(id, &JoinReason::NoState(reason));
                None
            }
        };
        if new != old {
            self.drop_key(id);
        }
        let other = new.and_then(|key| self.by_key.get(&key).copied()).filter(|other| *other != id);
        match other {
            Some(other) if self.merge_would_deadlock(id, other) => {
                self.stand_alone(id, &JoinReason::WouldWaitForItself);
                self.set_key(id, None);
                self.start(now, id);
            }
            Some(other) if self.executions[&other].open() => self.merge(now, id, other),
            Some(other) => {
                self.set_key(id, new);
                self.queue.release(id);
                let execution = self.executions.get_mut(&id).expect("BUG: lost while rekeying");
                execution.set(Phase::Queued);
                execution.after = Some(other);
            }
            None => {
                self.set_key(id, new);
                self.start(now, id);
            }
        }
        self.admit(now, None);
    }

    fn merge_would_deadlock(&self, id: ExecutionId, other: ExecutionId) -> bool {
        let mut builds = self.executions[&id].builds.iter();
        self.executions[&other].open()
            && builds.any(|build| self.would_wait_for_itself(*build, other))
    }

    /// Moves the builds of an execution that has not started to one of the same key.
    fn merge(&mut self, now: Now, id: ExecutionId, other: ExecutionId) {
        self.queue.release(id);
        let builds = std::mem::take(
            &mut self.executions.get_mut(&id).expect("BUG: merging no execution").builds,
        );
        for build in builds {
            self.attach(now, build, other);
        }
        self.close(now, id);
    }

    fn set_key(&mut self, id: ExecutionId, key: Option<ActionKey>) {
        self.executions.get_mut(&id).expect("BUG: key of no execution").key = key;
        if let Some(key) = key {
            self.by_key.insert(key, id);
        }
    }

    /// Lets go of an execution's key; one with the same key that is being stopped has it again.
    fn drop_key(&mut self, id: ExecutionId) {
        let execution = &self.executions[&id];
        let Some(key) = execution.key.filter(|key| self.by_key.get(key) == Some(&id)) else {
            return;
        };
        match execution.after.filter(|before| self.executions.contains_key(before)) {
            Some(before) => self.by_key.insert(key, before),
            None => self.by_key.remove(&key),
        };
    }

    fn start(&mut self, now: Now, id: ExecutionId) {
        let attempt = AttemptId(self.ids.next(now.wall_ms));
        let started = Moment { mono_ms: now.mono_ms, wall_ms: now.wall_ms };
        let execution = self.executions.get_mut(&id).expect("BUG: starting no execution");
        execution.set(Phase::Running { attempt, started, stopping: false });
        self.by_attempt.insert(attempt, id);
        self.effects.push(Effect::Start {
            execution: id,
            attempt,
            build: execution.owner,
            command: execution.command.clone(),
        });
        self.effects.extend(execution.builds.iter().copied().map(Effect::Changed));
    }

    fn attempt_ended(&mut self, now: Now, attempt: AttemptId, result: AttemptResult) {
        let Some(id) = self.by_attempt.remove(&attempt) else { return };
        self.queue.release(id);
        let execution = self.executions.get_mut(&id).expect("BUG: attempt of no execution");
        let Phase::Running { started, stopping, .. } = execution.phase else {
            unreachable!("BUG: attempt of an execution that does not run");
        };
        if let (Exit::Code(_), false) = (&result.exit, stopping) {
            self.estimates.learn(execution.command.shape(), result.duration_ms);
        }
        if execution.key.is_some() && !stopping {
            execution.set(Phase::Checking { result, started });
            self.effects.push(Effect::Check { execution: id });
        } else {
            self.finish(now, id, result, started, None);
        }
        self.admit(now, None);
    }

    fn checked(&mut self, now: Now, id: ExecutionId, moved: Moved) {
        let Some(execution) = self.executions.get(&id) else { return };
        if let Phase::Checking { result, started } = &execution.phase {
            let (result, started) = (result.clone(), *started);
            self.finish(now, id, result, started, Some(moved));
        }
    }

    /// Gives every build of an execution its outcome.
    fn finish(
        &mut self,
        now: Now,
        id: ExecutionId,
        result: AttemptResult,
        started: Moment,
        moved: Option<Moved>,
    ) {
        let (moved, doubt) = match moved {
            None => (None, None),
            Some(Moved::Paths(paths)) => (Some(paths), None),
            Some(Moved::Unknown(why)) => {
                (None, Some(format!("whether files changed while it ran is not known: {why}")))
            }
        };
        for build in self.executions[&id].builds.clone() {
            let State::Attached { joined, withdrawn, .. } = self.builds[&build].state else {
                unreachable!("BUG: {build} is attached to {id} and does not know");
            };
            let message = match &result.exit {
                Exit::NotFound(why) | Exit::NotExecutable(why) | Exit::Error(why) => {
                    Some(why.clone())
                }
                Exit::Code(_) | Exit::Signal(_) => doubt.clone(),
            };
            let outcome = Outcome {
                status: withdrawn.unwrap_or_else(|| result.exit.status()),
                result: Some(result.clone()),
                moved: moved.clone(),
                source: if joined { Source::Joined } else { Source::Executed },
                message,
            };
            self.end(now, build, Some(started), outcome);
        }
        self.close(now, id);
    }

    /// The only way out of the core for a build.
    fn end(&mut self, now: Now, id: BuildId, started: Option<Moment>, outcome: Outcome) {
        let view = self.ended_view(now, id, started.map(|at| at.wall_ms), outcome);
        let build = self.builds.remove(&id).expect("BUG: a build ended twice");
        if let Some(at) = build.deadline {
            self.deadlines.remove(&(at, id));
        }
        self.effects.push(Effect::Ended(Box::new(view)));
    }

    /// The only way out of the core for an execution; its builds are gone already.
    fn close(&mut self, now: Now, id: ExecutionId) {
        self.drop_key(id);
        let execution = self.executions.remove(&id).expect("BUG: an execution closed twice");
        debug_assert!(execution.builds.iter().all(|build| !self.builds.contains_key(build)));
        self.effects.push(Effect::Forget(Target::Execution(id)));
        self.effects.push(Effect::Closed(id));
        let successors: Vec<_> =
            self.executions.values_mut().filter(|e| e.after == Some(id)).collect();
        let freed: Vec<_> = successors
            .into_iter()
            .map(|successor| {
                successor.after = None;
                (successor.id, successor.nested)
            })
            .collect();
        for (successor, nested) in freed {
            if nested {
                self.rekey(successor);
            } else {
                self.enqueue(now, successor);
            }
        }
        self.admit(now, None);
        self.tell_drained();
    }

    fn tell_drained(&mut self) {
        if self.drain == Drain::Draining && self.executions.is_empty() {
            self.drain = Drain::Drained;
            self.effects.push(Effect::Drained);
        }
    }

    /// Ends a build's interest. Its execution dies when it was the last one to want it.
    fn withdraw(&mut self, now: Now, id: BuildId, status: Status) {
        let Some(build) = self.builds.get(&id).filter(|build| build.interested()) else { return };
        let Some(execution) = build.execution() else {
            self.effects.push(Effect::Forget(Target::Build(id)));
            return self.end(now, id, None, Outcome::without_attempt(status, None));
        };
        let others = self.executions[&execution]
            .builds
            .iter()
            .any(|other| *other != id && self.builds[other].interested());
        if others {
            self.leave(now, id, execution, status);
        } else {
            self.abandon(now, id, execution, status);
        }
    }

    fn leave(&mut self, now: Now, id: BuildId, from: ExecutionId, status: Status) {
        let execution = self.executions.get_mut(&from).expect("BUG: leaving no execution");
        execution.builds.remove(&id);
        let started = execution.started();
        let queued = matches!(execution.phase, Phase::Queued) && execution.after.is_none();
        self.end(now, id, started, Outcome::without_attempt(status, None));
        if queued {
            self.enqueue(now, from);
        }
    }

    /// Gives up an execution that nobody wants any more.
    fn abandon(&mut self, now: Now, id: BuildId, of: ExecutionId, status: Status) {
        match self.executions[&of].phase {
            Phase::Queued | Phase::Rekeying => self.discard(now, of, status, None),
            Phase::Running { .. } => {
                self.mark_withdrawn(id, status);
                self.stop(of, self.limits.stop_grace_ms);
            }
            Phase::Checking { .. } => self.mark_withdrawn(id, status),
        }
    }

    fn mark_withdrawn(&mut self, id: BuildId, status: Status) {
        let build = self.builds.get_mut(&id).expect("BUG: withdrawing no build");
        if let State::Attached { withdrawn: withdrawn @ None, .. } = &mut build.state {
            *withdrawn = Some(status);
        }
        self.effects.push(Effect::Changed(id));
    }

    /// Ends an execution that has not started, with all its builds.
    fn discard(&mut self, now: Now, id: ExecutionId, status: Status, message: Option<&str>) {
        self.queue.remove(id);
        self.queue.release(id);
        self.queue_moved(now);
        for build in self.executions[&id].builds.clone() {
            let outcome = Outcome::without_attempt(status, message.map(str::to_owned));
            self.end(now, build, None, outcome);
        }
        self.close(now, id);
    }

    fn stop(&mut self, id: ExecutionId, grace_ms: u64) {
        let execution = self.executions.get_mut(&id).expect("BUG: stopping no execution");
        if let Phase::Running { attempt, started, stopping: false } = execution.phase {
            execution.set(Phase::Running { attempt, started, stopping: true });
            self.effects.push(Effect::Stop { attempt, grace_ms });
        }
    }

    fn client_gone(&mut self, now: Now, client: ClientId) {
        let theirs = |build: &&Build| build.asked.client == client && !build.asked.detach;
        let builds: Vec<_> = self.builds.values().filter(theirs).map(|build| build.id).collect();
        builds.into_iter().for_each(|build| self.withdraw(now, build, Status::Cancelled));
    }

    fn drain(&mut self, now: Now, grace_ms: u64) {
        const STOPPING: &str = "the daemon is stopping";
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Draining;
        let resolving = |build: &&Build| build.state == State::Resolving;
        let builds: Vec<_> = self.builds.values().filter(resolving).map(|build| build.id).collect();
        for build in builds {
            self.effects.push(Effect::Forget(Target::Build(build)));
            let outcome = Outcome::without_attempt(Status::NotRun, Some(STOPPING.into()));
            self.end(now, build, None, outcome);
        }
        // What has not started goes first, so that nothing starts in the place of what stops.
        let (unstarted, started): (Vec<_>, Vec<_>) =
            self.executions.values().map(|e| (e.id, e.started())).partition(|(_, at)| at.is_none());
        for (id, _) in unstarted {
            // One may have been closed with the one it waited for.
            if self.executions.contains_key(&id) {
                self.discard(now, id, Status::NotRun, Some(STOPPING));
            }
        }
        for (id, _) in started {
            // One whose command has ended already gets the outcome it has.
            if !matches!(self.executions[&id].phase, Phase::Running { .. }) {
                continue;
            }
            for build in self.executions[&id].builds.clone() {
                self.mark_withdrawn(build, Status::Interrupted);
            }
            self.stop(id, grace_ms);
        }
        self.tell_drained();
    }

    fn tick(&mut self, now: Now) {
        while let Some((at, build)) = self.deadlines.first().copied() {
            if at > now.mono_ms {
                break;
            }
            self.deadlines.pop_first();
            self.withdraw(now, build, Status::TimedOut);
        }
        if self.queue_news_at.is_some_and(|at| at <= now.mono_ms) {
            self.queue_news_at = None;
            for id in self.queue.order() {
                let builds = self.executions[&id].builds.iter().copied();
                self.effects.extend(builds.map(Effect::Changed));
            }
        }
    }
}
