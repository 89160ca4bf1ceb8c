//! Builds and the nodes of their plans: how they are accepted, when a node may start, and what the
//! end of one means for the others.

use super::build::{Build, NodeState};
use super::effect::Effect;
use super::execution::Moment;
use super::input::{NodeRef, Now, Refusal, Submission, Target};
use super::state_machine::{Core, Drain};
use crate::model::{BuildId, ExecutionId, Join, NodeIndex, Outcome, Status};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

impl Core {
    pub(super) fn submit(&mut self, now: Now, asked: Submission) {
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
        let inside = self.running_for(asked.parent);
        let mut build = Build::new(id, asked, now.wall_ms);
        build.deadline = build.asked.timeout_ms.map(|timeout| now.mono_ms.saturating_add(timeout));
        (build.inside, build.changed) = (inside, changed);
        self.timers.deadlines.extend(build.deadline.map(|at| (at, id)));
        let unblocked =
            |node: &NodeRef| matches!(build.node(node.node).state(), NodeState::Blocked { on: 0 });
        let first: Vec<_> = build.refs().filter(unblocked).collect();
        self.builds.insert(id, build);
        first.into_iter().for_each(|node| self.begin(now, node));
        Ok(id)
    }

    /// The running executions whose commands were started for this build. The build itself may be
    /// gone: they go on for those who joined them.
    fn running_for(&self, owner: Option<BuildId>) -> BTreeSet<ExecutionId> {
        let Some(owner) = owner else { return BTreeSet::new() };
        let theirs = self.executions.all.values();
        let theirs = theirs.filter(|one| one.owner.build == owner && one.has_processes());
        theirs.map(|execution| execution.id).collect()
    }

    /// Begins a node that no other one blocks.
    fn begin(&mut self, now: Now, at: NodeRef) {
        let build = self.builds.get_mut(&at.build).expect("BUG: a node of no build");
        let node = build.asked.plan.node(at.node);
        let action = node.action.clone();
        match node.join {
            Join::Yes(_) => {
                build.set(at.node, NodeState::Resolving);
                self.effects.push(Effect::DigestInputs { target: Target::Node(at), action });
                self.effects.push(Effect::Changed(at.build));
            }
            Join::No(_) => {
                self.execute(now, at, None);
            }
        }
    }

    /// Gives a node its outcome, and the build when it was the last. What that means for the nodes
    /// that depend on it comes at the end of the step.
    pub(super) fn end_node(
        &mut self,
        now: Now,
        at: NodeRef,
        started: Option<Moment>,
        outcome: Outcome,
    ) {
        let build = self.builds.get_mut(&at.build).expect("BUG: a node of no build");
        let node = build.node(at.node);
        let (execution, joined) = (node.execution(), node.joined());
        let outcome = Box::new(outcome);
        build.set(at.node, NodeState::Ended { execution, joined, started, outcome });
        if build.is_over() {
            self.end_build(now, at.build);
        } else {
            self.settling.nodes.push_back(at);
            self.effects.push(Effect::Changed(at.build));
        }
    }

    /// The only way out of the core for a build.
    fn end_build(&mut self, now: Now, id: BuildId) {
        let view = self.ended_view(now, id);
        let build = self.builds.remove(&id).expect("BUG: a build ended twice");
        if let Some(at) = build.deadline {
            self.timers.deadlines.remove(&(at, id));
        }
        self.effects.push(Effect::Ended(Box::new(view)));
        self.triggered_build_ended(now, id);
    }

    /// Begins what waited for the nodes that have ended in this step, or ends it as well.
    pub(super) fn settle_nodes(&mut self, now: Now) {
        while let Some(ended) = self.settling.nodes.pop_front() {
            let Some(build) = self.builds.get(&ended.build) else { continue };
            let NodeState::Ended { outcome, .. } = build.node(ended.node).state() else {
                unreachable!("BUG: a node that ended goes on");
            };
            if outcome.status == Status::Ok {
                self.unblock_dependents(now, ended);
            } else {
                self.skip_dependents(now, ended);
            }
        }
    }

    fn unblock_dependents(&mut self, now: Now, ended: NodeRef) {
        let build = self.builds.get_mut(&ended.build).expect("BUG: a node of no build");
        let mut free = Vec::new();
        for dependent in build.node(ended.node).dependents.clone() {
            if let NodeState::Blocked { on } = *build.node(dependent).state() {
                match on {
                    1 => free.push(dependent),
                    _ => build.set(dependent, NodeState::Blocked { on: on - 1 }),
                }
            }
        }
        free.into_iter().for_each(|node| self.begin(now, NodeRef { node, ..ended }));
    }

    fn skip_dependents(&mut self, now: Now, ended: NodeRef) {
        let build = &self.builds[&ended.build];
        let name = build.name(ended.node);
        let blocked =
            |index: &NodeIndex| matches!(build.node(*index).state(), NodeState::Blocked { .. });
        let dependents: Vec<_> =
            build.node(ended.node).dependents.iter().copied().filter(blocked).collect();
        for node in dependents {
            let why = format!("{name}, which it depends on, did not succeed");
            let outcome = Outcome::without_attempt(Status::Skipped, Some(why));
            self.end_node(now, NodeRef { node, ..ended }, None, outcome);
        }
        let give_up = self.builds.get(&ended.build).is_some_and(|build| !build.asked.keep_going);
        if give_up {
            self.withdraw_unstarted(now, ended.build, &name);
        }
    }

    /// Ends what has not started of a build of which a node did not succeed.
    fn withdraw_unstarted(&mut self, now: Now, id: BuildId, failed: &str) {
        let build = &self.builds[&id];
        let unstarted = |at: &NodeRef| match build.node(at.node).state() {
            NodeState::Blocked { .. } | NodeState::Resolving => true,
            NodeState::Attached { execution, .. } => {
                self.executions.all[execution].started().is_none()
            }
            NodeState::Ended { .. } => false,
        };
        let unstarted: Vec<_> = build.refs().filter(unstarted).collect();
        for at in unstarted {
            let why = format!("{failed} did not succeed");
            self.withdraw_node(now, at, Status::NotRun, Some(&why));
        }
    }
}
