//! Builds asked for inside builds: who waits for whom, and when joining would never end.

use super::build::{Build, Node};
use super::execution::{Execution, Phase};
use super::state_machine::Core;
use crate::model::{BuildId, ExecutionId};
use std::collections::BTreeSet;

impl Core {
    /// Whether `build`, asked for inside an execution, would by joining `execution` wait for work
    /// that itself waits for the execution the build was asked for in.
    pub(super) fn would_wait_for_itself(&self, build: BuildId, execution: ExecutionId) -> bool {
        let Some(build) = self.builds.get(&build).filter(|build| !build.inside.is_empty()) else {
            return false;
        };
        let (mut seen, mut open) = (BTreeSet::new(), vec![execution]);
        while let Some(next) = open.pop() {
            if build.inside.contains(&next) {
                return true;
            }
            if seen.insert(next) {
                let asked_inside = self.builds.values().filter(|b| b.inside.contains(&next));
                open.extend(asked_inside.flat_map(Build::nodes).filter_map(Node::attached_to));
                let phase = self.executions.all.get(&next).map(Execution::phase);
                if let Some(Phase::Blocked { on }) = phase {
                    open.push(*on);
                }
            }
        }
        false
    }

    /// Whether somebody who wants an execution was asked to by one that is there, and so takes it
    /// into that one's lease.
    pub(super) fn is_wanted_inside(&self, id: ExecutionId) -> bool {
        let wanted_by = self.executions.all[&id].wanted_by.iter();
        wanted_by
            .filter(|at| {
                let build = self.builds.get(&at.build);
                build.is_some_and(|build| build.node(at.node).is_interested())
            })
            .any(|at| self.is_inside_a_live_one(at.build))
    }

    /// Whether a build was asked for by an execution that is still there.
    pub(super) fn is_inside_a_live_one(&self, build: BuildId) -> bool {
        let is_there = |inside: &ExecutionId| self.executions.all.contains_key(inside);
        self.builds.get(&build).is_some_and(|build| build.inside.iter().any(is_there))
    }
}
