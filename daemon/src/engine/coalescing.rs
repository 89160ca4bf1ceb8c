//! Single flight: which execution a node takes part in, and what becomes of an execution whose
//! inputs have changed while it waited.

use super::build::NodeState;
use super::effect::Effect;
use super::execution::{Phase, Step};
use super::input::{InputVersion, NoVersion, NodeRef, Now, Target};
use super::state_machine::Core;
use crate::model::{ActionKey, Apart, ExecutionId, JoinReason, Presentation, Surroundings};
use crate::scheduler::Lease;
use std::sync::Arc;

/// The key for a version of inputs.
struct Place {
    key: ActionKey,
    /// The execution that has it.
    taken_by: Option<ExecutionId>,
    /// What keeps the newest execution of the same action on the same files from having it.
    apart: Option<(ExecutionId, Apart)>,
}

impl Core {
    pub(super) fn node_resolved(
        &mut self,
        now: Now,
        at: NodeRef,
        version: Result<InputVersion, NoVersion>,
    ) {
        let build = self.builds.get_mut(&at.build);
        let resolving = build.filter(|build| *build.node(at.node).state() == NodeState::Resolving);
        let Some(build) = resolving else {
            self.effects.push(Effect::ReleaseSnapshot(Target::Node(at)));
            return;
        };
        let (key, surroundings) = match version {
            Ok(InputVersion { tree, surroundings }) => {
                let identity = build.asked.plan.node(at.node).action.identity();
                (ActionKey::new(identity, tree), surroundings)
            }
            Err(NoVersion(why)) => {
                build.node_mut(at.node).join_reason = JoinReason::NoState(why);
                self.execute(now, at, None);
                return;
            }
        };
        let place = self.place(key, &surroundings, None);
        match place.taken_by.filter(|id| self.executions.all[id].is_open()) {
            Some(execution) if self.would_wait_for_itself(at.build, execution) => {
                self.effects.push(Effect::ReleaseSnapshot(Target::Node(at)));
                if let Some(build) = self.builds.get_mut(&at.build) {
                    build.node_mut(at.node).join_reason = JoinReason::WouldWaitForItself;
                }
                self.execute(now, at, None);
            }
            Some(execution) => {
                match self.serving(execution, self.asked_output(at), &surroundings) {
                    Some(execution) => {
                        self.effects.push(Effect::ReleaseSnapshot(Target::Node(at)));
                        let joined =
                            self.executions.all.get_mut(&execution).expect("BUG: joining nothing");
                        Arc::make_mut(&mut joined.surroundings).note_outputs(&surroundings);
                        self.attach(now, at, execution);
                    }
                    // It comes after that one: the same work never runs twice at once.
                    None => self.execute_in(now, at, place, surroundings),
                }
            }
            None => self.execute_in(now, at, place, surroundings),
        }
    }

    /// Has a node executed in surroundings that no other execution has, or behind one that has them.
    fn execute_in(&mut self, now: Now, at: NodeRef, place: Place, surroundings: Arc<Surroundings>) {
        let id = self.execute(now, at, Some(place.key));
        self.executions.all.get_mut(&id).expect("BUG: it was just made").surroundings =
            surroundings;
        self.explain_apart(at, id, place.apart);
    }

    /// How a node asks for its output.
    fn asked_output(&self, at: NodeRef) -> Presentation {
        let build = self.builds.get(&at.build);
        build.map(|build| build.asked.plan.node(at.node).action.command.output).unwrap_or_default()
    }

    /// How an execution gives its output, by those who want it now.
    pub(super) fn presentation(&self, id: ExecutionId) -> Presentation {
        let wanted_by = self.executions.all[&id].wanted_by.iter();
        Presentation::of_all(wanted_by.map(|at| self.asked_output(*at)))
    }

    /// The execution that serves somebody who wants what `id` does: it or, where that waits for one
    /// that runs already in the same surroundings and is open, that one.
    fn serving(
        &self,
        id: ExecutionId,
        asked: Presentation,
        surroundings: &Surroundings,
    ) -> Option<ExecutionId> {
        let execution = &self.executions.all[&id];
        if let Phase::Blocked { on } = execution.phase()
            && let Some(running) = self.executions.all.get(on)
            && running.is_open()
            && running.output.serves(asked)
            && running.surroundings.apart(surroundings).is_none()
        {
            return Some(*on);
        }
        execution.output.serves(asked).then_some(id)
    }

    /// Finds the key of an action on these files in these surroundings: the one of an execution
    /// that started in the same, else a new one. The place of `own` counts as free.
    fn place(
        &self,
        key: ActionKey,
        surroundings: &Surroundings,
        own: Option<ExecutionId>,
    ) -> Place {
        let (mut apart, mut variant) = (None, 0);
        let mut kept = None;
        for (&key, &id) in self.executions.by_key.range(key.variants()) {
            if Some(id) == own {
                kept = Some(key);
            } else {
                match self.executions.all[&id].surroundings.apart(surroundings) {
                    None => return Place { key, taken_by: Some(id), apart: None },
                    Some(why) => apart = Some((id, why)),
                }
            }
            variant = key.variant + 1;
        }
        Place { key: kept.unwrap_or(ActionKey { variant, ..key }), taken_by: None, apart }
    }

