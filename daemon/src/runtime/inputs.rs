//! Digests the inputs of actions, and finds out what of them has moved. Keeps a snapshot, as a
//! clock, for each target that may want to know later. Knows nothing of what runs.

use super::engine_handle::EventSender;
use super::messages::Report;
use super::surroundings::Observer;
use crate::engine::{Input, InputVersion, Moved, NoVersion, NodeRef, Target};
use crate::index::{Changes, Clock, is_litter};
use crate::model::{Action, ExecutionId, Inputs, Surroundings, TreeVersion};
use crate::watch::{ChangesQuery, WorkspaceError, WorkspaceRegistry, WorkspaceState};
use crate::workspace::{GlobError, Globs, TreeNames};
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct InputTracker {
    registry: WorkspaceRegistry,
    reports: EventSender<Report>,
    snapshots: HashMap<Target, Clock>,
    observer: Observer,
}

impl InputTracker {
    pub(super) fn new(registry: WorkspaceRegistry, reports: EventSender<Report>) -> Self {
        let observer = Observer::new(registry.clone());
        Self { registry, reports, snapshots: HashMap::new(), observer }
    }

    /// Establishes the version of an action's inputs; reported as [`Report::Digested`].
    pub(super) fn digest(&self, target: Target, action: Arc<Action>) {
        let reports = self.reports.clone();
        let report = move |state| reports.send(Report::Digested(target, state));
        let observer = self.observer.clone();
        let root = action.root().to_path_buf();
        match globs(&action.inputs) {
            Ok(None) => {
                let dirs = Observer::dirs(&action);
                self.registry.inputs(&root, dirs, move |found| match found {
                    Ok((state, names)) => {
                        observer.observe(action, names, move |around| report(Ok((state, around))))
                    }
                    Err(error) => report(Err(no_version(error))),
                });
            }
            Ok(Some(globs)) => self.registry.digest(&root, globs, move |found| match found {
                Ok((clock, tree)) => {
                    // Which of the changes up to a clock were theirs is not counted, so any change
                    // makes another version.
                    let id = TreeVersion { tree, epoch: clock.tick };
                    let state = WorkspaceState { id, clock };
                    observer.observe(action, TreeNames::default(), move |around| {
                        report(Ok((state, around)));
                    });
                }
                Err(error) => report(Err(no_version(error))),
            }),
            Err(error) => report(Err(NoVersion(format!("failed to {error}")))),
        }
    }

    /// Makes an input of what was found, and keeps the snapshot.
    pub(super) fn digested(
        &mut self,
        target: Target,
        state: Result<(WorkspaceState, Arc<Surroundings>), NoVersion>,
    ) -> Input {
        let version = state.map(|(state, surroundings)| {
            self.snapshots.insert(target, state.clock);
            InputVersion { tree: state.id, surroundings }
        });
        Input::InputsDigested { target, version }
    }

    /// Hands the snapshot of one target on to an execution.
    pub(super) fn bind(&mut self, from: Target, execution: ExecutionId) {
        if let Some(clock) = self.snapshots.remove(&from) {
            self.snapshots.insert(Target::Execution(execution), clock);
        }
    }

    pub(super) fn release(&mut self, target: Target) {
        self.snapshots.remove(&target);
    }

    /// Finds out what has moved since the snapshot of an execution; reported as
    /// [`Report::Verified`].
    pub(super) fn verify(&self, execution: ExecutionId, action: &Action) {
        let reports = self.reports.clone();
        self.moved_since(execution, action, move |moved| {
            reports.send(Report::Verified(execution, moved));
        });
    }

    /// The same for a node that runs beside that execution; reported as [`Report::Compared`].
    pub(super) fn compare(&self, node: NodeRef, execution: ExecutionId, action: &Action) {
        let reports = self.reports.clone();
        self.moved_since(execution, action, move |moved| {
            reports.send(Report::Compared(node, execution, moved));
        });
    }

    fn moved_since(
        &self,
        execution: ExecutionId,
        action: &Action,
        report: impl FnOnce(Moved) + Send + 'static,
    ) {
        let Some(since) = self.snapshots.get(&Target::Execution(execution)).copied() else {
            return report(Moved::Unknown("there is no snapshot to compare with".into()));
        };
        let query = ChangesQuery { since: Some(since), wait: None };
        // What could not be parsed was not digested either, so there is nothing to verify.
        let globs = globs(&action.inputs).unwrap_or_default();
        self.registry.changes(action.root(), query, move |changes| {
            let counts = |path: &Path| globs.as_ref().is_none_or(|globs| globs.match_path(path));
            report(moved(changes, counts));
        });
    }

    pub(super) fn verified(execution: ExecutionId, moved: Moved) -> Input {
        if let Moved::Paths(paths) = &moved
            && !paths.is_empty()
        {
            tracing::info!(%execution, paths = paths.len(), "inputs moved");
        }
        Input::InputsVerified { execution, moved }
    }

    /// Has a workspace observed, for the sake of what it has run on change.
    pub(super) fn observe(&self, root: &Path) {
        let query = ChangesQuery { since: None, wait: None };
        self.registry.changes(root, query, |_| {});
    }

    pub(super) fn forget_workspace(&self, root: &Path) -> bool {
        self.registry.forget(root)
    }

