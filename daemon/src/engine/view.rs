//! Snapshots of builds for those outside.

use super::build::{Build, Node, NodeState};
use super::execution::{Execution, Moment, Phase as Running};
use super::input::Now;
use super::state_machine::Core;
use crate::model::build;
use crate::model::{BuildId, BuildView, ExecutionId, Phase, TaskPhase, TaskView, WaitReason};
use crate::scheduler::{Lease, WaitReasons};
use std::sync::Arc;

/// Of what holds places, so many are named.
const PLACES_NAMED: usize = 4;

impl Core {
    /// One build as it is now, unless it has ended or never was.
    #[must_use]
    pub fn view(&self, now: Now, id: BuildId) -> Option<BuildView> {
        self.views_of(now, &[id]).pop()
    }

    /// All builds that have not ended, oldest first.
    #[must_use]
    pub fn views(&self, now: Now) -> Vec<BuildView> {
        let reasons = self.scheduler.wait_reasons(now.mono_ms);
        self.builds.values().map(|build| self.live_view(build, &reasons)).collect()
    }

    /// Those of these builds that have not ended.
    #[must_use]
    pub fn views_of(&self, now: Now, ids: &[BuildId]) -> Vec<BuildView> {
        let reasons = self.scheduler.wait_reasons(now.mono_ms);
        let builds = ids.iter().filter_map(|id| self.builds.get(id));
        builds.map(|build| self.live_view(build, &reasons)).collect()
    }

    /// A build all of whose nodes have ended.
    pub(super) fn ended_view(&self, now: Now, id: BuildId) -> BuildView {
        let build = &self.builds[&id];
        let phase = Phase::Ended {
            started_ms: build.started().map(|at| at.wall_ms),
            ended_ms: now.wall_ms,
            outcome: build.outcome(now.mono_ms),
        };
        self.with_phase(build, phase, &WaitReasons::default())
    }

    /// When the first command of a build started.
    pub(super) fn started(&self, build: &Build) -> Option<Moment> {
        let running = build.nodes().iter().filter_map(Node::attached_to);
        let running = running.filter_map(|id| self.executions.all[&id].started());
        running.chain(build.started()).min()
    }

    fn live_view(&self, build: &Build, reasons: &WaitReasons) -> BuildView {
        let phase = match self.started(build) {
            Some(started) => Phase::Running { started_ms: started.wall_ms },
            None => {
                let mut waiting = build.nodes().iter().filter(|node| node.is_interested());
                Phase::Waiting(match waiting.find_map(|node| self.waits_for(node, reasons)) {
                    Some(reason) => reason,
                    None => WaitReason::Resolving,
                })
            }
        };
        self.with_phase(build, phase, reasons)
    }

    fn with_phase(&self, build: &Build, phase: Phase, reasons: &WaitReasons) -> BuildView {
        // What a build is named after is its last node; the only one of a plain command.
        let last = build.nodes().last().expect("BUG: a plan is never empty");
        let attached = build.nodes().iter().filter_map(Node::execution);
        let attached = attached.filter(|id| self.executions.all.contains_key(id));
        let lent = attached.map(|id| self.priority(id)).max();
        BuildView {
            id: build.id,
            command: build.asked.plan.command().clone(),
            session: build.asked.session.clone(),
            priority: lent.map_or(build.asked.priority, |lent| lent.max(build.asked.priority)),
            submitted_ms: build.submitted_ms,
            phase,
            execution: last.execution(),
            joined: last.joined(),
            join_reason: last.join_reason.clone(),
            estimate_ms: self.estimate(build),
            output: last
                .execution()
                .and_then(|id| self.executions.all.get(&id))
                .map(|execution| execution.output)
                .unwrap_or_default(),
            tasks: self.tasks(build, reasons),
        }
    }

    /// How long the longest chain of its nodes is expected to take, in milliseconds.
    fn estimate(&self, build: &Build) -> Option<u64> {
        let mut ends: Vec<u64> = Vec::with_capacity(build.nodes().len());
        for node in build.asked.plan.nodes() {
            let begins = node.depends_on.iter().map(|on| ends[on.as_usize()]).max().unwrap_or(0);
            let takes = self.scheduler.estimate(node.action.command.shape())?;
            ends.push(begins + takes);
        }
        ends.into_iter().max()
    }

    fn tasks(&self, build: &Build, reasons: &WaitReasons) -> Vec<TaskView> {
        let named = build.asked.plan.nodes().iter().zip(build.nodes());
        let named = named.filter_map(|(planned, node)| Some((planned.task.clone()?, node)));
        named
            .map(|(task, node)| TaskView {
                task,
                phase: self.task_phase(node, reasons),
                execution: node.execution(),
                joined: node.joined(),
                join_reason: node.join_reason.clone(),
            })
            .collect()
    }

    fn task_phase(&self, node: &Node, reasons: &WaitReasons) -> TaskPhase {
        match node.state() {
            NodeState::Blocked { .. } => TaskPhase::Blocked,
            NodeState::Ended { started, outcome, .. } => TaskPhase::Ended {
                started_ms: started.map(|at| at.wall_ms),
                outcome: Box::new(Clone::clone(outcome)),
            },
            NodeState::Resolving | NodeState::Attached { .. } => {
                match self.execution_of(node).and_then(Execution::started) {
                    Some(started) => TaskPhase::Running { started_ms: started.wall_ms },
                    None => TaskPhase::Waiting(
                        self.waits_for(node, reasons).unwrap_or(WaitReason::Resolving),
                    ),
                }
            }
        }
    }

    fn execution_of(&self, node: &Node) -> Option<&Execution> {
        node.attached_to().map(|id: ExecutionId| &self.executions.all[&id])
    }

    /// What holds places, the longest first.
    fn taken_places(&self) -> Arc<[build::Running]> {
        let started = |execution: &Execution| match execution.phase() {
            Running::Running { lease: Lease::Own(_), started, .. }
            | Running::Stopping { lease: Lease::Own(_), started } => Some(*started),
            _ => None,
        };
        let running = self.executions.all.values();
        let running = running.filter_map(|execution| Some((started(execution)?, execution)));
        let mut running: Vec<_> = running.collect();
        running.sort_by_key(|(started, execution)| (*started, execution.id));
        let named = running.into_iter().take(PLACES_NAMED).map(|(started, execution)| {
            let command = execution.action.command.clone();
            build::Running { command, started_ms: started.wall_ms }
        });
        named.collect()
    }

    /// What a node that has begun, and whose command has not started, waits for.
    fn waits_for(&self, node: &Node, reasons: &WaitReasons) -> Option<WaitReason> {
        if *node.state() == NodeState::Resolving {
            return Some(WaitReason::Resolving);
        }
        let execution = self.execution_of(node)?;
        Some(match execution.phase() {
            Running::Blocked { on }
                if self.executions.all.get(on).is_some_and(Execution::is_open) =>
            {
                WaitReason::OneStream(*on)
            }
            Running::Blocked { on } => WaitReason::Predecessor(*on),
            Running::Queued => {
                let mut reason = reasons.of(execution.id)?.clone();
                if let WaitReason::Workers { taken_by, .. } = &mut reason {
                    *taken_by = self.taken_places();
                }
                reason
            }
            _ => WaitReason::Resolving,
        })
    }
}
