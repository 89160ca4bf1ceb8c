//! Sharing: which execution a build takes part in, and what becomes of an execution whose files
//! have changed while it waited.

use super::build::State;
use super::execution::Phase;
use super::input::{Effect, Now, Target};
use super::state_machine::Core;
use crate::model::{ActionKey, BuildId, ExecutionId, JoinReason, TreeVersion};

impl Core {
    pub(super) fn build_resolved(
        &mut self,
        now: Now,
        id: BuildId,
        state: Result<TreeVersion, String>,
    ) {
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
        }
        self.effects.push(Effect::Changed(build));
    }

    pub(super) fn revalidate(&mut self, id: ExecutionId) {
        let execution = self.executions.get_mut(&id).expect("BUG: admitted no execution");
        execution.set(Phase::Revalidating);
        let command = execution.command.clone();
        self.effects.push(Effect::DigestInputs { target: Target::Execution(id), command });
    }

    pub(super) fn execution_resolved(
        &mut self,
        now: Now,
        id: ExecutionId,
        state: Result<TreeVersion, String>,
    ) {
        let Some(execution) = self.executions.get(&id) else {
            self.effects.push(Effect::Forget(Target::Execution(id)));
            return;
        };
        if !matches!(execution.phase, Phase::Revalidating) {
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
                if self.has_to_queue(id) {
                    self.enqueue(now, id);
                    self.admit(now, Some(id));
                } else {
                    self.start(now, id);
                }
            }
        }
    }

    /// Takes an execution out of the place of one that asked for it and does not want it any more.
    /// Returns whether it was there, and so has to queue.
    fn has_to_queue(&mut self, id: ExecutionId) -> bool {
        let lost = self.executions[&id].nested && !self.is_wanted_inside(id);
        if lost {
            let execution = self.executions.get_mut(&id).expect("BUG: lost while rekeying");
            execution.nested = false;
            execution.set(Phase::Queued);
        }
        lost
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
    pub(super) fn drop_key(&mut self, id: ExecutionId) {
        let execution = &self.executions[&id];
        let Some(key) = execution.key.filter(|key| self.by_key.get(key) == Some(&id)) else {
            return;
        };
        match execution.after.filter(|before| self.executions.contains_key(before)) {
            Some(before) => self.by_key.insert(key, before),
            None => self.by_key.remove(&key),
        };
    }
}
