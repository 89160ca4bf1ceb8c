//! Lists one directory, having watched it first, so that nothing falls between the two (rule 1).
//! Knows names and signatures, no index.

use super::ignore_files::{cache_mark, read_rules};
use super::readdir::{DirName, Lister};
use crate::files::open_dir;
use crate::index::Signature;
use crate::watch::paths::{absolute, join};
use crate::watch::source::{ChangeSource, WatchId, undeliverable_reason};
use crate::watch::stat::{device, has_several_names, signature};
use crate::workspace::{
    CACHE_TAG, DirectoryRules, IgnoreRules, OnChange, is_always_ignored, is_resource_exhausted,
};
use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Bytes of a path that the system opens.
const MAX_PATH_BYTES: usize = 4095;

/// Characters of such a path that are shown.
const MAX_SHOWN_CHARS: usize = 100;

/// What all listings of a workspace share.
#[derive(Debug)]
pub(in crate::watch) struct CrawlContext<'a> {
    pub(in crate::watch) root: &'a Path,
    /// The device that the root is on.
    pub(in crate::watch) device: u64,
    pub(in crate::watch) source: &'a dyn ChangeSource,
    /// Absolute paths that are not looked into.
    pub(in crate::watch) excluded: &'a [PathBuf],
    /// Whether anything is known of the workspace: what is ignored may be another name of that.
    pub(in crate::watch) is_known: bool,
}

/// A directory to be listed: its path relative to the root, and the rules above it.
#[derive(Clone, Debug)]
pub(in crate::watch) struct CrawlStart {
    pub(in crate::watch) path: Vec<u8>,
    pub(in crate::watch) rules: IgnoreRules,
}

/// What is in one directory.
#[derive(Debug)]
pub(in crate::watch) struct Listing {
    pub(in crate::watch) path: Vec<u8>,
    /// Signature of the directory itself.
    pub(in crate::watch) signature: Signature,
    /// What is not ignored, sorted by name.
    pub(in crate::watch) entries: Vec<(Box<[u8]>, Signature)>,
    /// Those of them that have several names.
    pub(in crate::watch) linked: Vec<Box<[u8]>>,
    /// Inodes of ignored files that have several names, if the workspace [is
    /// known](CrawlContext::is_known).
    pub(in crate::watch) ignored_links: Vec<u64>,
    /// Its watch, or why there is none.
    pub(in crate::watch) watch: io::Result<WatchId>,
    /// The rules that hold in it.
    pub(in crate::watch) rules: IgnoreRules,
    /// Whether it has rules of its own.
    pub(in crate::watch) has_rules: bool,
    /// It is marked as a cache, by a file with this signature: nothing in it counts.
    pub(in crate::watch) cache: Option<Signature>,
    /// What the root's `bd.toml` has run on change.
    pub(in crate::watch) on_change: Vec<OnChange>,
    /// What is wrong with it and its ignore files, as shown to people.
    pub(in crate::watch) problems: Vec<String>,
}

/// What could not be read since the system has nothing left, and in which words it says so.
pub(super) type Exhausted = (PathBuf, Errno);

