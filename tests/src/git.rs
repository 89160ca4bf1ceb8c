//! git for tests.

use std::path::Path;
use std::process::Command;

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
