//! The pure core: takes what happened, decides, and says what is to be done. Knows no clock, no
//! file, no process and no socket; the same inputs give the same effects.
//!
//! The rules it keeps, which the simulation checks:
//!
//! - a build gets exactly one outcome, and an execution runs only while a build wants it;
//! - of one [action key](crate::model::ActionKey) at most one execution lives at a time;
//! - what starts is what the [policy](crate::scheduler::Policy) says is next;
//! - a tree that may have changed while an execution waited is looked at again before it starts.

use super::build::{Build, State};
use super::execution::{Execution, Moment, Phase};
use super::input::{Effect, Input, Join, Moved, Now, Refusal, Submission, Target};
use super::trigger::Trigger;
use crate::model::ids::IdSource;
use crate::model::{
    ActionKey, AttemptId, AttemptResult, BuildId, ExecutionId, Exit, Outcome, Priority, Source,
    Status, TriggerId,
};
use crate::scheduler::{Estimates, Policy};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

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
pub(super) enum Drain {
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
    pub(super) by_key: HashMap<ActionKey, ExecutionId>,
    by_attempt: HashMap<AttemptId, ExecutionId>,
    deadlines: BTreeSet<(u64, BuildId)>,
    /// When those who wait are to be told their places again.
    queue_news_at: Option<u64>,
    pub(super) drain: Drain,
    pub(super) triggers: BTreeMap<TriggerId, Trigger>,
    /// Triggers whose runs have ended in this step.
    pub(super) due: Vec<TriggerId>,
    pub(super) effects: Vec<Effect>,
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
            triggers: BTreeMap::new(),
            due: Vec::new(),
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
            Input::InputsDigested { target: Target::Build(build), state } => {
                self.build_resolved(now, build, state);
            }
            Input::InputsDigested { target: Target::Execution(execution), state } => {
                self.execution_resolved(now, execution, state);
            }
            Input::AttemptEnded { attempt, result, lost } => {
                self.attempt_ended(now, attempt, result, lost);
            }
            Input::InputsVerified { execution, moved } => self.checked(now, execution, moved),
            Input::Cancel(build) => self.withdraw(now, build, Status::Cancelled),
            Input::Detach(build) => {
                if let Some(build) = self.builds.get_mut(&build) {
                    build.asked.detach = true;
                }
            }
            Input::ClientGone(client) => self.client_gone(now, client),
            Input::AddTrigger { trigger, submission, initial } => {
                self.add_trigger(now, trigger, submission, initial);
            }
            Input::RemoveTrigger(trigger) => self.remove_trigger(now, trigger),
            Input::FilesChanged { trigger, paths } => self.files_changed(now, trigger, paths),
            Input::Drain { grace_ms } => self.drain(now, grace_ms),
            Input::Tick => self.tick(now),
            Input::Remembered { durations, last_id } => {
                self.ids.skip(last_id);
                durations.into_iter().for_each(|(shape, ms)| self.estimates.learn(shape, ms));
            }
        }
        self.fire_due(now);
        // Last: among all who are left, when all are gone who go in this step.
        self.admit(now, None);
        std::mem::take(&mut self.effects)
    }

    /// When [`Input::Tick`] is next due, on the monotonic clock in milliseconds.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        deadline.into_iter().chain(self.queue_news_at).chain(self.patience_ends()).min()
    }

    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.builds.is_empty() && self.executions.is_empty() && self.triggers.is_empty()
    }

    fn submit(&mut self, now: Now, asked: Submission) {
        // The answer comes first, so what follows from a build is put behind it.
        let before = self.effects.len();
        let answer = self.accept(now, asked, None);
        self.effects.insert(before, Effect::Submitted(answer));
    }

    /// Makes a build of a request. `changed` are the files whose change it is run for.
    pub(super) fn accept(
        &mut self,
        now: Now,
        asked: Submission,
        changed: Option<Arc<[PathBuf]>>,
    ) -> Result<BuildId, Refusal> {
        if self.drain != Drain::No {
            return Err(Refusal::Draining);
        }
        if self.builds.len() >= self.limits.builds {
            return Err(Refusal::QueueFull(self.limits.builds));
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
            changed,
            state: State::Resolving,
        };
        let command = build.asked.command.clone();
        self.builds.insert(id, build);
        match join {
            Join::Yes(_) => {
                self.effects.push(Effect::DigestInputs { target: Target::Build(id), command });
                self.effects.push(Effect::Changed(id));
            }
            Join::No(_) => self.execute(now, id, None),
        }
        Ok(id)
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

    /// Makes a new execution for a build.
    pub(super) fn execute(&mut self, now: Now, build: BuildId, key: Option<ActionKey>) {
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
            lost: None,
            phase: Phase::Queued,
        };
        let nested = execution.nested;
        self.executions.insert(id, execution);
        if key.is_some() {
            self.effects.push(Effect::BindSnapshot { from: Target::Build(build), execution: id });
        }
        if after.is_none() && nested {
            self.start(now, id);
        } else if after.is_none() {
            self.enqueue(now, id);
            self.admit(now, Some(id));
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

    pub(super) fn enqueue(&mut self, now: Now, id: ExecutionId) {
        // In the order of the requests, however long the state of their files took to establish.
        let turn = self.executions[&id].owner.0;
        self.queue.enqueue(id, self.priority(id), turn);
        self.queue_moved(now);
    }

    pub(super) fn queue_moved(&mut self, now: Now) {
        self.queue_news_at.get_or_insert(now.mono_ms + QUEUE_NEWS_MS);
    }

    /// Starts what may start. `fresh` is the execution whose key was established in this step.
    pub(super) fn admit(&mut self, now: Now, fresh: Option<ExecutionId>) {
        if self.drain != Drain::No {
            return;
        }
        while let Some(id) = self.queue.admit() {
            self.queue_moved(now);
            if self.executions[&id].key.is_none() || fresh == Some(id) {
                self.start(now, id);
            } else {
                self.revalidate(id);
            }
        }
    }

    pub(super) fn start(&mut self, now: Now, id: ExecutionId) {
        let attempt = AttemptId(self.ids.next(now.wall_ms));
        let started = Moment { mono_ms: now.mono_ms, wall_ms: now.wall_ms };
        let execution = self.executions.get_mut(&id).expect("BUG: starting no execution");
        execution.set(Phase::Running { attempt, started, stopping: false });
        self.by_attempt.insert(attempt, id);
        let changed = self.builds.get(&execution.owner).and_then(|build| build.changed.clone());
        self.effects.push(Effect::Start {
            execution: id,
            attempt,
            build: execution.owner,
            command: execution.command.clone(),
            changed,
        });
        self.effects.extend(execution.builds.iter().copied().map(Effect::Changed));
    }

    fn attempt_ended(
        &mut self,
        now: Now,
        attempt: AttemptId,
        result: AttemptResult,
        lost: Option<String>,
    ) {
        let Some(id) = self.by_attempt.remove(&attempt) else { return };
        self.queue.release(id);
        let execution = self.executions.get_mut(&id).expect("BUG: attempt of no execution");
        let Phase::Running { started, stopping, .. } = execution.phase else {
            unreachable!("BUG: attempt of an execution that does not run");
        };
        execution.lost = lost;
        if let (Exit::Code(_), false) = (&result.exit, stopping) {
            self.estimates.learn(execution.command.shape(), result.duration_ms);
        }
        if execution.key.is_some() && !stopping {
            execution.set(Phase::VerifyingInputs { result, started });
            self.effects.push(Effect::VerifyInputs { execution: id });
        } else {
            self.finish(now, id, result, started, None);
        }
    }

    fn checked(&mut self, now: Now, id: ExecutionId, moved: Moved) {
        let Some(execution) = self.executions.get(&id) else { return };
        if let Phase::VerifyingInputs { result, started } = &execution.phase {
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
        let doubts: Vec<_> = self.executions[&id].lost.clone().into_iter().chain(doubt).collect();
        let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
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
    pub(super) fn end(&mut self, now: Now, id: BuildId, started: Option<Moment>, outcome: Outcome) {
        let view = self.ended_view(now, id, started.map(|at| at.wall_ms), outcome);
        let build = self.builds.remove(&id).expect("BUG: a build ended twice");
        if let Some(at) = build.deadline {
            self.deadlines.remove(&(at, id));
        }
        self.effects.push(Effect::Ended(Box::new(view)));
        self.triggered_build_ended(now, id);
    }

    /// The only way out of the core for an execution; its builds are gone already.
    pub(super) fn close(&mut self, now: Now, id: ExecutionId) {
        self.drop_key(id);
        let execution = self.executions.remove(&id).expect("BUG: an execution closed twice");
        debug_assert!(execution.builds.iter().all(|build| !self.builds.contains_key(build)));
        self.effects.push(Effect::Forget(Target::Execution(id)));
        self.effects.push(Effect::Closed(id));
        let successors = self.executions.values().filter(|e| e.after == Some(id));
        let successors: Vec<_> = successors.map(|successor| successor.id).collect();
        for successor in successors {
            let nested = self.is_wanted_inside(successor);
            let execution = self.executions.get_mut(&successor).expect("BUG: lost in between");
            (execution.after, execution.nested) = (None, nested);
            if nested {
                self.revalidate(successor);
            } else {
                self.enqueue(now, successor);
            }
        }
        self.tell_drained();
    }

    pub(super) fn tell_drained(&mut self) {
        if self.drain == Drain::Draining && self.executions.is_empty() {
            self.drain = Drain::Drained;
            self.effects.push(Effect::Drained);
        }
    }

    fn tick(&mut self, now: Now) {
        self.lose_patience(now);
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
