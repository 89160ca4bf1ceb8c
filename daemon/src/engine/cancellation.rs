//! Cancellation: how builds lose their interest, executions their last node, and the daemon its
//! work.

use super::build::NodeState;
use super::effect::Effect;
use super::execution::{Phase, Step};
use super::input::{NodeRef, Now, Target};
use super::state_machine::{Core, Drain};
use crate::model::{BuildId, ClientId, ExecutionId, Outcome, Status};

impl Core {
    /// Ends a build's interest in all its nodes. Executions die when it was the last to want them.
    pub(super) fn withdraw(&mut self, now: Now, id: BuildId, status: Status) {
        let Some(build) = self.builds.get_mut(&id) else { return };
        let interested = |at: &NodeRef| build.node(at.node).is_interested();
        let nodes: Vec<_> = build.refs().filter(interested).collect();
        if nodes.is_empty() {
            return;
        }
        build.withdrawn.get_or_insert(status);
        for at in nodes {
            self.withdraw_node(now, at, status, None);
        }
    }

    /// Ends the interest in one node.
    pub(super) fn withdraw_node(
        &mut self,
        now: Now,
        at: NodeRef,
        status: Status,
        message: Option<&str>,
    ) {
        let Some(build) = self.builds.get(&at.build) else { return };
        let outcome = || Outcome::without_attempt(status, message.map(str::to_owned));
        match *build.node(at.node).state() {
            NodeState::Blocked { .. } => self.end_node(now, at, None, outcome()),
            NodeState::Resolving => {
                self.effects.push(Effect::ReleaseSnapshot(Target::Node(at)));
                self.end_node(now, at, None, outcome());
            }
            NodeState::Attached { execution, withdrawn: None, .. } => {
                if self.is_wanted_by_others(execution, at) {
                    self.leave(now, at, execution, outcome());
                } else {
                    self.abandon(now, at, execution, outcome());
                }
            }
            NodeState::Attached { .. } | NodeState::Ended { .. } => {}
        }
    }

    fn is_wanted_by_others(&self, id: ExecutionId, at: NodeRef) -> bool {
        let mut others = self.executions.all[&id].wanted_by.iter().filter(|other| **other != at);
        others.any(|other| self.builds[&other.build].node(other.node).is_interested())
    }

    fn leave(&mut self, now: Now, at: NodeRef, from: ExecutionId, outcome: Outcome) {
        let execution = self.executions.all.get_mut(&from).expect("BUG: leaving no execution");
        execution.wanted_by.remove(&at);
        let (started, queued) = (execution.started(), execution.is_queued());
        self.end_node(now, at, started, outcome);
        if queued {
            self.enqueue(now, from);
        }
    }

    /// Gives up an execution that nobody wants any more.
    fn abandon(&mut self, now: Now, at: NodeRef, of: ExecutionId, outcome: Outcome) {
        match self.executions.all[&of].phase() {
            Phase::Blocked { .. } | Phase::Queued | Phase::Revalidating { .. } => {
                self.discard(now, of, &outcome);
            }
            Phase::Running { .. } | Phase::Stopping { .. } => {
                self.mark_withdrawn(at, outcome.status);
                self.stop(of, self.limits.stop_grace_ms);
            }
            Phase::VerifyingInputs { .. } => self.mark_withdrawn(at, outcome.status),
            Phase::Ended => unreachable!("BUG: abandoning what is over"),
        }
    }

    fn mark_withdrawn(&mut self, at: NodeRef, status: Status) {
        let build = self.builds.get_mut(&at.build).expect("BUG: withdrawing no build");
        if let NodeState::Attached { execution, joined, withdrawn: None } =
            *build.node(at.node).state()
        {
            let withdrawn = Some(status);
            build.set(at.node, NodeState::Attached { execution, joined, withdrawn });
        }
        self.effects.push(Effect::Changed(at.build));
    }

    /// Ends an execution that has not started, with all its nodes.
    fn discard(&mut self, now: Now, id: ExecutionId, outcome: &Outcome) {
        self.scheduler.remove(id);
        self.queue_moved(now);
        for at in self.executions.all[&id].wanted_by.clone() {
            self.end_node(now, at, None, outcome.clone());
        }
        self.close(now, id);
    }

    fn stop(&mut self, id: ExecutionId, grace_ms: u64) {
        if let Phase::Running { attempt, .. } = *self.executions.all[&id].phase() {
            self.advance(id, Step::Stop);
            self.effects.push(Effect::Stop { attempt, grace_ms });
        }
    }

    pub(super) fn client_gone(&mut self, now: Now, client: ClientId) {
        self.remove_triggers_of(now, client);
        self.effects.push(Effect::ForgetClient(client));
        let theirs = self.builds.values().filter(|build| build.asked.client == client);
        let theirs = theirs.filter(|build| !build.asked.detach);
        let builds: Vec<_> = theirs.map(|build| build.id).collect();
        builds.into_iter().for_each(|build| self.withdraw(now, build, Status::Cancelled));
    }

    pub(super) fn drain(&mut self, now: Now, grace_ms: u64) {
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Draining;
        self.refuse_triggers();
        self.drop_unattached(now);
        // What has not started goes first, so that nothing starts in the place of what stops.
        let executions = self.executions.all.values().map(|one| (one.id, one.started().is_some()));
        let (started, unstarted): (Vec<_>, Vec<_>) = executions.partition(|(_, started)| *started);
        for (id, _) in unstarted {
            // One may have been closed with the one it waited for.
            if let Some(execution) = self.executions.all.get(&id) {
                for at in execution.wanted_by.clone() {
                    self.doom(at.build);
                }
                self.discard(now, id, &not_run());
            }
        }
        for (id, _) in started {
            // One whose command has ended already gets the outcome it has.
            let execution = &self.executions.all[&id];
            if !execution.has_processes() {
                continue;
            }
            for at in execution.wanted_by.clone() {
                self.doom(at.build);
                self.mark_withdrawn(at, Status::Interrupted);
            }
            self.stop(id, grace_ms);
        }
        self.report_drained();
    }

    /// Ends, when the daemon does, the nodes that have no execution.
    fn drop_unattached(&mut self, now: Now) {
        let nodes: Vec<_> = self.builds.values().flat_map(|build| build.refs()).collect();
        for at in nodes {
            let state = self.builds.get(&at.build).map(|build| build.node(at.node).state());
            if let Some(NodeState::Blocked { .. } | NodeState::Resolving) = state {
                self.doom(at.build);
                self.withdraw_node(now, at, Status::NotRun, Some(STOPPING));
            }
        }
    }

    /// Settles what a build will have come to when the daemon ends before it.
    fn doom(&mut self, id: BuildId) {
        let Some(build) = self.builds.get(&id) else { return };
        let started = self.started(build).is_some();
        let status = if started { Status::Interrupted } else { Status::NotRun };
        if let Some(build) = self.builds.get_mut(&id) {
            build.withdrawn.get_or_insert(status);
        }
    }
}

const STOPPING: &str = "the daemon is stopping";

fn not_run() -> Outcome {
    Outcome::without_attempt(Status::NotRun, Some(STOPPING.into()))
}
