//! Has looked at what a run may read beside the files of its workspace, on threads of its own: it
//! takes some hundred calls of `stat`, and a disk may be slow. Decides nothing.

use crate::model::digest::FieldHasher;
use crate::model::{Action, Surroundings};
use crate::watch::{WorkspaceRegistry, WorkspaceState};
use crate::workspace::{Question, TreeNames, outer_root, read_surroundings};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Threads at once. Each ends when there is nothing to do.
const MAX_THREADS: usize = 8;

/// How long the workspace around a workspace may take to be read.
const OUTER_PATIENCE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// See the [module](self). Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Observer {
    registry: WorkspaceRegistry,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}

impl Observer {
    pub(super) fn new(registry: WorkspaceRegistry) -> Self {
        Self { registry, queue: Arc::default() }
    }

    /// The directories of a workspace of which the names in its index have to be known: the one in
    /// which an action runs, and those up to the root.
    pub(super) fn dirs(action: &Action) -> Vec<PathBuf> {
        let cwd = real_cwd(action);
        let root = action.root();
        cwd.ancestors().take_while(|dir| dir.starts_with(root)).map(Path::to_path_buf).collect()
    }

    /// Looks, and hands over what was found, on another thread.
    pub(super) fn observe(
        &self,
        action: Arc<Action>,
        names: TreeNames,
        found: impl FnOnce(Arc<Surroundings>) + Send + 'static,
    ) {
        if action.reads.is_empty() {
            return found(Arc::default());
        }
        let registry = self.registry.clone();
        self.run(Box::new(move || found(Arc::new(look(&registry, action, names)))));
    }

    fn run(&self, job: Job) {
        let mut queue = lock(&self.queue);
        queue.jobs.push_back(job);
        if queue.threads >= MAX_THREADS {
            return;
        }
        queue.threads += 1;
        drop(queue);
        let ours = self.queue.clone();
        let spawned = std::thread::Builder::new().name("surroundings".into()).spawn(move || {
            work_off(&ours);
        });
        if spawned.is_err() {
            // Without a thread, whoever waits must not wait for ever.
            work_off(&self.queue);
        }
    }
}

fn work_off(queue: &Mutex<Queue>) {
    loop {
        let mut locked = lock(queue);
        let Some(job) = locked.jobs.pop_front() else {
            locked.threads -= 1;
            return;
        };
        drop(locked);
        job();
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(registry: &WorkspaceRegistry, action: Arc<Action>, names: TreeNames) -> Surroundings {
    let begun = std::time::Instant::now();
    let home = action.command.environment.iter().find(|(name, _)| name == OsStr::new("HOME"));
    let home = home.map(|(_, home)| Path::new(home));
    let outer = match outer_root(action.root(), home) {
        None => None,
        Some(outer) => match state_of(registry, &outer) {
            Some(state) => {
                let mut hasher = FieldHasher::new("bd 2026 outer workspace v1");
                hasher.field(&state.id.tree.0).number(state.id.epoch);
                Some((outer, hasher.finish()))
            }
            None => {
                let why = format!("the state of {} around it is not known", outer.display());
                return Surroundings::unknown(why);
            }
        },
    };
    let question = Question { cwd: real_cwd(&action), action, names, outer };
    let found = read_surroundings(&question);
    let micros = begun.elapsed().as_micros();
    tracing::debug!(paths = found.len(), micros, doubt = found.doubt(), "surroundings");
    found
}

fn state_of(registry: &WorkspaceRegistry, root: &Path) -> Option<WorkspaceState> {
    let (answer, answered) = mpsc::channel();
    registry.state(root, move |state| {
        // Whoever has waited too long is gone.
        let _ = answer.send(state.ok());
    });
    answered.recv_timeout(OUTER_PATIENCE).ok().flatten()
}

/// Where it runs, without links if that is another way into its workspace.
fn real_cwd(action: &Action) -> PathBuf {
    let cwd = &action.command.cwd;
    if cwd.starts_with(action.root()) {
        return cwd.clone();
    }
    cwd.canonicalize().unwrap_or_else(|_| cwd.clone())
}
