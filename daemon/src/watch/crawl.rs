//! Lists directories, having watched them first, so that nothing falls between the two (rule 1).
//! Reads names and signatures; `marks` reads what directories say of themselves. Knows no index.

use super::ignore_files::{self, is_resource_exhausted};
use super::readdir::Lister;
use super::rules::{CACHE_TAG, Rules, never};
use super::select::undeliverable_reason;
use super::source::{Source, WatchId};
use super::toml::OnChange;
use super::unwatched::is_linked;
use crate::index::Signature;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most entries of a workspace. A million files are more than the largest repositories have
/// checked out; more than that is somebody's home directory.
pub(super) const MOST_ENTRIES: usize = 1_000_000;

/// Directories that wait before it pays to start another thread.
const DIRS_A_THREAD: usize = 16;

/// Threads that list directories together. To find it out costs as much as listing ten.
static MOST_THREADS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from).min(8));

/// Directories listed by one thread before it looks what others have done.
const MOST_AT_ONCE: usize = 32;

/// What all crawls of a workspace share.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    pub(super) root: &'a Path,
    /// The device that the root is on.
    pub(super) device: u64,
    pub(super) source: &'a dyn Source,
    /// Absolute paths that are not looked into.
    pub(super) excluded: &'a [PathBuf],
    /// Whether anything is known of the workspace: what is ignored may be another name of that.
    pub(super) begun: bool,
}

/// A directory to be listed: its path relative to the root, and the rules above it.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) path: Vec<u8>,
    pub(super) rules: Rules,
}

/// What is in one directory.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) path: Vec<u8>,
    /// Signature of the directory itself.
    pub(super) signature: Signature,
    /// What is not ignored, sorted by name.
    pub(super) entries: Vec<(Box<[u8]>, Signature)>,
    /// Those of them that have several names.
    pub(super) linked: Vec<Box<[u8]>>,
    /// Inodes of ignored files that have several names, if the workspace is [begun](Ground::begun).
    pub(super) ignored_links: Vec<u64>,
    /// Its watch, or why there is none.
    pub(super) watch: io::Result<WatchId>,
    /// The rules that hold in it.
    pub(super) rules: Rules,
    /// Whether it has rules of its own.
    pub(super) has_rules: bool,
    /// It is marked as a cache, by a file with this signature: nothing in it counts.
    pub(super) cache: Option<Signature>,
    /// What the root's `bd.toml` has run on change.
    pub(super) on_change: Vec<OnChange>,
    /// What is wrong with it and its ignore files.
    pub(super) problems: Vec<String>,
}

/// Why nothing was listed.
#[derive(Debug)]
pub(super) enum Failed {
    /// There are more than [`MOST_ENTRIES`].
    TooMany,
    /// The system has no means left to read something.
    ResourceExhausted(PathBuf, Errno),
}

#[derive(Debug, Default)]
struct Work {
    waiting: Vec<Start>,
    busy: usize,
    listings: Vec<Listing>,
    entries: usize,
    failed: Option<Failed>,
    done: bool,
}

/// Lists directories, and where `deep` says so all below them, sorted by path. A directory that is
/// not there is left out.
pub(super) fn crawl(
    ground: &Ground<'_>,
    starts: Vec<Start>,
    deep: bool,
) -> Result<Vec<Listing>, Failed> {
    let mut listings = Vec::new();
    crawl_each(ground, starts, deep, &mut |listing| listings.push(listing))?;
    listings.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(listings)
}

/// The same, but each listing is handed over as soon as it is there: a directory's before those
/// of what is in it.
pub(super) fn crawl_each(
    ground: &Ground<'_>,
    starts: Vec<Start>,
    deep: bool,
    take: &mut dyn FnMut(Listing),
) -> Result<(), Failed> {
    let work = Mutex::new(Work { waiting: starts, ..Work::default() });
    let site = CrawlPool { ground, deep, work, news: Condvar::new() };
    std::thread::scope(|scope| {
        let mut helpers = 0;
        site.run(&mut |waiting, listings| {
            listings.into_iter().for_each(&mut *take);
            if waiting > DIRS_A_THREAD * (helpers + 1) && helpers + 1 < *MOST_THREADS {
                helpers += 1;
                let site = &site;
                scope.spawn(move || site.labour_along());
            }
        });
    });
    let work = site.work.into_inner().unwrap_or_else(PoisonError::into_inner);
    match work.failed {
        Some(failed) => Err(failed),
        None if work.entries > MOST_ENTRIES => Err(Failed::TooMany),
        None => Ok(()),
    }
}

