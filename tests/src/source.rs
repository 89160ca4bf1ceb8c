//! Which source of changes is under test. `BD_SOURCE` chooses another one than the native.

use crate::answers::Answers;
use crate::model::Model;
use crate::sandbox::PATIENCE;
use bd_daemon::index::{Changes, Clock};
use bd_daemon::watch::{ChangesQuery, SourcePreference, Summary, WorkspaceRegistry};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The system's own events.
    Native,
    /// Whatever the `notify` crate uses.
    Notify,
    /// Checking everything each time.
    Poll,
    /// No part of the daemon: the oracle with a memory, slow and simple. A test that fails on it
    /// is wrong itself.
    Model,
}

impl Source {
    /// The one that is under test.
    ///
    /// # Panics
    ///
    /// When `BD_SOURCE` names none.
    #[must_use]
    pub fn chosen() -> Self {
        match std::env::var("BD_SOURCE").as_deref() {
            Err(_) | Ok("native") => Self::Native,
            Ok("notify") => Self::Notify,
            Ok("poll") => Self::Poll,
            Ok("model") => Self::Model,
            Ok(other) => panic!("BD_SOURCE is native, notify, poll or model, not {other}"),
        }
    }

    /// Whether it holds watches in the system, which can run out.
    #[must_use]
    pub fn has_watches(self) -> bool {
        matches!(self, Self::Native | Self::Notify)
    }

    /// Changes in brief as this source reports them. Without events a rename is a removal and an
    /// addition, unless it is of a file within its directory.
    #[must_use]
    pub fn expected(self, changes: &[&str]) -> Vec<String> {
        let mut reported = Vec::new();
        for change in changes {
            match change.split_once('>') {
                Some((from, to)) if self.splits(from, to) => {
                    let slash = if to.ends_with('/') { "/" } else { "" };
                    reported.extend([format!("-{from}{slash}"), format!("+{to}")]);
                }
                _ => reported.push((*change).to_owned()),
            }
        }
        let path = |reported: &String| {
            let path = reported.rsplit('>').next().unwrap_or(reported);
            path.trim_start_matches(['+', '-', '~']).trim_end_matches('/').to_owned()
        };
        if self == Self::Poll {
            reported.sort_by_key(path);
        }
        reported
    }

    /// In how many changes it reports the rename of a directory, for each that is in it.
    #[must_use]
    pub fn halves_of_a_move(self) -> usize {
        if self == Self::Poll { 2 } else { 1 }
    }

    fn splits(self, from: &str, to: &str) -> bool {
        let within = Path::new(from).parent() == Path::new(to).parent();
        self == Self::Poll && (to.ends_with('/') || !within)
    }

    /// Answers by this source, never listing what is below `excluded`.
    #[must_use]
    pub fn registry(self, excluded: Vec<PathBuf>) -> Box<dyn Answers> {
        match self {
            Self::Native => Box::new(WorkspaceRegistry::new(excluded)),
            Self::Model => Box::new(Model::new(excluded)),
            Self::Notify => {
                Box::new(WorkspaceRegistry::new(excluded).with_source(SourcePreference::Notify))
            }
            Self::Poll => {
                Box::new(WorkspaceRegistry::new(excluded).with_source(SourcePreference::Poll))
            }
        }
    }
}

impl Answers for WorkspaceRegistry {
    fn info(&mut self, root: &Path) -> Result<Summary, String> {
        answered(|answer| Self::info(self, root, answer)).map_err(|error| error.to_string())
    }

    fn changes(&mut self, root: &Path, since: Option<Clock>) -> Result<Changes, String> {
        let query = ChangesQuery { since, wait: None };
        answered(|answer| Self::changes(self, root, query, answer))
            .map_err(|error| error.to_string())
    }

    fn forget(&mut self, root: &Path) -> bool {
        Self::forget(self, root)
    }

    fn differences(&mut self, root: &Path) -> Vec<PathBuf> {
        let verified = answered(|answer| self.verify(root, false, answer));
        verified.map(|verified| verified.differences).unwrap_or_default()
    }
}

/// Asks, and waits for the answer that comes on another thread.
fn answered<T: Send + 'static>(ask: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (send, receive) = mpsc::channel();
    ask(Box::new(move |answer| {
        // Whoever asked may have lost patience.
        let _ = send.send(answer);
    }));
    receive.recv_timeout(PATIENCE).expect("an answer in time")
}
