//! Answers what is asked of one workspace. Its synchronizer knows what is on disk, its contents what was
//! read. Whose thread does it, and when, is `slot`'s.

use super::contents::{Contents, Wanted};
use super::memory;
use super::query::{ChangesQuery, Summary};
use super::snapshot::{self, Saving, SnapshotStore};
use crate::index::{Changes, Clock, Debounce, InputSet, Instance};
use crate::model::{Digest, TreeVersion};
use crate::watch::error::WorkspaceError;
use crate::watch::source::SourcePreference;
use crate::watch::source::Waker;
use crate::watch::source::select_source;
use crate::watch::sync::Synchronizer;
use crate::watch::sync::Verified;
use crate::watch::sync::verify;
use crate::workspace::Globs;
use crate::workspace::OnChange;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often directories are listed that no event tells about, while somebody waits for changes.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// A workspace whose files change faster than they are read has no state.
const READING_PATIENCE: Duration = Duration::from_secs(10);

/// How often it is tried again when the system has no means left to read something, and how long
/// whoever asks waits for that.
const RETRY_EVERY: Duration = Duration::from_millis(50);
const MEANS_PATIENCE: Duration = Duration::from_secs(2);

/// Changes told at once, by whoever asks: more would take longer than to wake another thread.
const MOST_AT_ONCE: usize = 64;

/// How long after much work the memory that it has left is given back.
const TIDY_AFTER: Duration = Duration::from_millis(500);

/// Sets of inputs whose directories are remembered.
const MOST_INPUT_SETS: usize = 256;

/// An answer on its way to whoever asked.
pub(super) type Answer<T> = Box<dyn FnOnce(Result<T, String>) + Send>;

/// The state of a workspace at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// What tells it from other states.
    pub id: TreeVersion,
    /// The moment.
    pub clock: Clock,
}

/// What is asked of a workspace.
pub(super) enum Request {
    State(Answer<State>),
    Info(Answer<Summary>),
    Changes(ChangesQuery, Answer<Changes>),
    Digest(Globs, Answer<(Clock, Digest)>),
    Verify(bool, Answer<Verified>),
}

/// What a actor is made from.
pub(super) struct ActorConfig {
    pub(super) root: PathBuf,
    pub(super) excluded: Vec<PathBuf>,
    pub(super) waker: Waker,
    pub(super) published: watch::Sender<Option<Summary>>,
    pub(super) preference: SourcePreference,
    /// A directory of the daemon's own.
    pub(super) private: PathBuf,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    pub(super) on_rules_changed: OnRulesChanged,
}

/// NameEvent what the `bd.toml` of a workspace has run on change, whenever that changes.
pub type OnRulesChanged = Arc<dyn Fn(&Path, &[OnChange]) + Send + Sync>;

/// Somebody who waits for a digest.
pub(super) struct Waiting {
    since: Instant,
    request: Request,
}

/// Somebody who waits for a change.
pub(super) struct Watching {
    pub(super) since: Clock,
    pub(super) until: Instant,
    pub(super) answer: Answer<Changes>,
}

pub(super) struct WorkspaceActor {
    pub(super) config: ActorConfig,
    pub(super) begun: Instant,
    pub(super) synchronizer: Synchronizer,
    pub(super) contents: Contents,
    pub(super) notes: Vec<String>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) watching: Vec<Watching>,
    pub(super) settle: Option<Debounce>,
    /// Paths that nobody was told of since they are being written.
    pub(super) held: BTreeSet<PathBuf>,
    pub(super) told: u64,
    pub(super) last_sync: Option<Duration>,
    pub(super) last_poll: Instant,
    /// Sets of inputs that were asked for, by their globs.
    input_sets: HashMap<Vec<String>, InputSet>,
    pub(super) saving: Saving,
    /// What was last shown to those who do not ask: of which moment, with which digest.
    pub(super) shown: Option<(Clock, Option<Digest>)>,
    pub(super) rules_told: Vec<OnChange>,
    /// When something is tried again that failed.
    retry: Option<Instant>,
    /// Why the workspace is not observed any more, as whoever asked has found out.
    lost: Option<WorkspaceError>,
    /// When its thread looks again, though nothing happens.
    looks_again: Option<Instant>,
    /// When memory that much work has left is given back.
    tidy: Option<Instant>,
}

