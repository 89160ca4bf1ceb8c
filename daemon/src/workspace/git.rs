//! What git keeps beside a checkout: where its directory is, and whether a git command is running in
//! it. Knows no ignore rules.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

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

/// Whether a git command is changing the files of a checkout: it holds the index, or replays one
/// commit after the other.
pub(super) fn is_running(git_dir: &Path) -> bool {
    let has = |name: &str| git_dir.join(name).symlink_metadata().is_ok();
    // A rebase that has stopped for somebody to resolve a conflict says so.
    let rebasing = (has("rebase-merge") && !has("rebase-merge/stopped-sha"))
        || (has("rebase-apply") && !has("rebase-apply/original-commit"));
    has("index.lock") || has("HEAD.lock") || rebasing
}

fn link(file: &Path, key: &str) -> Option<PathBuf> {
    let mut text = String::new();
    fs::File::open(file).ok()?.take(LONGEST_LINK).read_to_string(&mut text).ok()?;
    let path = text.trim_end_matches(['\n', '\r']).strip_prefix(key)?.trim_start();
    (!path.is_empty()).then(|| PathBuf::from(path))
}
