//! git for tests.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs git in a directory, with an identity and without the user's configuration.
///
/// # Panics
///
/// When it fails.
#[track_caller]
pub fn git(place: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(place)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
}

/// Runs git without the user's configuration, where another git may be at work.
///
/// # Errors
///
/// [`io::ErrorKind::ResourceBusy`] when it fails, as it does while another one is at work; else the
/// system's error.
pub fn try_git(dir: &Path, arguments: &[&str]) -> io::Result<()> {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "gc.auto=0"];
    let mut command = Command::new("git");
    command.args(identity).args(arguments).current_dir(dir);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CEILING_DIRECTORIES", dir.parent().unwrap_or(dir));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status()?.success() {
        true => Ok(()),
        false => Err(io::ErrorKind::ResourceBusy.into()),
    }
}

/// Makes a repository of two branches, and some more files, for workers to work in.
///
/// # Panics
///
/// When there is no git.
pub fn repository(root: &Path) {
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    for path in ["a/f0", "a/b/f1", "a/b/a/f2", "b/f0", ".dots/a/f3", "f0", "f1"] {
        write(path, path);
    }
    let run = |arguments: &[&str]| try_git(root, arguments).expect("git works");
    run(&["init", "-q", "-b", "one"]);
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "one"]);
    run(&["checkout", "-q", "-b", "two"]);
    run(&["mv", "a/b", "b/b"]);
    run(&["rm", "-q", "f1"]);
    for path in ["f0", ".dots/b/a/f1", "b/f0"] {
        write(path, "two");
    }
    write(".gitignore", "*.log\n");
    run(&["add", "."]);
    run(&["commit", "-q", "-m", "two"]);
    write("x.log", "ignored");
}
