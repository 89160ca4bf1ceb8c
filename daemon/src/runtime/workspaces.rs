//! What the engine wants to know of workspaces, asked of the registry.

use super::{Report, Runtime};
use crate::engine::{Input, Moved, Target};
use crate::index::Changes;
use crate::model::{Command, ExecutionId};
use crate::watch::{ChangesQuery, OnChange, State};
use std::path::{Path, PathBuf};

impl Runtime {
    pub(super) fn resolve(&mut self, target: Target, command: &Command) {
        let reports = self.reports.clone();
        self.registry
            .state(&command.root, move |state| reports.send(Report::Resolved(target, state)));
    }

    pub(super) fn check(&mut self, execution: ExecutionId) {
        let reports = self.reports.clone();
        let Some(root) = self.roots.get(&execution) else { return };
        let since = self.states.get(&Target::Execution(execution)).copied();
        let query = ChangesQuery { since, wait: None };
        self.registry.changes(root, query, move |changes| {
            reports.send(Report::Checked(execution, changes));
        });
    }

    pub(super) fn resolved(&mut self, target: Target, state: Result<State, String>) -> Input {
        let state = state.map(|state| {
            self.states.insert(target, state.clock);
            state.id
        });
        Input::InputsDigested { target, state }
    }

    pub(super) fn checked(execution: ExecutionId, changes: Result<Changes, String>) -> Input {
        let moved = match changes {
            Ok(changes) if changes.fresh => {
                Moved::Unknown("the state it started from is not known any more".into())
            }
            Ok(changes) => {
                Moved::Paths(changes.changes.into_iter().map(|change| change.path).collect())
            }
            Err(why) => Moved::Unknown(why),
        };
        if let Moved::Paths(paths) = &moved
            && !paths.is_empty()
        {
            tracing::info!(%execution, paths = paths.len(), "inputs moved");
        }
        Input::InputsVerified { execution, moved }
    }

    pub(super) fn rules_changed(&mut self, root: PathBuf, rules: Vec<OnChange>) {
        if self.trusted.contains(&root) {
            self.rules_of(&root, &rules);
        } else if !rules.is_empty() {
            // Whoever has a checkout has not read everything in it.
            tracing::info!(root = %root.display(), "on_change is not run before `bdctl ws add`");
        }
        self.rules.insert(root, rules);
    }

    pub(super) fn trust(&mut self, root: PathBuf) {
        if let Some(store) = self.store() {
            store.snapshots().trust(&root);
        }
        if self.trusted.insert(root.clone()) {
            let rules = self.rules.get(&root).cloned().unwrap_or_default();
            self.rules_of(&root, &rules);
        }
    }

    pub(super) fn forget(&mut self, root: &Path) -> bool {
        self.rules_of(root, &[]);
        self.rules.remove(root);
        if let Some(store) = self.store() {
            store.snapshots().distrust(root);
        }
        let trusted = self.trusted.remove(root);
        self.registry.forget(root) || trusted
    }
}