    /// Saves what is known of all workspaces and stops observing.
    pub(super) fn close(&self) {
        self.registry.close();
    }
}

/// Which files are inputs; `None` for all of them.
fn globs(inputs: &Inputs) -> Result<Option<Globs>, GlobError> {
    match inputs {
        Inputs::WholeTree => Ok(None),
        Inputs::Globs(globs) => Globs::new(globs.iter().map(String::as_str)).map(Some),
    }
}

fn no_version(error: WorkspaceError) -> NoVersion {
    NoVersion(format!("failed to {error}"))
}

fn moved(changes: Result<Changes, WorkspaceError>, counts: impl Fn(&Path) -> bool) -> Moved {
    match changes {
        Ok(changes) if changes.fresh => {
            Moved::Unknown("the state it started from is not known any more".into())
        }
        Ok(changes) => {
            let paths = changes.changes.into_iter().map(|change| change.path);
            let is_work =
                |path: &PathBuf| !path.file_name().is_some_and(|name| is_litter(name.as_bytes()));
            Moved::Paths(paths.filter(is_work).filter(|path| counts(path)).collect())
        }
        Err(error) => Moved::Unknown(format!("failed to {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine_handle::{Event, Inbox, channels};
    use super::super::runtime::Runtime;
    use super::*;
    use crate::engine::NodeRef;
    use crate::model::{BuildId, Command, NodeIndex};
    use std::fs;
    use tempfile::TempDir;

    const NODE: Target = Target::Node(NodeRef { build: BuildId(1), node: NodeIndex(0) });
    const EXECUTION: ExecutionId = ExecutionId(2);

    struct Fixture {
        dir: TempDir,
        tracker: InputTracker,
        inbox: Inbox<Runtime>,
    }

    impl Fixture {
        fn new() -> Self {
            let (engine, inbox) = channels();
            let tracker = InputTracker::new(WorkspaceRegistry::new(vec![]), engine.reports());
            Self { dir: tempfile::tempdir().expect("a directory"), tracker, inbox }
        }

        fn action(&self, inputs: Inputs) -> Action {
            let command = Command::in_root(vec!["true".into()], self.dir.path());
            Action { inputs, ..Action::of_command(command) }
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.dir.path().join(name), text).expect("written");
        }

        fn report(&mut self) -> Report {
            match self.inbox.events.blocking_recv() {
                Some(Event::Report(report)) => report,
                _ => panic!("no report"),
            }
        }

        /// Digests the inputs of an action for an execution.
        fn version(&mut self, action: &Action) -> TreeVersion {
            self.tracker.digest(NODE, Arc::new(action.clone()));
            let Report::Digested(target, state) = self.report() else { panic!("another report") };
            let input = self.tracker.digested(target, state);
            self.tracker.bind(NODE, EXECUTION);
            let Input::InputsDigested { version, .. } = input else { panic!("{input:?}") };
            version.expect("a version").tree
        }

        fn moved(&mut self, action: &Action) -> Moved {
            self.tracker.verify(EXECUTION, action);
            let Report::Verified(EXECUTION, moved) = self.report() else {
                panic!("another report")
            };
            moved
        }
    }

    fn globs(globs: &[&str]) -> Inputs {
        Inputs::Globs(globs.iter().map(|glob| (*glob).to_owned()).collect())
    }

    #[test]
    fn what_moved_is_found_since_the_snapshot_that_was_bound() {
        let mut fixture = Fixture::new();
        let action = fixture.action(Inputs::WholeTree);
        fixture.write("a", "1");
        fixture.version(&action);
        assert_eq!(fixture.moved(&action), Moved::Paths(vec![]));
        fixture.write("a", "2");
        assert_eq!(fixture.moved(&action), Moved::Paths(vec!["a".into()]));
        fixture.tracker.release(Target::Execution(EXECUTION));
        assert!(matches!(fixture.moved(&action), Moved::Unknown(_)), "nothing to compare with");
    }

    #[test]
    fn only_inputs_are_digested_and_verified() {
        let mut fixture = Fixture::new();
        let action = fixture.action(globs(&["*.rs"]));
        fixture.write("a.rs", "1");
        fixture.write("b.md", "1");
        let before = fixture.version(&action);
        fixture.write("b.md", "2");
        assert_eq!(fixture.moved(&action), Moved::Paths(vec![]));
        assert_eq!(fixture.version(&action).tree, before.tree, "it is no input");
        fixture.write("a.rs", "2");
        assert_eq!(fixture.moved(&action), Moved::Paths(vec!["a.rs".into()]));
        assert_ne!(fixture.version(&action).tree, before.tree);
    }

    #[test]
    fn without_a_version_there_is_a_reason() {
        let mut fixture = Fixture::new();
        for (inputs, says) in [(globs(&["a{"]), "a{"), (Inputs::WholeTree, "gone")] {
            let mut action = fixture.action(inputs);
            if action.inputs == Inputs::WholeTree {
                let command = Command { root: "/gone".into(), ..Command::clone(&action.command) };
                action.command = command.into();
            }
            fixture.tracker.digest(NODE, Arc::new(action.clone()));
            let Report::Digested(_, Err(NoVersion(why))) = fixture.report() else {
                panic!("a version of {action:?}")
            };
            assert!(why.starts_with("failed to ") && why.contains(says), "{why}");
        }
    }
}
