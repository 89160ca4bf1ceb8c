//! What the core promises, whatever happens: checked at each step by somebody who does not know
//! how it is kept.

use crate::plans::{State, nodes, wants};
use crate::world::{Asked, Attempt, Event, World};
use bd_daemon::engine::Target;
use bd_daemon::model::{
    Action, AttemptId, BuildId, BuildView, ExecutionId, JoinReason, Priority, Status, WaitReason,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

impl World {
    /// Whoever gets a place, nobody of a higher class may be left waiting for one.
    pub(crate) fn admits(&mut self, execution: ExecutionId, views: &[BuildView]) {
        if !self.runs.admitted.insert(execution) {
            return;
        }
        let Some(class) = self.class(execution, views) else { return };
        if self.is_nested(execution, views) {
            return;
        }
        for node in views.iter().flat_map(nodes) {
            if let (State::Waiting(reason), Some(other)) = (&node.state, node.execution)
                && !matches!(reason, WaitReason::Resolving | WaitReason::Predecessor(_))
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
        let own = |view: &BuildView| self.builds.live.get(&view.id).map(|asked| asked.priority);
        // A run of a trigger that was started in this very step is an editor's.
        wanted_by.map(|view| own(view).unwrap_or(Priority::Editor)).max()
    }

    fn is_nested(&self, execution: ExecutionId, views: &[BuildView]) -> bool {
        let inside =
            |build| self.builds.live.get(&build).is_some_and(|asked| asked.inside.is_some());
        views.iter().any(|view| wants(view, execution) && inside(view.id))
    }

    pub(crate) fn starts(
        &mut self,
        execution: ExecutionId,
        attempt: AttemptId,
        owner: BuildId,
        action: &Arc<Action>,
        views: &[BuildView],
    ) {
        let seed = self.seed;
        assert!(!self.drain.asked, "seed {seed}: started while draining");
        self.admits(execution, views);
        self.check_start(execution, views);
        let command = self.actions.iter().position(|known| known == action);
        let command = command.expect("a known action");
        let wanted: Vec<_> =
            views.iter().flat_map(nodes).filter(|node| node.wants(execution)).collect();
        let alone = wanted.iter().any(|node| {
            matches!(node.join_reason, JoinReason::WouldWaitForItself | JoinReason::NoState(_))
        });
        let state = self.files.states.get(&Target::Execution(execution)).copied();
        let nested = self.is_nested(execution, views);
        assert!(!wanted.is_empty(), "seed {seed}: {execution} started for nobody");
        if let Some(state) = state {
            assert!(
                alone || state.0 == self.files.tree,
                "seed {seed}: {execution} started on a stale key"
            );
        }
        let now = (self.files.tree.epoch, self.files.elsewhere);
        if self.runs.started.insert(execution, now).is_some() {
            panic!("seed {seed}: {execution} started twice");
        }
        let started = Attempt {
            execution,
            owner,
            command,
            state,
            epoch: self.files.tree.epoch,
            stopping: false,
            nested,
            alone,
        };
        self.runs.attempts.insert(attempt, started);
        let delay = 1 + self.rng.below(400);
        self.after(delay, Event::Ends(attempt));
    }

    pub(crate) fn ends(&mut self, view: &BuildView, before: &HashMap<BuildId, BuildView>) {
        let seed = self.seed;
        let outcome = view.outcome().expect("an ended build has an outcome");
        let asked = self.builds.live.remove(&view.id);
        let asked = asked.unwrap_or_else(|| panic!("seed {seed}: {} ended twice", view.id));
        assert!(self.builds.ended.insert(view.id, outcome.status).is_none());
        self.builds.cancelled.extend(asked.cancelled.then_some(view.id));
        self.check_outcome(view);
        match outcome.status {
            Status::Cancelled => {
                let right = asked.cancelled || self.is_obsolete(&asked);
                assert!(right, "seed {seed}: {} was not", view.id);
            }
            Status::NotRun | Status::Interrupted => assert!(self.drain.asked, "seed {seed}"),
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
            let stopped = self.runs.stopped.contains(&execution);
            assert!(
                !(wanted && stopped),
                "seed {seed}: {} got the end of what others gave up",
                view.id
            );
            let (epoch, elsewhere) = self.runs.started[&execution];
            let keyed = before.get(&view.id).is_some_and(|before| {
                let before = nodes(before);
                matches!(before[node.index as usize].join_reason, JoinReason::Asked)
            });
            if keyed {
                let fresh = epoch >= asked.epoch && elsewhere >= asked.elsewhere;
                assert!(fresh, "seed {seed}: {} got what was older than it", view.id);
            }
            if let Some(moved) = &outcome.moved {
                let changed = epoch != self.files.tree.epoch;
                assert!(moved.is_empty() || changed, "seed {seed}: moved without a change");
            }
        }
    }

    pub(crate) fn check(&self, views: &[BuildView]) {
        let seed = self.seed;
        let placed = self.runs.attempts.values().filter(|a| !a.nested).count() as u64;
        assert!(placed <= self.limit, "seed {seed}: {placed} run in {} places", self.limit);
        for attempt in self.runs.attempts.values() {
            let wanted = views.iter().any(|view| wants(view, attempt.execution));
            assert!(wanted, "seed {seed}: nobody wants {attempt:?}");
        }
        self.check_nodes(views);
        let keyed = |a: &&Attempt| a.state.is_some() && !a.alone;
        let mut seen = BTreeSet::new();
        for attempt in self.runs.attempts.values().filter(keyed) {
            let state = attempt.state.map(|(tree, elsewhere)| (tree.tree, elsewhere));
            let work = (attempt.command, state, attempt.epoch);
            assert!(
                seen.insert(work),
                "seed {seed}: the same work twice: {:#?}",
                self.runs.attempts
            );
        }
        for view in views {
            assert!(self.builds.live.contains_key(&view.id), "seed {seed}: {} is undead", view.id);
        }
    }
}
