//! Reports to those who wait for changes: once a burst of changes is over, and of a file only when
//! it is closed.

use super::contents::{Contents, Wanted};
use super::request::Answer;
use crate::index::{Change, Changes, Clock, Debounce};
use crate::watch::error::WorkspaceError;
use crate::watch::sync::Synchronizer;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often directories are listed of which no event comes, while somebody waits for changes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Called before somebody is given a clock, with the paths whose changes are not reported with it.
pub(super) type BeforeReport<'a> = &'a mut dyn FnMut(&mut Synchronizer, &BTreeSet<PathBuf>);

/// Somebody who waits for a change.
pub(super) struct Subscriber {
    pub(super) since: Clock,
    pub(super) until: Instant,
    pub(super) answer: Answer<Changes>,
}

/// See the [module](self).
pub(super) struct Subscribers {
    waiting: Vec<Subscriber>,
    /// The fixed moment that the times of `burst` are counted from.
    epoch: Instant,
    /// The changes that have not been reported.
    burst: Option<Debounce>,
    /// The tick up to which changes are part of a burst.
    counted_tick: u64,
    /// Paths that have not been reported since they are being written.
    held_back: BTreeSet<PathBuf>,
    last_poll: Instant,
}

impl Subscribers {
    /// Nobody yet; changes count from `tick`.
    pub(super) fn new(now: Instant, tick: u64) -> Self {
        Self {
            waiting: Vec::new(),
            epoch: now,
            burst: None,
            counted_tick: tick,
            held_back: BTreeSet::new(),
            last_poll: now,
        }
    }

    pub(super) fn add(&mut self, subscriber: Subscriber) {
        self.waiting.push(subscriber);
    }

    /// Those who have not been answered; they are not waited with any more.
    pub(super) fn take_all(&mut self) -> Vec<Subscriber> {
        std::mem::take(&mut self.waiting)
    }

    /// Whether somebody waits.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Paths of which not everybody has been told what has changed.
    pub(super) fn held_back(&self) -> &BTreeSet<PathBuf> {
        &self.held_back
    }

    /// Whether somebody waits for changes that have not been counted.
    pub(super) fn has_news(&self, tick: u64) -> bool {
        !self.waiting.is_empty() && self.counted_tick != tick
    }

    /// Whether it is time to check what no event reports; it counts as done then.
    pub(super) fn begin_poll(&mut self) -> bool {
        let is_due = !self.waiting.is_empty() && self.last_poll.elapsed() >= POLL_INTERVAL;
        if is_due {
            self.last_poll = Instant::now();
        }
        is_due
    }

    /// Reports to those who wait, once a burst of changes is over.
    pub(super) fn report(
        &mut self,
        synchronizer: &mut Synchronizer,
        contents: &mut Contents,
        before: BeforeReport<'_>,
    ) -> Result<(), WorkspaceError> {
        self.release_closed(synchronizer);
        let now = self.epoch.elapsed();
        let tick = synchronizer.index().clock().tick;
        if tick != self.counted_tick {
            let burst = self.burst.get_or_insert_with(|| Debounce::begin(now));
            burst.add(now, synchronizer.index().change_count_since(self.counted_tick));
            self.counted_tick = tick;
        }
        if let Some(burst) = self.burst {
            if self.waiting.is_empty() {
                self.burst = None;
            } else if burst.wait(now, synchronizer.is_git_running()).is_none() {
                if !contents.want(synchronizer, Wanted::Suspect)? {
                    return Ok(());
                }
                self.burst = None;
                // What is run for it is run by the path.
                synchronizer.check_root()?;
                self.report_closed(synchronizer, before);
            }
        }
        self.expire(synchronizer, before);
        Ok(())
    }

    /// Nothing starts on a truncate (rule 13): what somebody is writing is reported when it is
    /// closed.
    fn report_closed(&mut self, synchronizer: &mut Synchronizer, before: BeforeReport<'_>) {
        let (open, _) = synchronizer.being_written(Instant::now());
        before(synchronizer, &open.union(&self.held_back).cloned().collect());
        for subscriber in std::mem::take(&mut self.waiting) {
            let mut changes = synchronizer.index().changes_since(subscriber.since);
            let (held_back, closed): (Vec<Change>, Vec<Change>) =
                changes.changes.into_iter().partition(|change| open.contains(&change.path));
            changes.changes = closed;
            self.held_back.extend(held_back.into_iter().map(|change| change.path));
            if changes.changes.is_empty() && !changes.fresh {
                self.waiting.push(subscriber);
            } else {
                (subscriber.answer)(Ok(changes));
            }
        }
    }

    /// Reports anew what was held back and is closed by now.
    fn release_closed(&mut self, synchronizer: &mut Synchronizer) {
        if self.held_back.is_empty() {
            return;
        }
        let (open, _) = synchronizer.being_written(Instant::now());
        let (still, closed): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) =
            std::mem::take(&mut self.held_back).into_iter().partition(|path| open.contains(path));
        self.held_back = still;
        let index = synchronizer.index_mut();
        closed.iter().for_each(|path| index.touch(path.as_os_str().as_bytes()));
        index.seal();
    }

    /// Answers those who have waited as long as they wanted to.
    fn expire(&mut self, synchronizer: &mut Synchronizer, before: BeforeReport<'_>) {
        let now = Instant::now();
        if self.waiting.iter().any(|subscriber| subscriber.until <= now) {
            before(synchronizer, &self.held_back);
        }
        for subscriber in std::mem::take(&mut self.waiting) {
            if subscriber.until > now {
                self.waiting.push(subscriber);
            } else {
                (subscriber.answer)(Ok(synchronizer.index().changes_since(subscriber.since)));
            }
        }
    }

    /// When there is something to do for them at the latest, though nothing happens.
    pub(super) fn due(&self, synchronizer: &mut Synchronizer, now: Instant) -> Option<Instant> {
        let mut due = self.waiting.iter().map(|subscriber| subscriber.until).min();
        if !self.waiting.is_empty() && synchronizer.coverage().1 > 0 {
            due = due.into_iter().chain([self.last_poll + POLL_INTERVAL]).min();
        }
        if let Some(burst) = self.burst {
            let is_git_running = synchronizer.is_git_running();
            let over = burst.wait(self.epoch.elapsed(), is_git_running).unwrap_or_default();
            due = due.into_iter().chain([self.epoch + over]).min();
        }
        if !self.held_back.is_empty() {
            due = due.into_iter().chain(synchronizer.being_written(now).1).min();
        }
        due
    }
}
