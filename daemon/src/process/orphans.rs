//! Finds and kills processes of attempts that have lost their supervisor. Knows nothing of which
//! attempts there are.

#[cfg(target_os = "linux")]
use std::{collections::HashSet, os::unix::fs::MetadataExt, time::Duration, time::Instant};

/// Name of the environment variable whose value marks the processes of one attempt.
pub const MARKER: &str = "BD_ATTEMPT";

/// Longest time that this takes, whatever survives it: the kernel may not end a process.
#[cfg(target_os = "linux")]
const LIMIT: Duration = Duration::from_secs(2);

/// Searches that must find nothing: a process that is just being replaced by another program shows
/// no environment at that moment.
#[cfg(target_os = "linux")]
const EMPTY_SEARCHES: u32 = 2;

/// Kills every process of this user that was started with a [`MARKER`] whose value matches, and
/// searches again until there is none, at most for two seconds. Returns how many there were.
///
/// For use after a daemon or a supervisor ended without killing its tree. Costs tens of
/// milliseconds, for it reads the environment of every process of this user. It never kills the
/// calling process, nor supervisors, which have no marker. A process that overwrote its own
/// environment is not found. Elsewhere than on Linux it does nothing.
#[cfg(target_os = "linux")]
pub fn kill_orphans(matches: impl Fn(&str) -> bool) -> usize {
    let started = Instant::now();
    let (mut killed, mut empty_searches) = (HashSet::new(), 0);
    loop {
        let found = marked(&matches);
        empty_searches = if found.is_empty() { empty_searches + 1 } else { 0 };
        if empty_searches == EMPTY_SEARCHES || started.elapsed() > LIMIT {
            return killed.len();
        }
        for process in found {
            // A process that has ended since needs no signal.
            let _ = nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGKILL);
            killed.insert(process);
        }
        // A killed process has an environment until the kernel has taken it apart.
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Does nothing here; see the module.
#[cfg(not(target_os = "linux"))]
pub fn kill_orphans(_matches: impl Fn(&str) -> bool) -> usize {
    0
}

#[cfg(target_os = "linux")]
fn marked(matches: &impl Fn(&str) -> bool) -> Vec<nix::unistd::Pid> {
    let user = nix::unistd::geteuid().as_raw();
    let this = nix::unistd::Pid::this();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid = nix::unistd::Pid::from_raw(entry.file_name().to_str()?.parse().ok()?);
            if pid == this || entry.metadata().ok()?.uid() != user {
                return None;
            }
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let marker = environment.split(|&byte| byte == 0).find_map(|variable| {
                variable.strip_prefix(MARKER.as_bytes())?.strip_prefix(b"=")
            })?;
            matches(std::str::from_utf8(marker).ok()?).then_some(pid)
        })
        .collect()
}
