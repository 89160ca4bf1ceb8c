//! Giving up: how builds lose their interest, executions their last build, and the daemon its work.

use super::build::{Build, State};
use super::execution::Phase;
use super::input::{Effect, Now, Target};
use super::state_machine::{Core, Drain};
use crate::model::{BuildId, ClientId, ExecutionId, Outcome, Status};

impl Core {
    /// Ends a build's interest. Its execution dies when it was the last one to want it.
    pub(super) fn withdraw(&mut self, now: Now, id: BuildId, status: Status) {
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
            Phase::Queued | Phase::Revalidating => self.discard(now, of, status, None),
            Phase::Running { .. } => {
                self.mark_withdrawn(id, status);
                self.stop(of, self.limits.stop_grace_ms);
            }
            Phase::VerifyingInputs { .. } => self.mark_withdrawn(id, status),
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

    pub(super) fn client_gone(&mut self, now: Now, client: ClientId) {
        self.remove_triggers_of(now, client);
        let theirs = |build: &&Build| build.asked.client == client && !build.asked.detach;
        let builds: Vec<_> = self.builds.values().filter(theirs).map(|build| build.id).collect();
        builds.into_iter().for_each(|build| self.withdraw(now, build, Status::Cancelled));
    }

    pub(super) fn drain(&mut self, now: Now, grace_ms: u64) {
        const STOPPING: &str = "the daemon is stopping";
        if self.drain != Drain::No {
            return;
        }
        self.drain = Drain::Draining;
        self.refuse_triggers();
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
}