impl WorkspaceActor {
    pub(super) fn begin(config: ActorConfig) -> Result<Self, Box<(ActorConfig, WorkspaceError)>> {
        let (source, notes) = select_source(&config.root, config.preference, &config.private);
        let instance = new_instance();
        let index = snapshot::load(&*config.snapshots, &config.root, instance);
        match Synchronizer::begin(&config.root, &config.excluded, source, index.ok_or(instance)) {
            Ok(synchronizer) => {
                let contents = Contents::new(config.waker.clone());
                let now = Instant::now();
                Ok(Self {
                    told: synchronizer.index.clock().tick,
                    config,
                    begun: now,
                    synchronizer,
                    contents,
                    notes,
                    waiting: Vec::new(),
                    watching: Vec::new(),
                    settle: None,
                    held: BTreeSet::new(),
                    last_sync: None,
                    last_poll: now,
                    input_sets: HashMap::new(),
                    saving: Saving::default(),
                    shown: None,
                    rules_told: Vec::new(),
                    retry: None,
                    lost: None,
                    looks_again: None,
                    tidy: Some(now + TIDY_AFTER),
                })
            }
            Err(lost) => Err(Box::new((config, lost))),
        }
    }

    /// What has not been answered.
    pub(super) fn pending(&mut self) -> Vec<Request> {
        let waiting = self.waiting.drain(..).map(|waiting| waiting.request);
        let watching = self.watching.drain(..).map(|watching| {
            let wait = Some(watching.until.saturating_duration_since(Instant::now()));
            let query = ChangesQuery { since: Some(watching.since), wait };
            Request::Changes(query, watching.answer)
        });
        waiting.chain(watching).collect()
    }

    /// Looks what there is to do, and does it.
    pub(super) fn look_around(&mut self) -> Result<(), WorkspaceError> {
        self.retry = None;
        match self.turn() {
            Err(lost @ WorkspaceError::ResourceExhausted { .. }) => {
                self.try_later(&lost);
                Ok(())
            }
            turned => turned,
        }
    }

    /// Answers a request if that takes less time than to wake the thread of the workspace, which is
    /// left the rest.
    pub(super) fn at_once(&mut self, request: Request) {
        let brief = self.waiting.is_empty() && self.is_brief(&request);
        self.accept(request);
        if brief && let Err(lost) = self.sync().and_then(|()| self.answer_if_certain()) {
            self.lost = Some(lost);
        }
        let now = Instant::now();
        let sooner = match (self.look_again_at(now), self.looks_again) {
            (Some(next), Some(planned)) => next < planned,
            (next, _) => next.is_some(),
        };
        let news = !self.watching.is_empty() && self.told != self.synchronizer.index.clock().tick;
        if sooner || news || !self.waiting.is_empty() || self.lost.is_some() {
            self.config.waker.wake();
        }
    }

    /// Whether a request can be answered briefly, as far as can be seen beforehand.
    fn is_brief(&mut self, request: &Request) -> bool {
        let Request::Changes(query, _) = request else { return false };
        let index = &self.synchronizer.index;
        let few = query.since.is_none_or(|since| {
            since.instance == index.clock().instance
                && index.happened_since(since.tick) <= MOST_AT_ONCE
        });
        few && self.retry.is_none() && self.lost.is_none() && self.synchronizer.is_fast()
    }

    fn answer_if_certain(&mut self) -> Result<(), WorkspaceError> {
        if self.synchronizer.index.has_suspects() { Ok(()) } else { self.answer() }
    }

