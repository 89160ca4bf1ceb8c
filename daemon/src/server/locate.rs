//! Which workspace a request is about: from the directory it names to the root. Looks at
//! directories and their marks; knows nothing of what is in them.

use crate::watch::root_of;
use bd_protocol::changes::WorkspaceLocator;
use bd_protocol::failure::{Failure, codes};
use std::fs;
use std::path::{Path, PathBuf};

/// What the kernel makes up when it is read: never the same twice, and without an end.
const MADE_UP: &[&str] = &["/proc", "/sys"];

/// Root of the workspace that `dir`, without links, is in, as builds have it. `home` is the asker's.
pub(super) fn root(dir: &Path, home: Option<&Path>) -> PathBuf {
    let home = home.map(real);
    root_of(dir, home.as_deref())
}

/// Where a directory is that is there, without links.
///
/// # Errors
///
/// [`codes::BAD_DIR`] when it is not there or is no directory.
pub(super) fn directory(place: &WorkspaceLocator) -> Result<PathBuf, Failure> {
    let dir = absolute(place)?;
    let found = fs::canonicalize(dir).and_then(|real| Ok((fs::metadata(&real)?, real)));
    match found {
        Ok((found, real)) if found.is_dir() => Ok(real),
        Ok(_) => Err(bad_dir(format!("{} is not a directory", dir.display()))
            .hint("give the directory that it is in")),
        Err(error) => Err(bad_dir(format!("cannot look at {}: {error}", dir.display()))
            .hint("give a directory that exists; `bdctl ws list` names the workspaces")),
    }
}

/// The same for a directory that may be gone.
pub(super) fn perhaps_gone(place: &WorkspaceLocator) -> Result<PathBuf, Failure> {
    absolute(place).map(real)
}

/// Whether the workspace that a directory is in can be one.
///
/// # Errors
///
/// [`codes::BAD_ROOT`].
pub(super) fn check(root: &Path) -> Result<(), Failure> {
    let made_up = MADE_UP.iter().any(|place| root.starts_with(place));
    if made_up || root.parent().is_none() || root == Path::new("/dev") {
        let message = format!("{} cannot be a workspace: it holds the system", root.display());
        return Err(Failure::user(codes::BAD_ROOT, message).hint("give a directory of a project"));
    }
    Ok(())
}

/// Whether a directory can be made a workspace by its name alone.
///
/// # Errors
///
/// [`codes::BAD_ROOT`].
pub(super) fn check_exact(root: &Path, place: &WorkspaceLocator) -> Result<(), Failure> {
    check(root)?;
    let theirs = place.home.as_ref().map(|home| home.as_path().to_path_buf());
    let ours = std::env::var_os("HOME").map(PathBuf::from);
    if [theirs, ours].into_iter().flatten().any(|home| real(&home) == root) {
        let message =
            format!("{} is a home directory, which is no workspace as a whole", root.display());
        return Err(Failure::user(codes::BAD_ROOT, message)
            .hint("give a directory of a project; each has changes of its own"));
    }
    Ok(())
}

fn absolute(place: &WorkspaceLocator) -> Result<&Path, Failure> {
    let dir = place.dir.as_path();
    if dir.is_absolute() {
        return Ok(dir);
    }
    let message = format!("the directory is not absolute: {}", dir.display());
    Err(bad_dir(message).hint("give an absolute path"))
}

fn bad_dir(message: String) -> Failure {
    Failure::user(codes::BAD_DIR, message)
}

/// A path without links, as far as it exists. What is not absolute stays as it is: the daemon's
/// own directory is nobody's.
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
            (Path::new("/tmp\0"), "cannot look"),
            (&file, "is not a directory"),
            (&file.join("below"), "cannot look"),
        ] {
            let failure = directory(&place(dir)).expect_err(says);
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
        assert_eq!(directory(&place(&top.join("link"))), Ok(top.join("real")));
        assert_eq!(perhaps_gone(&place(&top.join("link/gone/x"))), Ok(top.join("real/gone/x")));
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
            assert_eq!(check(Path::new(root)).expect_err(root).code, codes::BAD_ROOT);
        }
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let home = fs::canonicalize(temporary.path()).expect("a path");
        assert_eq!(check(&home), Ok(()));
        let theirs = WorkspaceLocator { home: Some(home.clone().into()), ..place(&home) };
        assert_eq!(check_exact(&home, &theirs).expect_err("a home").code, codes::BAD_ROOT);
        assert_eq!(check_exact(&home.join("project"), &theirs), Ok(()));
    }
}
