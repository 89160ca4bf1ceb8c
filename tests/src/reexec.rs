//! A test that runs itself once more: as another user, or where it may mount and unmount.

use crate::skip;
use std::path::Path;
use std::process::Command;

const TEST: &str = "BD_TEST_REEXEC";
const ARGUMENT: &str = "BD_TEST_ARGUMENT";

/// Another user, who owns nothing.
pub const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A mount namespace of its own.
pub const OWN_MOUNTS: [&str; 4] = ["unshare", "--mount", "--propagation", "private"];

/// The argument from the test that runs this one again; `None` when this is the first run.
#[must_use]
pub fn argument(test: &str) -> Option<String> {
    (std::env::var(TEST).ok()? == test).then(|| std::env::var(ARGUMENT).unwrap_or_default())
}

/// Runs `test` again through `wrapper`, from `program`, a copy of the test or itself, with an
/// argument. `None`, with a printed reason, where the system does not permit that; else what it
/// printed.
///
/// # Panics
///
/// When it fails, or does not run.
pub fn run(test: &str, wrapper: &[&str], program: &Path, argument: &str) -> Option<String> {
    let [with, options @ ..] = wrapper else { panic!("no wrapper") };
    let permitted = Command::new(with).args(options).arg("true").output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        skip(&format!("{} is not permitted here", wrapper.join(" ")));
        return None;
    }
    let output = Command::new(with)
        .args(options)
        .arg(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(TEST, test)
        .env(ARGUMENT, argument)
        .output()
        .expect("the wrapper starts");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}, run again, fails:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "there is no test {test}:\n{stdout}");
    Some(format!("{stdout}\n{stderr}"))
}
