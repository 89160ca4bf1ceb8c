//! Looks at single paths and at whole directories, and notes what it found. Knows no tools.

use crate::model::digest::FieldHasher;
use crate::model::{Fact, Stamp, Surroundings};
use rustix::fs::AtFlags;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Entries of directories outside of the workspace that are looked at for one run: some ten
/// milliseconds. Beyond, runs are not shared.
const MAX_ENTRIES: usize = 4096;

/// Directories of which nothing is looked at: version control's own, what package managers install,
/// and caches.
const SKIPPED: &[&str] = &[
    ".git",
    ".hg",
    ".jj",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".sl",
    ".svn",
    ".tox",
    ".venv",
    "__pycache__",
    "node_modules",
    "venv",
];

/// The mark of a directory that can be made anew.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// What was found until now.
#[derive(Debug)]
pub(super) struct Probe {
    found: Surroundings,
    /// The last change of what was looked at, in nanoseconds since 1970.
    newest_ns: i64,
    entries_left: usize,
    walked: BTreeSet<PathBuf>,
    /// Files that were met in directories that were looked at as a whole.
    met: Vec<PathBuf>,
}

impl Probe {
    pub(super) fn new() -> Self {
        Self {
            found: Surroundings::default(),
            newest_ns: 0,
            entries_left: MAX_ENTRIES,
            walked: BTreeSet::new(),
            met: Vec::new(),
        }
    }

    /// What was found, and when the last of it changed, in nanoseconds since 1970.
    pub(super) fn finish(self) -> (Surroundings, i64) {
        (self.found, self.newest_ns)
    }

    pub(super) fn doubt(&mut self, why: String) {
        self.found.add_doubt(why);
    }

    pub(super) fn add(&mut self, path: PathBuf, fact: Fact) {
        self.found.add(path, fact);
    }

    /// Looks at something that may be read, wherever links lead. Whether it is there.
    pub(super) fn input(&mut self, path: PathBuf) -> bool {
        let Ok(found) = fs::metadata(&path) else { return false };
        let stamp = self.stamp(&found);
        self.found.add(path, Fact::Input(stamp));
        true
    }

    /// Looks at something that a run may read or make.
    pub(super) fn local(&mut self, path: PathBuf) {
        let Ok(found) = fs::metadata(&path) else { return };
        let fact = match found.is_dir() {
            true => Fact::Output(found.ino()),
            // A program that was built; whoever runs it runs the new one.
            false if found.mode() & 0o111 != 0 => Fact::Output(0),
            false => Fact::Local(self.stamp(&found)),
        };
        self.found.add(path, fact);
    }

    /// Looks at something of which all may be read: a file, or a directory with all that is in it,
    /// except `but`.
    pub(super) fn tree(&mut self, path: PathBuf, but: &Path) {
        if self.walked.iter().any(|walked| path.starts_with(walked)) {
            return;
        }
        match fs::metadata(&path) {
            // Whoever installs something there adds it, or takes it away.
            Ok(_) if path.file_name().is_some_and(is_skipped) => {
                self.input(path);
            }
            Ok(found) if found.is_dir() => {
                self.walked.insert(path.clone());
                let mut hasher = FieldHasher::new("bd 2026 directory outside v1");
                if self.walk(&path, but, &mut hasher) {
                    self.found.add(path, Fact::Tree(hasher.finish()));
                } else {
                    self.doubt(format!(
                        "{}, which it may read, has more than {MAX_ENTRIES} files",
                        path.display()
                    ));
                }
            }
            Ok(found) => {
                let stamp = self.stamp(&found);
                self.found.add(path, Fact::Input(stamp));
            }
            Err(_) => {}
        }
    }

    /// The files met since the last call.
    pub(super) fn take_met(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.met)
    }

    /// `false` if there is too much.
    fn walk(&mut self, top: &Path, but: &Path, hasher: &mut FieldHasher) -> bool {
        let mut rest = vec![top.to_path_buf()];
        while let Some(dir) = rest.pop() {
            let Ok(names) = names(&dir) else { continue };
            if dir != top && names.iter().any(|(name, _)| name == CACHE_TAG) {
                continue;
            }
            for (name, _) in names {
                let path = dir.join(&name);
                let Ok(found) = fs::symlink_metadata(&path) else { continue };
                if found.is_dir() && (path == but || is_skipped(&name)) {
                    continue;
                }
                self.entries_left = match self.entries_left.checked_sub(1) {
                    Some(left) => left,
                    None => return false,
                };
                // A link counts as what it leads to, once: it may lead back.
                let found = fs::metadata(&path).unwrap_or(found);
                hasher.field(path.as_os_str().as_bytes());
                if found.is_dir() {
                    let is_link = fs::symlink_metadata(&path).is_ok_and(|own| own.is_symlink());
                    if !is_link {
                        rest.push(path);
                    }
                } else {
                    let stamp = self.stamp(&found);
                    let [device, inode] = stamp.identity;
                    let [modified, changed] = stamp.changed_ns.map(i64::cast_unsigned);
                    let numbers =
                        [u64::from(stamp.mode), device, inode, stamp.size, modified, changed];
                    numbers.into_iter().for_each(|number| {
                        hasher.number(number);
                    });
                    self.met.push(path);
                }
            }
        }
        true
    }

    fn stamp(&mut self, found: &Metadata) -> Stamp {
        let time = |seconds: i64, nanoseconds: i64| {
            seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
        };
        let changed_ns =
            [time(found.mtime(), found.mtime_nsec()), time(found.ctime(), found.ctime_nsec())];
        self.newest_ns = changed_ns.into_iter().fold(self.newest_ns, i64::max);
        Stamp {
            mode: found.mode(),
            identity: [found.dev(), found.ino()],
            size: found.size(),
            changed_ns,
        }
    }
}

/// A directory in which names are looked for: an open one, so that each costs little.
#[derive(Debug)]
pub(super) struct OpenDir {
    path: PathBuf,
    open: OwnedFd,
}

impl OpenDir {
    /// `None` where there is none.
    pub(super) fn at(path: PathBuf) -> Option<Self> {
        let open = crate::files::open_for_lookup(&path).ok()?;
        Some(Self { path, open })
    }

    /// The path of what has this name in it; `None` where nothing has.
    pub(super) fn find(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let name = name.as_ref();
        rustix::fs::statat(&self.open, name, AtFlags::empty()).ok()?;
        Some(self.path.join(name))
    }
}

/// The names in a directory, sorted, each with whether it is a directory itself.
pub(super) fn names(dir: &Path) -> std::io::Result<Vec<(OsString, bool)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        names.push((entry.file_name(), entry.file_type().is_ok_and(|kind| kind.is_dir())));
    }
    names.sort();
    Ok(names)
}

fn is_skipped(name: &OsStr) -> bool {
    super::mentions::is_among(name, SKIPPED)
}
