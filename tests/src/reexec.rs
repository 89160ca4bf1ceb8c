//! A test that starts itself once more: as another user, or where it may mount and unmount.

use crate::skip;
use std::path::Path;
use std::process::Command;

const TEST: &str = "BD_TEST_AGAIN";
const ARGUMENT: &str = "BD_TEST_ARGUMENT";

/// Another user, who has nothing.
pub const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/// A place whose mounts are nobody else's.
pub const OWN_MOUNTS: [&str; 4] = ["unshare", "--mount", "--propagation", "private"];

/// What this test was told by the one that started it; `None` when nobody did.
#[must_use]
pub fn told(test: &str) -> Option<String> {
    (std::env::var(TEST).ok()? == test).then(|| std::env::var(ARGUMENT).unwrap_or_default())
}

/// Starts `test` again through `wrapper`, from `program`, a copy of the test or itself, and tells
/// it something. `None`, with a printed reason, where the system does not permit that; else what
/// it printed.
///
/// # Panics
///
/// When it fails, or does not run.
pub fn start(test: &str, wrapper: &[&str], program: &Path, argument: &str) -> Option<String> {
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
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}, started again, fails:\n{said}\n{complaints}");
    assert!(said.contains("1 passed"), "there is no test {test}:\n{said}");
    Some(format!("{said}\n{complaints}"))
}
