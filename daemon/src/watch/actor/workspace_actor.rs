//! Answers what is asked of one workspace. Its synchronizer knows what is on disk, its contents what
//! was read. On which thread it runs, and when, is decided in `task`.

use super::contents::{Contents, Wanted};
use super::input_sets::InputSets;
use super::memory::release_freed_memory;
use super::query::{ChangesQuery, Summary, WorkspaceState};
use super::request::{Answer, PendingRequest, Request};
use super::snapshot::{self, Saving, SnapshotStore};
use super::subscribers::{Subscriber, Subscribers};
use super::summary::SummaryPublisher;
use super::tree_names::{TreeNamesCache, is_noted};
use super::verifying::Verifying;
use crate::index::{Changes, Clock, Instance, is_litter};
use crate::model::{Digest, TreeVersion};
use crate::watch::error::WorkspaceError;
use crate::watch::random::random_number;
use crate::watch::source::{SourcePreference, Sources, Waker};
use crate::watch::sync::Synchronizer;
use crate::workspace::{OnChange, OnChangeRules};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long files may keep changing while they are read: then there is no state of the workspace.
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// The same where all but a few files are read: they are being written all the time.
const MOVING_PATIENCE: Duration = Duration::from_secs(2);
const MOST_MOVING: usize = 8;

/// How often it is tried again when the system has nothing left to read something with, and how
/// long whoever asks waits for that.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
const RETRY_PATIENCE: Duration = Duration::from_secs(2);

/// Changes reported on the thread of whoever asks: more would take longer than to wake another
/// thread.
const MAX_FAST_CHANGES: usize = 64;

/// How long after much work the memory that it has left is given back.
const MEMORY_DELAY: Duration = Duration::from_millis(500);

/// What an actor is made from.
pub(super) struct ActorConfig {
    pub(super) root: PathBuf,
    pub(super) excluded: Vec<PathBuf>,
    pub(super) waker: Waker,
    pub(super) published: watch::Sender<Option<Summary>>,
    pub(super) sources: Arc<Sources>,
    pub(super) preference: SourcePreference,
    /// A directory of the daemon's own.
    pub(super) private: PathBuf,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    pub(super) on_rules_changed: OnRulesChanged,
}

/// Called with what the `bd.toml` of a workspace has run on change: when it is observed, whenever that
/// changes, and with `None` when nothing is at its root any more.
pub type OnRulesChanged = Arc<dyn Fn(&Path, Option<&OnChangeRules>) + Send + Sync>;

/// See the [module](self).
pub(super) struct WorkspaceActor {
    config: ActorConfig,
    synchronizer: Synchronizer,
    contents: Contents,
    /// Requests that have not been answered, but for those of subscribers.
    requests: Vec<PendingRequest>,
    verifying: Option<Verifying>,
    subscribers: Subscribers,
    derived: Derived,
    saving: Saving,
    publisher: SummaryPublisher,
    /// What was last reported of `bd.toml`; `None` before that.
    reported_rules: Option<Vec<OnChange>>,
    timers: Timers,
    /// Why the workspace is not observed any more, as whoever asked has found out.
    error: Option<WorkspaceError>,
}

/// What was worked out from the index for questions that are asked again.
#[derive(Debug, Default)]
struct Derived {
    input_sets: InputSets,
    tree_names: TreeNamesCache,
}

/// When something is to be done though nothing happens.
#[derive(Debug, Default)]
struct Timers {
    /// What failed is tried again.
    retry: Option<Instant>,
    /// The thread of the workspace wakes.
    wake: Option<Instant>,
    /// Memory that much work has left is given back.
    release_memory: Option<Instant>,
}

