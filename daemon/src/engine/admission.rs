//! Between the executions and the scheduler: who waits there, and what becomes of who may start.

use super::build::Build;
use super::effect::Effect;
use super::execution::Step;
use super::input::{Now, Target};
use super::state_machine::{Core, Drain};
use crate::model::{ExecutionId, Priority};
use crate::scheduler::{Lease, Request};
use std::cmp::Reverse;

/// How long positions in the queue may be out of date for those who follow them: as often as a
/// person can read, so that a thousand waiting builds cost no more than that.
const QUEUE_REPORT_MS: u64 = 200;

impl Core {
    /// The highest class among those who want it.
    pub(super) fn priority(&self, id: ExecutionId) -> Priority {
        self.most_urgent(id).map_or(Priority::Background, |build| build.asked.priority)
    }

    /// The build of the highest class among those that want it, the oldest of equals.
    fn most_urgent(&self, id: ExecutionId) -> Option<&Build> {
        let wanted_by = self.executions.all[&id].wanted_by.iter();
        wanted_by
            .filter_map(|at| Some((self.builds.get(&at.build)?, at.node)))
            .filter(|(build, node)| build.node(*node).is_interested())
            .map(|(build, _)| build)
            .min_by_key(|build| (Reverse(build.asked.priority), build.id))
    }

    /// Lets the scheduler know of an execution that is queued, or of its new priority.
    pub(super) fn enqueue(&mut self, now: Now, id: ExecutionId) {
        let execution = &self.executions.all[&id];
        let first = self.most_urgent(id);
        self.scheduler.enqueue(Request {
            execution: id,
            session: first.map(|build| build.asked.session.clone()).unwrap_or_default(),
            priority: first.map_or(Priority::Background, |build| build.asked.priority),
            // In the order of the requests, however long it took to digest their inputs.
            turn: execution.owner.build.0,
            resources: execution.action.resources,
            lane: execution.action.lane.clone(),
            shape: execution.action.command.shape(),
        });
        self.queue_moved(now);
    }

    pub(super) fn queue_moved(&mut self, now: Now) {
        self.timers.queue_report.get_or_insert(now.mono_ms + QUEUE_REPORT_MS);
    }

    /// Reports their places to those who wait, if that is due.
    pub(super) fn report_queue(&mut self, now: Now) {
        if self.timers.queue_report.is_some_and(|at| at <= now.mono_ms) {
            self.timers.queue_report = None;
            for id in self.scheduler.order() {
                let wanted_by = self.executions.all[&id].wanted_by.iter();
                self.effects.extend(wanted_by.map(|at| Effect::Changed(at.build)));
            }
        }
    }

    /// Starts what may start; only at the end of a step, when all who want to are there.
    pub(super) fn admit(&mut self, now: Now) {
        let fresh = std::mem::take(&mut self.settling.fresh);
        if self.drain != Drain::No {
            return;
        }
        for (id, lease) in self.scheduler.admit(now.mono_ms, &self.load) {
            self.queue_moved(now);
            if self.executions.all[&id].key.is_none() || fresh.contains(&id) {
                self.start(now, id, Some(lease));
            } else {
                self.revalidate(id, lease);
            }
        }
    }

    /// Has the key of an execution that may start, but waited, established anew.
    pub(super) fn revalidate(&mut self, id: ExecutionId, lease: Lease) {
        self.advance(id, Step::Revalidate { lease });
        let action = self.executions.all[&id].action.clone();
        self.effects.push(Effect::DigestInputs { target: Target::Execution(id), action });
    }
}
