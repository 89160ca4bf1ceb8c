//! Paths that stand in git's configuration. Knows homes, not what is at the paths.

use nix::unistd::User;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What a path begins with that is relative to git's own installation; where that is, only git
/// knows.
const PREFIX: &[u8] = b"%(prefix)/";

/// A path with `~` resolved; `None` if there is no such home.
pub(super) fn expand(path: &[u8], home: Option<&Path>) -> Option<PathBuf> {
    if path.starts_with(PREFIX) {
        return None;
    }
    let Some(rest) = path.strip_prefix(b"~") else {
        return Some(PathBuf::from(OsStr::from_bytes(path)));
    };
    let user = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (user, below) = rest.split_at(user);
    let mut whole: OsString = match user {
        [] => home?.into(),
        user => User::from_name(str::from_utf8(user).ok()?).ok()??.dir.into(),
    };
    whole.push(OsStr::from_bytes(below));
    Some(whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_resolved() {
        let home = Path::new("/home/a");
        for (path, expected) in [
            ("~/x", Some("/home/a/x")),
            ("~", Some("/home/a")),
            ("x/~", Some("x/~")),
            ("", Some("")),
            ("~no such user/x", None),
            ("%(prefix)/x", None),
        ] {
            assert_eq!(expand(path.as_bytes(), Some(home)).as_deref(), expected.map(Path::new));
        }
        assert_eq!(expand(b"~/x", None), None);
    }
}
