//! Conditions on which git's configuration includes a file. Knows how they are matched; what they
//! are matched with is given.

use super::paths::expand;
use crate::workspace::matching::{Glob, GlobOptions};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A condition, as it is written behind `includeIf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    GitDir { glob: &'a [u8], is_folded: bool },
    Branch(&'a [u8]),
    RemoteUrl(&'a [u8]),
}

impl<'a> Condition<'a> {
    /// `None` for one that git does not know, and which is not met.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let after = |prefix: &str| text.strip_prefix(prefix.as_bytes());
        let git_dir = |is_folded| move |glob| Self::GitDir { glob, is_folded };
        (after("gitdir:").map(git_dir(false)))
            .or_else(|| after("gitdir/i:").map(git_dir(true)))
            .or_else(|| after("onbranch:").map(Self::Branch))
            .or_else(|| after("hasconfig:remote.*.url:").map(Self::RemoteUrl))
    }
}

/// Whether a git directory is meant by a glob that stands in `file`.
pub(super) fn matches_git_dir(
    (glob, is_folded): (&[u8], bool),
    git_dir: &Path,
    file: &Path,
    home: Option<&Path>,
) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let home = home.and_then(real);
    let mut glob = match expand(glob, home.as_deref()) {
        Some(path) => path.as_os_str().as_bytes().to_vec(),
        None => glob.to_vec(),
    };
    if glob.ends_with(b"/") {
        glob.extend(b"**");
    }
    // What is taken as it is, whatever characters it has.
    let mut literal = Vec::new();
    if glob.starts_with(b"./") {
        let Some(dir) = real(file).and_then(|file| Some(file.parent()?.to_path_buf())) else {
            return false;
        };
        literal = dir.as_os_str().as_bytes().to_vec();
        literal.push(b'/');
        glob.drain(..2);
    } else if !glob.starts_with(b"/") {
        glob.splice(..0, *b"**/");
    }
    let options = GlobOptions { is_path: true, is_folded };
    let folded = |bytes: &[u8]| bytes.iter().map(|byte| options.fold(*byte)).collect::<Vec<_>>();
    let literal = folded(&literal);
    let is_met = |path: &Path| {
        let path = folded(path.as_os_str().as_bytes());
        let rest = path.strip_prefix(&*literal);
        rest.is_some_and(|rest| Glob::matches_text(&glob, rest, options))
    };
    real(git_dir).is_some_and(|path| is_met(&path)) || is_met(git_dir)
}

/// Whether a glob, in which a slash at the end stands for all that is below, matches a text.
pub(super) fn matches(glob: &[u8], text: &[u8]) -> bool {
    let all = if glob.ends_with(b"/") { &b"**"[..] } else { b"" };
    let options = GlobOptions { is_path: true, is_folded: false };
    Glob::matches_text(&[glob, all].concat(), text, options)
}

/// The branch that a `HEAD` names.
pub(super) fn branch(head: &[u8]) -> Option<&[u8]> {
    let name = head.strip_prefix(b"ref:")?.trim_ascii();
    name.strip_prefix(b"refs/heads/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_directories_are_matched_by_globs() {
        let (dir, file) = (Path::new("/nowhere/a/repo/.git"), Path::new("/nowhere/config"));
        for (glob, met) in [
            ("/nowhere/a/", true),
            ("/nowhere/a", false),
            ("repo/", true),
            ("repo/.git", true),
            ("Repo/", false),
            ("/nowhere/*/.git", false),
            ("/nowhere/**/.git", true),
        ] {
            let found = matches_git_dir((glob.as_bytes(), false), dir, file, None);
            assert_eq!(found, met, "{glob}");
        }
        assert!(matches_git_dir((b"Repo/", true), dir, file, None));
        assert_eq!(branch(b"ref: refs/heads/a/b\n"), Some(&b"a/b"[..]));
        assert_eq!(branch(b"0123"), None);
        let remote = b"hasconfig:remote.*.url:x";
        assert_eq!(Condition::parse(remote), Some(Condition::RemoteUrl(b"x")));
    }
}
