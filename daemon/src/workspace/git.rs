//! What git keeps beside a checkout: where its directory is, and whether a git command is running in
//! it. Knows no ignore rules.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest `.git` file that is read: it holds one path.
const LONGEST_LINK: u64 = 8192;

/// The git directory of the checkout at `root`; `None` where it is none.
pub(super) fn git_dir(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let dir = link(&dot_git, "gitdir:")?;
    Some(root.join(dir))
}

/// The directory that a checkout shares with the other worktrees of its repository.
pub(super) fn common_dir(root: &Path) -> Option<PathBuf> {
    let dir = git_dir(root)?;
    match link(&dir.join("commondir"), "") {
        Some(common) => Some(dir.join(common)),
        None => Some(dir),
    }
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

fn link(file: &Path, key: &str) -> Option<PathBuf> {
    let mut text = String::new();
    fs::File::open(file).ok()?.take(LONGEST_LINK).read_to_string(&mut text).ok()?;
    let path = text.trim_end_matches(['\n', '\r']).strip_prefix(key)?.trim_start();
    (!path.is_empty()).then(|| PathBuf::from(path))
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
}
