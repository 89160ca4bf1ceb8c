//! Examines a daemon that is treated badly: is it still the same one, did it panic, what does it
//! hold.

use crate::Sandbox;
use crate::sandbox::{alive, eventually};
use nix::unistd::Pid;
use std::fs;

/// See the [module](self).
#[derive(Debug)]
pub struct DaemonProbe<'a> {
    sandbox: &'a Sandbox,
    /// The daemon.
    pub pid: Pid,
    /// Descriptors it had open at the start.
    pub descriptors: usize,
    /// Bytes of memory it had at the start.
    pub resident: u64,
}

impl<'a> DaemonProbe<'a> {
    /// A probe of the daemon of a sandbox, taken after its first build, which opens what stays
    /// open. Starts a daemon if none runs.
    #[must_use]
    pub fn new(sandbox: &'a Sandbox) -> Self {
        // A workspace is watched from its first query on.
        let _ = sandbox.ok(&["ws", "info"]);
        let _ = sandbox.ok(&["run", "--quiet", "--", "true"]);
        let _ = sandbox.ok(&["history"]);
        let pid = sandbox.daemon_pid();
        // What the first build and its client had open is closed a moment later.
        let mut least = usize::MAX;
        for _ in 0..20 {
            least = least.min(descriptors(pid));
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Self { sandbox, pid, descriptors: least, resident: resident_bytes(pid) }
    }

    /// By how much its memory has grown since, in bytes.
    #[must_use]
    pub fn growth(&self) -> u64 {
        resident_bytes(self.pid).saturating_sub(self.resident)
    }

    /// The same daemon lives and serves, no part of it has panicked, and it has closed what it
    /// opened meanwhile.
    ///
    /// # Panics
    ///
    /// When that is not so.
    pub fn assert_unharmed(&self) {
        assert!(alive(self.pid), "the daemon died:\n{}", logs(self.sandbox));
        assert_eq!(self.sandbox.daemon_pid(), self.pid, "another daemon took over");
        assert_eq!(self.sandbox.ok(&["run", "--quiet", "--", "echo", "served"]), "served\n");
        let logs = logs(self.sandbox);
        assert!(!logs.to_lowercase().contains("panic"), "{logs}");
        eventually(
            &format!("{} descriptors, as at the start ({})", self.held(), self.descriptors),
            || descriptors(self.pid) <= self.descriptors,
        );
    }

    fn held(&self) -> usize {
        descriptors(self.pid)
    }
}

/// The logs of the daemons of a sandbox.
#[must_use]
pub fn logs(sandbox: &Sandbox) -> String {
    let files = fs::read_dir(sandbox.home().join("logs")).into_iter().flatten().flatten();
    files
        .map(|file| String::from_utf8_lossy(&fs::read(file.path()).unwrap_or_default()).into())
        .collect::<Vec<String>>()
        .join("\n")
}

/// How many descriptors a process has open.
///
/// # Panics
///
/// When there is no such process.
#[must_use]
pub fn descriptors(pid: Pid) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count()
}

/// How much memory a process has, in bytes.
///
/// # Panics
///
/// When there is no such process.
#[must_use]
pub fn resident_bytes(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kib << 10
}
