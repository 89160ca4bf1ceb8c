//! Which workspace a request is about: from the directory it names to the root. Reads which
//! directories there are and the files that mark a root; knows nothing of what else is in them.

use crate::watch::WorkspaceRegistry;
use crate::workspace::root_of;
use bd_protocol::OsText;
use bd_protocol::changes::WorkspaceLocator;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why a directory names no workspace.
#[derive(Debug, thiserror::Error)]
pub(super) enum LocateError {
    #[error("the directory is not absolute: {}", .0.display())]
    NotAbsolute(PathBuf),
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("cannot access {}: {source}", dir.display())]
    Inaccessible { dir: PathBuf, source: io::Error },
    /// It holds files of the kernel, or all files there are.
    #[error("{} cannot be a workspace: it belongs to the system", .0.display())]
    System(PathBuf),
    #[error("{} is a home directory, which cannot be a workspace as a whole", .0.display())]
    Home(PathBuf),
}

/// What the kernel generates when it is read: never the same twice, and without an end.
const GENERATED: &[&str] = &["/proc", "/sys"];

/// Root of the workspace that `dir`, a path without links, is in; the same for builds and queries.
/// `home` is the home directory of the client.
pub(super) fn root(dir: &Path, home: Option<&Path>) -> PathBuf {
    let home = home.map(real);
    root_of(dir, home.as_deref())
}

/// Root of the workspace that a request names: a directory that is known as a root is one, whatever
/// is around it.
///
/// # Errors
///
/// [`LocateError`].
pub(super) fn workspace(
    registry: &WorkspaceRegistry,
    place: &WorkspaceLocator,
) -> Result<PathBuf, LocateError> {
    let dir = directory(place)?;
    let around = root_around(&dir, place);
    let is_root = around == dir || registry.known().iter().any(|summary| summary.root == dir);
    let root = if is_root { dir } else { around };
    check(&root)?;
    Ok(root)
}

/// Root of the workspace that `dir`, a path without links, is in for this client.
pub(super) fn root_around(dir: &Path, place: &WorkspaceLocator) -> PathBuf {
    root(dir, place.home.as_ref().map(OsText::as_path))
}

/// The path without links of a directory that exists.
///
/// # Errors
///
/// [`LocateError`] if it does not exist or is not a directory.
pub(super) fn directory(place: &WorkspaceLocator) -> Result<PathBuf, LocateError> {
    let dir = absolute(place)?;
    let found = fs::canonicalize(dir).and_then(|real| Ok((fs::metadata(&real)?, real)));
    match found {
        Ok((found, real)) if found.is_dir() => Ok(real),
        Ok(_) => Err(LocateError::NotADirectory(dir.to_path_buf())),
        Err(source) => Err(LocateError::Inaccessible { dir: dir.to_path_buf(), source }),
    }
}

/// The same for a directory that need not exist.
pub(super) fn perhaps_gone(place: &WorkspaceLocator) -> Result<PathBuf, LocateError> {
    absolute(place).map(real)
}

/// Checks that a root can be a workspace.
fn check(root: &Path) -> Result<(), LocateError> {
    let generated = GENERATED.iter().any(|place| root.starts_with(place));
    if generated || root.parent().is_none() || root == Path::new("/dev") {
        return Err(LocateError::System(root.to_path_buf()));
    }
    Ok(())
}

/// Checks that a directory can be added as a workspace by its path.
///
/// # Errors
///
/// [`LocateError`].
pub(super) fn check_exact(root: &Path, place: &WorkspaceLocator) -> Result<(), LocateError> {
    check(root)?;
    let theirs = place.home.as_ref().map(|home| home.as_path().to_path_buf());
    let ours = std::env::var_os("HOME").map(PathBuf::from);
    if [theirs, ours].into_iter().flatten().any(|home| real(&home) == root) {
        return Err(LocateError::Home(root.to_path_buf()));
    }
    Ok(())
}

fn absolute(place: &WorkspaceLocator) -> Result<&Path, LocateError> {
    let dir = place.dir.as_path();
    if dir.is_absolute() { Ok(dir) } else { Err(LocateError::NotAbsolute(dir.to_path_buf())) }
}

/// A path without links, as far as it exists. A relative path stays as it is, because the current
/// directory of the daemon means nothing to clients.
pub(super) fn real(path: &Path) -> PathBuf {
    let known = |ancestor: &Path| {
        let real = fs::canonicalize(ancestor).ok()?;
        let rest = path.strip_prefix(ancestor).ok()?;
        // Joining nothing would add a slash.
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    };
    let found = path.is_absolute().then(|| path.ancestors().find_map(known));
    found.flatten().unwrap_or_else(|| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bd_protocol::Failure;
    use bd_protocol::failure::codes;
    use std::os::unix::fs::symlink;

    fn place(dir: &Path) -> WorkspaceLocator {
        WorkspaceLocator { dir: dir.to_path_buf().into(), home: None }
    }

    #[test]
    fn what_is_no_directory_is_refused_with_the_reason() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let file = temporary.path().join("file");
        fs::write(&file, "").expect("a file");
        for (dir, says) in [
            (Path::new(""), "not absolute"),
            (Path::new("here"), "not absolute"),
            (Path::new("/no/such/directory"), "/no/such/directory"),
            (Path::new("/tmp\0"), "cannot access"),
            (&file, "is not a directory"),
            (&file.join("below"), "cannot access"),
        ] {
            let failure = Failure::from(directory(&place(dir)).expect_err(says));
            assert_eq!(failure.code, codes::BAD_DIR);
            assert!(failure.message.contains(says) && failure.hint.is_some(), "{failure}");
        }
    }

    #[test]
    fn links_are_followed_even_where_the_rest_is_gone() {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let top = fs::canonicalize(temporary.path()).expect("a path");
        fs::create_dir(top.join("real")).expect("a directory");
        symlink(top.join("real"), top.join("link")).expect("a link");
        let found = directory(&place(&top.join("link"))).expect("a directory");
        assert_eq!(found, top.join("real"));
        let gone = perhaps_gone(&place(&top.join("link/gone/x"))).expect("a path");
        assert_eq!(gone, top.join("real/gone/x"));
        assert_eq!(real(Path::new("relative")), Path::new("relative"));
        // A home behind a link is the home all the same: what lies above it begins no workspace.
        fs::write(top.join("Makefile"), "").expect("a manifest");
        fs::create_dir(top.join("real/project")).expect("a directory");
        let project = top.join("real/project");
        assert_eq!(root(&project, Some(&top.join("link"))), project);
        assert_eq!(root(&project, None), top);
    }

    #[test]
    fn the_system_and_a_home_are_no_workspaces() {
        for root in ["/", "/proc", "/proc/self", "/sys/kernel", "/dev"] {
            let failure = Failure::from(check(Path::new(root)).expect_err(root));
            assert_eq!(failure.code, codes::BAD_ROOT);
        }
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let home = fs::canonicalize(temporary.path()).expect("a path");
        assert!(check(&home).is_ok());
        let theirs = WorkspaceLocator { home: Some(home.clone().into()), ..place(&home) };
        let failure = Failure::from(check_exact(&home, &theirs).expect_err("a home"));
        assert_eq!(failure.code, codes::BAD_ROOT);
        assert!(check_exact(&home.join("project"), &theirs).is_ok());
    }
}