/// A crawl, as those who work at it share it.
struct CrawlPool<'a> {
    ground: &'a Ground<'a>,
    deep: bool,
    work: Mutex<Work>,
    news: Condvar,
}

impl CrawlPool<'_> {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists, and hands over what was listed, with the number of those that wait.
    fn run(&self, hand_over: &mut dyn FnMut(usize, Vec<Listing>)) {
        let mut lister = Lister::new();
        let mut held = self.lock();
        loop {
            if !held.listings.is_empty() {
                let (waiting, listings) = (held.waiting.len(), std::mem::take(&mut held.listings));
                drop(held);
                hand_over(waiting, listings);
                held = self.lock();
            } else if !held.waiting.is_empty() {
                held = self.some(held, &mut lister);
            } else if held.busy > 0 {
                held = self.news.wait(held).unwrap_or_else(PoisonError::into_inner);
            } else {
                held.done = true;
                self.news.notify_all();
                return;
            }
        }
    }

    /// Lists until all is done.
    fn labour_along(&self) {
        let mut lister = Lister::new();
        let mut held = self.lock();
        while !held.done {
            held = match held.waiting.is_empty() {
                false => self.some(held, &mut lister),
                true => self.news.wait(held).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Lists some of those that wait: a few at once, so that the lock is seldom asked for.
    fn some<'a>(
        &'a self,
        mut held: MutexGuard<'a, Work>,
        lister: &mut Lister,
    ) -> MutexGuard<'a, Work> {
        let rest = held.waiting.len() - (held.waiting.len() / 4).clamp(1, MOST_AT_ONCE);
        let starts = held.waiting.split_off(rest);
        held.busy += 1;
        drop(held);
        let listed: Vec<_> =
            starts.into_iter().map(|start| list(self.ground, start, lister)).collect();
        held = self.lock();
        held.busy -= 1;
        for listing in listed {
            match listing {
                Ok(Some(listing)) => {
                    held.entries += listing.entries.len();
                    if self.deep && held.entries <= MOST_ENTRIES && held.failed.is_none() {
                        held.waiting.extend(below(&listing));
                    }
                    held.listings.push(listing);
                }
                Ok(None) => {}
                Err((path, error)) => {
                    held.waiting.clear();
                    held.failed = Some(Failed::ResourceExhausted(path, error));
                }
            }
        }
        self.news.notify_all();
        held
    }
}

fn below(listing: &Listing) -> impl Iterator<Item = Start> {
    let dirs = listing.entries.iter().filter(|(_, signature)| signature.is_dir());
    dirs.map(|(name, _)| Start { path: join(&listing.path, name), rules: listing.rules.clone() })
}

