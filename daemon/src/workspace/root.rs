//! Where the workspace of a directory begins. Knows the marks that say so, not what is in them.

use std::path::{Path, PathBuf};

/// Marks that say "here and nowhere above": `bd.toml`, and what version control leaves at the top
/// of a checkout.
const TOPS: &[&str] = &["bd.toml", ".git", ".jj", ".hg", ".sl"];

/// Manifests, whose outermost one begins a workspace where there is no mark.
const MANIFESTS: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "go.work",
    "go.mod",
    "Makefile",
    "CMakeLists.txt",
    "build.ninja",
];

/// Root of the workspace that `cwd` (absolute) is in: the nearest directory with a top mark, else
/// the outermost with a manifest below the home directory and the root of the file system, else
/// `cwd` itself.
#[must_use]
pub fn root_of(cwd: &Path, home: Option<&Path>) -> PathBuf {
    let mut outermost = None;
    for dir in cwd.ancestors() {
        if TOPS.iter().any(|mark| dir.join(mark).exists()) {
            return dir.to_path_buf();
        }
        if dir.parent().is_none() || home.is_some_and(|home| home.starts_with(dir)) {
            break;
        }
        if MANIFESTS.iter().any(|manifest| dir.join(manifest).is_file()) {
            outermost = Some(dir.to_path_buf());
        }
    }
    outermost.unwrap_or_else(|| cwd.to_path_buf())
}

/// The nearest directory from `dir` (absolute) upwards with a mark of its own.
#[must_use]
pub(super) fn marked_root_of(dir: &Path) -> Option<PathBuf> {
    let is_marked = |dir: &&Path| TOPS.iter().any(|mark| dir.join(mark).exists());
    dir.ancestors().find(is_marked).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_checkout_else_the_outermost_manifest_else_the_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = |path: &str| dir.path().join(path);
        for path in ["repo/.git", "repo/crates/a/src", "cargo/crates/b", "plain/x", "repo/wt"] {
            fs::create_dir_all(at(path)).expect(path);
        }
        for path in ["repo/crates/a/Cargo.toml", "cargo/Cargo.toml", "cargo/crates/b/Cargo.toml"] {
            fs::write(at(path), "").expect(path);
        }
        fs::write(at("repo/wt/.git"), "gitdir: elsewhere").expect("a worktree");
        for (cwd, root) in [
            ("repo/crates/a/src", "repo"),
            ("repo", "repo"),
            ("repo/wt", "repo/wt"),
            ("cargo/crates/b", "cargo"),
            ("plain/x", "plain/x"),
        ] {
            assert_eq!(root_of(&at(cwd), Some(dir.path())), at(root), "{cwd}");
        }
    }
}
