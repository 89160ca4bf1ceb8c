//! Builds asked for inside builds: who waits for whom, and when joining would never end.

use super::state_machine::Core;
use crate::model::{BuildId, ExecutionId};
use std::collections::BTreeSet;

impl Core {
    /// Whether `build`, asked for inside an execution, would by joining `execution` wait for work
    /// that itself waits for the execution the build was asked for in.
    pub(super) fn would_wait_for_itself(&self, build: BuildId, execution: ExecutionId) -> bool {
        let Some(inside) = self.builds.get(&build).and_then(|build| build.inside) else {
            return false;
        };
        let (mut seen, mut open) = (BTreeSet::new(), vec![execution]);
        while let Some(next) = open.pop() {
            if next == inside {
                return true;
            }
            if seen.insert(next) {
                let asked_inside = self.builds.values().filter(|b| b.inside == Some(next));
                open.extend(asked_inside.filter_map(super::build::Build::execution));
            }
        }
        false
    }

    /// Whether somebody who wants an execution was asked to by one that is there, and so takes it
    /// into that one's place.
    pub(super) fn is_wanted_inside(&self, id: ExecutionId) -> bool {
        let wanted_by = self.executions[&id].builds.iter().filter_map(|id| self.builds.get(id));
        wanted_by
            .filter(|build| build.interested())
            .any(|build| build.inside.is_some_and(|inside| self.executions.contains_key(&inside)))
    }
}