/// Path of a name in a directory, both relative to the root.
pub(super) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// `None` if it is not there; an error if the system has no means left to read it.
fn list(
    ground: &Ground<'_>,
    start: Start,
    lister: &mut Lister,
) -> Result<Option<Listing>, (PathBuf, Errno)> {
    let path = match start.path.as_slice() {
        b"" => ground.root.to_path_buf(),
        below => ground.root.join(OsStr::from_bytes(below)),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(dir) => dir,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(error) if is_resource_exhausted(error) => return Err((path, error)),
        Err(error) => return Ok(unreadable(&path, start, error)),
    };
    let Ok(stat) = rustix::fs::fstat(&dir) else { return Ok(None) };
    let signature = signature(&stat);
    // Something else may be mounted there.
    let deaf =
        if device(&stat) == ground.device { None } else { undeliverable_reason(dir.as_fd()) };
    let watch = match deaf {
        Some(why) => Err(io::Error::other(why)),
        None => ground.source.watch(dir.as_fd(), &path),
    };
    let mut listing = Listing {
        path: start.path,
        signature,
        entries: Vec::new(),
        linked: Vec::new(),
        ignored_links: Vec::new(),
        watch,
        rules: start.rules,
        has_rules: false,
        cache: None,
        on_change: Vec::new(),
        problems: Vec::new(),
    };
    let mut names = match lister.names(&dir) {
        Ok(names) => names,
        Err(error) => {
            listing.problems.push(format!("cannot read {}: {error}", path.display()));
            return Ok(Some(listing));
        }
    };
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let in_root = listing.path.is_empty();
    if !in_root && names.iter().any(|(name, _)| **name == *CACHE_TAG.0.as_bytes()) {
        listing.cache = ignore_files::cache_mark(&dir).map_err(|error| (path.clone(), error))?;
        if listing.cache.is_some() {
            return Ok(Some(listing));
        }
    }
    ignore_files::take_rules(&dir, &names, &mut listing).map_err(|error| (path.clone(), error))?;
    let excluded = ground
        .excluded
        .iter()
        .filter(|path| path.parent() == Some(&path_of(ground.root, &listing.path)));
    let excluded: Vec<_> = excluded.filter_map(|path| path.file_name()).collect();
    let mut full = join(&listing.path, b"");
    let prefix = full.len();
    for (name, kind) in names {
        if never(&name) || excluded.iter().any(|excluded| excluded.as_bytes() == &*name) {
            continue;
        }
        full.truncate(prefix);
        full.extend_from_slice(&name);
        let known = (kind != FileType::Unknown).then_some(kind == FileType::Directory);
        let ignored = known.is_some_and(|is_dir| listing.rules.ignore(&full, is_dir));
        if ignored && (kind != FileType::RegularFile || !ground.begun) {
            continue;
        }
        // What vanished is gone, and what can not be looked at is not there for a build either.
        let Ok(stat) =
            rustix::fs::statat(&dir, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW)
        else {
            continue;
        };
        let signature = self::signature(&stat);
        let is_dir = signature.is_dir();
        let as_known = known == Some(is_dir);
        let ignored = if as_known { ignored } else { listing.rules.ignore(&full, is_dir) };
        if ignored {
            listing.ignored_links.extend(is_linked(&stat).then_some(signature.inode));
            continue;
        }
        if is_linked(&stat) {
            listing.linked.push(name.clone());
        }
        listing.entries.push((name, signature));
    }
    Ok(Some(listing))
}

fn path_of(root: &Path, below: &[u8]) -> PathBuf {
    if below.is_empty() { root.to_path_buf() } else { root.join(OsStr::from_bytes(below)) }
}

/// A directory that is there but does not let us in: nothing in it counts, until it does.
fn unreadable(path: &Path, start: Start, error: Errno) -> Option<Listing> {
    let stat = rustix::fs::lstat(path).ok()?;
    Some(Listing {
        path: start.path,
        signature: signature(&stat),
        entries: Vec::new(),
        linked: Vec::new(),
        ignored_links: Vec::new(),
        watch: Err(error.into()),
        rules: start.rules,
        has_rules: false,
        cache: None,
        on_change: Vec::new(),
        problems: vec![format!("cannot read {}: {error}", path.display())],
    })
}

/// Nanoseconds since 1970.
pub(super) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// The device something is on.
pub(super) fn device(stat: &Stat) -> u64 {
    #[cfg_attr(
        target_os = "linux",
        expect(clippy::unnecessary_cast, reason = "another type elsewhere")
    )]
    let device = stat.st_dev as u64;
    device
}

/// What counts of a `stat`.
pub(super) fn signature(stat: &Stat) -> Signature {
    const SECOND: i64 = 1_000_000_000;
    let time = |seconds: i64, ns: i64| seconds.saturating_mul(SECOND).saturating_add(ns);
    #[expect(clippy::unnecessary_cast, reason = "the types of these fields differ between systems")]
    Signature {
        size: stat.st_size as u64,
        mtime_ns: time(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        ctime_ns: time(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        inode: stat.st_ino as u64,
        mode: stat.st_mode as u32,
    }
}
