//! What is run on change: waits for changes of the files that count, and keeps what a trigger did
//! until its client asks. When to run is the core's to decide.

use super::engine_handle::EventSender;
use super::messages::Report;
use super::trigger_reply::{TriggerError, TriggerReply};
use super::trigger_update::TriggerUpdate;
use super::warnings::Warnings;
use crate::engine::{ChangedFile, Input, Submission, TriggerEvent, TriggerRequest};
use crate::index::{Change, ChangeKind, Changes, Clock, EntryType};
use crate::model::{Action, ClientId, Command, Join, JoinReason, Plan, Priority, TriggerId};
use crate::watch::{ChangesQuery, WorkspaceError, WorkspaceRegistry};
use crate::workspace::{Globs, OnChange};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long one wait for changes lasts; it is begun again.
const WAIT: Duration = Duration::from_secs(3600);

/// Updates kept for somebody who does not ask; the oldest go.
const MOST_UPDATES: usize = 1000;

/// Changed files of one report whose times are asked for; a save has a few.
const MAX_DATED: usize = 64;

/// The connection of what `bd.toml` has run: none.
const NOBODY: ClientId = ClientId(0);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct TriggerFeeds {
    registry: WorkspaceRegistry,
    reports: EventSender<Report>,
    warnings: Warnings,
    feeds: BTreeMap<TriggerId, Feed>,
    /// Clients that wait for the ids of triggers whose files are not watched yet.
    replies: HashMap<TriggerId, TriggerReply>,
}

/// One trigger, as far as it is not the core's.
#[derive(Debug)]
struct Feed {
    client: ClientId,
    root: PathBuf,
    on: Globs,
    /// Up to when changes were reported.
    since: Option<Clock>,
    updates: VecDeque<TriggerUpdate>,
    asking: Option<oneshot::Sender<TriggerUpdate>>,
}

/// A trigger whose files are to be watched.
#[derive(Debug)]
pub(super) struct Prepare {
    pub(super) trigger: TriggerId,
    pub(super) client: ClientId,
    pub(super) root: PathBuf,
    pub(super) on: Arc<[String]>,
}

impl TriggerFeeds {
    pub(super) fn new(
        registry: WorkspaceRegistry,
        reports: EventSender<Report>,
        warnings: Warnings,
    ) -> Self {
        Self { registry, reports, warnings, feeds: BTreeMap::new(), replies: HashMap::new() }
    }

    /// Keeps who is to learn the id of a trigger, once its files are watched.
    pub(super) fn keep_reply(&mut self, trigger: TriggerId, reply: TriggerReply) {
        self.replies.insert(trigger, reply);
    }

    /// Begins to observe for a trigger; reported as [`Report::Prepared`].
    pub(super) fn prepare(&mut self, prepare: Prepare) {
        let Prepare { trigger, client, root, on } = prepare;
        let reports = self.reports.clone();
        let on = match Globs::new(on.iter().map(String::as_str)) {
            Ok(on) => on,
            Err(source) => {
                let error = TriggerError::Globs { file: root.join("bd.toml"), source };
                return reports.send(Report::Prepared(trigger, Err(error)));
            }
        };
        let query = ChangesQuery { since: None, wait: None };
        self.registry.changes(&root, query, move |seen| {
            reports.send(Report::Prepared(
                trigger,
                seen.map(|changes| changes.clock).map_err(TriggerError::from),
            ));
        });
        let (updates, asking) = (VecDeque::new(), None);
        let feed = Feed { client, root, on, since: None, updates, asking };
        self.feeds.insert(trigger, feed);
    }

    /// From now on every change is seen, or it is known why not. Nothing runs, and nobody is
    /// answered, before that.
    pub(super) fn prepared(
        &mut self,
        trigger: TriggerId,
        seen: Result<Clock, TriggerError>,
    ) -> Input {
        let reply = self.replies.remove(&trigger);
        match seen {
            Ok(clock) => {
                if let Some(feed) = self.feeds.get_mut(&trigger) {
                    feed.since = Some(clock);
                }
                match reply.map(|reply| reply.send(Ok(trigger))) {
                    // Whoever wanted it has gone meanwhile.
                    Some(Err(_)) => Input::RemoveTrigger(trigger),
                    _ => Input::TriggerPrepared(trigger),
                }
            }
            Err(error) => {
                self.feeds.remove(&trigger);
                match reply {
                    // Whoever does not wait any more needs no answer.
                    Some(reply) => drop(reply.send(Err(error))),
                    None => self.warnings.push(format!("failed to {error}")),
                }
                Input::TriggerFailed(trigger)
            }
        }
    }

    /// Waits for changes of a trigger's files; reported as [`Report::Observed`].
    pub(super) fn subscribe(&self, trigger: TriggerId) {
        let Some(feed) = self.feeds.get(&trigger) else { return };
        let reports = self.reports.clone();
        let query = ChangesQuery { since: feed.since, wait: Some(WAIT) };
        self.registry.changes(&feed.root, query, move |changes| {
            reports.send(Report::Observed(trigger, changes));
        });
    }

