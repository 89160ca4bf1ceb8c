//! What git keeps beside a checkout: where its top and its directories are, and whether a git command
//! is running in it. Knows no ignore rules.

use super::file_reader::FileReader;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest `.git` file that is read: it holds one path.
const LONGEST_LINK: u64 = 8192;

/// A checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkout {
    /// Its top directory.
    pub(super) top: PathBuf,
    /// The git directory of this checkout alone.
    pub(super) git_dir: PathBuf,
    /// The one that it shares with the other worktrees of its repository.
    pub(super) common_dir: PathBuf,
}

impl Checkout {
    /// The checkout with this top.
    fn at(top: &Path, files: &mut FileReader) -> Option<Self> {
        let git_dir = git_dir(top, files)?;
        let common_dir = match link(&git_dir.join("commondir"), b"", files) {
            Some(common) => git_dir.join(common),
            None => git_dir.clone(),
        };
        Some(Self { top: top.to_path_buf(), git_dir, common_dir })
    }

    /// The checkout that a directory is in; what decided it is noted. As git does it, not beyond the
    /// file system that the directory is on.
    pub(super) fn of(dir: &Path, files: &mut FileReader) -> Option<Self> {
        let device = |dir: &Path| fs::metadata(dir).map(|found| found.dev()).ok();
        let own = device(dir);
        for top in dir.ancestors() {
            if top != dir && device(top) != own {
                break;
            }
            files.note(top.join(".git"));
            let Some(found) = Self::at(top, files) else { continue };
            // At the directory itself the mark is believed: it is why the workspace begins there.
            if top == dir || found.is_valid() {
                return Some(found);
            }
            files.note(found.git_dir.join("HEAD"));
            for name in ["objects", "refs"] {
                files.note(found.common_dir.join(name));
            }
        }
        None
    }

    /// Whether git would take it for one.
    fn is_valid(&self) -> bool {
        let has = |name: &str| self.common_dir.join(name).is_dir();
        has("objects") && has("refs") && self.git_dir.join("HEAD").symlink_metadata().is_ok()
    }
}

/// The git directory of the checkout at `top`; `None` where it is none.
fn git_dir(top: &Path, files: &mut FileReader) -> Option<PathBuf> {
    let dot_git = top.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let dir = link(&dot_git, b"gitdir:", files)?;
    Some(top.join(dir))
}

/// A lock that is older was left behind by a git that was killed, or is held while somebody writes a
/// message. A command that changes files holds it for less, or makes it anew.
const STALE_LOCK: Duration = Duration::from_secs(10);

/// Whether a git command is changing the files of a checkout: it holds the index, or replays one
/// commit after the other.
pub(super) fn is_running(git_dir: &Path) -> bool {
    let has = |name: &str| git_dir.join(name).symlink_metadata().is_ok();
    let is_held = |name: &str| {
        let lock = git_dir.join(name).symlink_metadata().and_then(|lock| lock.modified());
        // One from the future was made just now, by another clock.
        lock.is_ok_and(|made| made.elapsed().map_or(true, |age| age < STALE_LOCK))
    };
    // A rebase that has stopped for somebody to resolve a conflict says so.
    let rebasing = (is_held("rebase-merge") && !has("rebase-merge/stopped-sha"))
        || (is_held("rebase-apply") && !has("rebase-apply/original-commit"));
    is_held("index.lock") || is_held("HEAD.lock") || rebasing
}

/// The path that a file holds behind `key`.
fn link(file: &Path, key: &[u8], files: &mut FileReader) -> Option<PathBuf> {
    let text = files.bytes(file, LONGEST_LINK)?;
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
    let path = text[..end].strip_prefix(key)?.trim_ascii_start();
    (!path.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_lock_that_was_left_behind_is_no_git_at_work() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(!is_running(dir.path()));
        let lock = fs::File::create(dir.path().join("index.lock")).expect("a lock");
        assert!(is_running(dir.path()));
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        lock.set_modified(hour_ago).expect("an old lock");
        assert!(!is_running(dir.path()));
        lock.set_modified(SystemTime::now() + Duration::from_secs(3600)).expect("a new lock");
        assert!(is_running(dir.path()), "another clock made it");
    }

    #[test]
    fn the_nearest_checkout_that_git_would_take_for_one_is_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |path: &str| dir.path().join(path);
        for path in ["a/.git/objects", "a/.git/refs", "a/b/.git/info", "a/b/c/d"] {
            fs::create_dir_all(at(path)).expect(path);
        }
        fs::write(at("a/.git/HEAD"), "ref: refs/heads/main").expect("a file");
        let top =
            |path: &str| Checkout::of(&at(path), &mut FileReader::default()).map(|found| found.top);
        assert_eq!(top("a/b/c"), Some(at("a")));
        assert_eq!(top("a/b"), Some(at("a/b")));
        // A `.git` that is none, and what would make it one, are looked at again.
        let mut decided = FileReader::default();
        let _ = Checkout::of(&at("a/b/c"), &mut decided);
        assert!(decided.has_noted(&at("a/b/.git/HEAD")) && decided.has_noted(&at("a/.git")));
        fs::write(at("a/b/c/.git"), "gitdir: ../../.git/worktrees/c\n").expect("a link");
        fs::create_dir_all(at("a/.git/worktrees/c")).expect("a directory");
        fs::write(at("a/.git/worktrees/c/commondir"), "../..\n").expect("a file");
        fs::write(at("a/.git/worktrees/c/HEAD"), "0").expect("a file");
        assert_eq!(top("a/b/c/d"), Some(at("a/b/c")));
    }
}
