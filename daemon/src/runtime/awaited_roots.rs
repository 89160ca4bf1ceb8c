//! Roots that are not there: looks for them until they are, so that what somebody consented to goes
//! on. Whether it does is the core's to decide.

use crate::watch::{ChangesQuery, WorkspaceError, WorkspaceRegistry};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_blocking};

/// How soon it is looked for a root again, and how often where it stays away: it may never come.
const INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(30);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct AwaitedRoots {
    registry: WorkspaceRegistry,
    awaited: HashMap<PathBuf, AbortHandle>,
}

impl AwaitedRoots {
    pub(super) fn new(registry: WorkspaceRegistry) -> Self {
        Self { registry, awaited: HashMap::new() }
    }

    /// Has a workspace observed as soon as its root is there.
    pub(super) fn add(&mut self, root: PathBuf) {
        self.awaited.retain(|_, task| !task.is_finished());
        if !self.awaited.contains_key(&root) {
            let task = tokio::spawn(observe(self.registry.clone(), root.clone()));
            self.awaited.insert(root, task.abort_handle());
        }
    }

    /// Looks for it no more.
    pub(super) fn remove(&mut self, root: &Path) {
        if let Some(task) = self.awaited.remove(root) {
            task.abort();
        }
    }
}

async fn observe(registry: WorkspaceRegistry, root: PathBuf) {
    let mut interval = INTERVAL;
    loop {
        tokio::time::sleep(interval).await;
        interval = LONGEST_INTERVAL.min(interval * 2);
        let path = root.clone();
        // On a thread of its own: what is mounted there may not answer.
        if !spawn_blocking(move || path.is_dir()).await.unwrap_or(false) {
            continue;
        }
        let (send, receive) = oneshot::channel();
        let query = ChangesQuery { since: None, wait: None };
        registry.changes(&root, query, move |seen| {
            let is_gone = matches!(seen, Err(WorkspaceError::RootGone(_)));
            let _ = send.send(is_gone);
        });
        // Nobody answers where nothing is observed any more.
        if !receive.await.unwrap_or(false) {
            return;
        }
    }
}
