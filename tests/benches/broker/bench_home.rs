//! Where it is measured: a home of its own, and this checkout as the workspace.

use bd_tests::{Sandbox, programs};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// See the [module](self).
pub(crate) struct BenchHome {
    pub(crate) sandbox: Sandbox,
    quick: bool,
}

impl BenchHome {
    pub(crate) fn new(quick: bool) -> Self {
        let place = Self { sandbox: Sandbox::new(), quick };
        // Started, and once asked for all that is measured later.
        succeed(place.bdctl(["status"]));
        succeed(place.bdctl(["run", "--", "true"]));
        place
    }

    /// So many in earnest, a tenth of it in a hurry.
    pub(crate) fn rounds(&self, earnest: usize) -> usize {
        if self.quick { (earnest / 10).max(3) } else { earnest }
    }

    /// Whether somebody is in a hurry.
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Any command, in the checkout and with the same few variables for all, so that none has
    /// more to copy than another.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
        command
            .current_dir(checkout)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.sandbox.outside())
            .env("BD_HOME", self.sandbox.home())
            .env("BD_DAEMON", programs::bdd())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    pub(crate) fn bdctl<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.command(programs::bdctl());
        command.args(arguments);
        command
    }

    /// This program in another role.
    pub(crate) fn peer<const N: usize>(&self, role: [&str; N]) -> Command {
        let mut command = self.command(std::env::current_exe().expect("a path of our own"));
        command.args(role);
        command
    }
}

/// Runs a command to its end.
pub(crate) fn succeed(mut command: Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// Starts a command.
pub(crate) fn begin(mut command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for its end.
pub(crate) fn end(mut child: Child) {
    let status = child.wait().expect("a child to wait for");
    assert!(status.success(), "{status}");
}