impl WorkspaceActor {
    /// Lists the workspace, from what was saved of it if there is something. Gives the
    /// configuration back where that fails.
    pub(super) fn begin(config: ActorConfig) -> Result<Self, Box<(ActorConfig, WorkspaceError)>> {
        let (source, warnings) = config.sources.select(
            &config.root,
            config.preference,
            &config.private,
            config.waker.clone(),
        );
        let instance = Instance(random_number());
        let index = snapshot::load(&*config.snapshots, &config.root, instance);
        let index = index.ok_or(instance);
        match Synchronizer::begin(&config.root, &config.excluded, source, index) {
            Ok(mut synchronizer) => {
                synchronizer.index_mut().note_names(is_noted);
                let now = Instant::now();
                let release_memory = Some(now + MEMORY_DELAY);
                Ok(Self {
                    contents: Contents::new(config.waker.clone()),
                    config,
                    requests: Vec::new(),
                    verifying: None,
                    subscribers: Subscribers::new(now, synchronizer.index().clock().tick),
                    synchronizer,
                    derived: Derived::default(),
                    saving: Saving::default(),
                    publisher: SummaryPublisher::new(warnings),
                    reported_rules: None,
                    timers: Timers { release_memory, ..Timers::default() },
                    error: None,
                })
            }
            Err(error) => Err(Box::new((config, error))),
        }
    }

    /// Ends it: what has not been answered, and what another one can be made from.
    pub(super) fn into_pending(mut self) -> (ActorConfig, Vec<Request>) {
        let subscribers = self.subscribers.take_all().into_iter().map(|subscriber| {
            let wait = Some(subscriber.until.saturating_duration_since(Instant::now()));
            let query = ChangesQuery { since: Some(subscriber.since), wait };
            Request::Changes(query, subscriber.answer)
        });
        let requests = self.requests.into_iter().map(|pending| pending.request);
        let verifying = self.verifying.map(Verifying::into_request);
        (self.config, requests.chain(subscribers).chain(verifying).collect())
    }

    /// Saves everything, as the last thing that is done.
    pub(super) fn save_all(&mut self) {
        self.saving.save_all(&mut self.synchronizer, &*self.config.snapshots);
    }

    pub(super) fn accept(&mut self, request: Request) {
        let clock = self.synchronizer.index().clock();
        self.requests.push(PendingRequest { since: Instant::now(), clock, request });
    }

    /// Whether somebody waits for an answer that does not depend on a change.
    pub(super) fn has_requests(&self) -> bool {
        !self.requests.is_empty() || self.verifying.is_some()
    }

    /// Whether somebody waits for a change.
    pub(super) fn has_subscribers(&self) -> bool {
        self.subscribers.are_waiting()
    }

    /// Does what there is to do.
    pub(super) fn run_once(&mut self) -> Result<(), WorkspaceError> {
        self.timers.retry = None;
        match self.process() {
            Err(error) if error.is_temporary() => {
                self.retry_later(&error);
                Ok(())
            }
            result => result,
        }
    }