    pub(super) fn observed(
        &mut self,
        trigger: TriggerId,
        changes: Result<Changes, WorkspaceError>,
    ) -> Option<Input> {
        let feed = self.feeds.get_mut(&trigger)?;
        match changes {
            Ok(changes) => {
                feed.since = Some(changes.clock);
                // A directory is no more than the files in it, which are reported one by one.
                let files = changes.changes.into_iter().filter(|c| c.entry != EntryType::Dir);
                let files: Vec<_> = files.filter(|c| feed.on.match_path(&c.path)).collect();
                let few = files.len() <= MAX_DATED;
                let dated = |change| changed_file(&feed.root, change, few);
                Some(Input::FilesChanged { trigger, files: files.into_iter().map(dated).collect() })
            }
            Err(error) => {
                feed.push(TriggerUpdate::Ended(error));
                Some(Input::TriggerFailed(trigger))
            }
        }
    }

    pub(super) fn event(&mut self, trigger: TriggerId, event: TriggerEvent) {
        let Some(feed) = self.feeds.get_mut(&trigger) else { return };
        if let TriggerEvent::Loop(path) = &event {
            let root = feed.root.display();
            tracing::warn!(id = %trigger, %root, path = %path.display(), "what is run on change changes its own files");
        }
        feed.push(TriggerUpdate::Event(event));
    }

    /// Answers with what a trigger of this client did next, once it did. Whoever asks for one that
    /// is not there learns it by the end of the reply.
    pub(super) fn next_update(
        &mut self,
        trigger: TriggerId,
        client: ClientId,
        reply: oneshot::Sender<TriggerUpdate>,
    ) {
        let feed = self.feeds.get_mut(&trigger).filter(|feed| feed.client == client);
        let Some(feed) = feed else { return };
        match feed.updates.pop_front() {
            Some(update) => {
                if let Err(unsent) = reply.send(update) {
                    feed.updates.push_front(unsent);
                }
            }
            None => feed.asking = Some(reply),
        }
    }

    pub(super) fn unsubscribe(&mut self, trigger: TriggerId) {
        self.feeds.remove(&trigger);
    }

    pub(super) fn forget_client(&mut self, client: ClientId) {
        self.feeds.retain(|_, feed| feed.client != client);
    }
}

/// A change as the core takes it. When it was made is asked of the file, unless there are many: the
/// engine's thread is not to wait for a thousand answers.
fn changed_file(root: &Path, change: Change, dated: bool) -> ChangedFile {
    let Change { path, kind, .. } = change;
    let added = kind == ChangeKind::Added;
    let found = if dated { std::fs::symlink_metadata(root.join(&path)).ok() } else { None };
    // The system's clock for files may be late by a tick or two, never early.
    let changed_ms = found.map(|found| {
        let ms = found.ctime().saturating_mul(1000).saturating_add(found.ctime_nsec() / 1_000_000);
        u64::try_from(ms).unwrap_or(0)
    });
    ChangedFile { path, added, changed_ms }
}

impl Feed {
    fn push(&mut self, mut update: TriggerUpdate) {
        if let Some(asking) = self.asking.take() {
            match asking.send(update) {
                Ok(()) => return,
                // It has not waited.
                Err(unsent) => update = unsent,
            }
        }
        if self.updates.len() == MOST_UPDATES {
            self.updates.pop_front();
        }
        self.updates.push_back(update);
    }
}

/// Variables that commands of `bd.toml` get, with the values that the daemon has. All others are those
/// of whoever happened to start it.
const VARIABLES: [&str; 11] = [
    "BD_HOME",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];

/// What the rules of a workspace's `bd.toml` ask for: commands in the root, with few
/// [variables](VARIABLES) and those of the locale.
pub(super) fn requests_of(root: &Path, rules: &[OnChange]) -> Vec<TriggerRequest> {
    let request = |rule: &OnChange| TriggerRequest {
        template: submission(root, &rule.run),
        on: rule.on.as_slice().into(),
        initial: false,
    };
    rules.iter().map(request).collect()
}

fn is_kept(name: &OsStr) -> bool {
    VARIABLES.iter().any(|kept| name == *kept) || name.as_bytes().starts_with(b"LC_")
}

fn submission(root: &Path, run: &[String]) -> Submission {
    let command = Command {
        environment: std::env::vars_os().filter(|(name, _)| is_kept(name)).collect(),
        // The usual one: the daemon's own keeps everybody else out.
        umask: Some(0o022),
        ..Command::in_root(run.iter().map(Into::into).collect(), root)
    };
    Submission {
        client: NOBODY,
        session: "hook:bd.toml".to_owned(),
        plan: Plan::of_action(Action::of_command(command), Join::No(JoinReason::NotABuild)),
        priority: Priority::Background,
        timeout_ms: None,
        detach: true,
        keep_going: false,
        parent: None,
    }
}

#[cfg(test)]
#[path = "triggers_tests.rs"]
mod tests;
