//! Why a node runs by itself though the same command runs already: what people are told.

use super::effect::Effect;
use super::input::{Moved, NodeRef};
use super::state_machine::Core;
use crate::model::{Apart, Difference, ExecutionId, JoinReason};

/// Files that are named as the difference, at most.
const SHOWN_FILES: usize = 8;

impl Core {
    /// Records what keeps the new execution `id` of a node from being the one that runs the same
    /// command already, if there is one.
    pub(super) fn explain_apart(
        &mut self,
        at: NodeRef,
        id: ExecutionId,
        surroundings: Option<(ExecutionId, Apart)>,
    ) {
        let Some((twin, difference)) = self.twin(id, surroundings) else { return };
        match difference {
            Some(by) => self.set_apart(at, twin, by),
            None => {
                let action = self.executions.all[&twin].action.clone();
                self.effects.push(Effect::CompareInputs { node: at, execution: twin, action });
            }
        }
    }

    /// The newest execution of the same command that others may join, and what is not the same;
    /// `None` for its files.
    fn twin(
        &self,
        id: ExecutionId,
        surroundings: Option<(ExecutionId, Apart)>,
    ) -> Option<(ExecutionId, Option<Difference>)> {
        let is_open = |id: &ExecutionId| self.executions.all[id].is_open();
        if let Some((twin, apart)) = surroundings.filter(|(twin, _)| is_open(twin)) {
            return Some((twin, Some(Difference::Surroundings(apart))));
        }
        let execution = &self.executions.all[&id];
        let command = &execution.action.command;
        let twin = self.executions.all.values().rev().find(|other| {
            let theirs = &other.action.command;
            other.id != id
                && other.key.is_some()
                && other.is_open()
                && (&theirs.argv, &theirs.cwd) == (&command.argv, &command.cwd)
                && theirs.root == command.root
        })?;
        Some((twin.id, execution.action.difference(&twin.action)))
    }

    /// Files of the workspace keep a node from sharing: which is known now.
    pub(super) fn inputs_compared(&mut self, at: NodeRef, twin: ExecutionId, moved: Moved) {
        let mut paths = match moved {
            Moved::Paths(paths) => paths,
            Moved::Unknown(_) => Vec::new(),
        };
        paths.truncate(SHOWN_FILES);
        let Some(theirs) = self.executions.all.get(&twin) else { return };
        // Where no file is another than before, it may be what a build has made.
        let own = self.builds.get(&at.build).and_then(|build| build.node(at.node).attached_to());
        let own = own.filter(|_| paths.is_empty()).map(|id| &self.executions.all[&id]);
        let apart = own.and_then(|own| theirs.surroundings.apart(&own.surroundings));
        let by = apart.map_or(Difference::Files(paths), Difference::Surroundings);
        self.set_apart(at, twin, by);
    }

    fn set_apart(&mut self, at: NodeRef, twin: ExecutionId, by: Difference) {
        let from = self.executions.all[&twin].owner.build;
        if let Some(build) = self.builds.get_mut(&at.build) {
            build.node_mut(at.node).join_reason = JoinReason::Apart { from, by };
        }
        self.effects.push(Effect::Changed(at.build));
    }
}
