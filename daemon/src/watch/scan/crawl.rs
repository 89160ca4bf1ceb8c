//! Lists many directories, on as many threads as pay. Knows no index.

use super::list::{CrawlContext, CrawlStart, Listing, list};
use super::readdir::Lister;
use crate::watch::paths::join;
use rustix::io::Errno;
use std::path::PathBuf;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// Entries that a workspace may have. A million files are more than the largest repositories have
/// checked out; more than that is somebody's home directory.
pub(in crate::watch) const MAX_ENTRIES: usize = 1_000_000;

/// Directories that wait before it pays to start another thread.
const DIRS_PER_THREAD: usize = 16;

/// Threads that list directories together. To find it out costs as much as listing ten.
static MAX_THREADS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from).min(8));

/// Directories listed by one thread before it takes what others have listed.
const MAX_BATCH: usize = 32;

/// Why a crawl gave up.
#[derive(Debug)]
pub(in crate::watch) enum CrawlError {
    /// There are more than [`MAX_ENTRIES`].
    TooManyEntries,
    /// The system has no descriptor or memory left to read this.
    ResourceExhausted(PathBuf, Errno),
}

#[derive(Debug, Default)]
struct PoolState {
    waiting: Vec<CrawlStart>,
    busy: usize,
    listings: Vec<Listing>,
    entries: usize,
    failed: Option<CrawlError>,
    done: bool,
}

/// Lists directories, and where `deep` says so all below them, sorted by path. A directory that is
/// not there is left out.
pub(in crate::watch) fn crawl(
    context: &CrawlContext<'_>,
    starts: Vec<CrawlStart>,
    deep: bool,
) -> Result<Vec<Listing>, CrawlError> {
    let mut listings = Vec::new();
    crawl_each(context, starts, deep, &mut |listing| listings.push(listing))?;
    listings.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(listings)
}

/// The same, but each listing is handed over as soon as it is there: a directory's before those
/// of what is in it.
pub(in crate::watch) fn crawl_each(
    context: &CrawlContext<'_>,
    starts: Vec<CrawlStart>,
    deep: bool,
    take: &mut dyn FnMut(Listing),
) -> Result<(), CrawlError> {
    let state = Mutex::new(PoolState { waiting: starts, ..PoolState::default() });
    let pool = CrawlPool { context, deep, state, progress: Condvar::new() };
    std::thread::scope(|scope| {
        let mut helpers = 0;
        pool.run(&mut |waiting, listings| {
            listings.into_iter().for_each(&mut *take);
            if waiting > DIRS_PER_THREAD * (helpers + 1) && helpers + 1 < *MAX_THREADS {
                helpers += 1;
                let pool = &pool;
                scope.spawn(move || pool.help());
            }
        });
    });
    let state = pool.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some(failed) => Err(failed),
        None if state.entries > MAX_ENTRIES => Err(CrawlError::TooManyEntries),
        None => Ok(()),
    }
}

/// A crawl, as the threads that work at it share it.
struct CrawlPool<'a> {
    context: &'a CrawlContext<'a>,
    deep: bool,
    state: Mutex<PoolState>,
    progress: Condvar,
}

impl CrawlPool<'_> {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists, and hands over what was listed, with the number of those that wait.
    fn run(&self, hand_over: &mut dyn FnMut(usize, Vec<Listing>)) {
        let mut lister = Lister::new();
        let mut state = self.lock();
        loop {
            if !state.listings.is_empty() {
                let (waiting, listings) =
                    (state.waiting.len(), std::mem::take(&mut state.listings));
                drop(state);
                hand_over(waiting, listings);
                state = self.lock();
            } else if !state.waiting.is_empty() {
                state = self.list_batch(state, &mut lister);
            } else if state.busy > 0 {
                state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                state.done = true;
                self.progress.notify_all();
                return;
            }
        }
    }

    /// Lists until all is done.
    fn help(&self) {
        let mut lister = Lister::new();
        let mut state = self.lock();
        while !state.done {
            state = match state.waiting.is_empty() {
                false => self.list_batch(state, &mut lister),
                true => self.progress.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lists some of those that wait: several at once, so that the lock is seldom taken.
    fn list_batch<'a>(
        &'a self,
        mut state: MutexGuard<'a, PoolState>,
        lister: &mut Lister,
    ) -> MutexGuard<'a, PoolState> {
        let rest = state.waiting.len() - (state.waiting.len() / 4).clamp(1, MAX_BATCH);
        let starts = state.waiting.split_off(rest);
        state.busy += 1;
        drop(state);
        let listed: Vec<_> =
            starts.into_iter().map(|start| list(self.context, start, lister)).collect();
        state = self.lock();
        state.busy -= 1;
        for listing in listed {
            match listing {
                Ok(Some(listing)) => {
                    state.entries += listing.entries.len();
                    if self.deep && state.entries <= MAX_ENTRIES && state.failed.is_none() {
                        state.waiting.extend(below(&listing));
                    }
                    state.listings.push(listing);
                }
                Ok(None) => {}
                Err((path, error)) => {
                    state.waiting.clear();
                    state.failed = Some(CrawlError::ResourceExhausted(path, error));
                }
            }
        }
        self.progress.notify_all();
        state
    }
}

fn below(listing: &Listing) -> impl Iterator<Item = CrawlStart> {
    let dirs = listing.entries.iter().filter(|(_, signature)| signature.is_dir());
    dirs.map(|(name, _)| CrawlStart {
        path: join(&listing.path, name),
        rules: listing.rules.clone(),
    })
}
