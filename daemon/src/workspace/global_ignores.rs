//! Files outside a workspace that say what is ignored in it, and git's own directory. Knows when
//! they have to be read again.

use super::exhaustion::is_resource_exhausted;
use super::git;
use super::ignore_rules::{self, IgnoreRules};
use rustix::fs::{FileType, RawMode};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// What was read there.
#[derive(Debug)]
pub(crate) struct GlobalIgnores {
    rules: IgnoreRules,
    problems: Vec<String>,
    git_dir: Option<PathBuf>,
    /// The files, and those that say where the files are, as they were when they were read.
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

/// The part of a time below a second, as the system has it.
#[cfg(target_os = "linux")]
type Nanoseconds = u64;
#[cfg(not(target_os = "linux"))]
type Nanoseconds = i64;

/// What `stat` says of a file that changes when its content may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    mode: RawMode,
    /// Size, modification and change; `None` for a directory, in which something changes all the
    /// time: it only counts that it is there.
    of_file: Option<(i64, [i64; 2], [Nanoseconds; 2])>,
}

impl GlobalIgnores {
    /// Reads what holds for the workspace at `root`.
    ///
    /// # Errors
    ///
    /// When the system has no descriptor or memory left to read anything.
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let files = rule_files(root);
        let all = files.iter().cloned().chain(configuration_files(root));
        let stamps = all.map(|path| (path.clone(), stamp(&path))).collect();
        let (mut parsed, mut problems) = (Vec::new(), Vec::new());
        for file in &files {
            let Ok(text) = fs::read(file) else { continue };
            let (rules, invalid) = ignore_rules::parse(&text, &file.display().to_string());
            parsed.extend(rules);
            problems.extend(invalid.iter().map(ToString::to_string));
        }
        let rules = IgnoreRules::global(parsed);
        // A file that could not be opened is none, unless nothing can be opened.
        match File::open(root) {
            Err(error) if Errno::from_io_error(&error).is_some_and(is_resource_exhausted) => {
                Err(error)
            }
            _ => Ok(Self { rules, problems, git_dir: git::git_dir(root), stamps }),
        }
    }

    /// The rules, which are weaker than any in the workspace.
    pub(crate) fn rules(&self) -> &IgnoreRules {
        &self.rules
    }

    /// What is wrong with the files, as shown to people.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether a file is not as it was read.
    pub(crate) fn has_changed(&self) -> bool {
        self.stamps.iter().any(|(path, before)| stamp(path) != *before)
    }

    /// Whether a git command is changing the files of the workspace.
    pub(crate) fn is_git_running(&self) -> bool {
        self.git_dir.as_deref().is_some_and(git::is_running)
    }
}

/// Files outside the workspace that have rules for it: the repository's own excludes, and those
/// of the user.
fn rule_files(root: &Path) -> Vec<PathBuf> {
    let repository = git::common_dir(root).map(|dir| dir.join("info/exclude"));
    repository.into_iter().chain(ignore::gitignore::gitconfig_excludes_path()).collect()
}

/// Files that say where git's rules are.
fn configuration_files(root: &Path) -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")));
    let user = home.map(|home| home.join(".gitconfig"));
    let shared = config.map(|config| config.join("git/config"));
    user.into_iter().chain(shared).chain([root.join(".git")]).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stat = rustix::fs::stat(path).ok()?;
    let times = [stat.st_mtime, stat.st_ctime];
    let parts = [stat.st_mtime_nsec, stat.st_ctime_nsec];
    let is_dir = FileType::from_raw_mode(stat.st_mode).is_dir();
    let of_file = (!is_dir).then_some((stat.st_size, times, parts));
    Some(Stamp { inode: stat.st_ino, mode: stat.st_mode, of_file })
}
