//! A command whose processes try to escape in the usual ways, and whether they live.

use crate::sandbox::{Sandbox, alive, eventually};
use crate::times::unix_ms;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The command itself, a child, one in a session of its own, and one that was forked twice and
/// has a session of its own as well.
const MEMBERS: [&str; 4] = ["command", "child", "session", "orphan"];

/// See the [module](self). Processes that are left when the test ends are killed.
#[derive(Debug)]
pub struct ProcessTree {
    dir: PathBuf,
}

impl ProcessTree {
    /// A tree that ends on SIGTERM. It writes its process ids into a new directory.
    ///
    /// # Panics
    ///
    /// When that cannot be made.
    #[must_use]
    pub fn new(dir: &Path, name: &str) -> Self {
        Self::with(dir, name, "")
    }

    /// A tree that ends only when it is killed.
    ///
    /// # Panics
    ///
    /// When the directory cannot be made.
    #[must_use]
    pub fn stubborn(dir: &Path, name: &str) -> Self {
        Self::with(dir, name, "trap '' TERM INT HUP")
    }

    fn with(dir: &Path, name: &str, traps: &str) -> Self {
        let dir = dir.join(name);
        fs::create_dir(&dir).expect("a directory");
        let member = dir.join("member.sh");
        // The id appears all at once, and only when the traps are set.
        let text = format!(
            "#!/bin/sh\n{traps}\necho $$ >\"$1.new\"\nmv \"$1.new\" \"$1\"\n\
             while :; do sleep 1000; done\n"
        );
        fs::write(&member, text).expect("a script");
        fs::set_permissions(&member, fs::Permissions::from_mode(0o700)).expect("a program");
        Self { dir }
    }

    /// Shell text that starts them all and never ends by itself.
    #[must_use]
    pub fn script(&self) -> String {
        let dir = self.dir.display();
        format!(
            "cd '{dir}' && {{ ./member.sh child & setsid ./member.sh session & \
             ( ( setsid ./member.sh orphan & ) & ); exec ./member.sh command; }}"
        )
    }

    /// Waits until all of them live.
    pub fn await_start(&self) {
        eventually("the whole tree lives", || self.alive().len() == MEMBERS.len());
    }

    /// Waits until none of them lives.
    pub fn await_end(&self) {
        eventually("the whole tree is gone", || self.alive().is_empty());
    }

    /// Waits until none of them lives and their build, the latest of the sandbox, is in the
    /// history, where it was cancelled within a second after `since_ms`.
    ///
    /// # Panics
    ///
    /// When it was not.
    pub fn assert_cancelled_within_a_second(&self, sandbox: &Sandbox, since_ms: i64) {
        self.await_end();
        eventually("it is history", || sandbox.live().is_empty());
        let build = &sandbox.history()[0];
        assert_eq!(build["outcome"]["status"], "cancelled", "{build}");
        let took_ms = unix_ms(&build["ended_at"]) - since_ms;
        assert!((0..1000).contains(&took_ms), "{took_ms} ms");
    }

    /// Those that live.
    ///
    /// # Panics
    ///
    /// When a file of theirs has no process id.
    #[must_use]
    pub fn alive(&self) -> Vec<Pid> {
        let read = |member: &&str| fs::read_to_string(self.dir.join(member)).ok();
        let pid = |text: String| Pid::from_raw(text.trim().parse().expect("a process id"));
        MEMBERS.iter().filter_map(read).map(pid).filter(|pid| alive(*pid)).collect()
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        // A test that succeeds has made sure that there are none.
        for pid in self.alive() {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}
