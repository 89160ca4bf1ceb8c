//! What a `PATH` comes to. Two that find the same files in the same order make no difference, but
//! shells and agents put directories of their own session first, and name others twice.
//!
//! Only what can change nothing is left out. A directory that is not there counts: a build may
//! make it, and then find programs in it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// What counts of this `PATH`: its directories where they come first, and those of a session as
/// what they stand for. The file system is asked for the latter only.
pub(super) fn counted(path: &OsStr) -> OsString {
    let mut seen = HashSet::new();
    let lasting: Vec<Vec<u8>> = std::env::split_paths(path)
        .filter_map(|dir| {
            let bytes = without_slashes(lasting(&dir)?.into_os_string().into_vec());
            seen.insert(bytes.clone()).then_some(bytes)
        })
        .collect();
    OsString::from_vec(lasting.join(&b':'))
}

/// The directory that `dir` stands for whatever session asks; `None` if it is one of a session and
/// nothing else.
///
/// - fnm gives each shell a link to the version of Node that it uses.
/// - Codex gives each session a directory with links to itself, for its own use.
pub(super) fn lasting(dir: &Path) -> Option<PathBuf> {
    let mut names = dir.iter().rev();
    let last = names.next().unwrap_or_default();
    if last.as_bytes().starts_with(b"codex-arg0") {
        return None;
    }
    let is_link_of_shell = last == "bin" && names.nth(1).is_some_and(|n| n == "fnm_multishells");
    // A link of a shell that has ended leads nowhere, and nobody makes it again.
    if is_link_of_shell { dir.canonicalize().ok() } else { Some(dir.to_path_buf()) }
}

fn without_slashes(mut dir: Vec<u8>) -> Vec<u8> {
    while dir.len() > 1 && dir.ends_with(b"/") {
        dir.pop();
    }
    dir
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn of(path: &str) -> String {
        counted(OsStr::new(path)).into_string().expect("UTF-8")
    }

    #[test]
    fn each_directory_counts_where_it_comes_first() {
        for (path, comes_to) in [
            ("", ""),
            ("/bin", "/bin"),
            ("/b:/a:/b", "/b:/a"),
            ("/a/:/a:/b//", "/a:/b"),
            ("/:/", "/"),
            ("a::b:", "a::b"),
            ("/no/such:/a", "/no/such:/a"),
            ("/a:/home/u/.codex/tmp/arg0/codex-arg0Xy12:/b", "/a:/b"),
        ] {
            assert_eq!(of(path), comes_to, "{path}");
        }
        assert_ne!(of("/a:/b"), of("/b:/a"));
        assert_ne!(of("/a/b"), of("/a:b"));
    }

    #[test]
    fn the_link_of_a_shell_counts_as_the_node_it_leads_to() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        for version in ["v20", "v22"] {
            fs::create_dir_all(top.join(version).join("bin")).expect("a version");
        }
        let shells = top.join("fnm_multishells");
        fs::create_dir(&shells).expect("a directory");
        for (shell, version) in [("1_1", "v20"), ("2_2", "v20"), ("3_3", "v22")] {
            symlink(top.join(version), shells.join(shell)).expect("a link");
        }
        let path = |shell: &str| of(&format!("{}/{shell}/bin:/bin", shells.display()));
        assert_eq!(path("1_1"), path("2_2"));
        assert_eq!(path("1_1"), format!("{}/v20/bin:/bin", top.display()));
        assert_ne!(path("1_1"), path("3_3"));
        assert_eq!(path("4_4"), "/bin");
        // Any other link counts by its own name: a program may look at it.
        symlink(top.join("v20"), top.join("current")).expect("a link");
        let current = format!("{}/current/bin", top.display());
        assert_eq!(of(&current), current);
    }
}
