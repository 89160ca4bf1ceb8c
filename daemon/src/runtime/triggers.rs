//! What is run on change: waits for changes of the files that count, and keeps what a trigger did
//! until somebody asks. When to run is the core's to decide.

use super::{Report, Runtime};
use crate::engine::{Input, Join, Submission, TriggerEvent};
use crate::index::{Changes, Clock, EntryType};
use crate::model::command::Program;
use crate::model::{ClientId, Command, JoinReason, Priority, TriggerId};
use crate::watch::{ChangesQuery, Globs, OnChange};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long one wait for changes lasts; it is begun again.
const WAIT: Duration = Duration::from_secs(3600);

/// TriggerUpdate kept for somebody who does not ask; the oldest go.
const MOST_NEWS: usize = 1000;

/// The connection of what `bd.toml` has run: none.
const NOBODY: ClientId = ClientId(0);

/// What a client hears of its watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerUpdate {
    /// What the core did.
    Did(TriggerEvent),
    /// The workspace can not be observed any more.
    Ended(String),
}

/// A command that a client wants run on change.
#[derive(Debug)]
pub struct TriggerRequest {
    /// What to run, for whom.
    pub submission: Submission,
    /// Which files count.
    pub on: Globs,
    /// Whether to run it before anything has changed.
    pub initial: bool,
}

/// Where to answer with the id of a trigger, or why there is none.
pub(super) type TriggerReply = oneshot::Sender<Result<TriggerId, String>>;

/// A trigger whose workspace has been looked at.
#[derive(Debug)]
pub struct Prepared {
    id: TriggerId,
    watch: Box<TriggerRequest>,
    reply: Option<TriggerReply>,
    seen: Result<Changes, String>,
}

/// One trigger, as far as it is not the core's.
#[derive(Debug)]
pub(super) struct TriggerState {
    client: ClientId,
    root: PathBuf,
    on: Globs,
    /// Up to when changes were told.
    since: Option<Clock>,
    news: VecDeque<TriggerUpdate>,
    asking: Option<oneshot::Sender<TriggerUpdate>>,
}

impl Runtime {
    /// Begins to observe for a trigger. Nothing runs, and nobody is answered, before it is certain
    /// that every later change is seen.
    pub(super) fn watch(&mut self, watch: Box<TriggerRequest>, reply: Option<TriggerReply>) {
        self.last_trigger += 1;
        let id = TriggerId(self.last_trigger);
        let reports = self.reports.clone();
        let root = watch.submission.command.root.clone();
        let query = ChangesQuery { since: None, wait: None };
        self.registry.changes(&root, query, move |seen| {
            let prepared = Prepared { id, watch, reply, seen };
            reports.send(Report::Prepared(Box::new(prepared)));
        });
    }

