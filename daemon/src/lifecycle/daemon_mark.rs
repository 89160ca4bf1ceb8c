//! The mark of this daemon on the processes of its builds. Knows nothing of which builds there are.

use crate::process;
use bd_protocol::rendezvous::Home;

/// What every process of a build has in its environment: which home, and which daemon. The attempt
/// comes after it.
#[derive(Debug)]
pub(super) struct DaemonMark {
    home: String,
    /// The first part of every mark that this daemon gives.
    pub(super) prefix: String,
}

impl DaemonMark {
    /// The mark of a daemon that started at this wall time.
    pub(super) fn new(home: &Home, started_ms: u64) -> Self {
        let path = home.runtime_dir().as_os_str().as_encoded_bytes();
        let home = blake3::hash(path).to_hex()[..16].to_owned();
        let prefix = format!("{home}.{}-{started_ms}.", std::process::id());
        Self { home, prefix }
    }

    /// Kills the processes that builds of an earlier daemon of this home have left. Its supervisors
    /// have done so already, unless they were killed as well. Not waited for: it reads the
    /// environment of every process.
    pub(super) fn kill_orphans_of_others(&self) {
        let (home, ours) = (format!("{}.", self.home), self.prefix.clone());
        let kill = move || {
            let orphan = |mark: &str| mark.starts_with(&home) && !mark.starts_with(&ours);
            let killed = process::kill_orphans(orphan);
            if killed > 0 {
                tracing::warn!(killed, "killed what an earlier daemon's builds had left");
            }
        };
        // Without a thread the orphans stay: the daemon is more use than none.
        let _ = std::thread::Builder::new().name("orphans".into()).spawn(kill);
    }
}
