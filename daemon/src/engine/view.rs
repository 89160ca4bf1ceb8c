//! Snapshots of builds for those outside.

use super::build::{Build, State};
use super::execution::{Execution, Phase as Running};
use super::input::Now;
use super::state_machine::Core;
use crate::model::{BuildId, BuildView, ExecutionId, Outcome, Phase, WaitReason};
use crate::scheduler::start_times;
use std::collections::HashMap;

/// Where each waiting execution stands: its place, from 0, and the time until it starts. Made once
/// for many views.
type Standing = HashMap<ExecutionId, (usize, Option<u64>)>;

impl Core {
    /// One build as it is now, unless it has ended or never was.
    #[must_use]
    pub fn view(&self, now: Now, id: BuildId) -> Option<BuildView> {
        self.views_of(now, &[id]).pop()
    }

    /// All builds that have not ended, oldest first.
    #[must_use]
    pub fn views(&self, now: Now) -> Vec<BuildView> {
        let standing = self.standing(now);
        self.builds.values().map(|build| self.render(build, &standing)).collect()
    }

    /// Those of these builds that have not ended.
    #[must_use]
    pub fn views_of(&self, now: Now, ids: &[BuildId]) -> Vec<BuildView> {
        let standing = self.standing(now);
        let builds = ids.iter().filter_map(|id| self.builds.get(id));
        builds.map(|build| self.render(build, &standing)).collect()
    }

    pub(super) fn ended_view(
        &self,
        now: Now,
        id: BuildId,
        started_ms: Option<u64>,
        outcome: Outcome,
    ) -> BuildView {
        let phase = Phase::Ended { started_ms, ended_ms: now.wall_ms, outcome };
        self.with_phase(&self.builds[&id], phase)
    }

    fn standing(&self, now: Now) -> Standing {
        let order = self.queue.order();
        if order.is_empty() {
            return Standing::new();
        }
        let duration = |execution: &Execution| self.estimates.of(execution.command.shape());
        let remaining: Vec<_> = self
            .executions
            .values()
            .filter(|e| {
                !e.nested && matches!(e.phase, Running::Running { .. } | Running::Revalidating)
            })
            .map(|execution| {
                let spent = execution.started().map_or(0, |at| now.mono_ms - at.mono_ms);
                duration(execution).map(|duration| duration.saturating_sub(spent))
            })
            .collect();
        let durations: Vec<_> = order.iter().map(|id| duration(&self.executions[id])).collect();
        let starts = start_times(&remaining, &durations).into_iter().enumerate();
        order.into_iter().zip(starts).collect()
    }

    fn render(&self, build: &Build, standing: &Standing) -> BuildView {
        let execution = build.execution().map(|id| &self.executions[&id]);
        let phase = match execution.and_then(Execution::started) {
            Some(started) => Phase::Running { started_ms: started.wall_ms },
            None => Phase::Waiting(self.wait_reason(execution, standing)),
        };
        self.with_phase(build, phase)
    }

    fn with_phase(&self, build: &Build, phase: Phase) -> BuildView {
        let execution = build.execution();
        let shared = execution.filter(|id| self.executions.contains_key(id));
        BuildView {
            id: build.id,
            command: build.asked.command.clone(),
            session: build.asked.session.clone(),
            priority: shared
                .map_or(build.asked.priority, |id| self.priority(id).max(build.asked.priority)),
            submitted_ms: build.submitted_ms,
            phase,
            execution,
            joined: matches!(build.state, State::Attached { joined: true, .. }),
            join_reason: build.join_reason.clone(),
            estimate_ms: self.estimates.of(build.asked.command.shape()),
        }
    }

    fn wait_reason(&self, execution: Option<&Execution>, standing: &Standing) -> WaitReason {
        let Some(execution) = execution else { return WaitReason::Resolving };
        if let Some(before) = execution.after {
            return WaitReason::Predecessor(before);
        }
        let Some((place, estimate_ms)) = standing.get(&execution.id).copied() else {
            return WaitReason::Resolving;
        };
        let (running, limit) = self.queue.occupancy();
        WaitReason::Workers {
            position: u32::try_from(place + 1).unwrap_or(u32::MAX),
            running,
            limit,
            estimate_ms,
        }
    }
}