    fn process(&mut self) -> Result<(), WorkspaceError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.contents.take(&mut self.synchronizer)?;
        self.end_verifying()?;
        if !self.requests.is_empty() {
            self.sync()?;
        } else {
            self.synchronizer.take()?;
            if self.subscribers.begin_poll() {
                self.synchronizer.poll()?;
                self.synchronizer.index_mut().seal();
            }
        }
        // Whoever gets an answer may ask next whether they are run.
        self.report_rules();
        self.answer()?;
        let (saving, snapshots) = (&mut self.saving, &*self.config.snapshots);
        let mut record = |synchronizer: &mut Synchronizer, unreported: &BTreeSet<PathBuf>| {
            saving.record(synchronizer, snapshots, unreported);
        };
        self.subscribers.report(&mut self.synchronizer, &mut self.contents, &mut record)?;
        self.run_timers();
        Ok(())
    }

    fn has_new_rules(&self) -> bool {
        self.reported_rules.as_deref() != Some(self.synchronizer.on_change())
    }

    fn report_rules(&mut self) {
        if self.has_new_rules() {
            let rules = self.synchronizer.on_change_rules();
            (self.config.on_rules_changed)(&self.config.root, Some(&rules));
            self.reported_rules = Some(rules.rules);
        }
    }

    /// Saves what changed, and gives back memory, when it is time to.
    fn run_timers(&mut self) {
        let now = Instant::now();
        if self.saving.due(self.synchronizer.index(), now).is_some_and(|due| due <= now) {
            self.saving.save(&mut self.synchronizer, &*self.config.snapshots);
            self.timers.release_memory = Some(now + MEMORY_DELAY);
        }
        if self.timers.release_memory.is_some_and(|due| due <= now) {
            self.timers.release_memory = None;
            release_freed_memory();
        }
    }

    /// Answers a request if that takes less time than to wake the thread of the workspace, which is
    /// left the rest.
    pub(super) fn answer_fast(&mut self, request: Request) {
        let is_fast = self.requests.is_empty() && self.is_fast(&request);
        self.accept(request);
        if is_fast && let Err(error) = self.sync().and_then(|()| self.answer_if_certain()) {
            self.error = Some(error);
        }
        let now = Instant::now();
        let is_sooner = match (self.due(now), self.timers.wake) {
            (Some(due), Some(planned)) => due < planned,
            (due, _) => due.is_some(),
        };
        let has_news = self.subscribers.has_news(self.synchronizer.index().clock().tick);
        let has_news = has_news || self.has_new_rules();
        if is_sooner || has_news || self.has_requests() || self.error.is_some() {
            self.config.waker.wake();
        }
    }

    /// Whether a request can be answered fast, as far as can be known beforehand.
    fn is_fast(&mut self, request: &Request) -> bool {
        let Request::Changes(query, _) = request else { return false };
        let index = self.synchronizer.index();
        let are_few = query.since.is_none_or(|since| {
            since.instance == index.clock().instance
                && index.change_count_since(since.tick) <= MAX_FAST_CHANGES
        });
        let is_well = self.timers.retry.is_none() && self.error.is_none();
        are_few && is_well && self.synchronizer.is_fast()
    }

    fn answer_if_certain(&mut self) -> Result<(), WorkspaceError> {
        if self.synchronizer.index().has_suspects() { Ok(()) } else { self.answer() }
    }

    /// Leaves those who wait until another try, unless they have waited too long.
    fn retry_later(&mut self, error: &WorkspaceError) {
        self.timers.retry = Some(Instant::now() + RETRY_INTERVAL);
        let may_wait = |pending: &PendingRequest| pending.since.elapsed() <= RETRY_PATIENCE;
        let (later, refused): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.requests).into_iter().partition(may_wait);
        self.requests = later;
        refused.into_iter().for_each(|pending| pending.request.refuse(error.clone()));
    }

    /// Processes everything that was done before the latest request.
    fn sync(&mut self) -> Result<(), WorkspaceError> {
        let started = Instant::now();
        let asked = self.requests.iter().map(|pending| pending.since).max();
        self.synchronizer.sync(asked.unwrap_or(started))?;
        self.publisher.set_last_sync(started.elapsed());
        Ok(())
    }

    /// Answers those who can be answered in this state.
    fn answer(&mut self) -> Result<(), WorkspaceError> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let needs_all = self.requests.iter().any(|pending| pending.request.needs_all_contents());
        let wanted = if needs_all { Wanted::All } else { Wanted::Suspect };
        let has_all = self.contents.want(&mut self.synchronizer, wanted)? && needs_all;
        let is_certain = !self.synchronizer.index().has_suspects();
        let digest = if has_all { self.synchronizer.index_mut().digest() } else { None };
        let held_back = self.subscribers.held_back();
        self.saving.record(&mut self.synchronizer, &*self.config.snapshots, held_back);
        for PendingRequest { since, clock, request } in std::mem::take(&mut self.requests) {
            match (request, digest) {
                (Request::Changes(query, answer), _) if is_certain => self.changes(query, answer),
                (Request::State(answer), Some(digest)) => answer(Ok(self.state(digest))),
                (Request::Inputs(dirs, answer), Some(digest)) => {
                    let names = self.derived.tree_names.names(&self.synchronizer, &dirs);
                    answer(Ok((self.state(digest), names)));
                }
                (Request::Info(answer), Some(_)) => {
                    answer(Ok(self.publisher.summary(&self.synchronizer, digest)));
                }
                (Request::Digest(globs, answer), _) if has_all => {
                    let found =
                        self.derived.input_sets.digest(&globs, self.synchronizer.index_mut());
                    let clock = self.synchronizer.index().clock();
                    answer(found.map(|found| (clock, found)).ok_or_else(|| self.why_unread(clock)));
                }
                (Request::Verify(repair, answer), _) if has_all && self.verifying.is_none() => {
                    let waker = &self.config.waker;
                    self.verifying =
                        Verifying::begin(&mut self.synchronizer, waker, repair, answer);
                }
                (request @ Request::Verify(..), _) if has_all => {
                    // After the one that is under way.
                    let since = Instant::now();
                    self.requests.push(PendingRequest { since, clock, request });
                }
                (request, _) if since.elapsed() > READ_PATIENCE => {
                    request.refuse(self.why_unread(clock));
                }
                (request @ Request::State(_), _)
                    if since.elapsed() > MOVING_PATIENCE && self.only_moving_is_unread(clock) =>
                {
                    request.refuse(self.why_unread(clock));
                }
                (request, _) => self.requests.push(PendingRequest { since, clock, request }),
            }
        }
        self.publisher.publish(&self.synchronizer, digest, &self.config.published);
        Ok(())
    }

    /// Answers what has been compared with the disk by now.
    fn end_verifying(&mut self) -> Result<(), WorkspaceError> {
        let Some(verifying) = self.verifying.take() else { return Ok(()) };
        match verifying.end(&mut self.synchronizer) {
            Ok(true) => Err(WorkspaceError::Distrusted(self.config.root.clone())),
            Ok(false) => Ok(()),
            Err(verifying) => {
                self.verifying = Some(verifying);
                Ok(())
            }
        }
    }

    /// The files that are not read, and which of them have changed since `asked`.
    fn unread_and_moving(&mut self, asked: Clock) -> (usize, Vec<PathBuf>) {
        let unread = self.synchronizer.index_mut().unread();
        let changes = self.synchronizer.index().changes_since(asked);
        let changed: HashSet<PathBuf> = match changes.fresh {
            true => HashSet::new(),
            false => changes.changes.into_iter().map(|change| change.path).collect(),
        };
        let root = self.synchronizer.root();
        let has_moved =
            |path: &PathBuf| path.strip_prefix(root).is_ok_and(|path| changed.contains(path));
        let paths = unread.iter().map(|(node, _)| self.synchronizer.path_of(*node));
        (unread.len(), paths.filter(has_moved).collect())
    }

    /// Whether nothing keeps the workspace from being read but a few files that do not come to rest.
    fn only_moving_is_unread(&mut self, asked: Clock) -> bool {
        let (unread, moving) = self.unread_and_moving(asked);
        (1..=MOST_MOVING).contains(&unread) && moving.len() == unread
    }

    /// Why not everything is read.
    fn why_unread(&mut self, asked: Clock) -> WorkspaceError {
        let (left, moving) = self.unread_and_moving(asked);
        match moving.into_iter().next() {
            None if left > 0 => {
                WorkspaceError::StillReading { root: self.config.root.clone(), left }
            }
            path => WorkspaceError::KeepsChanging(path.unwrap_or_else(|| self.config.root.clone())),
        }
    }

    /// What editors leave is no part of a state.
    fn state(&mut self, whole: Digest) -> WorkspaceState {
        let tree = self.synchronizer.index_mut().digest_without(is_litter).unwrap_or(whole);
        let index = self.synchronizer.index_mut();
        let clock = index.clock();
        // Other instances begin elsewhere, so that no two states of a workspace are taken for one.
        let id = TreeVersion { tree, epoch: clock.instance.0.wrapping_add(index.epoch()) };
        WorkspaceState { id, clock }
    }

    fn changes(&mut self, query: ChangesQuery, answer: Answer<Changes>) {
        let clock = self.synchronizer.index().clock();
        let changes = match query.since {
            Some(since) => self.synchronizer.index().changes_since(since),
            None => Changes { clock, fresh: false, changes: Vec::new() },
        };
        match query.wait {
            Some(wait) if changes.changes.is_empty() && !changes.fresh => {
                let until = Instant::now() + wait;
                let since = query.since.unwrap_or(clock);
                self.subscribers.add(Subscriber { since, until, answer });
            }
            _ => answer(Ok(changes)),
        }
    }

    /// When there is something to do at the latest, though nothing happens.
    fn due(&mut self, now: Instant) -> Option<Instant> {
        let subscribers = self.subscribers.due(&mut self.synchronizer, now);
        let saving = self.saving.due(self.synchronizer.index(), now);
        let reading = (!self.requests.is_empty()).then(|| now + MOVING_PATIENCE);
        let timers = [self.timers.retry, self.timers.release_memory];
        timers.into_iter().chain([subscribers, saving, reading]).flatten().min()
    }

    /// The same, for the thread of the workspace to keep to.
    pub(super) fn plan_wake(&mut self, now: Instant) -> Option<Instant> {
        self.timers.wake = self.due(now);
        self.timers.wake
    }
}
