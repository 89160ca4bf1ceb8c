//! What a source of changes should say, in the simplest way: walk for every question, keep every
//! listing, compare. The tests of sources are tested with it.

use crate::answers::Answers;
use crate::oracle::{self, Entry, Kind, Listing};
use bd_daemon::index::{Change, ChangeKind, Changes, Clock, Instance};
use bd_daemon::watch::{SourceKind, Summary};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// See the [module](self).
#[derive(Debug)]
pub struct Model {
    excluded: Vec<PathBuf>,
    roots: HashMap<PathBuf, Line>,
}

/// One unbroken line of ticks.
#[derive(Debug)]
struct Line {
    instance: Instance,
    root: (u64, Option<std::time::SystemTime>),
    /// The listing of each tick.
    listings: Vec<Listing>,
}

impl Model {
    /// A model that never lists what is below `excluded`.
    #[must_use]
    pub fn new(excluded: Vec<PathBuf>) -> Self {
        Self { excluded, roots: HashMap::new() }
    }

    fn sync(&mut self, root: &Path) -> Result<&Line, String> {
        let look = || {
            let at = fs::metadata(root)?;
            Ok((oracle::walk(root, &self.excluded)?, (at.ino(), at.created().ok())))
        };
        let (listing, identity) = match look() {
            Ok(found) => found,
            Err(error) => {
                self.roots.remove(root);
                let error: std::io::Error = error;
                return Err(format!("{}: {error}", root.display()));
            }
        };
        if self.roots.get(root).is_some_and(|line| line.root != identity) {
            self.roots.remove(root);
        }
        static LINES: AtomicU64 = AtomicU64::new(0);
        let line = self.roots.entry(root.to_path_buf()).or_insert_with(|| {
            let process = u64::from(std::process::id()) << 32;
            let instance = Instance(process | LINES.fetch_add(1, Ordering::Relaxed));
            Line { instance, root: identity, listings: Vec::new() }
        });
        if line.listings.last().is_none_or(|last| differ(last, &listing)) {
            line.listings.push(listing);
        }
        Ok(line)
    }
}

impl Answers for Model {
    fn info(&mut self, root: &Path) -> Result<Summary, String> {
        let line = self.sync(root)?;
        let listing = line.listings.last().expect("BUG: no listing");
        Ok(Summary {
            root: root.to_path_buf(),
            files: listing.files,
            dirs: listing.dirs,
            bytes: listing.bytes,
            watches: 0,
            source: SourceKind::Poll,
            clock: Some(line.clock()),
            tree_digest: Some(listing.digest),
            last_sync_ms: None,
            warnings: Vec::new(),
        })
    }

    fn changes(&mut self, root: &Path, since: Option<Clock>) -> Result<Changes, String> {
        let line = self.sync(root)?;
        let clock = line.clock();
        let none = Changes { clock, fresh: false, changes: Vec::new() };
        let Some(since) = since else { return Ok(none) };
        let now = line.listings.last().expect("BUG: no listing");
        let tick = usize::try_from(since.tick).unwrap_or(usize::MAX);
        let then = (since.instance == line.instance).then(|| line.listings.get(tick)).flatten();
        Ok(match then {
            Some(then) => Changes { changes: difference(then, now), ..none },
            None => {
                let nothing = BTreeMap::new();
                let changes = difference(&Listing { entries: nothing, ..now.clone() }, now);
                Changes { fresh: true, changes, ..none }
            }
        })
    }

    fn forget(&mut self, root: &Path) -> bool {
        self.roots.remove(root).is_some()
    }
}

impl Line {
    fn clock(&self) -> Clock {
        Clock { instance: self.instance, tick: self.listings.len() as u64 - 1 }
    }
}

fn differ(a: &Listing, b: &Listing) -> bool {
    a.entries.len() != b.entries.len() || a.digest != b.digest || !difference(a, b).is_empty()
}

/// Whether a path may have other contents or attributes. Directories have their own entries.
fn modified(before: &Entry, after: &Entry) -> bool {
    match (before.kind, after.kind) {
        (Kind::Dir, Kind::Dir) => false,
        _ => before.content != after.content || before.stat != after.stat,
    }
}

fn difference(before: &Listing, after: &Listing) -> Vec<Change> {
    let mut changes = BTreeMap::new();
    // What is gone, by what it was.
    let mut gone: HashMap<_, Vec<&PathBuf>> = HashMap::new();
    for (path, entry) in &before.entries {
        if !after.entries.contains_key(path) {
            gone.entry((entry.stat.identity, entry.kind.entry_type())).or_default().push(path);
            changes.insert(path, (ChangeKind::Removed, entry.kind.entry_type()));
        }
    }
    for (path, entry) in &after.entries {
        let entry_type = entry.kind.entry_type();
        let kind = match before.entries.get(path) {
            Some(before) if modified(before, entry) => ChangeKind::Modified,
            Some(_) => continue,
            None => match gone.get_mut(&(entry.stat.identity, entry_type)).and_then(Vec::pop) {
                None => ChangeKind::Added,
                Some(from) => {
                    changes.remove(from);
                    ChangeKind::Renamed { from: from.clone() }
                }
            },
        };
        changes.insert(path, (kind, entry_type));
    }
    let change = |(path, (kind, entry)): (&PathBuf, _)| Change { path: path.clone(), kind, entry };
    let mut changes: Vec<_> = changes.into_iter().map(change).collect();
    changes.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    changes
}