    pub(super) fn prepared(&mut self, prepared: Prepared) -> Option<Input> {
        let Prepared { id, watch, reply, seen } = prepared;
        let TriggerRequest { submission, on, initial } = *watch;
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => {
                match reply {
                    // Whoever does not wait any more needs no answer.
                    Some(reply) => drop(reply.send(Err(why))),
                    None => self.warn(why),
                }
                return None;
            }
        };
        if let Some(reply) = reply
            && reply.send(Ok(id)).is_err()
        {
            return None;
        }
        let watched = TriggerState {
            client: submission.client,
            root: submission.command.root.clone(),
            on,
            since: Some(seen.clock),
            news: VecDeque::new(),
            asking: None,
        };
        self.watched.insert(id, watched);
        Some(Input::AddTrigger { trigger: id, submission, initial })
    }

    /// Forgets the triggers of a connection that ended; the core was told as well.
    pub(super) fn unwatch_all_of(&mut self, client: ClientId) {
        self.watched.retain(|_, watched| watched.client != client);
    }

    pub(super) fn observe(&mut self, id: TriggerId) {
        let Some(watched) = self.watched.get(&id) else { return };
        let reports = self.reports.clone();
        let query = ChangesQuery { since: watched.since, wait: Some(WAIT) };
        self.registry.changes(&watched.root, query, move |changes| {
            reports.send(Report::Observed(id, changes));
        });
    }

    pub(super) fn observed(
        &mut self,
        id: TriggerId,
        changes: Result<Changes, String>,
    ) -> Option<Input> {
        let watched = self.watched.get_mut(&id)?;
        match changes {
            Ok(changes) => {
                watched.since = Some(changes.clock);
                // A directory is no more than the files in it, which are told one by one.
                let files = changes.changes.into_iter().filter(|c| c.entry != EntryType::Dir);
                let paths =
                    files.map(|change| change.path).filter(|path| watched.on.match_path(path));
                Some(Input::FilesChanged { trigger: id, paths: paths.collect() })
            }
            Err(why) => {
                watched.tell(TriggerUpdate::Ended(why));
                Some(Input::RemoveTrigger(id))
            }
        }
    }

    pub(super) fn tell_news(&mut self, id: TriggerId, news: TriggerEvent) {
        let Some(watched) = self.watched.get_mut(&id) else { return };
        if let TriggerEvent::Loop(path) = &news {
            let root = watched.root.display();
            tracing::warn!(%id, %root, path = %path.display(), "what is run on change changes its own files");
        }
        watched.tell(TriggerUpdate::Did(news));
    }

    /// Answers with what a trigger of this client did next, once it did.
    pub(super) fn next_news(
        &mut self,
        id: TriggerId,
        client: ClientId,
        reply: oneshot::Sender<TriggerUpdate>,
    ) {
        let watched = self.watched.get_mut(&id).filter(|watched| watched.client == client);
        // Whoever asks for one that is not there learns it by the end of the reply.
        let Some(watched) = watched else { return };
        match watched.news.pop_front() {
            Some(news) => {
                if let Err(unsent) = reply.send(news) {
                    watched.news.push_front(unsent);
                }
            }
            None => watched.asking = Some(reply),
        }
    }

    /// Runs what a workspace's `bd.toml` says is to be run on change, and nothing else of it.
    pub(super) fn rules_of(&mut self, root: &Path, rules: &[OnChange]) {
        let ours = |watched: &TriggerState| watched.client == NOBODY && watched.root == root;
        let old: Vec<_> =
            self.watched.iter().filter(|(_, watched)| ours(watched)).map(|(id, _)| *id).collect();
        for id in old {
            self.watched.remove(&id);
            self.reports.send(Report::Told(Box::new(Input::RemoveTrigger(id))));
        }
        for rule in rules {
            match Globs::new(rule.on.iter().map(String::as_str)) {
                Ok(on) => {
                    let submission = submission(root, &rule.run);
                    self.watch(Box::new(TriggerRequest { submission, on, initial: false }), None);
                }
                Err(why) => {
                    self.warn(format!("{}: on_change: {why}", root.join("bd.toml").display()))
                }
            }
        }
    }
}

impl TriggerState {
    fn tell(&mut self, mut news: TriggerUpdate) {
        if let Some(asking) = self.asking.take() {
            match asking.send(news) {
                Ok(()) => return,
                // It has not waited.
                Err(unsent) => news = unsent,
            }
        }
        if self.news.len() == MOST_NEWS {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }
}

/// A command of `bd.toml`, in the root and with the daemon's own environment.
fn submission(root: &Path, run: &[String]) -> Submission {
    let environment: Vec<_> = std::env::vars_os().collect();
    let argv: Vec<_> = run.iter().map(Into::into).collect();
    let command = Command {
        argv,
        cwd: root.to_path_buf(),
        environment,
        umask: None,
        stdin: false,
        tty: None,
        root: root.to_path_buf(),
        program: None::<Program>,
    };
    Submission {
        client: NOBODY,
        session: "hook:bd.toml".to_owned(),
        command: Arc::new(command),
        priority: Priority::Background,
        timeout_ms: None,
        join: Join::No(JoinReason::NotABuild),
        detach: true,
        parent: None,
    }
}
