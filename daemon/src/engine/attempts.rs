//! The life of an execution: how it comes to be, starts, and ends for all who want it.

use super::build::NodeState;
use super::effect::Effect;
use super::execution::{EndedAttempt, Execution, Moment, Phase, Step};
use super::input::{Moved, NodeRef, Now, Target};
use super::state_machine::{Core, Drain};
use crate::model::{
    ActionKey, AttemptId, AttemptResult, ExecutionId, Exit, Outcome, OutcomeSource,
};
use crate::scheduler::Lease;

impl Core {
    /// Makes a new execution for a node.
    pub(super) fn execute(&mut self, now: Now, at: NodeRef, key: Option<ActionKey>) -> ExecutionId {
        let id = ExecutionId(self.ids.next(now.wall_ms));
        // Whatever still has this key is being stopped, or it would have been joined.
        let blocked_on = key.and_then(|key| self.executions.by_key.insert(key, id));
        let build = self.builds.get_mut(&at.build).expect("BUG: executing for no build");
        let action = build.asked.plan.node(at.node).action.clone();
        let attached = NodeState::Attached { execution: id, joined: false, withdrawn: None };
        build.set(at.node, attached);
        let execution = Execution::new(id, key, action, at, blocked_on);
        self.executions.all.insert(id, execution);
        if key.is_some() {
            self.effects.push(Effect::BindSnapshot { from: Target::Node(at), execution: id });
        }
        if blocked_on.is_none() && self.is_wanted_inside(id) {
            self.start(now, id, Some(Lease::Inherited));
        } else if blocked_on.is_none() {
            self.enqueue(now, id);
            self.settling.fresh.insert(id);
        }
        self.effects.push(Effect::Changed(at.build));
        id
    }

    /// Starts an attempt, with this lease or the one it was revalidated with.
    pub(super) fn start(&mut self, now: Now, id: ExecutionId, lease: Option<Lease>) {
        let attempt = AttemptId(self.ids.next(now.wall_ms));
        let started = Moment::from(now);
        self.advance(id, Step::Run { lease, attempt, started });
        let output = self.presentation(id);
        self.executions.all.get_mut(&id).expect("BUG: starting no execution").output = output;
        self.scheduler.started(id, now.mono_ms);
        self.executions.by_attempt.insert(attempt, id);
        let execution = &self.executions.all[&id];
        let build = execution.owner.build;
        self.effects.push(Effect::Start {
            execution: id,
            attempt,
            build,
            action: execution.action.clone(),
            output,
            changed: self.builds.get(&build).and_then(|build| build.changed.clone()),
        });
        self.effects.extend(execution.wanted_by.iter().map(|node| Effect::Changed(node.build)));
    }

    /// Its command has ended, and with it the time in which others may join: what it has printed
    /// and made is from before they asked.
    pub(super) fn command_ended(&mut self, attempt: AttemptId) {
        let Some(id) = self.executions.by_attempt.get(&attempt).copied() else { return };
        if matches!(self.executions.all[&id].phase(), Phase::Running { .. }) {
            self.advance(id, Step::Linger);
        }
    }

    pub(super) fn attempt_ended(
        &mut self,
        now: Now,
        attempt: AttemptId,
        result: AttemptResult,
        lost: Option<String>,
    ) {
        let Some(id) = self.executions.by_attempt.remove(&attempt) else { return };
        let execution = &self.executions.all[&id];
        let (started, stopping) = match execution.phase() {
            Phase::Running { started, .. } => (*started, false),
            Phase::Stopping { started, .. } => (*started, true),
            phase => unreachable!("BUG: an attempt of an execution that is {phase:?}"),
        };
        if let (Exit::Code(_), false) = (&result.exit, stopping) {
            self.scheduler.learn(execution.action.command.shape(), result.duration_ms);
        }
        let ended = EndedAttempt { result, started, lost };
        if execution.key.is_some() && !stopping {
            let action = execution.action.clone();
            self.advance(id, Step::VerifyInputs { attempt: ended });
            self.effects.push(Effect::VerifyInputs { execution: id, action });
        } else {
            self.finish(now, id, &ended, None);
        }
    }

    pub(super) fn inputs_verified(&mut self, now: Now, id: ExecutionId, moved: Moved) {
        let Some(execution) = self.executions.all.get(&id) else { return };
        if let Phase::VerifyingInputs { attempt } = execution.phase() {
            let ended = attempt.clone();
            self.finish(now, id, &ended, Some(moved));
        }
    }

    /// Gives every node of an execution its outcome.
    fn finish(&mut self, now: Now, id: ExecutionId, ended: &EndedAttempt, moved: Option<Moved>) {
        let (moved, doubt) = match moved {
            None => (None, None),
            Some(Moved::Paths(paths)) => (Some(paths), None),
            Some(Moved::Unknown(why)) => {
                (None, Some(format!("whether files changed while it ran is not known: {why}")))
            }
        };
        let doubts: Vec<_> = ended.lost.clone().into_iter().chain(doubt).collect();
        let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
        for at in self.executions.all[&id].wanted_by.clone() {
            let NodeState::Attached { joined, withdrawn, .. } =
                *self.builds[&at.build].node(at.node).state()
            else {
                unreachable!("BUG: {at:?} is attached to {id} and does not know");
            };
            let message = match &ended.result.exit {
                Exit::NotFound(why) | Exit::NotExecutable(why) | Exit::Error(why) => {
                    Some(why.clone())
                }
                Exit::Code(_) | Exit::Signal(_) => doubt.clone(),
            };
            let outcome = Outcome {
                status: withdrawn.unwrap_or_else(|| ended.result.exit.status()),
                result: Some(ended.result.clone()),
                moved: moved.clone(),
                source: if joined { OutcomeSource::Joined } else { OutcomeSource::Executed },
                message,
            };
            self.end_node(now, at, Some(ended.started), outcome);
        }
        self.close(now, id);
    }

    /// The only way out of the core for an execution; its nodes have ended already.
    pub(super) fn close(&mut self, now: Now, id: ExecutionId) {
        self.drop_key(id);
        self.advance(id, Step::End);
        self.executions.all.remove(&id);
        self.effects.push(Effect::ReleaseSnapshot(Target::Execution(id)));
        self.effects.push(Effect::Closed(id));
        let successors = self.executions.all.values().filter(|e| e.is_blocked_on(id));
        let successors: Vec<_> = successors.map(|successor| successor.id).collect();
        for successor in successors {
            if self.is_wanted_inside(successor) {
                self.revalidate(successor, Lease::Inherited);
            } else {
                self.advance(successor, Step::Queue);
                self.enqueue(now, successor);
            }
        }
        self.report_drained();
    }

    pub(super) fn report_drained(&mut self) {
        if self.drain == Drain::Draining && self.executions.all.is_empty() {
            self.drain = Drain::Drained;
            self.effects.push(Effect::Drained);
        }
    }
}