    /// Leaves those who wait until another try, unless they have waited too long.
    fn try_later(&mut self, lost: &WorkspaceError) {
        self.retry = Some(Instant::now() + RETRY_EVERY);
        let patient = |waiting: &Waiting| waiting.since.elapsed() <= MEANS_PATIENCE;
        let (later, refused) = std::mem::take(&mut self.waiting).into_iter().partition(patient);
        self.waiting = later;
        let refused: Vec<Waiting> = refused;
        refused.into_iter().for_each(|waiting| waiting.request.refuse(&lost.to_string()));
    }

    fn turn(&mut self) -> Result<(), WorkspaceError> {
        if let Some(lost) = self.lost.take() {
            return Err(lost);
        }
        self.contents.take(&mut self.synchronizer)?;
        if self.waiting.is_empty() {
            self.synchronizer.take()?;
            if !self.watching.is_empty() && self.last_poll.elapsed() >= POLL_EVERY {
                self.last_poll = Instant::now();
                self.synchronizer.poll()?;
                self.synchronizer.index.seal();
            }
        } else {
            self.sync()?;
        }
        self.answer()?;
        self.tell_watching()?;
        if self.rules_told != self.synchronizer.on_change() {
            self.rules_told = self.synchronizer.on_change().to_vec();
            (self.config.on_rules_changed)(&self.config.root, &self.rules_told);
        }
        let now = Instant::now();
        if self.saving.due(&self.synchronizer.index, now).is_some_and(|due| due <= now) {
            self.saving.save(&mut self.synchronizer, &*self.config.snapshots);
            self.tidy = Some(now + TIDY_AFTER);
        }
        if self.tidy.is_some_and(|tidy| tidy <= now) {
            self.tidy = None;
            memory::give_back();
        }
        Ok(())
    }

    /// Sees everything that was done before the last one who waits has asked.
    fn sync(&mut self) -> Result<(), WorkspaceError> {
        let begun = Instant::now();
        let asked = self.waiting.iter().map(|waiting| waiting.since).max();
        self.synchronizer.sync(asked.unwrap_or(begun))?;
        self.last_sync = Some(begun.elapsed());
        Ok(())
    }

    pub(super) fn accept(&mut self, request: Request) {
        self.waiting.push(Waiting { since: Instant::now(), request });
    }