    /// Records for the nodes of an execution why nobody else will share it.
    fn stand_alone(&mut self, id: ExecutionId, reason: &JoinReason) {
        for at in &self.executions.all[&id].wanted_by {
            if let Some(build) = self.builds.get_mut(&at.build) {
                build.node_mut(at.node).join_reason = reason.clone();
            }
        }
    }

    /// Lets a node take part in an execution of its key, established just now.
    fn attach(&mut self, now: Now, at: NodeRef, id: ExecutionId) {
        let build = self.builds.get_mut(&at.build).expect("BUG: attaching no build");
        build.set(at.node, NodeState::Attached { execution: id, joined: true, withdrawn: None });
        let execution = self.executions.all.get_mut(&id).expect("BUG: joining no execution");
        execution.wanted_by.insert(at);
        if execution.is_queued() {
            if self.is_inside_a_live_one(at.build) {
                // It may be waiting for the very lease that this build's parent holds.
                self.scheduler.remove(id);
                self.start(now, id, Some(Lease::Inherited));
            } else {
                self.enqueue(now, id);
            }
        }
        self.effects.push(Effect::Changed(at.build));
    }

    pub(super) fn execution_resolved(
        &mut self,
        now: Now,
        id: ExecutionId,
        version: Result<InputVersion, NoVersion>,
    ) {
        let Some(execution) = self.executions.all.get(&id) else {
            self.effects.push(Effect::ReleaseSnapshot(Target::Execution(id)));
            return;
        };
        if !matches!(execution.phase(), Phase::Revalidating { .. }) {
            return;
        }
        let old = execution.key;
        let identity = execution.action.identity();
        let (new, other, surroundings) = match version {
            Ok(InputVersion { tree, surroundings }) => {
                let place = self.place(ActionKey::new(identity, tree), &surroundings, Some(id));
                (Some(place.key), place.taken_by, surroundings)
            }
            Err(NoVersion(why)) => {
                self.stand_alone(id, &JoinReason::NoState(why));
                (None, None, Arc::default())
            }
        };
        if new != old {
            self.drop_key(id);
        }
        self.executions.all.get_mut(&id).expect("BUG: it is revalidated").surroundings =
            surroundings;
        match other {
            Some(other) if self.merge_would_deadlock(id, other) => {
                self.stand_alone(id, &JoinReason::WouldWaitForItself);
                self.set_key(id, None);
                self.start(now, id, None);
            }
            Some(other) if self.can_merge(id, other) => self.merge(now, id, other),
            Some(other) => {
                self.set_key(id, new);
                self.advance(id, Step::Block { on: other });
            }
            None => {
                self.set_key(id, new);
                if self.has_lost_its_parent(id) {
                    self.advance(id, Step::Queue);
                    self.enqueue(now, id);
                    self.settling.fresh.insert(id);
                } else {
                    self.start(now, id, None);
                }
            }
        }
    }

    /// Whether it was to run inside the lease of one that asked for it and does not want it any
    /// more.
    fn has_lost_its_parent(&self, id: ExecutionId) -> bool {
        let inherited = matches!(
            self.executions.all[&id].phase(),
            Phase::Revalidating { lease: Lease::Inherited }
        );
        inherited && !self.is_wanted_inside(id)
    }

    fn merge_would_deadlock(&self, id: ExecutionId, other: ExecutionId) -> bool {
        let mut wanted_by = self.executions.all[&id].wanted_by.iter();
        self.executions.all[&other].is_open()
            && wanted_by.any(|at| self.would_wait_for_itself(at.build, other))
    }

    fn can_merge(&self, id: ExecutionId, other: ExecutionId) -> bool {
        let other = &self.executions.all[&other];
        other.is_open() && other.output.serves(self.presentation(id))
    }

    /// Moves the nodes of an execution that has not started to one of the same key.
    fn merge(&mut self, now: Now, id: ExecutionId, other: ExecutionId) {
        let execution = self.executions.all.get_mut(&id).expect("BUG: merging no execution");
        for at in std::mem::take(&mut execution.wanted_by) {
            self.attach(now, at, other);
        }
        self.close(now, id);
    }

    fn set_key(&mut self, id: ExecutionId, key: Option<ActionKey>) {
        self.executions.all.get_mut(&id).expect("BUG: key of no execution").key = key;
        if let Some(key) = key {
            self.executions.by_key.insert(key, id);
        }
    }

    /// Lets go of an execution's key; one with the same key that is being stopped has it again.
    pub(super) fn drop_key(&mut self, id: ExecutionId) {
        let execution = &self.executions.all[&id];
        let by_key = &mut self.executions.by_key;
        let Some(key) = execution.key.filter(|key| by_key.get(key) == Some(&id)) else {
            return;
        };
        match execution.phase() {
            Phase::Blocked { on } if self.executions.all.contains_key(on) => {
                by_key.insert(key, *on)
            }
            _ => by_key.remove(&key),
        };
    }
}
