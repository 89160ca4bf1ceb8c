//! The pure core: takes what happened, decides, and says what is to be done. Knows no clock, no
//! file, no process and no socket; the same inputs give the same effects.
//!
//! The rules it keeps, which the simulation checks:
//!
//! - a build gets exactly one outcome, and an execution runs only while a node wants it;
//! - a node starts only after all it depends on has ended well;
//! - of one [action key](crate::model::ActionKey) at most one execution lives at a time;
//! - what starts is what the [scheduler](crate::scheduler::Scheduler) says is next;
//! - the inputs of an execution that waited are digested again before it starts.

use super::build::Build;
use super::consents::Consents;
use super::effect::Effect;
use super::execution::{Execution, Step};
use super::input::{Input, NodeRef, Now, Target};
use super::trigger_state::Triggers;
use crate::model::ids::IdSource;
use crate::model::{ActionKey, AttemptId, BuildId, ExecutionId, Status, TriggerId};
use crate::scheduler::{MachineLoad, Scheduler};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// The bounds the core keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most builds that have not ended.
    pub builds: usize,
    /// Time between SIGTERM and SIGKILL for an execution nobody wants any more, in milliseconds.
    pub stop_grace_ms: u64,
}

/// The pure core: takes what happened, decides, and says what is to be done.
#[derive(Debug)]
pub struct Core {
    pub(super) limits: Limits,
    pub(super) ids: IdSource,
    pub(super) builds: BTreeMap<BuildId, Build>,
    pub(super) executions: Executions,
    pub(super) scheduler: Box<dyn Scheduler>,
    pub(super) load: MachineLoad,
    pub(super) timers: Timers,
    pub(super) drain: Drain,
    pub(super) triggers: Triggers,
    pub(super) consents: Consents,
    pub(super) settling: Settling,
    pub(super) effects: Vec<Effect>,
}

/// The executions that are not over, and how they are found.
#[derive(Debug, Default)]
pub(super) struct Executions {
    pub(super) all: BTreeMap<ExecutionId, Execution>,
    pub(super) by_key: BTreeMap<ActionKey, ExecutionId>,
    pub(super) by_attempt: HashMap<AttemptId, ExecutionId>,
}

/// When something is due, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Timers {
    pub(super) deadlines: BTreeSet<(u64, BuildId)>,
    /// When positions in the queue are to be reported again.
    pub(super) queue_report: Option<u64>,
}

/// How far the end of the daemon has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    No,
    Draining,
    Drained,
}

/// What happened in this step and has consequences, which come behind it.
#[derive(Debug, Default)]
pub(super) struct Settling {
    pub(super) nodes: VecDeque<NodeRef>,
    pub(super) triggers: Vec<TriggerId>,
    /// Executions whose keys were established in this step.
    pub(super) fresh: BTreeSet<ExecutionId>,
}

impl Core {
    /// A core without builds.
    #[must_use]
    pub fn new(limits: Limits, scheduler: Box<dyn Scheduler>) -> Self {
        Self {
            limits,
            ids: IdSource::default(),
            builds: BTreeMap::new(),
            executions: Executions::default(),
            scheduler,
            load: MachineLoad::default(),
            timers: Timers::default(),
            drain: Drain::No,
            triggers: Triggers::default(),
            consents: Consents::default(),
            settling: Settling::default(),
            effects: Vec::new(),
        }
    }

    /// Takes one input and says what is to be done about it, in order.
    ///
    /// Inputs about builds, executions and attempts that are over are late, not wrong: they
    /// change nothing.
    #[must_use]
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Effect> {
        self.take(now, input);
        self.settle_nodes(now);
        self.fire_due(now);
        // Last: among all who are left, when all are gone who go in this step.
        self.admit(now);
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, now: Now, input: Input) {
        match input {
            Input::Submit(submission) => self.submit(now, submission),
            Input::InputsDigested { target: Target::Node(node), version } => {
                self.node_resolved(now, node, version);
            }
            Input::InputsDigested { target: Target::Execution(execution), version } => {
                self.execution_resolved(now, execution, version);
            }
            Input::AttemptEnded { attempt, result, lost } => {
                self.attempt_ended(now, attempt, result, lost);
            }
            Input::InputsVerified { execution, moved } => {
                self.inputs_verified(now, execution, moved);
            }
            Input::CommandEnded(attempt) => self.command_ended(attempt),
            Input::InputsCompared { node, execution, moved } => {
                self.inputs_compared(node, execution, moved);
            }
            Input::Cancel(build) => self.withdraw(now, build, Status::Cancelled),
            Input::Detach(build) => {
                if let Some(build) = self.builds.get_mut(&build) {
                    build.asked.detach = true;
                }
            }
            Input::ClientGone(client) => self.client_gone(now, client),
            Input::AddTrigger(request) => self.add_trigger(request),
            Input::TriggerPrepared(trigger) => self.trigger_prepared(now, trigger),
            Input::TriggerFailed(trigger) => self.end_trigger(now, trigger),
            Input::RemoveTrigger(trigger) => self.remove_trigger(now, trigger),
            Input::FilesChanged { trigger, files } => self.files_changed(now, trigger, files),
            Input::RulesChanged { root, rules } => self.rules_changed(now, root, rules),
            Input::RootLost(root) => self.root_lost(root),
            Input::GiveConsent(root) => self.give_consent(now, root),
            Input::WithdrawConsent(root) => self.withdraw_consent(now, &root),
            Input::ForgetWorkspace(root) => self.forget_workspace(now, &root),
            Input::LoadSampled(load) => self.load = load,
            Input::Drain { grace_ms } => self.drain(now, grace_ms),
            Input::Tick => self.tick(now),
            Input::Remembered { durations, last_id, consents } => {
                self.ids.skip(last_id);
                durations.into_iter().for_each(|(shape, ms)| self.scheduler.learn(shape, ms));
                self.restore_consents(now, consents);
            }
        }
    }

    /// When [`Input::Tick`] is next due, on the monotonic clock in milliseconds.
    #[must_use]
    pub fn wake_at(&self) -> Option<u64> {
        let deadline = self.timers.deadlines.first().map(|(at, _)| *at);
        let due =
            [deadline, self.timers.queue_report, self.patience_ends(), self.scheduler.wake_at()];
        due.into_iter().flatten().min()
    }

    /// Whether there is nothing to wait for.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.builds.is_empty() && self.executions.all.is_empty() && self.triggers.all.is_empty()
    }

    /// Takes one step of an execution's life and gives back the lease that is left.
    pub(super) fn advance(&mut self, id: ExecutionId, step: Step) {
        let execution = self.executions.all.get_mut(&id).expect("BUG: a step of no execution");
        if let Some(lease) = execution.advance(step) {
            self.scheduler.release(lease);
        }
    }

    fn tick(&mut self, now: Now) {
        self.lose_patience(now);
        while let Some((at, build)) = self.timers.deadlines.first().copied() {
            if at > now.mono_ms {
                break;
            }
            self.timers.deadlines.pop_first();
            self.withdraw(now, build, Status::TimedOut);
        }
        self.report_queue(now);
    }
}