    /// Answers those who can be answered in this state.
    fn answer(&mut self) -> Result<(), WorkspaceError> {
        let all = |waiting: &Waiting| !matches!(waiting.request, Request::Changes(..));
        if self.waiting.is_empty() {
            return Ok(());
        }
        let wanted = if self.waiting.iter().any(all) { Wanted::All } else { Wanted::Suspect };
        let everything =
            self.contents.want(&mut self.synchronizer, wanted)? && wanted == Wanted::All;
        let certain = !self.synchronizer.index.has_suspects();
        let digest = if everything { self.synchronizer.index.digest() } else { None };
        let mut distrusted = false;
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.request {
                Request::Changes(query, answer) if certain => self.changes(query, answer),
                Request::State(answer) if digest.is_some() => answer(Ok(self.state(digest))),
                Request::Info(answer) if digest.is_some() => {
                    answer(Ok(self.summary(digest)));
                }
                Request::Digest(on, answer) if everything => {
                    let found = self.digest_of(&on);
                    answer(found.ok_or_else(|| self.unstable()));
                }
                Request::Verify(repair, answer) if everything => {
                    let verified = verify(&mut self.synchronizer, repair);
                    let mended = verified.as_ref().is_ok_and(|verified| verified.repaired);
                    answer(verified.map_err(|lost| lost.to_string()));
                    if mended {
                        distrusted = true;
                    }
                }
                request if waiting.since.elapsed() > READING_PATIENCE => {
                    request.refuse(&self.unstable());
                }
                request => self.waiting.push(Waiting { since: waiting.since, request }),
            }
        }
        self.publish(digest);
        if distrusted { Err(WorkspaceError::Distrusted(self.config.root.clone())) } else { Ok(()) }
    }

    fn digest_of(&mut self, on: &Globs) -> Option<(Clock, Digest)> {
        if self.input_sets.len() >= MOST_INPUT_SETS && !self.input_sets.contains_key(on.lines()) {
            self.input_sets.clear();
        }
        let set = self.input_sets.entry(on.lines().to_vec()).or_insert_with(|| {
            let on = on.clone();
            InputSet::new(move |path| on.match_path(Path::new(OsStr::from_bytes(path))))
        });
        let digest = set.digest(&mut self.synchronizer.index)?;
        Some((self.synchronizer.index.clock(), digest))
    }

    fn unstable(&mut self) -> String {
        let unread = self.synchronizer.index.unread();
        let path = unread.first().map(|(node, _)| {
            self.synchronizer
                .index
                .path_under(self.synchronizer.root(), *node)
                .display()
                .to_string()
        });
        format!("{} keeps changing", path.as_deref().unwrap_or("a file"))
    }

    fn state(&self, digest: Option<Digest>) -> State {
        let clock = self.synchronizer.index.clock();
        let tree = digest.expect("BUG: a state without a digest");
        // Other instances begin elsewhere, so that no two states of a workspace are taken for one.
        State { id: TreeVersion { tree, epoch: clock.instance.0.wrapping_add(clock.tick) }, clock }
    }

    fn changes(&mut self, query: ChangesQuery, answer: Answer<Changes>) {
        let clock = self.synchronizer.index.clock();
        let changes = match query.since {
            Some(since) => self.synchronizer.index.changes_since(since),
            None => Changes { clock, fresh: false, changes: Vec::new() },
        };
        match query.wait {
            Some(wait) if changes.changes.is_empty() && !changes.fresh => {
                let until = Instant::now() + wait;
                let since = query.since.unwrap_or(clock);
                self.watching.push(Watching { since, until, answer });
            }
            _ => answer(Ok(changes)),
        }
    }

    /// When to look again at the latest, though nothing has happened.
    fn look_again_at(&mut self, now: Instant) -> Option<Instant> {
        let mut next = self.watching.iter().map(|watching| watching.until).min();
        if !self.watching.is_empty() && !self.synchronizer.watches().1.is_empty() {
            next = next.into_iter().chain([self.last_poll + POLL_EVERY]).min();
        }
        if let Some(burst) = self.settle {
            let git = self.synchronizer.is_git_running();
            let due = burst.wait(self.begun.elapsed(), git).unwrap_or_default();
            next = next.into_iter().chain([self.begun + due]).min();
        }
        if !self.held.is_empty() {
            next = next.into_iter().chain(self.synchronizer.being_written(now).1).min();
        }
        let saving = self.saving.due(&self.synchronizer.index, now);
        next = next.into_iter().chain(saving).chain(self.retry).chain(self.tidy).min();
        if !self.waiting.is_empty() {
            next = next.into_iter().chain([now + READING_PATIENCE]).min();
        }
        next
    }

    /// The same, for the thread of the workspace to keep to.
    pub(super) fn plan(&mut self, now: Instant) -> Option<Instant> {
        self.looks_again = self.look_again_at(now);
        self.looks_again
    }

    /// Whether somebody waits for an answer that does not depend on a change.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Request {
    /// Answers that there is no answer.
    pub(super) fn refuse(self, why: &str) {
        match self {
            Self::State(answer) => answer(Err(why.to_owned())),
            Self::Info(answer) => answer(Err(why.to_owned())),
            Self::Changes(_, answer) => answer(Err(why.to_owned())),
            Self::Digest(_, answer) => answer(Err(why.to_owned())),
            Self::Verify(_, answer) => answer(Err(why.to_owned())),
        }
    }
}

/// Drawn at random: no other epoch of any workspace has it.
pub(super) fn new_instance() -> Instance {
    use std::hash::{BuildHasher as _, RandomState};
    Instance(RandomState::new().hash_one(std::process::id()))
}