/// Lists one directory; `None` if it is not there.
pub(super) fn list(
    context: &CrawlContext<'_>,
    start: CrawlStart,
    lister: &mut Lister,
) -> Result<Option<Listing>, Exhausted> {
    let path = absolute(context.root, &start.path);
    let dir = match open_dir(&path) {
        Ok(dir) => dir,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(error) if is_resource_exhausted(error) => return Err((path, error)),
        Err(error) => return Ok(unreadable(&path, start, error)),
    };
    let Ok(stat) = rustix::fs::fstat(&dir) else { return Ok(None) };
    let other_device = device(&stat) != context.device;
    // Something else may be mounted there.
    let unreliable = if other_device { undeliverable_reason(dir.as_fd()) } else { None };
    let watch = match unreliable {
        Some(why) => Err(io::Error::other(why)),
        None => context.source.watch(dir.as_fd(), &path),
    };
    let mut listing = Listing::empty(start, signature(&stat), watch);
    let mut names = match lister.names(&dir) {
        Ok(names) => names,
        Err(error) => {
            listing.problems.push(format!("cannot read {}: {error}", path.display()));
            return Ok(Some(listing));
        }
    };
    names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let exhausted = |error| (path.clone(), error);
    let is_root = listing.path.is_empty();
    if !is_root && names.iter().any(|(name, _)| **name == *CACHE_TAG.0.as_bytes()) {
        listing.cache = cache_mark(&dir).map_err(exhausted)?;
        if listing.cache.is_some() {
            return Ok(Some(listing));
        }
    }
    if let Some(texts) = read_rules(&dir, &names, is_root).map_err(exhausted)? {
        listing.add_rules(DirectoryRules::parse(&listing.path, &listing.rules, &texts));
    }
    listing.add_entries(context, &dir, &path, names);
    Ok(Some(listing))
}

/// A directory that is there but does not let us in: nothing in it counts, until it does.
fn unreadable(path: &Path, start: CrawlStart, error: Errno) -> Option<Listing> {
    let stat = rustix::fs::lstat(path).ok()?;
    let mut listing = Listing::empty(start, signature(&stat), Err(error.into()));
    listing.problems.push(format!("cannot read {}: {error}", path.display()));
    Some(listing)
}

impl Listing {
    fn empty(start: CrawlStart, signature: Signature, watch: io::Result<WatchId>) -> Self {
        Self {
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
        }
    }

    fn add_rules(&mut self, found: DirectoryRules) {
        self.has_rules = found.rules.is_some();
        if let Some(rules) = found.rules {
            self.rules = rules;
        }
        self.on_change = found.on_change;
        self.problems.extend(found.problems);
    }

    /// Takes the signatures of those names that count.
    fn add_entries(
        &mut self,
        context: &CrawlContext<'_>,
        dir: &OwnedFd,
        path: &Path,
        names: Vec<DirName>,
    ) {
        let excluded = context.excluded.iter().filter(|excluded| excluded.parent() == Some(path));
        let excluded: Vec<_> = excluded.filter_map(|path| path.file_name()).collect();
        let mut full = join(&self.path, b"");
        let prefix = full.len();
        let mut too_long = 0;
        for (name, kind) in names {
            let is_excluded = || excluded.iter().any(|excluded| excluded.as_bytes() == &*name);
            if is_always_ignored(&name) || is_excluded() {
                continue;
            }
            full.truncate(prefix);
            full.extend_from_slice(&name);
            if context.root.as_os_str().len() + "/".len() + full.len() > MAX_PATH_BYTES {
                too_long += 1;
                continue;
            }
            let known = (kind != FileType::Unknown).then_some(kind == FileType::Directory);
            let ignored = known.is_some_and(|is_dir| self.rules.ignore(&full, is_dir));
            if ignored && (kind != FileType::RegularFile || !context.is_known) {
                continue;
            }
            // What vanished is gone, and what can not be read is not there for a build either.
            let Ok(stat) =
                rustix::fs::statat(dir, OsStr::from_bytes(&name), AtFlags::SYMLINK_NOFOLLOW)
            else {
                continue;
            };
            let signature = signature(&stat);
            let is_dir = signature.is_dir();
            let as_known = known == Some(is_dir);
            let ignored = if as_known { ignored } else { self.rules.ignore(&full, is_dir) };
            if ignored {
                self.ignored_links.extend(has_several_names(&stat).then_some(signature.inode));
                continue;
            }
            if has_several_names(&stat) {
                self.linked.push(name.clone());
            }
            self.entries.push((name, signature));
        }
        if too_long > 0 {
            let dir = String::from_utf8_lossy(&self.path);
            let dir: String = dir.chars().take(MAX_SHOWN_CHARS).collect();
            self.problems.push(format!(
                "{too_long} paths in {dir}… are longer than {MAX_PATH_BYTES} bytes, which no program \
                 can open: what is there does not count"
            ));
        }
    }
}
